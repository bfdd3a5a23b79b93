"""From which confidence on weak labels can be kept: picked on labelled records alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nearmost.errors import InputError
from nearmost.label.manual.tasks import ABSTAIN
from nearmost.label.votes.arrays import Labels, WeakLabels
from nearmost.label.votes.intervals import Interval, wilson

LEAST = 5
TRUST = 50.0
"""Labelled records that calibrated confidence counts as: with them the picked precision strays less, on news by a
tenth, and the few at the top being wrong does not leave one without a threshold."""


@dataclass(frozen=True, slots=True)
class Threshold:
    """The lowest confidence from which on labels are as precise as wanted, as far as labelled records tell."""

    confidence: float
    """Infinite where no threshold is good enough."""
    precision: float
    """Of the labelled records at or above it; NaN where there is none."""
    interval: Interval
    """Of the precision, 95 %."""
    kept: int
    """Records with a weak label at or above it."""
    judged: int
    """Labelled records among them."""
    label: int | None = None
    """The label that it is for, or None for all of them."""


def pick_threshold(
    held_out: WeakLabels,
    manual: Labels,
    weak: WeakLabels,
    *,
    precision: float = 0.9,
    label: int | None = None,
    trust: float = 0.0,
) -> Threshold:
    """The threshold for all labels, or for one.

    ``held_out`` says of labelled records what the model says that has not seen their label; ``weak`` is counted to see
    how many records are kept. Few labelled records jump about; so, where confidence is calibrated, what it promises of
    the weak labels counts as ``trust`` labelled records more. Of all thresholds at which what lies above is then as
    precise as wanted, the lowest is taken for which at least 5 labelled records speak: be it the confidence of a weak
    label between two of them, but none below them all.
    """
    if not 0 < precision <= 1:
        raise InputError(f"precision is {precision}; it must be above 0 and at most 1")
    judged = (manual != ABSTAIN) & held_out.labelled
    counted = weak.labelled
    if label is not None:
        judged, counted = judged & (held_out.labels == label), counted & (weak.labels == label)
    confidence = held_out.confidence[judged]
    right = held_out.labels[judged] == manual[judged]
    at = _lowest(confidence, right, precision, weak.confidence[counted], trust)
    above = confidence >= at
    good, n = int(right[above].sum()), int(above.sum())
    kept = int((weak.confidence[counted] >= at).sum())
    return Threshold(at, good / n if n else float("nan"), wilson(good, n), kept, n, label)


def _lowest(
    confidence: NDArray[np.float64],
    right: NDArray[np.bool_],
    precision: float,
    others: NDArray[np.float64],
    trust: float,
) -> float:
    if len(confidence) < LEAST:
        return float("inf")
    order = np.argsort(-confidence, kind="stable")
    sure, good = confidence[order], np.concatenate([[0], np.cumsum(right[order])])
    falling = np.sort(others)[::-1]
    sums = np.concatenate([[0.0], np.cumsum(falling)])
    places = np.unique(np.concatenate([sure, falling]))
    places = places[places >= sure[-1]]  # of what lies below all labelled records nobody can tell
    n, kept = (np.searchsorted(-some, -places, side="right") for some in (sure, falling))
    weight = np.where(kept > 0, trust, 0.0)
    precise = (good[n] + weight * sums[kept] / np.maximum(kept, 1)) / np.maximum(n + weight, 1)
    enough = places[(precise >= precision) & (n >= LEAST)]
    return float(enough[0]) if len(enough) else float("inf")
