"""A process of its own for one method: builds the index, answers and times itself, a line of JSON a request.

So a library that crashes takes only its own curve with it, threads can be limited before it is imported, and what
it uses of processor and memory is its own. ``nearmost.bench.crew`` starts these and talks to them.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from nearmost.bench.peers import leaf
from nearmost.bench.peers.built import Built, Task

Request = dict[str, Any]


class Worker:
    """The index of one method, once it is built, and the queries."""

    def __init__(self, request: Request) -> None:
        rows = np.load(request["rows"], mmap_mode="c")  # some want arrays that could be written to
        self.queries = np.load(request["queries"])
        self.n_threads: int = request["threads"]
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-self.n_threads :])
        # With one thread, time of the processor minds other processes less; with several, only the wall tells.
        self.clock: Callable[[], float] = time.process_time if self.n_threads == 1 else time.perf_counter
        task = Task(
            np.asarray(rows), request["metric"], request["k"], self.n_threads, request["seed"], request["options"]
        )
        library = leaf(request["library"])
        if hasattr(library, "warm_up"):
            library.warm_up(task)
        gc.collect()
        before, began = _own_memory(), self.clock()
        self.index: Built = library.build(task)
        self.build_seconds = self.clock() - began
        self.memory_bytes = max(0, _own_memory() - before)

    def facts(self, save: str) -> Request:
        """What there is to tell of the index; it is saved to see how large it is."""
        self.index.save(save)
        return {
            "described": self.index.described,
            "build_seconds": self.build_seconds,
            "memory_bytes": self.memory_bytes,
            "file_bytes": sum(_bytes_of(path) for path in Path(save).parent.glob(Path(save).name + "*")),
        }

    def answer(self, request: Request) -> Request:
        """Seconds that ``count`` queries took, ``times`` over, from ``first`` on; the ids go to the file ``out``."""
        self.index.set(request["setting"])
        first, count, times = request["first"], request["count"], request["times"]
        queries = self.queries[first : first + count]
        search = self._one_by_one if request["mode"] == "single" else self.index.many
        search(queries[:8])
        began = self.clock()
        for _ in range(times):
            found = search(queries)
        seconds = self.clock() - began
        if request["out"]:
            np.save(request["out"], _table(found, len(queries)))
        return {"seconds": seconds}

    def _one_by_one(self, queries: Any) -> list[Any]:
        one = self.index.one
        return [one(query) for query in queries]


def _table(found: Any, n_queries: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Ids (q, m) from what a library gave; where a query got fewer than others, -1."""
    rows = [np.asarray(ids).astype(np.int64) for ids in found]
    table = np.full((n_queries, max(map(len, rows), default=0)), -1, dtype=np.int64)
    for query, ids in enumerate(rows):
        table[query, : len(ids)] = ids
    return table


def _bytes_of(path: Path) -> int:
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return sum(file.stat().st_size for file in files)


def _own_memory() -> int:
    """Bytes of memory that is this process's alone, not pages of a mapped file; 0 where the system does not tell."""
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("RssAnon")), 0)


def main() -> None:
    """Answers requests from stdin until it ends."""
    replies = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # whatever a library prints must not stand among the replies
    worker: Worker | None = None
    for line in sys.stdin:
        request = json.loads(line)
        reply: Request
        try:
            if request["do"] == "build":
                worker = Worker(request)
                reply = worker.facts(request["save"])
            else:
                assert worker is not None
                reply = worker.answer(request)
        except Exception as error:  # of whatever library: the parent tells of it
            reply = {"error": f"{type(error).__name__}: {error}"}
        replies.write(json.dumps(reply) + "\n")


if __name__ == "__main__":
    main()
