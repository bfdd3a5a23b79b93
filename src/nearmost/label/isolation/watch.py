"""Watches over a process apart: ends it when its time is up or it prints too much, and keeps what it printed."""

from __future__ import annotations

import contextlib
import os
import signal
import struct
import subprocess
import threading
import time
from pathlib import Path

from nearmost.label.isolation.job import Job, Outcome, Status
from nearmost.label.isolation.limits import Limits

START = 60.0
"""Seconds that Python and the libraries may take to load on a busy machine, before any code of the user's."""


class Watch:
    """Two threads beside a process: one looks at the clock, one reads what is printed."""

    """Ends the process when its time is up, and keeps what it prints."""

    def __init__(
        self, process: subprocess.Popen[bytes], slate: Path, job: Job, limits: Limits, outcome: Outcome
    ) -> None:
        self._process, self._slate, self._limits, self._outcome = process, slate, limits, outcome
        self._one_by_one = job.training is None
        self._printed = bytearray()
        self._over = threading.Event()
        self._ready: float | None = None
        self._threads = [threading.Thread(target=each, daemon=True) for each in (self._clock, self._read)]
        self.n_printed = 0
        self.done = False

    def start(self) -> None:
        """Begins to watch."""
        for thread in self._threads:
            thread.start()

    def ready(self) -> None:
        """Says that the process is about to run the user's code: its time counts from now."""
        self._ready = time.monotonic()

    def stop(self) -> None:
        """Ends the watch over a process that has ended."""
        self._over.set()
        for thread in self._threads:
            thread.join()

    @property
    def log(self) -> str:
        """What was printed, or its beginning."""
        text = self._printed.decode("utf-8", "replace")
        return text if self.n_printed <= len(self._printed) else f"{text}\n[{self.n_printed:,} bytes were printed]"

    def _clock(self) -> None:
        started, at, since = time.monotonic(), -1, time.monotonic()
        while not self._over.wait(0.05):
            now = time.monotonic()
            if self._ready is None:
                if now - started > START:
                    self._end("timeout", f"the process did not start within {START:g} s")
                continue
            found = on_slate(self._slate)
            if found != at:
                at, since = found, now
            since = max(since, self._ready)
            if now - self._ready > self._limits.seconds:
                self._end("timeout", f"takes longer than {self._limits.seconds:g} s", at)
            elif self._one_by_one:
                patience = self._limits.seconds_per_record * (1.5 if at >= 0 else 4) + 1
                if now - since > patience:
                    where = "over one record" if at >= 0 else "to load"
                    self._end("timeout", f"takes longer than {self._limits.seconds_per_record:g} s {where}", at)

    def _read(self) -> None:
        pipe = self._process.stderr
        assert pipe is not None
        while chunk := os.read(pipe.fileno(), 1 << 16):
            self.n_printed += len(chunk)
            self._printed += chunk[: max(0, self._limits.log - len(self._printed))]
            if self.n_printed > self._limits.output:
                self._end("output", f"printed more than {self._limits.output:,} bytes", on_slate(self._slate))

    def _end(self, status: Status, what: str, at: int = -1) -> None:
        self._outcome.fail(status, what, at if at >= 0 else None)
        kill(self._process)


def on_slate(slate: Path) -> int:
    """The place of the record that is being looked at; -1 for none. The process may write anything there."""
    with contextlib.suppress(OSError, struct.error):
        return int(struct.unpack("<q", slate.read_bytes()[:8])[0])
    return -1


def kill(process: subprocess.Popen[bytes]) -> None:
    """Ends the process and whatever it started."""
    if hasattr(os, "killpg"):
        with contextlib.suppress(OSError):
            os.killpg(process.pid, signal.SIGKILL)
    process.kill()
    process.wait()
