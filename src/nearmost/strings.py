"""Strings and keys as flat arrays: read from a memory-mapped file without building a single object."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Literal, Protocol, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nearmost import _core
from nearmost.errors import DamagedFileError, DuplicateKeyError, InputError, UnknownKeyError
from nearmost.spelling import did_you_mean

OnDuplicate = Literal["error", "first", "last"]

KEYS_ARE = "keys are strings (row number n of unnamed rows has the key str(n))"
TOGETHER = 4096  # strings decoded in one go, where all are wanted


class Strings(Sequence[str]):
    """An immutable sequence of strings held in two arrays.

    ``data`` is uint8, all strings in UTF-8 one after the other; ``offsets`` is uint64 of length n + 1:
    string i is ``data[offsets[i]:offsets[i + 1]]``. Reading one costs one decode and no lookup table.
    """

    __slots__ = ("_n", "_table", "data", "offsets")

    def __init__(self, data: NDArray[np.uint8], offsets: NDArray[np.uint64]) -> None:
        self.data = data
        self.offsets = offsets
        self._n = len(offsets) - 1
        self._table = _core.StringTable(data, offsets, None)

    @classmethod
    def of(cls, strings: Iterable[str]) -> Strings:
        """The same strings, packed. Raises InputError, naming the row, for anything but text."""
        if isinstance(strings, Strings):
            return strings
        encoded: list[bytes] = []
        for row, string in enumerate(strings):
            if not isinstance(string, str):
                raise InputError(f"row {row} is {type(string).__name__} {string!r:.40}; it must be a str")
            try:
                encoded.append(string.encode())
            except UnicodeEncodeError:
                raise InputError(
                    f"row {row}, {string!r:.60}, holds half a character (a lone surrogate); "
                    "decode the input with the encoding it was written in"
                ) from None
        offsets = np.zeros(len(encoded) + 1, dtype=np.uint64)
        np.cumsum(np.fromiter(map(len, encoded), dtype=np.uint64, count=len(encoded)), out=offsets[1:])
        return cls(np.frombuffer(b"".join(encoded), dtype=np.uint8), offsets)

    def __len__(self) -> int:
        return self._n

    @overload
    def __getitem__(self, row: int) -> str: ...
    @overload
    def __getitem__(self, row: slice) -> list[str]: ...
    def __getitem__(self, row: int | slice) -> str | list[str]:
        if isinstance(row, slice):
            return self.take(np.arange(*row.indices(self._n)))
        try:
            return self._table.get(row)
        except (IndexError, ValueError):
            return self._slowly(row)

    def take(self, rows: ArrayLike) -> list[str]:
        """The strings of many rows: several times faster than one by one. Raises IndexError for a row that is not."""
        wanted = np.ascontiguousarray(rows, dtype=np.int64)
        try:
            return self._table.take(wanted)
        except (IndexError, ValueError):
            return [self._slowly(row) for row in wanted.tolist()]

    def _slowly(self, row: int) -> str:
        """What ``get`` gives, counted from the end where ``row`` is negative, or an error that says what is wrong."""
        if row < 0:
            row += self._n
        if not 0 <= row < self._n:
            raise IndexError(f"row {row} of {self._n} strings")
        start, stop = int(self.offsets[row]), int(self.offsets[row + 1])
        if not start <= stop <= len(self.data):
            raise DamagedFileError(
                f"string {row} lies at {start}:{stop} of {len(self.data)} bytes: the file is damaged"
            )
        try:
            return self._table.get(row)
        except ValueError:
            raise DamagedFileError(f"string {row} is not UTF-8: the file is damaged") from None

    def __reduce__(self) -> tuple[type[Strings], tuple[NDArray[np.uint8], NDArray[np.uint64]]]:
        return Strings, (self.data, self.offsets)

    def __iter__(self) -> Iterator[str]:
        for start in range(0, self._n, TOGETHER):
            yield from self[start : start + TOGETHER]

    def __repr__(self) -> str:
        shown = ", ".join(repr(self[row])[:40] for row in range(min(3, len(self))))
        return f"<Strings of {len(self)}: {shown}{', ...' if len(self) > 3 else ''}>"


class Keys(Sequence[str]):
    """The user's names for the rows, each of them once, with key -> row as fast as row -> key.

    Without strings, row i is called ``str(i)`` and nothing is stored. With them, ``slots`` is an
    open-addressing hash table of row numbers (docs/format.md gives the hash), so that a mapped file
    answers at once.
    """

    __slots__ = ("_n_rows", "_table", "slots", "strings")

    def __init__(self, n_rows: int, strings: Strings | None = None, slots: NDArray[np.uint32] | None = None) -> None:
        self._n_rows = n_rows
        self.strings = strings
        self.slots = slots
        self._table = None
        if strings is not None and slots is not None:
            self._table = _core.StringTable(strings.data, strings.offsets, slots)

    @classmethod
    def of(cls, keys: Iterable[str]) -> Keys:
        """These keys, hashed. Raises DuplicateKeyError, naming both rows, where two are equal."""
        if isinstance(keys, Keys):
            return keys
        strings = Strings.of(keys)
        slots = np.empty(len(strings) * 3 // 2 + 1, dtype=np.uint32)
        clash = _core.hash_keys(strings.data, strings.offsets, slots)
        if clash is not None:
            first, second = clash
            raise DuplicateKeyError(
                f"rows {first} and {second} have the same key {strings[first]!r}; keys must be unique "
                '(or say on_duplicate="first" or "last")'
            )
        return cls(len(strings), strings, slots)

    def row(self, key: str) -> int:
        """The row of this key. Raises UnknownKeyError where there is none."""
        row = self._find(key)
        if row < 0:
            raise UnknownKeyError(f"no row has the key {key!r}", self._hint(key))
        return row

    def rows(self, keys: Iterable[str]) -> NDArray[np.int64]:
        """The rows of many keys, int64, several times faster than one by one; -1 where no row has the key."""
        if isinstance(keys, str):
            raise InputError(f"keys are one string; they must be a list of keys: [{keys!r:.60}]")
        wanted = list(keys)
        rows = np.empty(len(wanted), dtype=np.int64)
        if self._table is None:
            rows[:] = [self._find(key) for key in wanted]
            return rows
        try:
            self._table.find_all(wanted, rows)
        except RuntimeError:  # what the binding raises for anything but a str
            rows[:] = [self._find(key) for key in wanted]
        rows[rows >= self._n_rows] = -1
        return rows

    def take(self, rows: ArrayLike) -> list[str]:
        """The keys of many rows, several times faster than one by one. Raises IndexError for a row that is not."""
        return [self[row] for row in np.asarray(rows).tolist()] if self.strings is None else self.strings.take(rows)

    def _find(self, key: str) -> int:
        """The row of this key, or -1."""
        if self._table is not None:
            try:
                row = self._table.find(key)
            except TypeError:
                raise InputError(f"key is {key!r:.60}; {KEYS_ARE}") from None
            return row if row < self._n_rows else -1
        if not isinstance(key, str):
            raise InputError(f"key is {key!r:.60}; {KEYS_ARE}")
        row = int(key) if key.isascii() and key.isdecimal() and len(key) < 19 else -1
        return row if 0 <= row < self._n_rows and str(row) == key else -1

    def _hint(self, key: str) -> Callable[[], str] | None:
        strings = self.strings
        return None if strings is None else lambda: did_you_mean(strings.data, strings.offsets, key)

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and self._find(key) >= 0

    def __len__(self) -> int:
        return self._n_rows

    @overload
    def __getitem__(self, row: int) -> str: ...
    @overload
    def __getitem__(self, row: slice) -> list[str]: ...
    def __getitem__(self, row: int | slice) -> str | list[str]:
        if self.strings is not None:
            return self.strings[row]
        numbers = range(self._n_rows)[row]
        return [str(number) for number in numbers] if isinstance(numbers, range) else str(numbers)

    def __reduce__(self) -> tuple[type[Keys], tuple[int, Strings | None, NDArray[np.uint32] | None]]:
        return Keys, (self._n_rows, self.strings, self.slots)

    def __repr__(self) -> str:
        shown = ", ".join(repr(key)[:40] for key in self[:3])
        return f"<Keys of {len(self)}: {shown}{', ...' if len(self) > 3 else ''}>"


class Names(Protocol):
    """What is asked of the keys of an index, or of several: names to rows, and back."""

    def row(self, key: str) -> int: ...

    def take(self, rows: ArrayLike) -> list[str]: ...

    @overload
    def __getitem__(self, row: int, /) -> str: ...
    @overload
    def __getitem__(self, row: slice, /) -> list[str]: ...

    def __len__(self) -> int: ...


def unique_rows(keys: Sequence[str], on_duplicate: OnDuplicate) -> list[int] | None:
    """The rows to keep, in order, so that every key is left once; None where all are kept."""
    if on_duplicate not in ("error", "first", "last"):
        raise InputError(f'on_duplicate is {on_duplicate!r}; it must be "error", "first" or "last"')
    if on_duplicate == "error":
        return None
    kept: dict[str, int] = {}
    for row, key in enumerate(keys):
        if on_duplicate == "last" or key not in kept:
            kept[key] = row
    return None if len(kept) == len(keys) else sorted(kept.values())
