"""Precision, recall and F1 from counts, for one sample or for many resampled ones at a time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nearmost.reports.outcomes import Outcomes

Floats = NDArray[np.float64]
AVERAGES = ("micro", "macro", "weighted")
FIGURES = ("precision", "recall", "f1")


@dataclass(frozen=True, slots=True, eq=False)
class Tally:
    """How many rows of each class there are, were predicted, and both; arrays of shape (..., classes)."""

    correct: Floats
    support: Floats
    predicted: Floats

    @property
    def precision(self) -> Floats:
        """The share of the rows predicted to be of a class that are; 0 where none was."""
        return ratio(self.correct, self.predicted)

    @property
    def recall(self) -> Floats:
        """The share of the rows of a class that were predicted to be; 0 where there is none."""
        return ratio(self.correct, self.support)

    @property
    def f1(self) -> Floats:
        """The harmonic mean of both; 0 where both are."""
        return ratio(2 * self.correct, self.support + self.predicted)

    def averages(self) -> Mapping[str, Mapping[str, Floats]]:
        """micro, macro and weighted -> precision, recall and f1, each of shape (...,).

        macro is the mean over the classes that occur, in truth or prediction; weighted, over classes by their rows.
        """
        total = Tally(*(part.sum(axis=-1) for part in (self.correct, self.support, self.predicted)))
        occurs = (self.support + self.predicted > 0).astype(np.float64)
        weights = {"macro": occurs, "weighted": self.support}
        return {
            average: {
                name: getattr(total, name)
                if average == "micro"
                else ratio((getattr(self, name) * weights[average]).sum(axis=-1), weights[average].sum(axis=-1))
                for name in FIGURES
            }
            for average in AVERAGES
        }


def ratio(part: Floats, whole: Floats) -> Floats:
    """part / whole, and 0 where the whole is."""
    return np.divide(part, whole, out=np.zeros(np.shape(whole)), where=np.asarray(whole) != 0)


def tally(outcomes: Outcomes) -> Tally:
    """The counts of a sample."""
    n = len(outcomes.labels)
    truth, predicted = outcomes.truth, outcomes.predicted[outcomes.answered]
    counts = (np.bincount(codes, minlength=n) for codes in (truth[outcomes.correct], truth, predicted))
    return Tally(*(count.astype(np.float64) for count in counts))


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """The kinds of outcome that occur: rows alike in truth, prediction and rank of the first true label."""

    truth: NDArray[np.int64]
    predicted: NDArray[np.int64]
    rank: NDArray[np.int64]
    count: NDArray[np.int64]
    n_classes: int

    @classmethod
    def of(cls, outcomes: Outcomes) -> Cells:
        """The cells of a sample, ordered by truth, then prediction."""
        n, depth = len(outcomes.labels) + 1, outcomes.depth + 1
        codes = (outcomes.truth * n + outcomes.predicted + 1) * depth + outcomes.rank
        found, count = np.unique(codes, return_counts=True)
        pair, rank = np.divmod(found, depth)
        truth, predicted = np.divmod(pair, n)
        return cls(truth, predicted - 1, rank, count.astype(np.int64), n - 1)

    def figures(self, counts: Floats, tops: tuple[int, ...]) -> dict[str, Floats]:
        """The figures of samples that have ``counts`` (samples, cells) rows of each cell, by name."""
        rows = counts.sum(axis=1)
        right = self.truth == self.predicted
        answered = self.predicted >= 0
        sums = {
            "accuracy": ratio(counts[:, right].sum(axis=1), rows),
            "coverage": ratio(counts[:, answered].sum(axis=1), rows),
            "answered_accuracy": ratio(counts[:, right].sum(axis=1), counts[:, answered].sum(axis=1)),
        }
        sums |= {f"top_{n}": ratio(counts[:, self.rank < n].sum(axis=1), rows) for n in tops}
        parts = Tally(
            _add_up(counts[:, right], self.truth[right], self.n_classes),
            _add_up(counts, self.truth, self.n_classes),
            _add_up(counts[:, answered], self.predicted[answered], self.n_classes),
        )
        for average, values in parts.averages().items():
            sums |= {f"{average}_{name}": value for name, value in values.items()}
        return sums


def _add_up(counts: Floats, codes: NDArray[np.int64], n: int) -> Floats:
    """The counts of equal codes added up: (samples, cells) -> (samples, n)."""
    total = np.zeros((len(counts), n))
    if len(codes):
        order = np.argsort(codes, kind="stable")
        present, starts = np.unique(codes[order], return_index=True)
        total[:, present] = np.add.reduceat(counts[:, order], starts, axis=1)
    return total


def intervals(
    outcomes: Outcomes, tops: tuple[int, ...], *, samples: int, confidence: float, seed: int
) -> dict[str, tuple[float, float]]:
    """Name of a figure -> limits around it, as wide as the middle ``confidence`` of ``samples`` bootstrap samples.

    A sample draws as many rows as there are, with replacement (Efron 1979, Ann. Statist. 7); what that does to the
    cells is one multinomial draw, so the cost grows with the kinds of outcome and not with the rows. The limits are
    laid around the figure, not around the mean of the samples: that is lower for macro averages, because small classes
    suffer from rows drawn twice, so that the samples themselves may all lie below the figure.
    """
    cells = Cells.of(outcomes)
    generator = np.random.default_rng(seed)
    shares = cells.count / cells.count.sum()
    step = max(1, 4_000_000 // len(shares))  # 32 MB of counts at a time
    parts = [
        cells.figures(
            generator.multinomial(len(outcomes), shares, size=min(step, samples - done)).astype(np.float64), tops
        )
        for done in range(0, samples, step)
    ]
    found = cells.figures(cells.count[None].astype(np.float64), tops)
    tail = (1 - confidence) / 2
    limits = {}
    for name in parts[0]:
        values = np.concatenate([part[name] for part in parts])
        low, high = np.quantile(values, [tail, 1 - tail]) - values.mean() + found[name][0]
        limits[name] = (max(float(low), 0.0), min(float(high), 1.0))
    return limits
