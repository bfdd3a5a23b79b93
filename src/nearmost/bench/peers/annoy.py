"""Annoy: a forest of random projection trees. It has no batch search; a loop in Python takes its place."""

from __future__ import annotations

from annoy import AnnoyIndex

from nearmost.bench.peers.built import Built, Rows, Setting, Task

METRICS = {"cosine": "angular", "euclidean": "euclidean", "dot": "dot", "manhattan": "manhattan"}


def build(task: Task) -> Built:
    """A forest of ``trees``."""
    index = AnnoyIndex(task.dim, METRICS[task.metric])
    index.set_seed(task.seed + 1)
    for row, vector in enumerate(task.rows):
        index.add_item(row, vector.tolist())  # a list is taken faster than an array
    index.build(task.options["trees"], n_jobs=task.n_threads)
    k, effort = task.k, {"search_k": -1}

    def one(query: Rows) -> list[int]:
        found: list[int] = index.get_nns_by_vector(query.tolist(), k, effort["search_k"])
        return found

    def many(queries: Rows) -> list[list[int]]:
        return [one(query) for query in queries]

    def to(setting: Setting) -> None:
        effort["search_k"] = int(setting["search_k"])

    return Built(f"annoy n_trees={task.options['trees']}", one, many, to, index.save)
