"""scikit-learn's brute force: exact."""

from __future__ import annotations

import pickle
from pathlib import Path

from sklearn.neighbors import NearestNeighbors

from nearmost.bench.peers.built import Built, Rows, Setting, Task


def build(task: Task) -> Built:
    """Nothing is built: it looks at every row."""
    index = NearestNeighbors(n_neighbors=task.k, algorithm="brute", metric=task.metric, n_jobs=task.n_threads)
    index.fit(task.rows)

    def many(queries: Rows) -> object:
        return index.kneighbors(queries, return_distance=False)

    def one(query: Rows) -> object:
        return many(query[None])[0]  # type: ignore[index]

    def to(setting: Setting) -> None:
        del setting  # there is none

    def save(path: str) -> None:
        Path(path).write_bytes(pickle.dumps(index))

    return Built("scikit-learn brute force", one, many, to, save)
