"""What scores are worth: precision at every coverage, and confidence beside accuracy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nearmost.reports.outcomes import Outcomes

Floats = NDArray[np.float64]
MOST_POINTS = 400
BINS = 10
LEAST = 0.005
ROUNDING = 1e-6  # what shares of a vote may be off by
WANTED = (0.8, 0.9, 0.95, 0.99)


@dataclass(frozen=True, slots=True, eq=False)
class Coverage:
    """If only predictions with a score of at least ``threshold`` were kept: how many, and how many of them right.

    Thresholds that keep fewer than one in 200 rows are left out: the precision of a handful of rows tells nothing.
    """

    threshold: Floats
    """Falling."""
    coverage: Floats
    """Share of all rows."""
    precision: Floats

    def at_precision(self, wanted: float) -> tuple[float, float, float] | None:
        """Threshold, coverage and precision where most rows are kept at this precision, or None where none are."""
        good = np.flatnonzero(self.precision >= wanted)
        if not len(good):
            return None
        last = int(good[-1])
        return float(self.threshold[last]), float(self.coverage[last]), float(self.precision[last])

    def plain(self, most: int = MOST_POINTS) -> dict[str, Any]:
        """As values that JSON knows: at most so many points, evenly over the coverage, and some wanted precisions."""
        wanted = np.linspace(self.coverage[0], self.coverage[-1], most)
        kept = np.unique(np.searchsorted(self.coverage, wanted - 1e-12).clip(0, len(self.coverage) - 1))
        found = {share: self.at_precision(share) for share in WANTED}
        return {
            "threshold": self.threshold[kept].tolist(),
            "coverage": self.coverage[kept].tolist(),
            "precision": self.precision[kept].tolist(),
            "wanted": [
                {
                    "wanted": share,
                    **dict(zip(("threshold", "coverage", "precision"), at or (None, 0.0, None), strict=True)),
                }
                for share, at in found.items()
            ],
        }


@dataclass(frozen=True, slots=True, eq=False)
class Reliability:
    """Predictions in bins of equal width by their score: how sure they were, and how often right."""

    confidence: Floats
    """The mean score of each bin that is not empty."""
    accuracy: Floats
    count: NDArray[np.int64]

    @property
    def error(self) -> float:
        """The expected calibration error: the mean distance of the two (Naeini, Cooper and Hauskrecht, AAAI 2015)."""
        return float((np.abs(self.confidence - self.accuracy) * self.count).sum() / max(self.count.sum(), 1))

    def plain(self) -> dict[str, Any]:
        """As values that JSON knows."""
        columns = {name: getattr(self, name).tolist() for name in ("confidence", "accuracy", "count")}
        return {**columns, "error": self.error}


def coverage_of(outcomes: Outcomes) -> Coverage | None:
    """The curve, at every threshold that makes a difference; None without scores or predictions."""
    if outcomes.confidence is None or not outcomes.answered.any():
        return None
    score = outcomes.confidence[outcomes.answered]
    correct = outcomes.correct[outcomes.answered]
    order = np.argsort(-score, kind="stable")
    score, right = score[order], np.cumsum(correct[order])
    last = np.append(np.flatnonzero(np.diff(score)), len(score) - 1)  # equal scores are kept together or not at all
    last = last[(last + 1 >= LEAST * len(outcomes)) | (last == last[-1])]
    return Coverage(score[last], (last + 1) / len(outcomes), right[last] / (last + 1))


def reliability_of(outcomes: Outcomes) -> Reliability | None:
    """The bins; None without scores, or where some are no probabilities."""
    if outcomes.confidence is None or not outcomes.answered.any():
        return None
    score = outcomes.confidence[outcomes.answered]
    if score.min() < -ROUNDING or score.max() > 1 + ROUNDING:
        return None
    score = score.clip(0, 1)
    correct = outcomes.correct[outcomes.answered]
    edges = np.linspace(0, 1, BINS + 1)
    bins = np.searchsorted(edges[1:-1], score)
    count = np.bincount(bins, minlength=BINS)
    kept = count > 0
    sums = (np.bincount(bins, weights=values, minlength=BINS)[kept] for values in (score, correct))
    confidence, accuracy = (values / count[kept] for values in sums)
    return Reliability(confidence, accuracy, count[kept].astype(np.int64))
