"""Questions to the demo's index, and what must be among the first answers.

The first two were asked of us, and must be answered in the top 3; the others in the top 5. The others came in three
sets of eight, each written down with its answers before any result to it was seen. The first set, one question of the
second and nineteen more then served to choose what a document's text is made of (docs/semantic-search.md).

    python benchmarks/demo_questions.py stdlib.nearmost
"""

from __future__ import annotations

import sys

import nearmost

ASKED = {
    "copy a whole directory tree": {"shutil.copytree"},
    "run code when the program exits": {"atexit.register"},
}
SETS: list[dict[str, set[str]]] = [
    {
        "read a csv file row by row as dictionaries": {"csv.DictReader"},  # has no docstring
        "pick a random element from a list": {"random.choice"},
        "count how often each item occurs": {"collections.Counter"},
        "parse command line arguments": {"argparse", "argparse.ArgumentParser", "argparse.ArgumentParser.parse_args"},
        "wait for a number of seconds": {"time.sleep"},
        "compress data with gzip": {"gzip.compress"},
        "find all files matching a wildcard pattern": {"glob.glob"},
        "turn an object into a JSON string": {"json.dumps"},
    },
    {
        "remove leading and trailing whitespace from a string": {"str.strip"},
        "create a temporary file that is deleted when closed": {
            "tempfile.TemporaryFile",
            "tempfile.NamedTemporaryFile",
        },
        "compute the standard deviation of a sample": {"statistics.stdev"},
        "hash a password securely with a salt": {"hashlib.pbkdf2_hmac", "hashlib.scrypt", "crypt.crypt"},
        "decode base64 data": {"base64.b64decode", "base64.decodebytes"},
        "get the value of an environment variable": {"os.getenv"},
        "generate all permutations of a list": {"itertools.permutations"},
        "unpack a zip archive into a folder": {"zipfile.ZipFile.extractall", "shutil.unpack_archive"},
    },
    {
        "reverse the order of a list": {"list.reverse", "reversed"},
        "check if a string starts with a prefix": {"str.startswith"},
        "round a number down to an integer": {"math.floor"},
        "open a tcp connection to a host": {"socket.create_connection", "asyncio.open_connection"},
        "merge sorted iterables into one": {"heapq.merge"},
        "format a date as a string": {"time.strftime", "datetime.date.strftime", "datetime.datetime.strftime"},
        "get the number of processors": {"os.cpu_count", "multiprocessing.cpu_count"},
        "find the difference between two text files line by line": {
            *("difflib.unified_diff", "difflib.ndiff", "difflib.Differ", "difflib.context_diff")
        },
    },
]


def best(index: nearmost.Index, question: str, expected: set[str]) -> tuple[int, str]:
    """(rank, key) of the best expected answer, from 1; 0 where none is among the first 100."""
    keys = [key for key, _ in index.nearest(text=question, k=100)]
    return next(((rank, key) for rank, key in enumerate(keys, 1) if key in expected), (0, min(expected)))


def main() -> None:
    index = nearmost.Index.open(sys.argv[1])
    for title, top, questions in [("asked", 3, ASKED), *((f"set {i}", 5, each) for i, each in enumerate(SETS, 1))]:
        found = {question: best(index, question, expected) for question, expected in questions.items()}
        print(f"{title}: {sum(0 < rank <= top for rank, _ in found.values())} of {len(found)} in the top {top}")
        for question, (rank, key) in found.items():
            print(f"  {rank or '> 100':>5}  {question} -> {key}")


if __name__ == "__main__":
    main()
