"""The linear probe: how well a linear classifier does on an embedding, so that nobody trades all of it for neighbours.

Multinomial logistic regression with a ridge, as scikit-learn's ``LogisticRegression`` has it with C=1, found by L-BFGS
(Liu and Nocedal 1989).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nearmost.finetuning.losses.entropy import cross_entropy

Floats = NDArray[np.float64]
STEPS = 200
REMEMBERED = 10
FLAT = 1e-5  # of the largest derivative


def probe_accuracy(
    rows: NDArray[np.float32],
    codes: NDArray[np.int64],
    asked: NDArray[np.float32],
    truth: NDArray[np.int64],
) -> float:
    """The share of ``asked`` that a linear classifier, taught with ``rows``, gives their true code."""
    weight = probe(rows, codes, int(max(codes.max(), truth.max())) + 1)
    return float(np.mean((_padded(asked) @ weight).argmax(axis=1) == truth))


def probe(rows: NDArray[np.float32], codes: NDArray[np.int64], n_classes: int) -> Floats:
    """The weights (dim + 1, classes) of the regression, the last row the intercepts, which the ridge leaves alone."""
    wide = _padded(rows)
    shape = (wide.shape[1], n_classes)
    even = np.ones(len(wide))

    def loss(flat: Floats) -> tuple[float, Floats]:
        weight = flat.reshape(shape)
        value, by_logits = cross_entropy(wide @ weight, codes, even)
        slope = wide.T @ by_logits
        slope[:-1] += weight[:-1] / len(wide)
        return value + 0.5 * float((weight[:-1] ** 2).sum()) / len(wide), slope.ravel()

    return _lowest(loss, np.zeros(shape).ravel()).reshape(shape)


def _padded(rows: NDArray[Any]) -> Floats:
    return np.concatenate([rows, np.ones((len(rows), 1), rows.dtype)], axis=1).astype(np.float64)


def _lowest(loss: Callable[[Floats], tuple[float, Floats]], start: Floats) -> Floats:
    """Where a convex function is lowest, or nearly: the direction from the last steps, its length by halving."""
    at, (value, slope) = start, loss(start)
    moves: list[tuple[Floats, Floats]] = []
    for _ in range(STEPS):
        if np.abs(slope).max() < FLAT:
            break
        direction = -_turned(slope, moves)
        length, along = 1.0 if moves else 1 / max(float(np.abs(slope).sum()), 1), float(direction @ slope)
        while True:
            there = at + length * direction
            after, new = loss(there)
            if after <= value + 1e-4 * length * along or length < 1e-10:
                break
            length /= 2
        move, change = there - at, new - slope
        if move @ change > 1e-12:
            moves = [*moves[1 - REMEMBERED :], (move, change)]
        at, value, slope = there, after, new
    return at


def _turned(slope: Floats, moves: list[tuple[Floats, Floats]]) -> Floats:
    """The slope times the inverse of the curvature that the last moves met."""
    vector, parts = slope.copy(), []
    for move, change in reversed(moves):
        part = float(move @ vector) / float(move @ change)
        vector -= part * change
        parts.append(part)
    if moves:
        move, change = moves[-1]
        vector *= float(move @ change) / float(change @ change)
    for (move, change), part in zip(moves, reversed(parts), strict=True):
        vector += (part - float(change @ vector) / float(move @ change)) * move
    return vector
