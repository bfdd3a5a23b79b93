"""Triplet loss with the hardest positive and negative of the batch."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nearmost.finetuning.losses.entropy import Floats


def triplet(
    scores: Floats,
    positive: NDArray[np.bool_],
    negative: NDArray[np.bool_],
    weights: Floats,
    *,
    margin: float = 0.5,
) -> tuple[float, Floats]:
    """(cosine of the nearest negative - cosine of the farthest positive + margin)₊ (Hermans et al., arXiv 1703.07737).

    The mean over the anchors that have both.
    """
    rows = np.arange(len(scores))
    counts = positive.any(axis=1) & negative.any(axis=1)
    far = np.where(positive, scores, np.inf).argmin(axis=1)
    near = np.where(negative, scores, -np.inf).argmax(axis=1)
    over = np.where(counts, scores[rows, near] - scores[rows, far] + margin, 0)
    share = np.where(counts, weights, 0)
    share = (share / max(float(share.sum()), 1e-30)).astype(scores.dtype)
    by_scores = np.zeros_like(scores)
    slope = share * (over > 0)
    by_scores[rows, near] += slope
    by_scores[rows, far] -= slope
    return float(share @ np.maximum(over, 0)), by_scores
