"""How numbers become the 4-bit digits of a graph's codes: the bits go where the rows spread most.

A number with no digit is left out of the code, one with one digit has 16 levels, one with two has 256. Levels are
evenly spaced; the steps that lose least for normal numbers are those of Max (1960).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

LINE = 64
"""Bytes of a cache line."""
OFFSET = 4  # bytes of a euclidean row's own number
NOTHING = np.uint32(0xFFFFFFFF)
LEVELS = np.array([1, 16, 256])
STEPS = np.array([0.0, 0.3352, 0.0308])  # by number of digits, in standard deviations
LOST = np.array([1.0, 0.01124, 0.000095])  # of the variance
CLIPS = (0.8, 0.9, 1.0, 1.1, 1.25, 1.45)  # of the steps that are tried


@dataclass(frozen=True, slots=True)
class Digits:
    """Number k is nearly lows[k] + steps[k] c; the places of c's digits in a code are as core/graph.h says."""

    used: NDArray[np.int64]  # the numbers that have digits
    lows: NDArray[np.float32]  # of those
    steps: NDArray[np.float32]
    places: NDArray[np.uint32]  # (2, bytes)
    lost: float  # share of the rows' products that the codes do not tell

    @property
    def lines(self) -> int:
        """Cache lines of a code."""
        return int(self.places.shape[1]) // LINE

    @property
    def arrays(self) -> dict[str, NDArray[Any]]:
        """As sections of a file."""
        return {"digits.lows": self.lows, "digits.steps": self.steps, "digits.places": self.places}

    @classmethod
    def fit(cls, sample: NDArray[np.float32], *, lines: int, offset: bool) -> Digits:
        """The digits for rows like these, (n, dim) and centred, in codes of so many lines."""
        values = sample.astype(np.float64)
        spread = (values**2).sum(axis=0) / max(1, len(values))
        usable = lines * LINE - OFFSET * offset
        gains = np.stack([spread**2 * (LOST[0] - LOST[1]), spread**2 * (LOST[1] - LOST[2])]).reshape(-1)
        chosen = np.argsort(-gains, kind="stable")[: 2 * usable]
        counts = np.bincount(chosen % len(spread), minlength=len(spread))
        used = np.flatnonzero(counts)
        lows, steps = _levels(values[:, used], counts[used], np.sqrt(spread[used]))
        numbers = np.concatenate([np.arange(len(used)), np.flatnonzero(counts[used] == 2)])
        high = np.concatenate([np.zeros(len(used), np.int64), np.ones(len(numbers) - len(used), np.int64)])
        weights = np.sqrt(spread[used])[numbers] * steps[numbers] * np.where(high, 16, 1)
        order = np.argsort(weights, kind="stable")  # the heavy ones into the high bits, which have a scale of their own
        places = np.full((2, lines * LINE), NOTHING)
        slots = np.arange(2 * usable - len(order), 2 * usable)
        places[slots // usable, slots % usable] = 2 * numbers[order] + high[order]
        total = float((spread**2).sum())
        lost = float((spread**2 * LOST[counts]).sum()) / total if total > 0 else 0.0
        return cls(used, lows.astype(np.float32), steps.astype(np.float32), places, lost)


def _levels(
    values: NDArray[np.float64], counts: NDArray[np.int64], deviations: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Of some steps the ones that lose least, and the lowest levels that go with them."""
    levels = LEVELS[counts]
    best = np.full(len(counts), np.inf)
    lows, steps = np.zeros(len(counts)), np.zeros(len(counts))
    for clip in CLIPS:
        step = STEPS[counts] * deviations * clip
        low = -step * (levels - 1) / 2
        whole = np.clip(np.rint((values - low) / np.where(step > 0, step, 1)), 0, levels - 1)
        lost = ((values - low - whole * step) ** 2).sum(axis=0)
        better = lost < best
        best, lows, steps = np.where(better, lost, best), np.where(better, low, lows), np.where(better, step, steps)
    return lows, steps
