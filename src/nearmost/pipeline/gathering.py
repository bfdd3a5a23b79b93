"""Records of a corpus on their way into the work folder, a page at a time, and back as mapped texts and keys."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nearmost import _core
from nearmost.errors import DuplicateKeyError
from nearmost.memory import Allocate
from nearmost.pipeline.work import ROWS, Page, WorkFolder, checksum, in_words
from nearmost.readers.corpus import Record
from nearmost.strings import OnDuplicate, Strings

BUFFER = 1 << 20
LETTERS = 1 << 24
"""Of a page's texts, beyond which it takes no further record."""


@dataclass(frozen=True, slots=True, eq=False)
class Gathered:
    """All records, mapped; ``keys`` is None where they have none of their own."""

    texts: Strings
    keys: Strings | None
    lines: NDArray[np.uint64]
    places: Sequence[tuple[int, str]]
    """(first row, path) of each file."""
    pages: Sequence[Page]

    def __len__(self) -> int:
        return len(self.texts)

    @property
    def total(self) -> int:
        """The checksum of all."""
        return checksum(np.array([page.texts for page in self.pages], np.uint32))

    def unique(self, on_duplicate: OnDuplicate) -> NDArray[np.int64] | None:
        """The rows to keep so that every key is left once; None where all are kept.

        Raises DuplicateKeyError, naming both places, where ``on_duplicate`` is "error" and two keys are equal.
        """
        if self.keys is None:
            return None
        kept = np.empty(len(self), np.uint8)
        slots = np.empty(len(self) * 3 // 2 + 1, np.uint32)
        data, offsets = self.keys.data, self.keys.offsets
        if on_duplicate == "error":
            clash = _core.hash_keys(data, offsets, slots)
            if clash is not None:
                raise self._duplicate(*clash)
            return None
        _core.unique_keys(data, offsets, slots, on_duplicate == "last", kept)
        return None if kept.all() else np.flatnonzero(kept)

    def _duplicate(self, first: int, second: int) -> DuplicateKeyError:
        where = [
            f"{next(path for start, path in reversed(self.places) if start <= row)}:{self.lines[row]}"
            for row in (first, second)
        ]
        assert self.keys is not None
        return DuplicateKeyError(
            f"{where[1]}: has the key {self.keys[second]!r}, and so has {where[0]}; keys must be unique "
            '(or say on_duplicate="first" or "last")'
        )


class Gathering:
    """``with Gathering(work, keyed) as gathering``: ``pages`` writes records; ``finish`` makes them safe."""

    def __init__(self, work: WorkFolder, keyed: bool) -> None:
        self._work = work
        self._keyed = keyed
        self._places: list[tuple[int, str]] = []
        self._pages: list[Page] = []
        self._n_rows = 0

    def __enter__(self) -> Gathering:
        self._work.file("read").unlink(missing_ok=True)
        names = ("texts", "texts.ends", "keys", "keys.ends", "lines")
        self._files = {name: open(self._work.file(name), "wb", BUFFER) for name in names}  # noqa: SIM115
        for name in ("texts.ends", "keys.ends"):
            self._files[name].write(bytes(8))
        self._ends = {"texts": 0, "keys": 0}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for file in self._files.values():
            file.close()

    def pages(self, records: Iterable[Record]) -> Iterator[Page]:
        """Writes the records; yields each page when others may read it."""
        path = ""
        for some in _in_pages(records):
            for row, record in enumerate(some, self._n_rows):
                if not self._places or path != record.path:
                    path = record.path
                    self._places.append((row, in_words(record.path)))
            texts = self._add("texts", [record.text.encode() for record in some])
            keys = self._add("keys", [record.key.encode() for record in some]) if self._keyed else 0
            self._files["lines"].write(np.array([record.line for record in some], np.uint64).tobytes())
            for name in ("texts", "texts.ends"):
                self._files[name].flush()
            page = Page(self._n_rows, len(some), _both(texts, keys))
            self._pages.append(page)
            self._n_rows += len(some)
            yield page

    def finish(self, inputs: Any) -> Gathered:
        """Makes what was written safe; ``inputs`` says what it was read from."""
        for file in self._files.values():
            file.flush()
            os.fsync(file.fileno())
        header = {"keyed": self._keyed, "places": self._places, "inputs": inputs}
        self._work.note("read", header, {"pages": np.array(self._pages, np.int64)})
        return _mapped(self._work, self._keyed, self._places, self._pages)

    def _add(self, name: str, strings: list[bytes]) -> int:
        """Writes these strings, and gives their checksum."""
        data = b"".join(strings)
        lengths = np.fromiter(map(len, strings), np.uint64, count=len(strings))
        self._files[name].write(data)
        self._files[f"{name}.ends"].write((np.cumsum(lengths) + np.uint64(self._ends[name])).tobytes())
        self._ends[name] += len(data)
        return checksum(data, lengths)


def gathered_before(work: WorkFolder, inputs: Any) -> Gathered | None:
    """What an earlier run read to the end, if the inputs are as they were and the files are sound; else None."""
    noted = work.noted("read")
    if noted is None or noted.header["inputs"] != inputs:
        return None
    pages = [Page(*page) for page in noted.arrays["pages"].tolist()]
    places = [(int(row), str(path)) for row, path in noted.header["places"]]
    try:
        found = _mapped(work, noted.header["keyed"], places, pages)
    except (OSError, ValueError):
        return None
    return found if all(_checksum(found, page) == page.texts for page in pages) else None


def _in_pages(records: Iterable[Record]) -> Iterator[list[Record]]:
    some: list[Record] = []
    letters = 0
    for record in records:
        some.append(record)
        letters += len(record.text)
        if len(some) == ROWS or letters >= LETTERS:
            yield some
            some, letters = [], 0
    if some:
        yield some


def _both(texts: int, keys: int) -> int:
    return checksum(np.array([texts, keys], np.uint32))


def _mapped(work: WorkFolder, keyed: bool, places: list[tuple[int, str]], pages: list[Page]) -> Gathered:
    """Raises OSError or ValueError where the files are not as long as they must be."""
    n_rows = pages[-1].start + pages[-1].rows

    def strings(name: str) -> Strings:
        ends = _array(work.file(f"{name}.ends"), np.uint64, n_rows + 1)
        return Strings(_array(work.file(name), np.uint8, int(ends[-1])), ends)

    lines = _array(work.file("lines"), np.uint64, n_rows)
    return Gathered(strings("texts"), strings("keys") if keyed else None, lines, places, pages)


def _array(path: Path, kind: Any, count: int) -> NDArray[Any]:
    if path.stat().st_size != count * np.dtype(kind).itemsize:
        raise ValueError(f"{path} has {path.stat().st_size} bytes")
    return np.memmap(path, kind, "r", shape=(count,)) if count else np.empty(0, kind)


def _checksum(found: Gathered, page: Page) -> int:
    """Of this page's texts and keys as the files are now; -1 where they cannot be right."""
    sums: list[int] = []
    for strings in (found.texts, found.keys):
        if strings is None:
            return _both(sums[0], 0)
        ends = strings.offsets[page.start : page.start + page.rows + 1].astype(np.int64)
        lengths = np.diff(ends)
        if (lengths < 0).any() or ends[0] < 0 or ends[-1] > len(strings.data):
            return -1
        sums.append(checksum(strings.data[ends[0] : ends[-1]], lengths.astype(np.uint64)))
    return _both(*sums)


def texts_of(folder: Path, start: int, rows: int) -> list[str]:
    """The texts of these records, read while others are still being written."""
    with open(folder / "texts.ends", "rb") as ends, open(folder / "texts", "rb") as texts:
        at = np.frombuffer(os.pread(ends.fileno(), 8 * (rows + 1), 8 * start), np.uint64).astype(np.int64)
        data = os.pread(texts.fileno(), int(at[-1] - at[0]), int(at[0]))
    bounds = (at - at[0]).tolist()
    return [data[begin:end].decode() for begin, end in pairwise(bounds)]


def picked(strings: Strings, rows: NDArray[np.int64], allocate: Allocate) -> Strings:
    """The strings of these rows, which must rise, without an object each: copied run by run."""
    lengths = np.diff(strings.offsets)[rows]
    offsets = allocate((len(rows) + 1,), np.uint64)
    offsets[0] = 0
    np.cumsum(lengths, out=offsets[1:])
    data = allocate((int(offsets[-1]),), np.uint8)
    for start, stop in runs(rows):
        first, last = strings.offsets[rows[start]], strings.offsets[rows[stop - 1] + 1]
        data[int(offsets[start]) : int(offsets[stop])] = strings.data[int(first) : int(last)]
    return Strings(data, offsets)


def runs(rows: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Start and stop of each stretch of ``rows`` in which one follows the other."""
    breaks = np.flatnonzero(np.diff(rows) != 1) + 1
    yield from zip([0, *breaks.tolist()], [*breaks.tolist(), len(rows)], strict=True)
