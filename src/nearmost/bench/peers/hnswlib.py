"""hnswlib: the reference implementation of HNSW graphs."""

from __future__ import annotations

from hnswlib import Index

from nearmost.bench.peers.built import Built, Rows, Setting, Task

SPACES = {"cosine": "ip", "euclidean": "l2", "dot": "ip"}  # of unit rows, inner products save a division a query


def build(task: Task) -> Built:
    """A graph of ``links`` a row, built with a beam of ``beam``."""
    links, beam = task.options["links"], task.options["beam"]
    index = Index(SPACES[task.metric], task.dim)
    index.init_index(len(task.rows), M=links, ef_construction=beam, random_seed=task.seed + 1)
    index.add_items(task.normal(), num_threads=task.n_threads)
    k, n_threads = task.k, task.n_threads

    def one(query: Rows) -> object:
        return index.knn_query(query, k, num_threads=1)[0][0]

    def many(queries: Rows) -> object:
        return index.knn_query(queries, k, num_threads=n_threads)[0]

    def to(setting: Setting) -> None:
        index.set_ef(int(setting["ef"]))

    return Built(f"hnswlib M={links} efConstruction={beam}", one, many, to, index.save_index)
