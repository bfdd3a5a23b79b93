"""What takes longer than a request: a run in a thread, whose progress the browser follows by server-sent events."""

from __future__ import annotations

import itertools
import json
import queue
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

Work = Callable[[Callable[[int, int], None]], Any]
"""Called with progress(done, total); what it returns is told at the end."""
SILENCE = 15.0
"""Seconds after which a line is sent, so that a closed page is noticed."""


@dataclass
class Job:
    """One run: messages so far, and whether more will come."""

    number: int
    name: str
    messages: list[dict[str, Any]] = field(default_factory=list)
    done: bool = False
    changed: threading.Condition = field(default_factory=threading.Condition)

    def tell(self, message: dict[str, Any], *, last: bool = False) -> None:
        """Adds a message and wakes whoever follows."""
        with self.changed:
            self.messages.append(message)
            self.done = self.done or last
            self.changed.notify_all()

    def progress(self, done: int, total: int) -> None:
        """Tells how far it is."""
        self.tell({"state": "running", "done": done, "total": total})

    def events(self) -> Iterator[str]:
        """The messages as server-sent events, from the first to the last."""
        seen = 0
        while True:
            with self.changed:
                if seen == len(self.messages) and not self.done:
                    self.changed.wait(SILENCE)
                fresh, done = self.messages[seen:], self.done
            seen += len(fresh)
            yield "".join(f"data: {json.dumps(message)}\n\n" for message in fresh) or ": still there\n\n"
            if done and seen == len(self.messages):
                return


class Jobs:
    """The runs of a server: one at a time, in the order in which they were asked for."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._jobs: dict[int, Job] = {}
        self._waiting: queue.SimpleQueue[tuple[Job, Work]] = queue.SimpleQueue()
        threading.Thread(target=self._work, daemon=True).start()

    def start(self, name: str, work: Work) -> Job:
        """The job, which runs once those before it have ended."""
        job = Job(next(self._numbers), name)
        self._jobs[job.number] = job
        for old in list(self._jobs)[:-50]:
            del self._jobs[old]
        self._waiting.put((job, work))
        return job

    def find(self, number: int) -> Job | None:
        """The job of this number, if it is one of the last fifty."""
        return self._jobs.get(number)

    def _work(self) -> None:
        while True:
            job, work = self._waiting.get()
            job.tell({"state": "running", "name": job.name})
            try:
                job.tell({"state": "done", "result": work(job.progress)}, last=True)
            except Exception as error:  # told to whoever waits, whatever it is
                job.tell({"state": "failed", "error": str(error) or type(error).__name__}, last=True)
