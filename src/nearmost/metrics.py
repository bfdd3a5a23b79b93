"""What each metric means: one score (larger is nearer) and one distance.

=========== ============================== ===================== ==============================
metric      score                          distance              notes
=========== ============================== ===================== ==============================
cosine      q.x / (|q| |x|), in [-1, 1]    1 - score             a zero vector scores 0
euclidean   -sqrt(sum((q - x)^2))          -score
dot         q.x                            -score                maximum inner product
manhattan   -sum(|q - x|)                  -score
hamming     -count(q != x)                 -score                every value is 0 or 1
=========== ============================== ===================== ==============================

Rows are ranked by score computed in float64 from the float32 values, largest first, equal scores by
smaller id; the score that is returned is that number rounded to float32.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nearmost.errors import InputError


@dataclass(frozen=True, slots=True)
class Metric:
    """One way to compare two vectors: its name and how a score becomes a distance."""

    name: str
    code: int
    """The number that the native core knows it by."""

    def distances(self, scores: NDArray[np.float32]) -> NDArray[np.float32]:
        """Distances, float32 of the same shape: smaller is nearer, +inf where no row was found."""
        if self.name == "cosine":
            return np.float32(1) - scores
        return -scores

    def __str__(self) -> str:
        return self.name


NAMES = ("cosine", "euclidean", "dot", "manhattan", "hamming")
METRICS = {name: Metric(name, code) for code, name in enumerate(NAMES)}


def metric_named(name: str | Metric) -> Metric:
    """The metric of this name.

    Raises InputError, naming the five, for any other word.
    """
    if isinstance(name, Metric):
        return name
    try:
        return METRICS[name]
    except KeyError:
        known = ", ".join(METRICS)
        raise InputError(f"metric is {name!r}; it must be one of {known}") from None
