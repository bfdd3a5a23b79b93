"""What to label next: the records, out of those that nobody labelled, that tell most."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nearmost.errors import InputError
from nearmost.label.manual.tasks import ABSTAIN
from nearmost.label.votes.arrays import Floats, Labels, Votes, WeakLabels

Rows = NDArray[np.int64]
CHUNK = 1 << 22  # products at a time


def uncertain(weak: WeakLabels, left: Rows, n: int) -> Rows:
    """Where the two best labels are closest together (breaking ties, Luo et al. 2005); without a label first.

    Schröder, Niekler & Potthast 2022 found it as good as anything heavier.
    """
    if weak.posteriors is not None and weak.posteriors.shape[1] > 1:
        top = np.partition(weak.posteriors[left], -2, axis=1)[:, -2:]
        gap = np.where(weak.labelled[left], top[:, 1] - top[:, 0], 0.0)
    else:
        gap = weak.confidence[left]
    return left[np.argsort(gap, kind="stable")[:n]]


def conflicting(votes: Votes, left: Rows, n: int, weak: WeakLabels | None = None) -> Rows:
    """Where heuristics name different labels: the most votes for anything but the favourite first.

    Of equals, those come first of which the weak labels are least sure.
    """
    rows = left[votes.conflicts()[left]]
    counts = np.zeros((len(rows), votes.n_labels))
    for column in votes.labels[rows].T:
        cast = np.flatnonzero(column != ABSTAIN)
        counts[cast, column[cast]] += 1
    against = counts.sum(axis=1) - counts.max(axis=1, initial=0)
    sure = np.zeros(len(rows)) if weak is None else weak.confidence[rows]
    return rows[np.lexsort((sure, -against))[:n]]


def at_random(left: Rows, n: int, seed: int = 0) -> Rows:
    """Any of them, the same for the same seed: what accuracy is best measured on."""
    return np.random.default_rng(seed).permutation(left)[:n]


def outlying(vectors: NDArray[np.float32], manual: Labels, left: Rows, n: int) -> Rows:
    """Least like anything labelled so far: the smallest cosine to the most similar labelled record, smallest first.

    Without labelled records, least like the mean of all.
    """
    labelled = np.flatnonzero(manual != ABSTAIN)
    units = _units(vectors)
    known = units[labelled] if len(labelled) else _units(units.mean(axis=0, keepdims=True))
    nearest = _most_similar(units[left], known)
    return left[np.argsort(nearest, kind="stable")[:n]]


def diverse(vectors: NDArray[np.float32], manual: Labels, left: Rows, n: int, seed: int = 0) -> Rows:
    """Far from what is labelled and from each other: k-centre, greedily (Sener & Savarese 2018).

    Each next record is the one least similar to all labelled and chosen ones; the first without any, by chance.
    """
    units = _units(vectors)
    labelled = np.flatnonzero(manual != ABSTAIN)
    mine = units[left]
    if not len(left) or n < 1:
        return left[:0]
    chosen: list[int] = []
    if len(labelled):
        nearest = _most_similar(mine, units[labelled])
    else:
        chosen.append(int(np.random.default_rng(seed).integers(len(left))))
        nearest = mine @ mine[chosen[0]]
    nearest[chosen] = np.inf
    while len(chosen) < min(n, len(left)):
        chosen.append(int(nearest.argmin()))
        nearest = np.maximum(nearest, mine @ mine[chosen[-1]])
        nearest[chosen] = np.inf
    return left[chosen]


def similar(vectors: NDArray[np.float32], like: Rows, left: Rows, n: int) -> Rows:
    """Nearest to these records, by the cosine to the most similar of them, nearest first."""
    if not len(like):
        raise InputError("queue by 'similar' wants the records to be like: like=[...]")
    units = _units(vectors)
    rest = np.setdiff1d(left, like)
    return rest[np.argsort(-_most_similar(units[rest], units[like]), kind="stable")[:n]]


def _units(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    made = np.zeros_like(vectors, dtype=np.float32)
    np.divide(vectors, lengths, out=made, where=lengths > 0)
    return made


def _most_similar(rows: NDArray[np.float32], others: NDArray[np.float32]) -> Floats:
    step = max(1, CHUNK // max(1, len(others)))
    parts = [(rows[at : at + step] @ others.T).max(axis=1) for at in range(0, len(rows), step)]
    return np.concatenate(parts).astype(np.float64) if parts else np.empty(0)
