"""How far off a share may be that was counted on a few records."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Z = 1.959963984540054
"""Of an interval that holds the truth 95 times of 100."""


class Interval(NamedTuple):
    """From where to where a share may well lie."""

    low: float
    high: float


def wilson(right: int, judged: int) -> Interval:
    """The 95 % interval of a share of which ``right`` of ``judged`` were counted (Wilson 1927); 0 to 1 for none."""
    if not judged:
        return Interval(0.0, 1.0)
    share, slack = right / judged, Z * Z / judged
    middle = (share + slack / 2) / (1 + slack)
    half = Z * np.sqrt((share * (1 - share) + slack / 4) / judged) / (1 + slack)
    return Interval(max(0.0, float(middle - half)), min(1.0, float(middle + half)))


def smoothed(right: ArrayLike, judged: ArrayLike) -> NDArray[np.float64]:
    """Shares with half a right and half a wrong one added, so that one of one is not certainty (Jeffreys)."""
    return np.asarray((np.asarray(right) + 0.5) / (np.asarray(judged) + 1.0))
