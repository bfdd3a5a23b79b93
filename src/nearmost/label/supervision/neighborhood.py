"""Records and the records near them: labels that spread to neighbours, and whether neighbours agree."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nearmost.errors import ShapeError
from nearmost.label.manual.tasks import ABSTAIN
from nearmost.label.votes.arrays import Floats, Labels

SHARE = 0.7
N_STEPS = 12
"""0.7 to this power is 1.4 %: nothing that comes from farther off is worth the time."""


@dataclass(frozen=True, slots=True, eq=False)
class Neighborhood:
    """The nearest other records of each record, and how much each of them counts."""

    ids: NDArray[np.int64]
    """(n_records, k); where there are fewer, the record itself with a weight of 0."""
    weights: NDArray[np.float32]
    """Of the same shape; the rows add up to 1, or to 0 where a record has no neighbour."""

    @classmethod
    def of(cls, ids: ArrayLike, scores: ArrayLike) -> Neighborhood:
        """From what ``Index.search`` gives without each query's own row: -1 is nobody, and a higher score weighs more.

        Scores are cosines; neighbours that point elsewhere, with scores below 0, do not count.
        """
        near = np.asarray(ids, dtype=np.int64)
        score = np.asarray(scores, dtype=np.float32)
        if near.ndim != 2 or near.shape != score.shape or near.max(initial=-1) >= len(near):
            raise ShapeError(
                f"neighbours {near.shape} and scores {score.shape}: wanted both (n_records, k), ids below n"
            )
        own = np.arange(len(near))[:, None]
        counts = (near >= 0) & (near != own) & (score > 0)
        weights = np.where(counts, score, 0).astype(np.float32)
        total = weights.sum(axis=1, keepdims=True)
        weights = np.divide(weights, total, out=np.zeros_like(weights), where=total > 0)
        return cls(np.where(counts, near, own), weights)

    def __len__(self) -> int:
        return len(self.ids)

    def mean(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """(n_records, columns): the neighbours' rows, averaged by weight."""
        total = np.zeros_like(rows)
        for column in range(self.ids.shape[1]):
            total += self.weights[:, column, None] * rows[self.ids[:, column]]
        return total


def spread(
    posteriors: ArrayLike, labels: ArrayLike, neighborhood: Neighborhood, *, share: float = SHARE
) -> NDArray[np.float32]:
    """Posteriors into which, again and again, ``share`` of the neighbours' is mixed; float32 of the same shape.

    ``posteriors`` is (n_records, n_labels), or (cases, n_records, n_labels) with ``labels`` (cases, n_records): whom
    somebody labelled speaks for that label alone. The fixed point of F = share * W F + (1 - share) * P is label
    spreading (Zhou et al. 2004) with beliefs in place of zeros for whoever has no label, approached in 12 steps. A
    record without neighbours keeps its own.
    """
    start = np.array(posteriors, dtype=np.float32)
    known = np.asarray(labels)
    single = start.ndim == 2
    if single:
        start, known = start[None], known[None]
    case, record = np.nonzero(known != ABSTAIN)
    start[case, record] = 0
    start[case, record, known[case, record]] = 1
    cases, n, width = start.shape
    base = np.ascontiguousarray(start.transpose(1, 0, 2).reshape(n, cases * width))
    pull = np.float32(share) * (neighborhood.weights.sum(axis=1, keepdims=True) > 0)
    rows = base
    for _ in range(N_STEPS):
        rows = pull * neighborhood.mean(rows) + (1 - pull) * base
    found = rows.reshape(n, cases, width).transpose(1, 0, 2)
    return np.ascontiguousarray(found[0] if single else found)


def agreement(labels: Labels, neighborhood: Neighborhood) -> Floats:
    """How far each record's neighbours have its label: the cut statistic of Lang et al. 2022, turned round.

    The neighbours' weight of another label, less what it would be were labels dealt out at random, in standard
    deviations, times -1: larger is better. NaN where a record has no label or no neighbour with one.
    """
    counts = labels >= 0
    shares = np.bincount(labels[counts], minlength=1) / max(1, int(counts.sum()))
    weights = neighborhood.weights * counts[neighborhood.ids]
    differs = labels[neighborhood.ids] != labels[:, None]
    other = 1 - shares[np.maximum(labels, 0)]
    expected = other * weights.sum(axis=1)
    deviation = np.sqrt(other * (1 - other) * (weights**2).sum(axis=1))
    cut = (weights * differs).sum(axis=1)
    known = counts & (weights.sum(axis=1) > 0)
    apart = np.divide(expected - cut, deviation, out=np.zeros(len(labels)), where=deviation > 0)
    return np.where(known, apart, np.nan)
