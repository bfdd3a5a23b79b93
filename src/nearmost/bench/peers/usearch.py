"""USearch: HNSW graphs."""

from __future__ import annotations

import numpy as np
from usearch.index import Index

from nearmost.bench.peers.built import Built, Rows, Setting, Task

METRICS = {"cosine": "ip", "euclidean": "l2sq", "dot": "ip"}


def build(task: Task) -> Built:
    """A graph of ``links`` a row, built with a beam of ``beam``."""
    links, beam = task.options["links"], task.options["beam"]
    index = Index(ndim=task.dim, metric=METRICS[task.metric], dtype="f32", connectivity=links, expansion_add=beam)
    index.add(np.arange(len(task.rows), dtype=np.uint64), task.normal(), threads=task.n_threads)
    k, n_threads = task.k, task.n_threads

    def one(query: Rows) -> object:
        return index.search(query, k, threads=1).keys

    def many(queries: Rows) -> object:
        return index.search(queries, k, threads=n_threads).keys

    def to(setting: Setting) -> None:
        index.expansion_search = int(setting["ef"])

    return Built(f"usearch f32 connectivity={links} expansion_add={beam}", one, many, to, index.save)
