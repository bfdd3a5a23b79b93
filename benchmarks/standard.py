"""Recall against speed on four real data sets, nearmost beside every library that is installed.

    python benchmarks/standard.py [words phrases headlines images] [--against hnswlib,faiss] [--rounds 5] [--seconds 1]

Writes results/speed-NAME.json and docs/figures/benchmarks/speed-NAME.svg and .png; page.py makes the page of them.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable

import datasets
import results
from nearmost import plots
from nearmost.bench import PEERS, Comparison, compare

QUERIES = 1000
QUICK_ROWS = 22_000
QUICK_PEERS = ["annoy", "hnswlib", "faiss", "scann", "sklearn"]
Data = tuple[str, str, datasets.Rows, datasets.Rows | None]
"""Title, metric, rows, and queries if they are not to be held out."""

DATA: dict[str, Callable[[], Data]] = {
    "words": lambda: (datasets.words()[0], "cosine", datasets.words()[1], None),
    "phrases": lambda: (datasets.phrases()[0], "cosine", datasets.phrases()[1], None),
    "headlines": lambda: (datasets.headlines()[0], "cosine", datasets.headlines()[1], None),
    "images": lambda: (datasets.images()[0], "euclidean", *datasets.images()[1:]),
}


def measure(name: str, against: list[str], kinds: list[str], rounds: int, seconds: float) -> Comparison:
    """One data set, beside these libraries."""
    title, metric, rows, queries = DATA[name]()
    if results.QUICK:
        rows, queries = rows[:QUICK_ROWS], None if queries is None else queries[:300]
    began = time.monotonic()

    def progress(done: int, total: int) -> None:
        print(f"{name}: {done} of {total}, {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)

    found = compare(
        rows,
        against=[each for each in against if each != "sklearn" or len(rows) < 100_000],  # minutes a point, and exact
        metric=metric,
        queries=queries,
        n_queries=300 if results.QUICK else QUERIES,
        kinds=kinds,
        rounds=rounds,
        seconds_per_point=seconds,
        progress=progress,
    )
    facts = found.facts
    told = f"{title.rsplit(' ', 3)[0]}: {facts['n_rows']:,} x {facts['dim']}, {metric}"
    return Comparison(found.curves, {**facts, "title": told}, found.left_out)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", choices=[*DATA, []], help="of the data; all of them if none is named")
    parser.add_argument("--against", help="libraries, with commas; all that are known if not given")
    parser.add_argument("--kinds", default="auto", help="of nearmost's index, with commas")
    parser.add_argument("--rounds", type=int, default=2 if results.QUICK else 5)
    parser.add_argument("--seconds", type=float, default=0.2 if results.QUICK else 1.0, help="that a point is timed")
    asked = parser.parse_args()
    known = QUICK_PEERS if results.QUICK else list(PEERS)
    against = asked.against.split(",") if asked.against else known
    for name in asked.names or DATA:
        found = measure(name, against, asked.kinds.split(","), asked.rounds, asked.seconds)
        results.write(f"speed-{name}", found.plain())
        plots.save(plots.recall_speed(found, title=found.facts["title"]), *results.figures(f"speed-{name}"))


if __name__ == "__main__":
    main()
