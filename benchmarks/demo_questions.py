"""Ten questions to the demo's index, and what must be among the first answers.

The expected answers were written down before any result was seen; the first two are the issue's, in the top 3, the
others in the top 5.

    python benchmarks/demo_questions.py stdlib.nearmost
"""

from __future__ import annotations

import sys

import nearmost

QUESTIONS: dict[str, tuple[int, set[str]]] = {
    "copy a whole directory tree": (3, {"shutil.copytree"}),
    "run code when the program exits": (3, {"atexit.register"}),
    "read a csv file row by row as dictionaries": (5, {"csv.DictReader"}),
    "pick a random element from a list": (5, {"random.choice"}),
    "count how often each item occurs": (5, {"collections.Counter"}),
    "parse command line arguments": (5, {"argparse.ArgumentParser", "argparse.ArgumentParser.parse_args", "argparse"}),
    "wait for a number of seconds": (5, {"time.sleep"}),
    "compress data with gzip": (5, {"gzip.compress"}),
    "find all files matching a wildcard pattern": (5, {"glob.glob"}),
    "turn an object into a JSON string": (5, {"json.dumps"}),
}


def ranks(index: nearmost.Index) -> dict[str, int]:
    """Question -> rank of the best expected answer, from 1; 0 where it is not among the first 100."""
    found = {}
    for question, (_, expected) in QUESTIONS.items():
        keys = [key for key, _ in index.nearest(text=question, k=100)]
        found[question] = next((rank for rank, key in enumerate(keys, 1) if key in expected), 0)
    return found


def main() -> None:
    index = nearmost.Index.open(sys.argv[1])
    for question, rank in ranks(index).items():
        top, expected = QUESTIONS[question]
        print(f"{'ok  ' if 0 < rank <= top else 'MISS'} {rank:4} of top {top}  {question} -> {sorted(expected)[0]}")


if __name__ == "__main__":
    main()
