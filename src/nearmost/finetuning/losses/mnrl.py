"""Multiple negatives ranking: of all that is in the batch, an anchor's partner should be the nearest."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nearmost.finetuning.losses.entropy import Floats, log_sum


def mnrl(
    scores: Floats,
    positive: NDArray[np.bool_],
    negative: NDArray[np.bool_],
    weights: Floats,
    *,
    temperature: float = 0.05,
) -> tuple[float, Floats]:
    """-log of a partner's share among itself and the anchor's negatives (Henderson et al., arXiv 1705.00652).

    An anchor with several partners counts the mean over them; references that are neither are left out.
    """
    logits = scores / temperature
    n_partners = positive.sum(axis=1)
    counts = (n_partners > 0) & negative.any(axis=1)
    share = np.where(counts, weights, 0)
    share = share / max(float(share.sum()), 1e-30) / np.maximum(n_partners, 1)
    each = np.where(positive, share[:, None], 0).astype(scores.dtype)
    others, negatives = log_sum(logits, negative)
    with np.errstate(invalid="ignore", over="ignore"):
        parts = np.where(each > 0, np.logaddexp(0, others[:, None] - logits), 0)
        wrong = np.where(each > 0, 1 - np.exp(-parts), 0)  # what the negatives hold beside this partner
    pull = each * wrong
    by_logits = pull.sum(axis=1, keepdims=True) * negatives - pull
    return float((each * parts).sum()), by_logits / temperature
