"""Which k and which weights are best: every example classified by the others, from one search."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nearmost.classify.voting import BLOCK, Weights, rank, weigh
from nearmost.errors import InputError
from nearmost.values import Neighbors

MOST_SCORES = 4_000_000  # looked at together: bounds the memory where a text stands there thousands of times


class Choice(NamedTuple):
    """The best k and weights, their accuracy, and the accuracy of all that were tried: float64 (weights, ks)."""

    k: int
    weights: Weights
    accuracy: float
    table: NDArray[np.float64]


def leave_one_out(
    rows: NDArray[np.float32],
    labels: NDArray[np.int64],
    search: Callable[[NDArray[np.float32], int], Neighbors],
    ks: Sequence[int],
    weights: Sequence[Weights],
) -> Choice:
    """Tries all pairs; of equally good ones the first k wins, then the first weights.

    An example equal to others is left out together with them, and right is any label that one of them has. Examples
    that nobody else shares a label with cannot be right and are not counted.
    """
    if not ks or not weights:
        raise InputError("choose_k wants at least one k and one kind of weights to try")
    group, first, size = groups_of(rows)
    truth = _truths(group, labels)
    shared = np.bincount(_distinct_pairs(group, labels)[1], minlength=int(labels.max()) + 1) > 1
    countable = np.logical_and(shared[np.maximum(truth, 0)], truth >= 0).any(axis=1)
    counted = np.flatnonzero(countable)
    if not len(counted):
        raise InputError("choose_k wants labels with several different examples; here each label has one")
    counted = counted[np.argsort(size[counted], kind="stable")]  # the larger a group, the more neighbors are its own
    right = np.zeros((len(weights), len(ks)))
    while len(counted):
        n = BLOCK // 4
        while n > 1 and n * (max(ks) + size[counted[:n]][-1]) > MOST_SCORES:
            n //= 2
        some, counted = counted[:n], counted[n:]
        found = search(rows[first[some]], min(max(ks) + int(size[some].max()), len(rows)))
        other = (found.ids >= 0) & (group[found.ids] != some[:, None])
        place = np.argsort(~other, axis=1, kind="stable")[:, : max(ks)]  # the others, nearest first
        there = np.take_along_axis(other, place, axis=1)
        ids = np.take_along_axis(found.ids, place, axis=1)
        scores = np.where(there, np.take_along_axis(found.scores, place, axis=1), -np.inf)
        theirs = np.where(there[:, :, None], labels[ids], -1)
        for place_of_kind, kind in enumerate(weights):
            for place_of_k, k in enumerate(ks):
                best = rank(theirs[:, :k], weigh(scores[:, :k], kind)).labels[:, :1]
                hit = ((best == truth[some]) & (best >= 0)).any(axis=1)
                right[place_of_kind, place_of_k] += size[some][hit].sum()
    table = right / size[countable].sum()
    column, row = divmod(int(table.T.argmax()), len(weights))
    return Choice(int(ks[column]), weights[row], float(table[row, column]), table)


def groups_of(rows: NDArray[np.float32]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """For each row the number of its group of equal rows; one row of each group, and how many are in it."""
    plain = np.ascontiguousarray(rows) + np.float32(0)  # -0 becomes 0
    whole = plain.view(np.dtype((np.void, plain.dtype.itemsize * plain.shape[1]))).ravel()
    _, first, group, size = np.unique(whole, return_index=True, return_inverse=True, return_counts=True)
    return group.reshape(-1), first, size


def _distinct_pairs(group: NDArray[np.int64], labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """(2, pairs): the groups and the labels that some row of theirs has, each pair once."""
    pairs = np.stack([np.repeat(group, labels.shape[1]), labels.ravel()])
    return np.unique(pairs[:, pairs[1] >= 0], axis=1)


def _truths(group: NDArray[np.int64], labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """The labels that are right for each group: int64 (groups, some), -1 where a group has fewer."""
    of, label = _distinct_pairs(group, labels)
    counts = np.bincount(of, minlength=int(group.max()) + 1)
    truth = np.full((len(counts), int(counts.max())), -1, dtype=np.int64)
    truth[of, np.arange(len(of)) - np.repeat(np.cumsum(counts) - counts, counts)] = label
    return truth
