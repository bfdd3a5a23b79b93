"""Builds and searches from many threads at once: something for ThreadSanitizer to look at (sanitize.sh does that).

    python tests/reliability/threads.py --rounds 50

Prints how many native calls there were; every answer must be that of one thread alone.
"""

from __future__ import annotations

import argparse
import itertools
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from nearmost.kinds.packing import KINDS, pack
from nearmost.metrics import METRICS
from nearmost.rows import Rows
from nearmost.strings import Keys


def race(rounds: int, callers: int = 4) -> int:
    """The number of native calls made, each of them on several threads of its own."""
    rng = np.random.default_rng(0)
    keys = Keys.of(f"key {row}" for row in range(3000))
    calls = 0
    for metric, kind in itertools.product(METRICS.values(), KINDS[1:]):
        rows = rng.integers(0, 2, (3000, 40)).astype(np.float32)
        queries = rng.integers(0, 2, (300, 40)).astype(np.float32)
        wide = Rows.of(np.tile(rows, 3) if kind != "flat" else rows, metric)  # so wide that they are turned
        queries = np.tile(queries, 3) if kind != "flat" else queries
        first = pack(metric, wide, kind=kind, n_threads=3)  # type: ignore[arg-type]
        shared = pack(metric, wide, kind=kind, before=first, n_threads=3)  # type: ignore[arg-type]
        truth = shared.search(queries, 5, n_threads=1)

        def call(turn: int) -> bool:
            searched = shared if turn % 3 else pack(metric, wide, kind=kind, before=first, n_threads=2)  # type: ignore[arg-type] # noqa: B023
            ids, scores = searched.search(queries, 5, n_threads=1 + turn % 4)  # noqa: B023
            assert keys.row(f"key {turn}") == turn
            return bool((ids == truth.ids).all() and (scores == truth.scores).all())  # noqa: B023

        with ThreadPoolExecutor(callers) as pool:
            assert all(pool.map(call, range(rounds))), f"{metric} {kind}: threads disagree"
        calls += rounds * 2 + rounds // 3
    return calls


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=50)
    print(race(parser.parse_args().rounds), "calls")
