"""The vectors of a corpus, page by page: those that are there already are left, the others are made and noted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack

from nearmost.encoders import Encoder
from nearmost.pipeline.crew import GLANCE, Crew
from nearmost.pipeline.work import Page, WorkFolder

Progress = Callable[[str, int, int], object]


class Encoding:
    """``with Encoding(work, n_threads, tell) as encoding``: ``begin`` with an encoder, ``offer`` pages, ``finish``."""

    def __init__(self, work: WorkFolder, n_threads: int, tell: Progress) -> None:
        self._work, self._n_threads, self._tell = work, n_threads, tell
        self._open = ExitStack()
        self._crew: Crew | None = None
        self._offered: set[int] = set()
        self._done = 0

    def __enter__(self) -> Encoding:
        return self

    def __exit__(self, *error: object) -> None:
        self._open.close()

    def begin(self, encoder: Encoder, spec: str | None) -> None:
        """With this encoder; ``spec`` is what other processes load it from, or None where they cannot."""
        self._work.has_dim(encoder.dim)
        self._crew = self._open.enter_context(Crew(self._work.path, encoder, spec, self._n_threads))

    def offer(self, page: Page) -> None:
        """Has a page encoded, unless it is; nothing yet where no encoder is there."""
        if self._crew is None:
            return
        self._offered.add(page.start)
        if self._work.holds(page):
            self._done += page.rows
        else:
            self._crew.submit(page)
        self._collect(self._crew, 0.0)

    def finish(self, pages: Sequence[Page]) -> None:
        """Has all pages encoded, and waits for them."""
        assert self._crew is not None
        total = pages[-1].start + pages[-1].rows
        for page in pages:
            if page.start not in self._offered:
                self.offer(page)
        self._tell("encoding", self._done, total)
        while self._crew.waiting:
            self._collect(self._crew, GLANCE)
            self._tell("encoding", self._done + self._crew.under_way, total)

    def _collect(self, crew: Crew, patience: float) -> None:
        for page, vectors in crew.finished(patience):
            self._work.add(page, vectors)
            self._done += page.rows
