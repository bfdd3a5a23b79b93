"""Neighbours by name: the rows nearest to a key, a text or a vector, as (key, score)."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nearmost.errors import InputError, ShapeError
from nearmost.strings import Names
from nearmost.values import Neighbors


class Searched(Protocol):
    """What is asked of an index here."""

    @property
    def keys(self) -> Names: ...

    def vector(self, key: str) -> NDArray[np.float32]: ...

    def search(
        self, queries: Any, k: int = ..., *, recall: float = ..., leave_out: Any = ..., n_threads: int = ...
    ) -> Neighbors: ...


def nearest(
    index: Searched,
    key: str | None,
    text: str | None,
    vector: ArrayLike | None,
    k: int,
    recall: float,
    n_threads: int,
) -> list[tuple[str, float]]:
    """The k rows nearest to one of a key, a text and a vector; a row is not its own neighbour."""
    if sum(given is not None for given in (key, text, vector)) != 1:
        raise InputError("nearest wants one of a key, text=... or vector=...")
    query: Any = text if vector is None else np.asarray(vector)
    query = query if key is None else index.vector(key)
    own = None if key is None else [key]
    found = index.search(query, k, recall=recall, leave_out=own, n_threads=n_threads)
    if found.ids.ndim != 1:
        raise ShapeError(f"nearest takes one vector, not {len(found)}; use search for many")
    return named(index.keys, found)


def named(keys: Names, found: Neighbors) -> list[tuple[str, float]]:
    """The neighbours of one query as (key, score), nearest first."""
    pairs = zip(found.ids.tolist(), found.scores.tolist(), strict=True)
    return [(keys[row], score) for row, score in pairs if row >= 0]
