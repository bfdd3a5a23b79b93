"""The processes that are measured: one for each method, started, asked and ended from here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from nearmost.errors import NearmostError

THREADS = ("OMP", "OPENBLAS", "MKL", "NUMBA", "VECLIB")


class MethodFailedError(NearmostError):
    """A method raised an error, or its process ended; the others go on without it."""


class Member:
    """The process of one method."""

    def __init__(self, name: str, folder: Path, n_threads: int) -> None:
        limits = {f"{library}_NUM_THREADS": str(n_threads) for library in THREADS}
        self._log = folder / f"{name.replace('/', '-')}.log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "nearmost.bench.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env={**os.environ, **limits, "TF_CPP_MIN_LOG_LEVEL": "3"},
            )

    def ask(self, **request: Any) -> Mapping[str, Any]:
        """The reply to this request. Raises MethodFailedError with what the library said."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise MethodFailedError(f"its process ended with status {self._process.wait()}{self._last_words()}")
        reply: dict[str, Any] = json.loads(line)
        if "error" in reply:
            raise MethodFailedError(reply["error"])
        return reply

    def close(self) -> None:
        """Ends the process, whatever it is doing."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with suppress(BrokenPipeError):  # what it was not there to read any more
                    pipe.close()

    def __enter__(self) -> Member:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _last_words(self) -> str:
        lines = self._log.read_text(errors="replace").strip().splitlines()
        return f": {lines[-1][:200]}" if lines else ""
