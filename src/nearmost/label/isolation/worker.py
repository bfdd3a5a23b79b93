"""What runs in the process apart: takes a job and records on its input, gives votes on its output.

A job is a JSON line, and so is each batch of records; every answer is a JSON line. The process locks itself down after
it has loaded what it needs and before it has read the first word of the job, so that nothing of a user's is run, or
even parsed, outside. What it prints goes to the log, which is another pipe.
"""

from __future__ import annotations

import base64
import contextlib
import json
import linecache
import mmap
import os
import signal
import struct
import sys
import time
import traceback
from collections.abc import Iterator
from types import FrameType
from typing import Any, BinaryIO

import numpy as np

from nearmost.errors import InputError
from nearmost.label.isolation import functions, learning
from nearmost.label.isolation.lockdown import lock_down
from nearmost.label.isolation.text import Text
from nearmost.label.lookups import knowledge

FLUSH = 0.2
"""Seconds after which votes are sent on."""
TICKS = 4
"""How many times the clock looks at a record before it says that it takes too long."""
FRAMES = 20
LOADING = -1
"""Stands on the slate while no record is being looked at."""


class TooLong(BaseException):
    """A function has had its time for a record; no ``except Exception`` holds this up."""


class Worker:
    """The process's side of a run."""

    def __init__(self, slate: str, out: BinaryIO) -> None:
        with open(slate, "r+b") as file:
            self._slate = mmap.mmap(file.fileno(), 8)
        self._out = out
        self._seen, self._ticks = LOADING, 0
        self._at = LOADING
        self._busy = False

    def work(self, lines: Iterator[bytes], seconds_per_record: float) -> None:
        """Does the job that the first line names."""
        job = json.loads(next(lines))
        try:
            namespace = self._load(job)
            learner = learning.learner_class(namespace)
            if learner is not None:
                self._learn(learner, job)
            else:
                self._start_clock(seconds_per_record)
                self._call(functions.labelling_function(namespace, job["name"]), job, lines)
        except BaseException as error:  # whatever a user's code raises, SystemExit too
            self._stop_clock()
            self._tell(self._at, error, job["filename"])
            return
        self._stop_clock()
        sys.stdout.flush()
        self._send({"done": True})

    def _load(self, job: dict[str, Any], without: dict[str, list[str]] | None = None) -> dict[str, Any]:
        """Runs a file's code, perhaps without some terms of lists; gives its names."""
        lists = job["lists"]
        for name, terms in (without or {}).items():
            lists = lists | {name: [term for term in lists[name] if term not in terms]}
        sys.modules[knowledge.NAME] = knowledge.module(lists)
        source, filename = job["source"], job["filename"]
        linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
        namespace = {name: getattr(learning, name) for name in learning.NAMES}
        namespace |= {"__name__": "heuristic", "__file__": filename}
        exec(compile(source, filename, "exec"), namespace)
        return namespace

    def _call(self, function: Any, job: dict[str, Any], lines: Iterator[bytes]) -> None:
        """Asks a function about each record."""
        for line in lines:
            found: list[tuple[int, list[functions.Vote]]] = []
            sent, kind = time.monotonic(), "votes"
            for index, values, *without in json.loads(line):
                self._at = index
                asked = function
                if without:  # the file is run anew, so that nothing it made of its lists is left
                    kind = "held_out"
                    asked = functions.labelling_function(self._load(job, without[0]), job["name"])
                try:
                    votes = self._ask(asked, index, values, job)
                except BaseException as error:
                    if not job["go_on"]:
                        self._send({kind: found})
                        raise
                    self._tell(index, error, job["filename"])
                    continue
                if votes or without:
                    found.append((index, votes))
                if time.monotonic() - sent > FLUSH:
                    self._send({kind: found, "at": index})
                    found, sent = [], time.monotonic()
            self._send({kind: found, "at": self._at})
        self._at = LOADING

    def _ask(self, function: Any, index: int, values: dict[str, Any], job: dict[str, Any]) -> list[functions.Vote]:
        """What a function says of a record, while the clock runs."""
        struct.pack_into("<q", self._slate, 0, index)
        record = functions.record_of(values, job["texts"])
        text = record.get(job["attribute"])
        own = text if isinstance(text, Text) else None
        self._busy = True
        try:
            return list(functions.votes_of(function(record), job["kind"], own, job["votes_per_record"]))
        finally:
            self._busy = False

    def _learn(self, learner: type[learning.LearningClassifier], job: dict[str, Any]) -> None:
        """Trains a learner and sends what it thinks of every record."""
        from nearmost.label.isolation.training import train

        soft, copies = train(learner, job)
        params = learning.inference_params(learner)
        self._send(
            {
                "soft": base64.b85encode(np.ascontiguousarray(soft, "<f4").tobytes()).decode(),
                "copies": base64.b85encode(np.ascontiguousarray(copies, "<f2").tobytes()).decode(),
                "min_confidence": params.min_confidence,
                "label_names": params.label_names,
            }
        )

    def _tell(self, index: int, error: BaseException, filename: str) -> None:
        """Sends an error with the lines of the user's file that led to it."""
        if isinstance(error, MemoryError):
            traceback.clear_frames(error.__traceback__)  # lets go of what took it
        kind = "timeout" if isinstance(error, TooLong) else "memory" if isinstance(error, MemoryError) else "error"
        frames = traceback.StackSummary.extract(traceback.walk_tb(error.__traceback__), limit=-FRAMES)
        first = next((place for place, frame in enumerate(frames) if frame.filename == filename), len(frames))
        own = [frame for frame in frames[first:] if frame.filename != __file__]
        shown = "".join(traceback.format_list(own))
        what = "".join(traceback.format_exception_only(error)).strip()
        if isinstance(error, InputError):
            what = str(error)
        elif isinstance(error, TooLong):
            what = f"takes longer than {error} s over one record"
        elif isinstance(error, SyntaxError):
            shown, what = what, f"SyntaxError: {error.msg}, line {error.lineno}"
        shown += "" if isinstance(error, SyntaxError) else what
        self._send({"error": {"index": index, "kind": kind, "what": what[:2000], "traceback": shown[:8000]}})

    def _send(self, answer: dict[str, Any]) -> None:
        struct.pack_into("<q", self._slate, 0, LOADING)  # whoever waits now waits for the other side
        self._out.write(json.dumps(answer).encode() + b"\n")
        self._out.flush()

    def _start_clock(self, seconds: float) -> None:
        """Raises TooLong inside of a function that looks at one record for so long."""
        if not hasattr(signal, "setitimer"):
            return

        def tick(number: int, frame: FrameType | None) -> None:
            at = self._at
            if at == self._seen and self._busy:
                self._ticks += 1
                if self._ticks >= TICKS:
                    self._ticks = 0
                    raise TooLong(f"{seconds:g}")
            else:
                self._seen, self._ticks = at, 0

        signal.signal(signal.SIGALRM, tick)
        signal.setitimer(signal.ITIMER_REAL, seconds / TICKS, seconds / TICKS)

    def _stop_clock(self) -> None:
        if hasattr(signal, "setitimer"):
            with contextlib.suppress(ValueError):
                signal.setitimer(signal.ITIMER_REAL, 0)


def main(settings: str) -> None:
    """The process: opens its pipes, locks itself down, works."""
    given = json.loads(settings)
    if given["learning"]:
        with contextlib.suppress(ImportError):  # said when it is wanted
            pass  # all that it needs, before memory is counted
    out = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    worker = Worker(given["slate"], out)
    missing = lock_down(memory=given["memory"], seconds=given["seconds"], readable=given["readable"])
    out.write(json.dumps({"ready": missing}).encode() + b"\n")
    worker.work(iter(sys.stdin.buffer.readline, b""), given["seconds_per_record"])
    os._exit(0)  # no code of a user's at the end either
