"""Sixteen index files searched as one, beside the one file that they merge into: recall and time, on 1.1 million rows.

    python benchmarks/sharded.py [--dim 64] [--shards 16] [--rounds 7] [--folder DIR]

Vectors of headlines by the encoder lsa, cut in two ways: as they come, which is at random, and along the axis on which
they differ most, so that the neighbors of a query lie in few of the files. Queries are held out from the rows; truth is
an exact search. "by itself" are the files that were cut at random, searched one after the other and not together. All
searches take turns, with one thread; times are medians of processor time. Files in DIR that an earlier run made are
used again.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

import datasets
import nearmost
import results
from nearmost import Index
from nearmost.bench.machine import machine
from nearmost.bench.truth import Truth, held_out
from nearmost.metrics import METRICS

QUERIES, SINGLE = 1000, 200
RECALLS = (0.90, 0.95, 0.99)
KS = (1, 10, 100)
CUTS = ("at random", "by likeness")


def orders(rows: Any) -> dict[str, Any]:
    """For each cut the order in which rows go to the shards."""
    some = np.asarray(rows[:: max(1, len(rows) // 10_000)])
    axis = np.linalg.svd(some - some.mean(axis=0), full_matrices=False)[2][0]
    return {"at random": np.arange(len(rows)), "by likeness": np.argsort(rows @ axis, kind="stable")}


def build(folder: Path, name: str, rows: Any, order: Any, n_shards: int) -> tuple[str, float]:
    """The pattern of the shards' names, and the seconds that it took to build them."""
    began = time.perf_counter()
    for number in range(n_shards):
        path = folder / f"{name}-{number:05d}-of-{n_shards:05d}.nearmost"
        if not path.exists():
            part = order[len(order) * number // n_shards : len(order) * (number + 1) // n_shards]
            Index.build(rows[part]).save(path)
    return str(folder / f"{name}-*-of-{n_shards:05d}.nearmost"), time.perf_counter() - began


def merge(folder: Path, name: str, pattern: str) -> tuple[Path, dict[str, float]]:
    """The file of all rows, and what the command took to make it."""
    path, told = folder / f"{name}.nearmost", {}
    if not path.exists():
        began = time.perf_counter()
        call = [sys.executable, "-m", "nearmost", "merge", pattern, "-o", str(path), "--scratch", str(folder)]
        subprocess.run(call, check=True, capture_output=True)
        told["seconds"] = time.perf_counter() - began
        told["peak_bytes"] = 1024 * resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return path, {**told, "file_bytes": path.stat().st_size}


def took(index: Index, queries: Any, k: int, recall: float) -> tuple[float, float]:
    """Microseconds of processor time a query, one at a time and together."""
    began = time.process_time()
    for query in queries[:SINGLE]:
        index.search(query, k, recall=recall, n_threads=1)
    single = time.process_time() - began
    began = time.process_time()
    index.search(queries, k, recall=recall, n_threads=1)
    return 1e6 * single / len(queries[:SINGLE]), 1e6 * (time.process_time() - began) / len(queries)


def compare(searched: dict[str, tuple[Index, Any]], truths: dict[int, Truth], rounds: int) -> list[dict[str, Any]]:
    """A line for each k and recall: what each index finds, and its times in turns; an order turns ids into rows."""
    found = []
    for k, truth in truths.items():
        for recall in RECALLS:
            line: dict[str, Any] = {"k": k, "asked": recall}
            for name, (index, order) in searched.items():
                ids = index.search(truth.queries, k, recall=recall, n_threads=1).ids
                line[name] = {"recall": truth.recall(order[ids])}
            times: dict[str, list[tuple[float, float]]] = {name: [] for name in searched}
            for turn in range(rounds):
                for name, (index, _) in searched.items():
                    times[name].append(took(index, np.roll(truth.queries, -turn * SINGLE, axis=0), k, recall))
            for name, pairs in times.items():
                line[name]["single"], line[name]["batch"] = np.median(pairs, axis=0).tolist()
            print(json.dumps(line), file=sys.stderr, flush=True)
            found.append(line)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dim", type=int, default=64)
    parser.add_argument("--shards", type=int, default=16)
    parser.add_argument("--limit", type=int, default=30_000 if results.QUICK else 1_100_000)
    parser.add_argument("--rounds", type=int, default=2 if results.QUICK else 7)
    parser.add_argument("--folder", type=Path)
    asked = parser.parse_args()
    what, every = datasets.many_headlines(asked.dim, asked.limit)
    rows, queries = held_out(every, QUERIES, 0)
    with tempfile.TemporaryDirectory(dir=asked.folder) as place:
        folder = asked.folder or Path(place)
        told: dict[str, Any] = {}
        searched: dict[str, tuple[Index, Any]] = {}
        for cut, order in orders(rows).items():
            pattern, seconds = build(folder, f"{cut.replace(' ', '-')}-{asked.dim}", rows, order, asked.shards)
            began = time.perf_counter()
            searched[cut] = nearmost.open(pattern), order
            told[cut] = {"build_seconds": seconds, "open_seconds": time.perf_counter() - began}
            if not told.get("merged"):
                alone = nearmost.open(pattern)
                alone._parts().packed.pooled = []  # type: ignore[union-attr]
                searched["by itself"] = alone, order
                path, told["merged"] = merge(folder, f"merged-{asked.dim}", pattern)
                searched["merged"] = Index.open(path), order
        truths = {k: Truth.of(METRICS["cosine"], rows, queries, k) for k in KS}
        facts = {"machine": machine(), "data": what, "queries": QUERIES, "shards": asked.shards, "rounds": asked.rounds}
        document = {"facts": facts, "files": told, "search": compare(searched, truths, asked.rounds)}
    results.write("sharded" if asked.dim == 64 else f"sharded-{asked.dim}", document)


if __name__ == "__main__":
    main()
