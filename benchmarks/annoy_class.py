"""AnnoyIndex, the real one and ours, on word and sentence vectors: CPU time and recall at equal search_k, in turn.

    python benchmarks/annoy_class.py [--trees 100] [--rounds 5] [--queries 200]

"real": Annoy on its file; "file": our class on that very file; "ours": our class, built from the same items. Queries
are held out; one thread each; recall@10 against all items looked at.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

import annoy as real
import numpy as np

import datasets
from nearmost.compat import annoy as ours

K = 10


def built(kind: type, rows: datasets.Rows, trees: int, path: Path) -> tuple[float, float]:
    """CPU seconds to add the items and to build; leaves the file at ``path``."""
    index = kind(rows.shape[1], "angular")
    start = time.process_time()
    for i, row in enumerate(rows):
        index.add_item(i, row)
    added = time.process_time()
    index.build(trees, n_jobs=1)
    done = time.process_time()
    index.save(str(path))
    return added - start, done - added


def opened(kind: type, dim: int, path: Path):  # type: ignore[no-untyped-def]
    index = kind(dim, "angular")
    index.load(str(path))
    return index


def compare(name: str, rows: datasets.Rows, trees: int, rounds: int, n_queries: int, folder: Path) -> None:
    rows, queries = datasets.held_out(rows, n_queries)
    n, dim = rows.shape
    print(f"\n{name}: {n:,} rows, {trees} trees, k={K}")
    for label, kind in (("real", real.AnnoyIndex), ("ours", ours.AnnoyIndex)):
        path = folder / label
        adding, building = built(kind, rows, trees, path)
        print(f"{label}: {adding:.2f} s to add, {building:.2f} s to build, {os.path.getsize(path) / 1e6:.1f} MB")
    indexes = {
        "real": opened(real.AnnoyIndex, dim, folder / "real"),
        "file": opened(ours.AnnoyIndex, dim, folder / "real"),
        "ours": opened(ours.AnnoyIndex, dim, folder / "ours"),
    }
    truth = [set(indexes["ours"].get_nns_by_vector(query, K, -2)) for query in queries]
    print(f"{'search_k':>10}" + "".join(f"{label:>10} recall {'us':>7}" for label in indexes))
    for search_k in (-1, 100, 3_000, 10_000, 30_000):
        times: dict[str, list[float]] = {label: [] for label in indexes}
        recalls = {}
        for _ in range(rounds):
            for label, index in indexes.items():
                start = time.process_time()
                found = [index.get_nns_by_vector(query, K, search_k) for query in queries]
                times[label].append((time.process_time() - start) / len(queries) * 1e6)
                recalls[label] = sum(len(best & set(ids)) for best, ids in zip(truth, found, strict=True))
        cells = [f"{recalls[at] / K / n_queries:>17.4f} {np.median(times[at]):>7.0f}" for at in indexes]
        print(f"{search_k:>10}" + "".join(cells))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trees", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--queries", type=int, default=200)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for name, rows in (datasets.words(), datasets.headlines()):
            compare(name, rows, asked.trees, asked.rounds, asked.queries, Path(folder))


if __name__ == "__main__":
    main()
