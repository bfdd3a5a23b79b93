"""Searching among some of the rows only: what is found, whether k answers come, and how fast.

    python benchmarks/filters.py [words phrases headlines] [--rounds 5]

A share of the rows, drawn at random, may be found. ``filtered`` is ``search(allow=mask, recall=0.95)``; ``post-filter``
searches for more than k without a mask, drops what may not be found, and asks for four times as many where fewer than k
are left; ``scan`` looks at all allowed rows: a flat index with the mask, and the product of the rows with the queries
in NumPy. One thread, time of the processor, in turns.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable
from typing import Any

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import numpy as np  # noqa: E402
from numpy.typing import NDArray  # noqa: E402

import results  # noqa: E402
from nearmost import Index  # noqa: E402
from nearmost.bench.machine import machine  # noqa: E402
from nearmost.bench.truth import Truth, held_out  # noqa: E402
from nearmost.metrics import METRICS  # noqa: E402
from standard import DATA, QUICK_ROWS  # noqa: E402

K, RECALL, QUERIES = 10, 0.95, 200
SHARES = (0.5, 0.1, 0.01, 0.001)
Search = Callable[[Any], NDArray[np.int64]]


def searchers(index: Index, flat: Index, rows: Any, mask: NDArray[np.bool_]) -> dict[str, Search]:
    """Name -> queries in, ids of the k nearest allowed rows out, -1 where there are none."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    unit = rows / np.where(lengths > 0, lengths, 1)

    def after(queries: Any) -> NDArray[np.int64]:
        wanted = int(1.5 * K / mask.mean()) + 1
        left, found = np.arange(len(queries)), np.full((len(queries), K), -1)
        while len(left):
            ids = index.search(queries[left], min(wanted, len(rows)), recall=RECALL, n_threads=1).ids
            for query, near in zip(left, ids, strict=True):
                kept = near[(near >= 0) & mask[near]][:K]
                found[query, : len(kept)] = kept
            left = left[found[left, -1] < 0] if wanted < len(rows) else left[:0]
            wanted *= 4
        return found

    def by_numpy(queries: Any) -> NDArray[np.int64]:
        allowed = np.flatnonzero(mask)  # which rows may be found is news to each search
        scores = queries @ unit[allowed].T
        k = min(K, len(allowed))
        best = np.argpartition(scores, -k, axis=1)[:, -k:]
        order = np.argsort(-np.take_along_axis(scores, best, 1), axis=1)
        return np.asarray(allowed[np.take_along_axis(best, order, 1)])

    return {
        "filtered": lambda queries: index.search(queries, K, recall=RECALL, allow=mask, n_threads=1).ids,
        "post-filter": after,
        "scan": lambda queries: flat.search(queries, K, allow=mask, n_threads=1).ids,
        "scan by NumPy": by_numpy,
    }


def measure(name: str, rounds: int) -> dict[str, Any]:
    """For each share of allowed rows, recall, answers and queries per second of each way."""
    title, metric, rows, _ = DATA[name]()
    rows, queries = held_out(rows[:QUICK_ROWS] if results.QUICK else rows, QUERIES, 0)
    index = Index.build(rows, metric=metric)
    flat = Index.build(rows, metric=metric, kind="flat")
    found: dict[str, Any] = {}
    for share in SHARES:
        mask = np.random.default_rng(1).random(len(rows)) < share
        k = min(K, int(mask.sum()))
        truth = Truth.of(METRICS[metric], rows[mask], queries, k)
        place = np.cumsum(mask) - 1
        found[str(share)] = {"allowed": int(mask.sum())}
        ways = searchers(index, flat, rows, mask)
        for way, search in ways.items():
            ids = search(queries)
            real = np.where(ids >= 0, place[ids], -1)
            assert mask[ids[ids >= 0]].all()
            full = float(((ids >= 0).sum(axis=1) >= k).mean())
            found[str(share)][way] = {"recall": truth.recall(real[:, :K]), "queries with k answers": full}
        for mode, seconds in _in_turn(ways, queries, rounds).items():
            for way, each in seconds.items():
                found[str(share)][way][mode] = 1 / each
    facts = {"title": title, "metric": metric, "n_rows": len(rows), "dim": rows.shape[1], "machine": machine()}
    return {"facts": {**facts, "queries": QUERIES, "recall": RECALL, "k": K}, "shares": found}


def _in_turn(ways: dict[str, Search], queries: Any, rounds: int) -> dict[str, dict[str, float]]:
    """Mode -> way -> median seconds a query; the ways take turns."""
    took: dict[str, dict[str, list[float]]] = {mode: {way: [] for way in ways} for mode in ("single", "batch")}
    for number in range(rounds):
        for way, search in ways.items():
            few = queries[number * 10 % len(queries) :][:10]
            began = time.process_time()
            for query in few:
                search(query[None])
            took["single"][way].append((time.process_time() - began) / len(few))
            began = time.process_time()
            search(queries)
            took["batch"][way].append((time.process_time() - began) / len(queries))
    return {mode: {way: float(np.median(each)) for way, each in ways.items()} for mode, ways in took.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", choices=["words", "phrases", "headlines", []])
    parser.add_argument("--rounds", type=int, default=2 if results.QUICK else 7)
    asked = parser.parse_args()
    for name in asked.names or ("words", "phrases", "headlines"):
        found = measure(name, asked.rounds)
        results.write(f"filters-{name}", found)
        print(json.dumps({name: found["shares"]}))


if __name__ == "__main__":
    main()
