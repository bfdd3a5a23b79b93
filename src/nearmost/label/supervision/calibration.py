"""From scores to probabilities that come true as often as they say: scales fitted on labelled records."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nearmost.label.votes.arrays import Floats, Labels, WeakLabels

TINY = 1e-9
STEPS = 50
MOST = 5.0
N_BINS = 10


def softmax(scores: Floats) -> Floats:
    """Probabilities (..., n_labels) of scores that are logarithms but for a constant a row."""
    lifted = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return np.asarray(lifted / lifted.sum(axis=-1, keepdims=True))


def logarithms(posteriors: NDArray[np.floating]) -> Floats:
    """Their logarithms, a probability of zero being taken for a very small one."""
    return np.asarray(np.log(np.maximum(np.asarray(posteriors, dtype=np.float64), TINY)))


def fit_scales(parts: Floats, labels: Labels, start: Floats, ridge: float = 1.0) -> Floats:
    """A weight, from 0 to 5, for each part of a score, so that the labels become most probable.

    ``parts`` is (n, n_labels, n_parts); the score of a label is the weighted sum. ``ridge`` holds the weights near
    ``start``, as if that many records more spoke for it. One part alone is temperature scaling (Guo et al. 2017).
    """
    weights = np.array(start, dtype=np.float64)
    if not len(labels):
        return weights
    truth = parts[np.arange(len(labels)), labels]

    def loss(at: Floats) -> float:
        scores = parts @ at
        top = scores.max(axis=1, keepdims=True)
        total = (np.log(np.exp(scores - top).sum(axis=1)) + top[:, 0] - truth @ at).sum()
        return float(total + ridge * ((at - start) ** 2).sum())

    now = loss(weights)
    for _ in range(STEPS):  # Newton's method, halving a step that leads upwards
        chance = softmax(parts @ weights)
        mean = np.einsum("nl,nlp->np", chance, parts)
        slope = (mean - truth).sum(axis=0) + 2 * ridge * (weights - start)
        curve = np.einsum("nl,nlp,nlq->pq", chance, parts, parts) - mean.T @ mean + 2 * ridge * np.eye(len(weights))
        free = (weights > 0) | (slope < 0)
        step = np.zeros_like(weights)
        step[free] = np.linalg.solve(curve[np.ix_(free, free)], slope[free])
        for _ in range(20):
            tried = np.clip(weights - step, 0, MOST)
            then = loss(tried)
            if then <= now:
                break
            step = step / 2
        else:
            break
        moved, weights, now = float(np.abs(tried - weights).max()), tried, then
        if moved < 1e-8:
            break
    return weights


def fit_temperature(posteriors: Floats, labels: Labels) -> float:
    """The power of the posteriors (n, n_labels) that makes these labels most probable; below 1 they were too bold."""
    return float(fit_scales(logarithms(posteriors)[:, :, None], labels, np.ones(1))[0])


def sharpened(posteriors: Floats, power: float) -> Floats:
    """The posteriors to this power, adding up to 1 again."""
    return softmax(power * logarithms(posteriors))


def calibration_error(confidence: NDArray[np.floating], right: NDArray[np.bool_]) -> float:
    """The expected calibration error over ten bins of equal width (Naeini et al. 2015); NaN where there is no row."""
    if not len(confidence):
        return float("nan")
    bins = np.minimum((np.asarray(confidence, dtype=np.float64) * N_BINS).astype(int), N_BINS - 1)
    n = np.bincount(bins, minlength=N_BINS)
    gap = np.bincount(bins, confidence, minlength=N_BINS) - np.bincount(bins, right, minlength=N_BINS)
    return float(np.abs(gap[n > 0]).sum() / len(confidence))


def recalibrated(weak: WeakLabels, power: float) -> WeakLabels:
    """The same labels, their probabilities to this power."""
    if weak.posteriors is None:
        return weak
    return WeakLabels.of_posteriors(sharpened(weak.posteriors, power))
