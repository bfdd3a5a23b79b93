"""The rows that a search may find: all but some, or only some."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nearmost.errors import InputError, ShapeError
from nearmost.strings import Names


@dataclass(frozen=True, slots=True, eq=False)
class Allowed:
    """A mark, 0 or 1, for each row, and how many rows have one."""

    marks: NDArray[np.uint8]
    count: int

    @classmethod
    def of(cls, allow: Any, deny: Any, keys: Names) -> Allowed | None:
        """From what the caller gave: for each a bool mask (n,), row numbers or keys; None where neither is given."""
        if allow is None and deny is None:
            return None
        marks = None if allow is None else _marked(allow, "allow", keys)
        if deny is not None:
            denied = _marked(deny, "deny", keys)
            marks = ~denied if marks is None else marks & ~denied
        assert marks is not None
        return cls(marks.view(np.uint8), int(np.count_nonzero(marks)))

    @property
    def rows(self) -> NDArray[np.int64]:
        """The numbers of the marked rows."""
        return np.flatnonzero(self.marks.view(bool))  # of uint8 it takes ten times as long


def _marked(given: Any, name: str, keys: Names) -> NDArray[np.bool_]:
    """One mark a row; a mask that was given as such is not copied, and not changed."""
    if isinstance(given, str):
        raise InputError(f"{name} is one string; it must be a list of keys: [{given!r}]")
    if isinstance(given, Sequence | set | frozenset) and given and all(isinstance(key, str) for key in given):
        given = [keys.row(key) for key in given]
    rows = np.asarray(sorted(given) if isinstance(given, set | frozenset) else given)
    if rows.dtype == bool:
        if rows.shape != (len(keys),):
            raise ShapeError(f"{name} is a mask of shape {rows.shape}; the index has {len(keys)} rows")
        return np.ascontiguousarray(rows)
    if rows.size and (rows.dtype.kind not in "iu" or rows.ndim != 1):
        raise InputError(f"{name} holds {rows.dtype} {rows.shape}; it must be a bool mask, row numbers or keys")
    if rows.size and (rows.min() < 0 or rows.max() >= len(keys)):
        raise InputError(f"{name} names row {rows.min() if rows.min() < 0 else rows.max()} of {len(keys)}")
    marks = np.zeros(len(keys), bool)
    marks[rows.astype(np.int64)] = True
    return marks
