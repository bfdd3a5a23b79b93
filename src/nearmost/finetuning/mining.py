"""Hard negatives: rows near each other that are of different groups, found by an index of the rows as they are."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nearmost.index import Index

SPARE = 50
"""Neighbours looked at for a row's hard negatives."""


def hard_negatives(
    rows: NDArray[np.float32], codes: NDArray[np.int64], n: int, *, seed: int = 0, n_threads: int = 0
) -> NDArray[np.int64]:
    """For each row its n nearest rows of another group, int64 (rows, n); -1 where fewer are among its neighbours.

    The very nearest are often labelled wrongly; that is what the confidence of labels is for.
    """
    k = min(SPARE + n, len(rows) - 1)
    index = Index.build(rows, metric="cosine", seed=seed, n_threads=n_threads)
    ids = index.search(rows, k, leave_out=np.arange(len(rows)), n_threads=n_threads).ids
    other = (ids >= 0) & (codes[ids] != codes[:, None])
    order = np.argsort(~other, axis=1, kind="stable")[:, :n]
    return np.where(np.take_along_axis(other, order, axis=1), np.take_along_axis(ids, order, axis=1), -1)
