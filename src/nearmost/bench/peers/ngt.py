"""NGT: a neighbour graph with a tree for where to begin. It works in a folder of its own, and has no batch search."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import ngtpy

from nearmost.bench.peers.built import Built, Rows, Setting, Task

DISTANCES = {"cosine": "Cosine", "euclidean": "L2", "manhattan": "L1"}


def build(task: Task) -> Built:
    """A graph of 10 links when made and 40 when searched."""
    folder = Path(tempfile.mkdtemp()) / "ngt"
    ngtpy.create(
        str(folder),
        task.dim,
        edge_size_for_creation=10,
        edge_size_for_search=40,
        distance_type=DISTANCES[task.metric],
    )
    index = ngtpy.Index(str(folder))
    index.batch_insert(task.rows, num_threads=task.n_threads)
    index.save()
    k, effort = task.k, {"epsilon": 0.1}

    def one(query: Rows) -> object:
        return [row for row, _ in index.search(query, size=k, epsilon=effort["epsilon"])]

    def many(queries: Rows) -> object:
        return [one(query) for query in queries]

    def to(setting: Setting) -> None:
        effort["epsilon"] = setting["epsilon"]

    return Built(
        "ngt ANNG edges=10/40",
        one,
        many,
        to,
        lambda path: shutil.move(folder, path),
    )
