"""How sure a classifier may be: logistic calibration on held-out texts, and the threshold for a wanted precision."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nearmost.errors import InputError

STEPS = 100
RIDGE = 1e-3  # keeps the weights finite where right and wrong can be told apart without an error
LEAST = 20


class Threshold(NamedTuple):
    """A threshold for ``reject_below``, and what it gave on the held-out texts."""

    threshold: float
    precision: float
    coverage: float


@dataclass(frozen=True, slots=True, eq=False)
class Calibration:
    """Weights of a logistic regression from signs of sureness to the chance that the best label is right.

    Platt 1999, "Probabilistic outputs for support vector machines", with several signs instead of one.
    """

    mean: NDArray[np.float64]
    scale: NDArray[np.float64]
    weights: NDArray[np.float64]

    @classmethod
    def fit(cls, signs: NDArray[np.float64], right: NDArray[np.bool_]) -> Calibration:
        """From held-out signs, float64 (n, some), and whether the best label was right, (n,). At least 20 texts."""
        if len(signs) < LEAST:
            raise InputError(f"calibration wants at least {LEAST} held-out texts with their labels; got {len(signs)}")
        mean, scale = signs.mean(axis=0), signs.std(axis=0)
        scale = np.where(scale > 1e-9, scale, 1)
        table = np.column_stack([np.ones(len(signs)), (signs - mean) / scale])
        good = int(right.sum())  # Platt's targets: never 0 and never 1, so that a small sample is not believed wholly
        target = np.where(right, (good + 1) / (good + 2), 1 / (len(right) - good + 2))
        weights = np.zeros(table.shape[1])
        ridge = RIDGE * len(signs) * np.eye(table.shape[1])
        ridge[0, 0] = 0
        for _ in range(STEPS):  # Newton's method
            chance = _logistic(table @ weights)
            slope = table.T @ (chance - target) + ridge @ weights
            curve = (table * (chance * (1 - chance) + 1e-9)[:, None]).T @ table + ridge
            step = np.linalg.solve(curve, slope)
            weights = weights - np.clip(step, -2, 2)
            if np.abs(step).max() < 1e-9:
                break
        return cls(mean, scale, weights)

    def chance(self, signs: NDArray[np.float64]) -> NDArray[np.float64]:
        """The chance, float64 (n,), that the best label is right."""
        return _logistic(self.weights[0] + (signs - self.mean) / self.scale @ self.weights[1:])


def spread(shares: NDArray[np.float64], chance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Probabilities, float64 (q, classes), whose largest is ``chance`` and which keep the order of the shares.

    A share that was too bold is mixed with all classes being equal, one that was too shy with certainty.
    """
    n_classes = shares.shape[1]
    if n_classes == 1:
        return np.ones_like(shares)
    best = shares.argmax(axis=1)
    top = shares.max(axis=1)
    wanted = np.clip(chance, 1 / n_classes, 1)
    even = 1 / n_classes
    bold = wanted <= top
    with np.errstate(divide="ignore", invalid="ignore"):
        keep = np.where(bold, (wanted - even) / (top - even), (1 - wanted) / (1 - top))
    keep = np.where(np.isfinite(keep), np.clip(keep, 0, 1), 1)[:, None]
    sure = np.zeros_like(shares)
    sure[np.arange(len(shares)), best] = 1
    mixed: NDArray[np.float64] = keep * shares + (1 - keep) * np.where(bold[:, None], even, sure)
    return mixed


def refused(confidence: NDArray[np.float64], reject_below: float | None) -> NDArray[np.bool_]:
    """Which answers are too doubtful to be given; none where there is no threshold."""
    if reject_below is None:
        return np.zeros(len(confidence), dtype=bool)
    if not isinstance(reject_below, int | float | np.number) or np.isnan(reject_below):
        raise InputError(f"reject_below is {reject_below!r}; it must be a confidence, from 0 to 1, or None")
    return np.asarray(confidence < reject_below)


def threshold(confidence: NDArray[np.float64], right: NDArray[np.bool_], precision: float) -> Threshold:
    """The lowest threshold at or above which this share of answers is right.

    Where none does, the threshold is above every confidence and the coverage 0.
    """
    if not 0 < precision <= 1:
        raise InputError(f"precision is {precision}; it must lie above 0 and be at most 1")
    order = np.argsort(-confidence, kind="stable")
    sorted_confidence, sorted_right = confidence[order], right[order]
    share = np.cumsum(sorted_right) / np.arange(1, len(order) + 1)
    last = np.append(sorted_confidence[1:] < sorted_confidence[:-1], True)  # answers of equal confidence go together
    good = np.flatnonzero(last & (share >= precision))
    if not len(good):
        return Threshold(float(np.nextafter(confidence.max(initial=0), np.inf)), 1.0, 0.0)
    place = int(good[-1])
    return Threshold(float(sorted_confidence[place]), float(share[place]), (place + 1) / len(order))


def _logistic(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return 1 / (1 + np.exp(-np.clip(x, -500, 500)))
