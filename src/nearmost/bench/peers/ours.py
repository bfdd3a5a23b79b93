"""nearmost itself: a setting is the recall that is asked for."""

from __future__ import annotations

from nearmost.bench.peers.built import Built, Rows, Setting, Task
from nearmost.index import Index


def build(task: Task) -> Built:
    """An index of this kind and quality."""
    asked = {"recall": 0.95}
    index = Index.build(
        task.rows,
        metric=task.metric,
        kind=task.options.get("kind", "auto"),
        quality=task.options.get("quality", "default"),
        seed=task.seed,
        n_threads=task.n_threads,
    )
    k, n_threads = task.k, task.n_threads

    def search(queries: Rows) -> object:
        return index.search(queries, k, recall=asked["recall"], n_threads=n_threads).ids

    def to(setting: Setting) -> None:
        asked["recall"] = setting["recall"]

    info = index.info()
    return Built(f"nearmost kind={info['kind']}", search, search, to, index.save)
