"""ScaNN: lists of 4-bit codes, the candidates scored again."""

from __future__ import annotations

import math
from pathlib import Path

from scann import scann_ops_pybind

from nearmost.bench.peers.built import Built, Rows, Setting, Task


def build(task: Task) -> Built:
    """``width`` times the root of n lists, codes of two columns each."""
    leaves = max(1, round(task.options["width"] * math.sqrt(len(task.rows))))
    distance = "squared_l2" if task.metric == "euclidean" else "dot_product"
    builder = scann_ops_pybind.builder(task.normal(), task.k, distance).set_n_training_threads(task.n_threads)
    tree = builder.tree(leaves, max(1, leaves // 20), training_sample_size=min(len(task.rows), 250_000))
    index = tree.score_ah(2, anisotropic_quantization_threshold=0.2).reorder(100).build()
    index.set_num_threads(task.n_threads)
    k, effort = task.k, {"leaves": 1, "again": 100}
    batch = index.search_batched if task.n_threads == 1 else index.search_batched_parallel

    def one(query: Rows) -> object:
        return index.search(query, k, effort["again"], effort["leaves"])[0]

    def many(queries: Rows) -> object:
        return batch(queries, k, effort["again"], effort["leaves"])[0]

    def to(setting: Setting) -> None:
        effort.update(leaves=min(leaves, int(setting["leaves"])), again=int(setting["again"]))

    def save(path: str) -> None:
        Path(path).mkdir()
        index.serialize(path)

    return Built(f"scann {leaves} leaves, 2 columns a code", one, many, to, save)
