"""Arithmetic with words: which row is to king as woman is to man.

3CosAdd of Levy and Goldberg, "Linguistic Regularities in Sparse and Explicit Word Representations" (2014), as gensim's
``most_similar`` computes it: the vectors are brought to length 1, added and subtracted, and the rows nearest to the sum
by cosine are the answer. The rows that were put in are left out by who they are, wherever they come in the answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from nearmost.errors import InputError
from nearmost.metrics import Metric
from nearmost.strings import Names
from nearmost.values import Neighbors

Given = str | Sequence[str]
"""A key or several."""


class Searched(Protocol):
    """What is asked of an index here."""

    @property
    def keys(self) -> Names: ...

    @property
    def metric(self) -> Metric: ...

    def vector(self, key: str) -> NDArray[np.float32]: ...

    def search(self, queries: Any, k: int = ..., *, recall: float = ..., n_threads: int = ...) -> Neighbors: ...


def solve(
    index: Searched, positive: Given, negative: Given, k: int, recall: float, n_threads: int
) -> list[tuple[str, float]]:
    """(key, score) of the k rows nearest to the sum of the positive rows less the negative ones."""
    require_cosine(index.metric)
    added, taken = _keys(positive, "positive"), _keys(negative, "negative")
    if not added and not taken:
        raise InputError("an analogy wants keys: positive=['king', 'woman'], negative=['man']")
    own = {index.keys.row(key) for key in (*added, *taken)}
    signs = np.array([1.0] * len(added) + [-1.0] * len(taken))
    query = signs @ unit_rows(np.stack([index.vector(key) for key in (*added, *taken)]))
    ids, scores = index.search(query.astype(np.float32), k + len(own), recall=recall, n_threads=n_threads)
    pairs = zip(ids.tolist(), scores.tolist(), strict=True)
    return [(index.keys[row], score) for row, score in pairs if row >= 0 and row not in own][:k]


def unit_rows(rows: NDArray[np.float32]) -> NDArray[np.float64]:
    """The rows brought to length 1, in float64; a row of zeros stays one."""
    wide = rows.astype(np.float64)
    lengths = np.linalg.norm(wide, axis=1, keepdims=True)
    unit: NDArray[np.float64] = wide / np.where(lengths > 0, lengths, 1)
    return unit


def require_cosine(metric: Metric) -> None:
    """Raises InputError for an index of another metric."""
    if metric.name != "cosine":
        raise InputError(
            f"the index was built for {metric}; analogies add directions and rank by cosine: build it with that metric"
        )


def _keys(given: Given, name: str) -> list[str]:
    keys = [given] if isinstance(given, str) else list(given)
    for key in keys:
        if not isinstance(key, str):
            raise InputError(f"{name} holds {key!r:.60}; it must be a key or a list of keys")
    return keys
