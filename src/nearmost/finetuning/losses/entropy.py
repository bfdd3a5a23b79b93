"""Cross-entropy: what softmax-like losses come down to."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[Any]
"""float32 where heads are trained, float64 where losses are tested."""


def cross_entropy(logits: Floats, codes: NDArray[np.int64], weights: Floats) -> tuple[float, Floats]:
    """The weighted mean of -log softmax(logits)[code] over rows, and its derivative by the logits."""
    rows = np.arange(len(codes))
    shifted = logits - logits.max(axis=1, keepdims=True)
    shares = np.exp(shifted)
    total = shares.sum(axis=1, keepdims=True)
    parts = np.log(total[:, 0]) - shifted[rows, codes]
    shares /= total
    shares[rows, codes] -= 1
    share = (weights / weights.sum()).astype(logits.dtype)
    return float(share @ parts), shares * share[:, None]


def log_sum(logits: Floats, chosen: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """log of the sum of exp(logits) over the chosen ones of each row, -inf where there is none; and their softmax."""
    shown = np.where(chosen, logits, -np.inf)
    top = shown.max(axis=1, keepdims=True, initial=-np.inf)
    powers = np.exp(shown - np.where(np.isfinite(top), top, 0))
    total = powers.sum(axis=1, keepdims=True)
    with np.errstate(divide="ignore"):
        sums = np.log(total) + np.where(np.isfinite(top), top, 0)
    return sums[:, 0], powers / np.where(total > 0, total, 1)
