"""The strings and the keys of several indexes, one after the other, as if they were those of one."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from typing import overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nearmost import _core
from nearmost.errors import DamagedFileError, UnknownKeyError
from nearmost.memory import Allocate, aligned
from nearmost.rows import Rows
from nearmost.spelling import did_you_mean
from nearmost.strings import Keys, Strings


class Firsts:
    """Where each part begins when they are put one after the other: ``firsts[i]``, and which part a row lies in."""

    __slots__ = ("_firsts", "_n_rows")

    def __init__(self, lengths: Sequence[int]) -> None:
        self._firsts = [0, *accumulate(lengths)]
        self._n_rows = self._firsts[-1]

    def __len__(self) -> int:
        return self._n_rows

    def __getitem__(self, part: int) -> int:
        return self._firsts[part]

    def rows(self, part: int) -> slice:
        """The rows of this part."""
        return slice(self._firsts[part], self._firsts[part + 1])

    def one(self, row: int) -> tuple[int, int]:
        """The part in which this row lies, and its number there. Raises IndexError for a row that is not."""
        row += self._n_rows if row < 0 else 0
        if not 0 <= row < self._n_rows:
            raise IndexError(f"there is no such row among {self._n_rows}")
        part = bisect_right(self._firsts, row) - 1
        return part, row - self._firsts[part]

    def parts(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """The part in which each of these rows lies; of -1, which stands for no row, -1."""
        return np.searchsorted(self._firsts, rows, side="right") - 1

    def split(self, rows: ArrayLike) -> Iterator[tuple[int, NDArray[np.int64], NDArray[np.int64]]]:
        """For each part: its number, at which places of ``rows`` its own stand, and their numbers there."""
        wanted = np.asarray(rows, dtype=np.int64)
        wanted = np.where(wanted < 0, wanted + self._n_rows, wanted)
        if wanted.size and not (wanted.min() >= 0 and wanted.max() < self._n_rows):
            raise IndexError(f"there is no such row among {self._n_rows}")
        owners = np.searchsorted(self._firsts, wanted, side="right") - 1
        for part in np.unique(owners).tolist():
            places = np.flatnonzero(owners == part)
            yield part, places, wanted[places] - self._firsts[part]


class StackedRows:
    """The vectors of all parts, numbered through; nothing is copied."""

    __slots__ = ("_firsts", "_parts")

    def __init__(self, parts: Sequence[Rows]) -> None:
        self._parts = tuple(parts)
        self._firsts = Firsts(list(map(len, parts)))

    def floats(self, which: ArrayLike) -> NDArray[np.float32]:
        """Some of the rows as float32 (m, dim)."""
        wanted = np.asarray(which, dtype=np.int64)
        made = np.empty((len(wanted), self._parts[0].dim), np.float32)
        for part, places, own in self._firsts.split(wanted):
            made[places] = self._parts[part].floats(own)
        return made


class StackedStrings(Sequence[str]):
    """The strings of all parts, numbered through; nothing is copied."""

    __slots__ = ("_firsts", "_parts")

    def __init__(self, parts: Sequence[Strings | Keys]) -> None:
        self._parts = tuple(parts)
        self._firsts = Firsts(list(map(len, parts)))

    def take(self, rows: ArrayLike) -> list[str]:
        """The strings of many rows, faster than one by one. Raises IndexError for a row that is not."""
        found: list[str] = [""] * len(np.asarray(rows))
        for part, places, own in self._firsts.split(rows):
            for place, string in zip(places.tolist(), self._parts[part].take(own), strict=True):
                found[place] = string
        return found

    def __len__(self) -> int:
        return len(self._firsts)

    @overload
    def __getitem__(self, row: int) -> str: ...
    @overload
    def __getitem__(self, row: slice) -> list[str]: ...
    def __getitem__(self, row: int | slice) -> str | list[str]:
        if isinstance(row, slice):
            return self.take(np.arange(*row.indices(len(self))))
        part, own = self._firsts.one(row)
        return self._parts[part][own]

    def __iter__(self) -> Iterator[str]:
        for part in self._parts:
            yield from part

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {len(self)} in {len(self._parts)} parts>"


class StackedKeys(StackedStrings):
    """The keys of all parts, numbered through: ``keys[id]`` is a key, ``keys.row(key)`` an id."""

    __slots__ = ("_keys",)

    def __init__(self, parts: Sequence[Keys]) -> None:
        super().__init__(parts)
        self._keys = tuple(parts)

    def row(self, key: str) -> int:
        """The row of this key. Raises UnknownKeyError where there is none."""
        for part, keys in enumerate(self._keys):
            if key in keys:
                return keys.row(key) + self._firsts[part]
        if not isinstance(key, str):
            self._keys[0].row(key)  # which says what is wrong
        raise UnknownKeyError(f"no row has the key {key!r}", lambda: self._hint(key))

    def rows(self, keys: Iterable[str]) -> NDArray[np.int64]:
        """The rows of many keys, int64; -1 where no row has the key."""
        wanted = keys if isinstance(keys, str) else list(keys)  # a string is refused by the parts
        found = np.full(len(wanted), -1, dtype=np.int64)
        for part, names in enumerate(self._keys):
            rows = names.rows(wanted)
            np.copyto(found, rows + self._firsts[part], where=rows >= 0)
        return found

    @property
    def strings(self) -> StackedStrings:
        """The keys as strings, as those of one index have them."""
        return StackedStrings(self._keys)

    def _hint(self, key: str) -> str:
        stored = [keys.strings for keys in self._keys if keys.strings is not None]
        return next(filter(None, (did_you_mean(each.data, each.offsets, key) for each in stored)), "")

    def __contains__(self, key: object) -> bool:
        return any(key in keys for keys in self._keys)


def joined(parts: Sequence[Strings], allocate: Allocate = aligned) -> Strings:
    """The strings of all parts in two arrays. Raises DamagedFileError where a part's offsets are out of order."""
    bounds = [(int(part.offsets[0]), int(part.offsets[-1])) for part in parts]
    for part, (start, stop) in zip(parts, bounds, strict=True):
        if not start <= stop <= len(part.data):
            raise DamagedFileError(f"strings lie at {start}:{stop} of {len(part.data)} bytes: the file is damaged")
    data = allocate((sum(stop - start for start, stop in bounds),), np.uint8)
    offsets = allocate((sum(map(len, parts)) + 1,), np.uint64)
    offsets[0] = n_bytes = n_rows = 0
    for part, (start, stop) in zip(parts, bounds, strict=True):
        data[n_bytes : n_bytes + stop - start] = part.data[start:stop]
        offsets[n_rows + 1 : n_rows + len(part) + 1] = part.offsets[1:] - np.uint64(start) + np.uint64(n_bytes)
        n_bytes, n_rows = n_bytes + stop - start, n_rows + len(part)
    return Strings(data, offsets)


def hashed(strings: Strings) -> NDArray[np.uint32] | tuple[int, int]:
    """The hash table of keys, or the first two rows that have the same one."""
    slots = np.empty(len(strings) * 3 // 2 + 1, dtype=np.uint32)
    try:
        return _core.hash_keys(strings.data, strings.offsets, slots) or slots
    except ValueError as error:
        raise DamagedFileError(f"{error}: the file is damaged") from None
