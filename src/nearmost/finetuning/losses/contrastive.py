"""Contrastive losses: pairs that are alike come together, others part until they are a margin away."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nearmost.finetuning.losses.entropy import Floats


def contrastive(
    scores: Floats,
    positive: NDArray[np.bool_],
    negative: NDArray[np.bool_],
    weights: Floats,
    *,
    margin: float = 0.5,
) -> tuple[float, Floats]:
    """Half the mean of distance² of alike pairs and of (margin - distance)₊² of others (Hadsell et al. 2006).

    The distance is 1 - cosine. Both sorts of pairs count as much: each has its own mean.
    """
    distance = 1 - scores
    value, by_distance = 0.0, np.zeros_like(scores)
    for chosen, off, slope in ((positive, distance, 1.0), (negative, np.maximum(margin - distance, 0), -1.0)):
        share = np.where(chosen, weights[:, None], 0).astype(scores.dtype)
        share /= max(float(share.sum()), 1e-30)
        value += 0.5 * float((share * off * off).sum())
        by_distance += slope * share * off
    return value, -by_distance


def online_contrastive(
    scores: Floats,
    positive: NDArray[np.bool_],
    negative: NDArray[np.bool_],
    weights: Floats,
    *,
    margin: float = 0.5,
) -> tuple[float, Floats]:
    """The same of hard pairs only, added up: alike ones farther than the nearest others, and the other way round.

    As sentence-transformers has it. It is the batch that says what is near and far; a row is never its own pair.
    The sum is divided by the number of anchors, so that it does not grow with the batch.
    """
    distance = 1 - scores
    nearest_other = distance.min(where=negative, initial=np.inf)
    farthest_alike = distance.max(where=positive, initial=-np.inf)
    pull = np.where(positive & (distance > nearest_other), distance, 0)
    push = np.where(negative & (distance < farthest_alike), np.maximum(margin - distance, 0), 0)
    share = (weights / weights.sum()).astype(scores.dtype)[:, None]
    return float((share * (pull * pull + push * push)).sum()), 2 * share * (push - pull)
