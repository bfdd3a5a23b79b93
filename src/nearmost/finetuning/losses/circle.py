"""Circle loss: every cosine is pulled the harder the farther it is from where it should be."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nearmost.finetuning.losses.entropy import Floats, log_sum


def circle(
    scores: Floats,
    positive: NDArray[np.bool_],
    negative: NDArray[np.bool_],
    weights: Floats,
    *,
    margin: float = 0.25,
    scale: float = 64.0,
) -> tuple[float, Floats]:
    """log(1 + sum exp(negatives) * sum exp(positives)) of an anchor (Sun et al., arXiv 2002.10857, equation 6).

    The optimum of a positive is 1 + margin and that of a negative -margin. The factors of how far a cosine is from its
    optimum are held fixed when the derivative is taken, as in the paper. Anchors without either do not count.
    """
    counts = np.logical_and(positive.any(axis=1), negative.any(axis=1))
    share = _shares(weights, counts).astype(scores.dtype)
    pull = np.maximum(1 + margin - scores, 0)
    push = np.maximum(scores + margin, 0)
    of_positives, positives = log_sum(-scale * pull * (scores - (1 - margin)), positive)
    of_negatives, negatives = log_sum(scale * push * (scores - margin), negative)
    with np.errstate(invalid="ignore"):
        both = np.where(counts, of_positives + of_negatives, 0)
    slope = (share / (1 + np.exp(-np.clip(both, -80, 80))))[:, None]
    by_scores = slope * scale * (push * negatives - pull * positives)
    return float(share @ np.logaddexp(0, both)), by_scores


def _shares(weights: Floats, counts: NDArray[np.bool_]) -> Floats:
    """What share of the mean each anchor has; none that does not count."""
    shown = np.where(counts, weights, 0)
    return np.asarray(shown / max(float(shown.sum()), 1e-30))
