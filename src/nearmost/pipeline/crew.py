"""Pages of texts through an encoder, on all cores: in threads of this process, or in processes with an encoder each.

Batches within a page are one level of this, pages beside each other the second, and reading goes on meanwhile.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from pathlib import Path
from types import TracebackType

import numpy as np

from nearmost.encoders import Encoder
from nearmost.encoders.protocol import parallel_of
from nearmost.errors import EncoderError, NotFiniteError, ShapeError
from nearmost.pipeline.gathering import texts_of
from nearmost.pipeline.work import Page, checksum

FEW = 12
"""Pages that are encoded here before other processes are worth their start."""
GLANCE = 0.2
"""Seconds between two looks at how far the pages under way are."""
LIMITED = ("OMP", "OPENBLAS", "MKL", "VECLIB")

Look = Callable[[int, int], object]


class Crew:
    """``with Crew(folder, encoder, spec, n_threads) as crew``: ``submit`` pages, collect them with ``finished``.

    ``spec`` is what other processes load the encoder from, or None where they cannot.
    """

    def __init__(self, folder: Path, encoder: Encoder, spec: str | None, n_threads: int) -> None:
        self._folder, self._encoder, self._spec, self._n_threads = folder, encoder, spec, n_threads
        self._parallel = parallel_of(encoder) if n_threads > 1 else None
        self._waiting: dict[Future[int], Page] = {}
        self._submitted = 0
        self._under_way: dict[int, int] = {}
        self._stopped = threading.Event()
        self._members: list[_Member] = []
        self._own = threading.local()

    def __enter__(self) -> Crew:
        self._here = ThreadPoolExecutor(2 if self._parallel == "threads" else 1, thread_name_prefix="nearmost-page")
        self._there = ThreadPoolExecutor(self._n_threads, thread_name_prefix="nearmost-member")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped.set()
        for member in self._members:
            member.end()
        for pool in (self._here, self._there):
            pool.shutdown(cancel_futures=True)
        for member in self._members:
            member.close()

    def submit(self, page: Page) -> None:
        """Has this page encoded, when its turn comes."""
        others = self._parallel == "processes" and self._spec is not None and self._submitted >= FEW
        self._submitted += 1
        future = self._there.submit(self._in_process, page) if others else self._here.submit(self._in_thread, page)
        self._waiting[future] = page

    @property
    def waiting(self) -> int:
        """Pages that were submitted and not yet collected."""
        return len(self._waiting)

    @property
    def under_way(self) -> int:
        """Records that are done of pages that are not."""
        return sum(self._under_way.values())

    def finished(self, patience: float) -> Iterator[tuple[Page, int]]:
        """(page, checksum of its vectors) of the pages that are done, after waiting so long for one at most.

        Raises what encoding a page raised.
        """
        for future in wait(self._waiting, patience, FIRST_COMPLETED).done:
            page = self._waiting.pop(future)
            self._under_way.pop(page.start, None)
            yield page, future.result()

    def _in_thread(self, page: Page) -> int:
        def look(done: int, total: int) -> None:
            if self._stopped.is_set():
                raise _StoppedError
            self._under_way[page.start] = done

        return encode_page(self._folder, self._encoder, page.start, page.rows, n_threads=self._n_threads, progress=look)

    def _in_process(self, page: Page) -> int:
        member: _Member | None = getattr(self._own, "member", None)
        if member is None:
            assert self._spec is not None
            member = self._own.member = _Member(self._folder, self._spec)
            self._members.append(member)
            if self._stopped.is_set():
                member.end()
        return member.ask(page)


class _StoppedError(Exception):
    """Nobody waits for this page any more."""


class _Member:
    """A process that encodes; see worker.py."""

    def __init__(self, folder: Path, spec: str) -> None:
        limits = {f"{library}_NUM_THREADS": "1" for library in LIMITED}
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "nearmost.pipeline.worker", os.fspath(folder), spec, str(os.getpid())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **limits},
        )

    def ask(self, page: Page) -> int:
        """The checksum of the page's vectors, once they are safe."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        line = ""
        with suppress(BrokenPipeError):
            self._process.stdin.write(f"{page.start} {page.rows}\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        if not line:
            raise EncoderError(
                f"a process that encoded records {page.start} to {page.start + page.rows - 1} ended with status "
                f"{self._process.wait()}; what is encoded is kept: run it again, with fewer threads if memory ran out"
            )
        reply = json.loads(line)
        if "errno" in reply:
            raise OSError(reply["errno"], reply["error"], reply["file"])
        if "error" in reply:
            raise EncoderError(reply["error"])
        return int(reply["checksum"])

    def end(self) -> None:
        """Ends the process, whatever it is doing."""
        if self._process.poll() is None:
            self._process.kill()

    def close(self) -> None:
        """Lets go of what is left of it."""
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with suppress(BrokenPipeError):  # what it was not there to read any more
                    pipe.close()


def encode_page(
    folder: Path,
    encoder: Encoder,
    start: int,
    rows: int,
    *,
    n_threads: int = 1,
    progress: Look | None = None,
    wanted: Callable[[], bool] = lambda: True,
) -> int:
    """Encodes these records, writes their vectors at their place and onto the disk, and gives their checksum.

    ``wanted`` is asked just before: whether anybody still waits for them.
    """
    vectors = np.ascontiguousarray(
        encoder.encode(texts_of(folder, start, rows), n_threads=n_threads, progress=progress), "<f4"
    )
    if vectors.shape != (rows, encoder.dim):
        raise ShapeError(
            f"encoder {encoder.spec!r} made shape {vectors.shape} of {rows} texts; it must be {(rows, encoder.dim)}"
        )
    finite = np.isfinite(vectors).all(axis=1)
    if not finite.all():
        row = start + int(np.argmin(finite))
        raise NotFiniteError(f"encoder {encoder.spec!r} made a vector of record {row} that is not finite")
    if wanted():
        with open(folder / "vectors", "r+b") as file:
            file.seek(start * encoder.dim * 4)
            file.write(vectors.data)
            file.flush()
            os.fsync(file.fileno())
    return checksum(vectors)
