"""What the adapter of a library is asked for, and what it gives back: two values that every leaf of peers/ knows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Rows: TypeAlias = NDArray[np.float32]
Setting: TypeAlias = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Task:
    """What to build: float32 rows (n, dim), for this metric and k, with these options of the library."""

    rows: Rows
    metric: str
    k: int
    n_threads: int
    seed: int
    options: Mapping[str, Any]

    @property
    def dim(self) -> int:
        """Columns."""
        return int(self.rows.shape[1])

    def normal(self) -> Rows:
        """For cosine, the rows at length 1: then inner products rank as cosine does, whatever the query's length."""
        if self.metric != "cosine":
            return self.rows
        lengths = np.linalg.norm(self.rows, axis=1, keepdims=True)
        return np.asarray(self.rows / np.where(lengths > 0, lengths, 1), dtype=np.float32)


@dataclass(frozen=True, slots=True)
class Built:
    """An index of some library. ``one`` takes a query (dim,) and gives k ids; ``many`` takes (q, dim), gives (q, k).

    Both in whatever form the library returns: it is turned into an array after the clock has stopped.
    """

    described: str
    one: Callable[[Rows], Any]
    many: Callable[[Rows], Any]
    set: Callable[[Setting], None]
    save: Callable[[str], object]
    """Writes to this path; a folder there, or files that begin with it, count too."""
