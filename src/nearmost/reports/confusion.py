"""Which classes were taken for which, and the part of a large confusion matrix that is worth looking at."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nearmost.reports.outcomes import Outcomes

Ints = NDArray[np.int64]


def pairs(outcomes: Outcomes) -> tuple[Ints, Ints, Ints]:
    """Truth, prediction and count of the pairs of classes that were confused, most rows first."""
    n = len(outcomes.labels)
    wrong = outcomes.answered & ~outcomes.correct
    codes, counts = np.unique(outcomes.truth[wrong] * n + outcomes.predicted[wrong], return_counts=True)
    order = np.argsort(-counts, kind="stable")
    truth, predicted = np.divmod(codes[order], n)
    return truth, predicted, counts[order].astype(np.int64)


def block(outcomes: Outcomes, most: int = 30) -> Ints:
    """The classes to draw a confusion matrix of: all in their order, or of many those that are confused the most.

    These are taken pair by pair, and stand so that each is near the one it is confused with most.
    """
    n = len(outcomes.labels)
    if n <= most:
        return np.arange(n, dtype=np.int64)
    truth, predicted, counts = pairs(outcomes)
    chosen: dict[int, None] = {}
    for one, other in zip(truth.tolist(), predicted.tolist(), strict=True):
        if len(chosen) + len({one, other} - chosen.keys()) <= most:
            chosen |= {one: None, other: None}
        if len(chosen) == most:
            break
    if not chosen:  # nothing was confused: the largest classes
        return np.sort(np.argsort(-np.bincount(outcomes.truth, minlength=n), kind="stable")[:most])
    classes = np.array(list(chosen), dtype=np.int64)
    place = np.full(n, -1)
    place[classes] = np.arange(len(classes))
    inside = (place[truth] >= 0) & (place[predicted] >= 0)
    links = np.zeros((len(classes), len(classes)))
    np.add.at(links, (place[truth[inside]], place[predicted[inside]]), counts[inside])
    return classes[_chain(links + links.T)]


def _chain(links: NDArray[np.float64]) -> list[int]:
    """An order in which each thing follows the one of strongest link to it that can still be had (Prim's tree)."""
    left = list(range(1, len(links)))
    order = [0]
    while left:
        strongest = links[np.ix_(order, left)].max(axis=0)
        best = int(np.argmax(strongest))  # the first, where nothing is linked to what stands already
        neighbor = int(np.argmax(links[order, left[best]]))
        order.insert(neighbor + 1 if strongest[best] else len(order), left.pop(best))
    return order


def matrix(outcomes: Outcomes, classes: Ints) -> Ints:
    """Counts of shape (classes, classes + 2): the last columns are predictions of any other class, and none."""
    n, wide = len(outcomes.labels), len(classes)
    row = np.full(n, -1)
    row[classes] = np.arange(wide)
    column = np.where(outcomes.answered, row[outcomes.predicted], wide + 1)
    column = np.where(column < 0, wide, column)
    kept = row[outcomes.truth] >= 0
    codes = row[outcomes.truth[kept]] * (wide + 2) + column[kept]
    return np.bincount(codes, minlength=wide * (wide + 2)).reshape(wide, wide + 2).astype(np.int64)
