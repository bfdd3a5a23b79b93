"""Exact search against NumPy, faiss IndexFlat and scikit-learn: ratios of medians, measured in turn in one run.

    python benchmarks/exact_search.py [--rounds 15] [--json]

Libraries that are not installed are left out. Cosine, k=10. Queries are held out from the rows.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

THREADS = {"1": 1, "2": 2}.get(os.environ.get("NEARMOST_BENCH_THREADS", "1"), 1)
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = str(THREADS)

import numpy as np  # noqa: E402

import datasets  # noqa: E402
import nearmost  # noqa: E402
from nearmost import _core  # noqa: E402

Search = Callable[[datasets.Rows], np.ndarray]
K = 10
SINGLES = 20


def searchers(rows: datasets.Rows, threads: int) -> dict[str, Search]:
    """Name -> unit queries in, ids of the k nearest out."""
    normal = datasets.unit(rows)
    index = nearmost.Index.build(rows, kind="flat", n_threads=threads)
    found: dict[str, Search] = {"nearmost": lambda queries: index.search(queries, K, n_threads=threads).ids}

    def with_numpy(queries: datasets.Rows) -> np.ndarray:
        ids = []
        for start in range(0, len(queries), 1000):  # a block's scores fit in memory
            scores = queries[start : start + 1000] @ normal.T
            best = np.argpartition(scores, -K, axis=1)[:, -K:]
            order = np.argsort(-np.take_along_axis(scores, best, 1), axis=1)
            ids.append(np.take_along_axis(best, order, 1))
        return np.concatenate(ids)

    found["NumPy"] = with_numpy
    try:
        import faiss

        faiss.omp_set_num_threads(threads)
        flat = faiss.IndexFlatIP(rows.shape[1])
        flat.add(normal)
        found["faiss"] = lambda queries: flat.search(queries, K)[1]
    except ImportError:
        pass
    try:
        from sklearn.neighbors import NearestNeighbors

        brute = NearestNeighbors(n_neighbors=K, algorithm="brute", n_jobs=threads).fit(normal)
        found["scikit-learn"] = lambda queries: brute.kneighbors(queries, return_distance=False)
    except ImportError:
        pass
    return found


def medians(found: dict[str, Search], batches: list[datasets.Rows], rounds: int) -> dict[str, float]:
    """Median seconds a batch, of CPU where there is one thread; the libraries take turns, so a slow moment hits all."""
    clock = time.process_time if THREADS == 1 else time.perf_counter  # CPU time minds other processes less
    seconds: dict[str, list[float]] = {name: [] for name in found}
    for search in found.values():
        search(batches[0])
    for turn in range(rounds):
        for name, search in found.items():
            start = clock()
            search(batches[turn % len(batches)])
            seconds[name].append(clock() - start)
    return {name: float(np.median(each)) for name, each in seconds.items()}


def in_turn(search: Search, queries: datasets.Rows) -> np.ndarray:
    """The queries one at a time, as a program asks that has only one."""
    return np.concatenate([search(queries[i : i + 1]) for i in range(len(queries))])


def identical_ids(found: dict[str, Search], rows: datasets.Rows, queries: datasets.Rows) -> float:
    """Share of the queries whose ids are those of float64 brute force."""
    wide = rows.astype(np.float64)
    wide /= np.maximum(np.linalg.norm(wide, axis=1, keepdims=True), 1e-300)
    ids, equal = found["nearmost"](queries), 0
    for start in range(0, len(queries), 250):
        block = queries[start : start + 250].astype(np.float64)
        scores = block / np.linalg.norm(block, axis=1, keepdims=True) @ wide.T
        exact = np.argsort(-scores, axis=1, kind="stable")[:, :K]
        equal += int((exact == ids[start : start + 250]).all(axis=1).sum())
    return equal / len(queries)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    name, vectors = datasets.words()
    rows, queries = datasets.held_out(vectors, 1000)
    queries = datasets.unit(queries)
    found = searchers(rows, THREADS)
    report: dict[str, Any] = {"isa": _core.isa(), "threads": THREADS, "numpy": np.__version__}
    report[f"{name}: identical ids to float64"] = identical_ids(found, rows, queries)
    one_by_one = {library: partial(in_turn, search) for library, search in found.items()}
    turns = [queries[i : i + SINGLES] for i in range(0, len(queries), SINGLES)]
    report[f"{name}: {SINGLES} queries one by one"] = medians(one_by_one, turns, options.rounds * 3)
    report[f"{name}: 1,000 queries"] = medians(found, [queries], max(3, options.rounds // 3))
    _, sentences = datasets.headlines()
    labels, many = datasets.unit(sentences[:968]), datasets.unit(np.tile(sentences[1000:], (2, 1)))
    found = searchers(labels, THREADS)
    report[f"{len(many):,} x 384 against 968 labels"] = medians(found, [many], max(3, options.rounds // 3))
    if options.json:
        json.dump(report, sys.stdout, indent=1)
        return
    for title, value in report.items():
        if not isinstance(value, dict):
            print(f"{title}: {value}")
            continue
        print(f"\n{title}")
        for library, seconds in value.items():
            print(f"  {library:14}{seconds * 1e3:12.3f} ms   {seconds / value['nearmost']:8.1f} x nearmost's time")


if __name__ == "__main__":
    main()
