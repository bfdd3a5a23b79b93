"""All nearest pairs of two indexes, found by many workers."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from typing import Any, NamedTuple

import apache_beam as beam
from apache_beam.metrics import Metrics
from apache_beam.utils.shared import Shared

from nearmost.index import Index
from nearmost.joining import join
from nearmost.pipeline.beam.storage import FILES
from nearmost.pipeline.files import expand, is_url
from nearmost.shards import is_pattern, require_all

ROWS = 4096
"""Rows of one piece of work."""


class Pair(NamedTuple):
    """A row of the first index beside a near row of the second."""

    key: str
    neighbor: str
    score: float


class Join(beam.PTransform):  # type: ignore[misc]
    """A PCollection of ``Pair``: each row of ``left`` beside the k nearest of ``right``; ``pipeline | Join(a, b)``.

    Both are names or patterns of index files. Without ``right`` each row of ``left`` stands beside others of ``left``.
    ``recall``, ``radius`` and ``min_score`` as in ``nearmost.join``. Workers map files that they see, and copy those
    that lie elsewhere, once each. Pairs come in no order, each of them once. Raises ShardError for a pattern of which
    a numbered file is missing.
    """

    def __init__(
        self,
        left: str | Sequence[str],
        right: str | Sequence[str] | None = None,
        k: int = 10,
        *,
        recall: float = 0.95,
        radius: float | None = None,
        min_score: float | None = None,
    ) -> None:
        super().__init__()
        self._left = _files(left)
        self._right = self._left if right is None else _files(right)
        self._itself = right is None
        self._knobs = {"k": k, "recall": recall, "radius": radius, "min_score": min_score}

    def expand(self, begin: Any) -> Any:
        pieces = begin | "One" >> beam.Create([None]) | "Cut" >> beam.ParDo(_Cut(self._left))
        pairs = _Pairs(self._left, None if self._itself else self._right, self._knobs)
        return pieces | "Share out" >> beam.Reshuffle() | "Join" >> beam.ParDo(pairs).with_output_types(Pair)


def _files(given: str | Sequence[str]) -> list[str]:
    """The index files that are meant. Raises ShardError where a pattern lacks one of those that are numbered."""
    patterns = [given] if isinstance(given, str) else list(given)
    paths = expand(FILES, patterns)
    for pattern in filter(is_pattern, patterns):
        require_all(pattern, FILES.match(pattern))
    return paths


class _Opened:
    """Indexes opened once a worker process, with copies of those that lie elsewhere."""

    def __init__(self, left: Sequence[str], right: Sequence[str] | None) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self.left = self._open(left)
        self.right = None if right is None else self._open(right)

    def _open(self, paths: Sequence[str]) -> Index:
        return Index.open([self._near(path) for path in paths])

    def _near(self, path: str) -> str:
        if not is_url(path):
            return path
        folder, _, name = path.rpartition("/")
        place = os.path.join(self._folder.name, blake2b(folder.encode(), digest_size=8).hexdigest())
        copy = os.path.join(place, name)
        if not os.path.exists(copy):
            os.makedirs(place, exist_ok=True)
            with FILES.open(path) as source, open(copy, "wb") as target:
                shutil.copyfileobj(source, target, 1 << 22)
        return copy


class _Cut(beam.DoFn):  # type: ignore[misc]
    """One element to (start, stop) of all pieces."""

    def __init__(self, left: Sequence[str]) -> None:
        self._left = left

    def process(self, _: None) -> Iterator[tuple[int, int]]:
        n_rows = len(_Opened(self._left, None).left)
        for start in range(0, n_rows, ROWS):
            yield start, min(n_rows, start + ROWS)


class _Pairs(beam.DoFn):  # type: ignore[misc]
    """(start, stop) to pairs."""

    def __init__(self, left: Sequence[str], right: Sequence[str] | None, knobs: dict[str, Any]) -> None:
        self._left, self._right, self._knobs = left, right, knobs
        self._shared = Shared()
        self._joined = Metrics.counter("nearmost", "rows_joined")

    def setup(self) -> None:
        self._opened = self._shared.acquire(lambda: _Opened(self._left, self._right))

    def process(self, piece: tuple[int, int]) -> Iterator[Pair]:
        rows = range(*piece)
        for batch in join(self._opened.left, self._opened.right, rows=rows, n_threads=1, **self._knobs):
            yield from map(Pair, batch.keys, batch.neighbor_keys, batch.scores.tolist())
        self._joined.inc(len(rows))
