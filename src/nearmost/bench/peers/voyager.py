"""Voyager: HNSW graphs."""

from __future__ import annotations

from voyager import Index, Space

from nearmost.bench.peers.built import Built, Rows, Setting, Task

SPACES = {"cosine": Space.Cosine, "euclidean": Space.Euclidean, "dot": Space.InnerProduct}


def build(task: Task) -> Built:
    """A graph of ``links`` a row, built with a beam of ``beam``."""
    links, beam = task.options["links"], task.options["beam"]
    index = Index(SPACES[task.metric], task.dim, M=links, ef_construction=beam, random_seed=task.seed + 1)
    index.add_items(task.rows, num_threads=task.n_threads)
    k, n_threads, effort = task.k, task.n_threads, {"ef": 10}

    def one(query: Rows) -> object:
        return index.query(query, k, num_threads=1, query_ef=effort["ef"])[0]

    def many(queries: Rows) -> object:
        return index.query(queries, k, num_threads=n_threads, query_ef=effort["ef"])[0]

    def to(setting: Setting) -> None:
        effort["ef"] = int(setting["ef"])

    return Built(f"voyager Float32 M={links} ef_construction={beam}", one, many, to, index.save)
