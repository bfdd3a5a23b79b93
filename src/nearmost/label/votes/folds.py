"""Which fold a record is in: decided by its number alone, so that every learner and every model draws the same line."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

N_FOLDS = 5


def fold_of(n_records: int, seed: int = 0) -> NDArray[np.int8]:
    """(n_records,): the fold of each record, from 0 to N_FOLDS - 1.

    Labels that come later do not move the others: what a learner said without a fold stays what it said without
    it. The mixing is the last step of splitmix64 (Steele, Lea & Flood 2014).
    """
    bits = np.arange(1, n_records + 1, dtype=np.uint64) + np.uint64(seed * 0x5851F42D4C957F2D % (1 << 64))
    bits *= np.uint64(0x9E3779B97F4A7C15)
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed = bits ^ (bits >> np.uint64(31))
    return (mixed % np.uint64(N_FOLDS)).astype(np.int8)
