"""gensim's most_similar by brute force, with its own Annoy indexer, and with ours: time, recall and build in one run.

    python benchmarks/gensim_indexers.py [--vectors FILE.bin] [--queries 1000] [--rounds 7] [--trees 100] [--json]

Queries are words drawn by a seed; the ten nearest of each, the word itself among them, as ``most_similar(word, topn=10,
indexer=...)`` gives them. CPU time of one thread, medians of rounds in turn. gensim's indexer takes no other search_k
than Annoy's default; the last rows are Annoy with the search_k that it takes to find 99 of 100, which gensim's users
cannot ask for. Builds have all cores, since Annoy takes them all.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import numpy as np  # noqa: E402
from gensim.models import KeyedVectors  # noqa: E402
from gensim.similarities.annoy import AnnoyIndexer  # noqa: E402

import datasets  # noqa: E402
from nearmost.compat.gensim import NearmostIndexer  # noqa: E402

K = 10
BRUTE = 100  # queries by brute force, which takes long


class WithEffort:
    """Annoy's indexer with a search_k."""

    def __init__(self, indexer: Any, search_k: int) -> None:
        self.indexer, self.search_k = indexer, search_k

    def most_similar(self, vector: Any, num_neighbors: int) -> list[tuple[str, float]]:
        rows, distances = self.indexer.index.get_nns_by_vector(vector, num_neighbors, self.search_k, True)
        labels = self.indexer.labels
        return [(labels[row], 1 - distance**2 / 2) for row, distance in zip(rows, distances, strict=True)]


def cpu_of(work: Callable[[], Any]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def built(make: Callable[[], Any], figures: dict[str, float], name: str, rounds: int) -> Any:
    """What it makes; the medians of its wall and CPU time go into the figures."""
    wall, cpu = [], []
    for _ in range(rounds):
        began, began_cpu = time.perf_counter(), time.process_time()
        made = make()
        wall.append(time.perf_counter() - began)
        cpu.append(time.process_time() - began_cpu)
    figures[f"build {name}, s"] = statistics.median(wall)
    figures[f"build {name}, CPU s"] = statistics.median(cpu)
    return made


def recall_of(indexer: Any, vectors: Any, words: list[str], truth: dict[str, set[str]]) -> float:
    shares = [len({key for key, _ in vectors.most_similar(w, topn=K, indexer=indexer)} & truth[w]) / K for w in words]
    return statistics.mean(shares)


def measure(vectors: Any, n_queries: int, rounds: int, n_trees: int) -> dict[str, float]:
    """Name -> seconds, microseconds a query, and recall."""
    draw = np.random.default_rng(0)
    rows = draw.choice(len(vectors), min(n_queries, len(vectors)), replace=False)
    words = [vectors.index_to_key[row] for row in rows]
    vectors.fill_norms()
    figures: dict[str, float] = {}
    ours = built(lambda: NearmostIndexer(vectors), figures, "nearmost", 3)
    annoy = built(lambda: AnnoyIndexer(vectors, n_trees), figures, f"Annoy, {n_trees} trees", 3)
    scores = vectors.get_normed_vectors()[rows] @ vectors.get_normed_vectors().T
    best = np.argpartition(-scores, K, axis=1)[:, :K]
    truth = {word: {vectors.index_to_key[row] for row in found} for word, found in zip(words, best, strict=True)}
    indexers = {"nearmost": ours, "Annoy": annoy}
    for search_k in (2000, 4000, 8000, 16_000, 32_000, 64_000, 128_000):
        more = WithEffort(annoy, search_k)
        if recall_of(more, vectors, words, truth) >= 0.99:
            indexers[f"Annoy, search_k={search_k}"] = more
            break
    for name, indexer in indexers.items():
        figures[f"recall, {name}"] = recall_of(indexer, vectors, words, truth)
    asked = list(vectors.get_normed_vectors()[rows])
    times: dict[str, list[float]] = {}
    for _ in range(rounds):
        some = words[:BRUTE]
        spent = cpu_of(lambda some=some: [vectors.most_similar(word, topn=K) for word in some]) / len(some)
        times.setdefault("most_similar, brute force", []).append(spent)
        for name, indexer in indexers.items():
            spent = cpu_of(lambda indexer=indexer: [vectors.most_similar(w, topn=K, indexer=indexer) for w in words])
            times.setdefault(f"most_similar, {name}", []).append(spent / len(words))
            spent = cpu_of(lambda indexer=indexer: [indexer.most_similar(vector, K) for vector in asked])
            times.setdefault(f"indexer alone, {name}", []).append(spent / len(words))
    figures |= {f"{name}, us": statistics.median(each) * 1e6 for name, each in times.items()}
    for part in ("most_similar", "indexer alone"):
        for name in indexers:
            if name != "nearmost":
                figures[f"ratio of {part}, {name}"] = figures[f"{part}, {name}, us"] / figures[f"{part}, nearmost, us"]
    figures["ratio of builds, wall"] = figures[f"build Annoy, {n_trees} trees, s"] / figures["build nearmost, s"]
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vectors", type=Path, default=datasets.data_folder() / "words" / "word2vec-71k-100.bin")
    parser.add_argument("--queries", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--trees", type=int, default=100)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    vectors = KeyedVectors.load_word2vec_format(str(asked.vectors), binary=True)
    figures = measure(vectors, asked.queries, asked.rounds, asked.trees)
    if asked.json:
        print(json.dumps(figures))
    else:
        for name, figure in figures.items():
            print(f"{name:45} {figure:10,.4g}")


if __name__ == "__main__":
    main()
