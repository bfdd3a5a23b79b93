"""PyNNDescent: a neighbour graph by descent."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path

from pynndescent import NNDescent

from nearmost.bench.peers.built import Built, Rows, Setting, Task

METRICS = {"cosine": "cosine", "euclidean": "euclidean", "manhattan": "manhattan"}


def warm_up(task: Task) -> None:
    """Compiles what it compiles when first used, over a minute: that is not time to build an index of these rows."""
    build(replace(task, rows=task.rows[:1000])).many(task.rows[:20])


def build(task: Task) -> Built:
    """A graph of ``neighbors`` a row, prepared for searching."""
    neighbors = task.options["neighbors"]
    index = NNDescent(
        task.rows,
        metric=METRICS[task.metric],
        n_neighbors=neighbors,
        random_state=task.seed,
        n_jobs=task.n_threads,
    )
    index.prepare()
    k, effort = task.k, {"epsilon": 0.1}

    def one(query: Rows) -> object:
        return index.query(query[None], k, epsilon=effort["epsilon"])[0][0]

    def many(queries: Rows) -> object:
        return index.query(queries, k, epsilon=effort["epsilon"])[0]

    def to(setting: Setting) -> None:
        effort["epsilon"] = setting["epsilon"]

    return Built(
        f"pynndescent n_neighbors={neighbors}",
        one,
        many,
        to,
        lambda path: Path(path).write_bytes(pickle.dumps(index)),
    )
