"""From the neighbours of each text to its labels in order, with their shares of the vote: NumPy over all at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from nearmost.errors import InputError, ShapeError

TEMPERATURE = 0.05  # found on job titles that were then not reported on; see docs/classification.md

BLOCK = 16384  # texts voted on together: bounds the memory

Weights: TypeAlias = Literal["uniform", "score"] | Callable[[NDArray[np.float64]], Any]


class Ranked(NamedTuple):
    """Labels of each text, best first: class numbers int64 (q, w), -1 where there are no more, and their shares."""

    labels: NDArray[np.int64]
    shares: NDArray[np.float64]


def weigh(scores: NDArray[np.float32], weights: Weights) -> NDArray[np.float64]:
    """What each neighbour's vote weighs, float64 (q, k), 0 where there is none (a score of -inf).

    "uniform": 1. "score": exp(score / 0.05), with cosine: a neighbour that is 0.05 nearer weighs e times as much
    (Wu et al. 2018, https://arxiv.org/abs/1805.01978, equation 5). A callable gets the scores and gives the weights.
    """
    there = np.isfinite(scores)
    exact = np.where(there, scores, 0).astype(np.float64)
    if isinstance(weights, str):
        if weights == "uniform":
            return there.astype(np.float64)
        if weights == "score":
            best = exact.max(axis=1, where=there, initial=-np.inf, keepdims=True)
            return np.where(there, np.exp((exact - np.where(np.isfinite(best), best, 0)) / TEMPERATURE), 0)
    if not callable(weights):
        raise InputError(f"weights is {weights!r}; it must be 'uniform', 'score', or a function of the scores (q, k)")
    found = np.asarray(weights(exact), dtype=np.float64)
    if found.shape != scores.shape:
        raise ShapeError(f"weights made shape {found.shape} of scores {scores.shape}; the shape must stay")
    if not np.isfinite(found[there]).all() or (found[there] < 0).any():
        raise InputError("weights made a number that is negative or not finite; a vote weighs 0 or more")
    return np.where(there, found, 0)


def rank(labels: NDArray[np.int64], weights: NDArray[np.float64]) -> Ranked:
    """Labels by the sum of their neighbours' weights; equal sums by the nearest neighbour.

    ``labels``, int64 (q, k, m), are those of the neighbours, nearest first, -1 where a neighbour has fewer than m;
    ``weights``, float64 (q, k). A neighbour of weight 0 puts its labels behind all that have votes. A share is of the
    weight of all neighbours: with one label each they add up to 1. Where all weigh 0, all count the same.
    """
    n, k, m = labels.shape
    if not n or not k * m:
        return Ranked(np.empty((n, 0), dtype=np.int64), np.empty((n, 0)))
    none = weights.sum(axis=1) <= 0
    if none.any():
        weights = np.where(none[:, None], 1.0, weights)
    total = weights.sum(axis=1)
    places = k * m
    # one number a vote, label first: sorted, like labels stand together, the nearest of them first
    votes = np.sort(labels.reshape(n, places) * places + np.arange(places), axis=1)
    label, place = votes // places, votes % places
    begins = np.ones(votes.shape, dtype=bool)
    begins[:, 1:] = label[:, 1:] != label[:, :-1]
    starts = np.flatnonzero(begins)
    weight = np.take_along_axis(weights, place // m, axis=1)
    group, nearest, row = label.ravel()[starts], place.ravel()[starts], starts // places
    sums = np.full((n, places), -1.0)  # of each label, where its nearest neighbour stands
    sums[row, nearest] = np.where(group >= 0, np.add.reduceat(weight.ravel(), starts), -1.0)
    order = np.argsort(-sums, axis=1, kind="stable")[:, : int(np.bincount(row[group >= 0], minlength=1).max())]
    sums = np.take_along_axis(sums, order, axis=1)
    there = sums >= 0
    ordered = np.where(there, np.take_along_axis(labels.reshape(n, places), order, axis=1), -1)
    return Ranked(ordered, np.where(there, sums / total[:, None], 0.0))


def vote(
    ids: NDArray[np.int64],
    scores: NDArray[np.float32],
    labels: NDArray[np.int64],
    k: int,
    weights: Weights,
) -> Ranked:
    """Labels of each text from its neighbours, of which the first ``k`` vote and the others only follow.

    ``ids`` and ``scores`` (q, at least k) as a search gives them; ``labels``, int64 (examples, m), -1 for none.
    """
    alone = labels.shape[1] == 1 and len(np.unique(labels)) == len(labels)  # no two examples share a label
    parts = []
    for start in range(0, len(ids), BLOCK):
        found, near = ids[start : start + BLOCK], scores[start : start + BLOCK]
        votes = np.zeros(near.shape)
        votes[:, :k] = weigh(near[:, :k], weights)
        theirs = np.where((found >= 0)[:, :, None], labels[found], -1)
        if alone and votes[:, 0].all() and (np.diff(votes, axis=1) <= 0).all():  # then nothing is to be counted
            parts.append(Ranked(theirs[:, :, 0], votes / votes.sum(axis=1, keepdims=True)))
        else:
            parts.append(rank(theirs, votes))
    if len(parts) == 1:
        return parts[0]
    shape = (len(ids), max((part.labels.shape[1] for part in parts), default=0))
    ranked = Ranked(np.full(shape, -1, dtype=np.int64), np.zeros(shape))
    start = 0
    for part in parts:
        rows = slice(start, start + len(part.labels))
        ranked.labels[rows, : part.labels.shape[1]] = part.labels
        ranked.shares[rows, : part.labels.shape[1]] = part.shares
        start += len(part.labels)
    return ranked


def signs_of(ranked: Ranked, scores: NDArray[np.float32]) -> NDArray[np.float64]:
    """Signs of how sure the best label is, float64 (q, 4).

    The score of the nearest neighbour, the share of the best label, its lead over the next one, and how far the last
    neighbour is behind the nearest. ``scores`` are those of the neighbours that voted.
    """
    near = np.where(np.isfinite(scores), scores, 0).astype(np.float64)
    best = ranked.shares[:, 0]
    second = ranked.shares[:, 1] if ranked.shares.shape[1] > 1 else np.zeros(len(best))
    return np.column_stack([near[:, 0], best, best - second, near[:, 0] - near[:, -1]])


def table_of(ranked: Ranked, n_classes: int) -> NDArray[np.float64]:
    """The shares as a table (q, classes)."""
    table = np.zeros((len(ranked.labels), n_classes + 1))
    np.put_along_axis(table, ranked.labels, ranked.shares, axis=1)  # -1 falls into the last column
    return table[:, :-1]


def winners_marked(table: NDArray[np.float64], ranked: Ranked) -> NDArray[np.float64]:
    """The table, in which the winner among equal shares is larger by the last bit, so that argmax finds it."""
    rows, best = np.arange(len(table)), ranked.labels[:, 0]
    tied = table[rows, best] >= table.max(axis=1)
    table[rows[tied], best[tied]] = np.nextafter(table[rows[tied], best[tied]], 2)
    return table
