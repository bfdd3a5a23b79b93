"""Supervised contrastive loss: an anchor's group against everything else in the batch."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nearmost.finetuning.losses.entropy import Floats, log_sum


def supcon(
    scores: Floats,
    positive: NDArray[np.bool_],
    negative: NDArray[np.bool_],
    weights: Floats,
    *,
    temperature: float = 0.1,
) -> tuple[float, Floats]:
    """The mean of -log of each positive's share among all references of the anchor (Khosla et al., arXiv 2004.11362,
    equation 2). Anchors without a positive do not count.
    """
    logits = scores / temperature
    n_positives = positive.sum(axis=1)
    share = np.where(n_positives > 0, weights, 0)
    share = share / max(float(share.sum()), 1e-30)
    each = np.where(positive, (share / np.maximum(n_positives, 1))[:, None], 0).astype(scores.dtype)
    total, shares = log_sum(logits, positive | negative)
    parts = np.where(each > 0, total[:, None] - logits, 0)
    by_logits = share.astype(scores.dtype)[:, None] * shares - each
    return float((each * parts).sum()), by_logits / temperature
