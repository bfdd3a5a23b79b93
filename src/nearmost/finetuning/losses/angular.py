"""Losses against a learned centre of each group: softmax, with a margin in the angle or in its cosine."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from nearmost.finetuning.losses.entropy import Floats, cross_entropy


def softmax(
    scores: Floats, codes: NDArray[np.int64], weights: Floats, *, temperature: float = 0.05
) -> tuple[float, Floats]:
    """Cross-entropy of the cosines with all centres, divided by a temperature (Zhai and Wu, arXiv 1811.12649)."""
    value, by_logits = cross_entropy(scores / temperature, codes, weights)
    return value, by_logits / temperature


def arcface(
    scores: Floats, codes: NDArray[np.int64], weights: Floats, *, margin: float = 0.5, scale: float = 64.0
) -> tuple[float, Floats]:
    """The same where the angle with the own centre counts as larger by ``margin`` (Deng et al., arXiv 1801.07698).

    From an angle of pi - margin on, where the cosine would rise again, it goes on in a line.
    """
    rows = np.arange(len(codes))
    own = np.clip(scores[rows, codes], -1 + 1e-6, 1 - 1e-6)
    sine = np.sqrt(1 - own * own)
    inside = own > -math.cos(margin)
    moved = np.where(inside, own * math.cos(margin) - sine * math.sin(margin), own - margin * math.sin(margin))
    slope = np.where(inside, math.cos(margin) + own / sine * math.sin(margin), 1)
    return _against(scores, codes, weights, moved, slope, scale)


def cosface(
    scores: Floats, codes: NDArray[np.int64], weights: Floats, *, margin: float = 0.35, scale: float = 64.0
) -> tuple[float, Floats]:
    """The same where the cosine with the own centre counts as smaller by ``margin`` (Wang et al., arXiv 1801.09414)."""
    own = scores[np.arange(len(codes)), codes]
    return _against(scores, codes, weights, own - margin, np.ones_like(own), scale)


def _against(
    scores: Floats, codes: NDArray[np.int64], weights: Floats, moved: Floats, slope: Floats, scale: float
) -> tuple[float, Floats]:
    """Cross-entropy of the scaled cosines, those with the own centre replaced by ``moved``, whose slope is given."""
    rows = np.arange(len(codes))
    logits = scores * scale
    logits[rows, codes] = moved * scale
    value, by_logits = cross_entropy(logits, codes, weights)
    by_logits *= scale
    by_logits[rows, codes] *= slope
    return value, by_logits
