"""Report: how good predictions are, in figures, classes and confusions."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from nearmost.errors import InputError
from nearmost.reports import page, wording
from nearmost.reports.confusion import pairs
from nearmost.reports.curves import Coverage, Reliability, coverage_of, reliability_of
from nearmost.reports.outcomes import Outcomes, outcomes_of
from nearmost.reports.tally import FIGURES, Cells, Tally, intervals, tally

TOPS = (1, 3, 5, 10)
COLUMNS = ("label", *FIGURES, "support", "predicted")
MOST_PAIRS = 1000  # in JSON


@dataclass(frozen=True, slots=True)
class Confusion:
    """Rows of one class that were taken for another."""

    truth: str
    predicted: str
    count: int
    share: float
    """Of the rows of the true class."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Report:
    """How good predictions are. ``print(report)`` shows the most important; ``save`` writes all of it.

    ``figures`` is name -> value: ``accuracy``, ``coverage`` (the share of rows with a prediction),
    ``answered_accuracy`` (of those alone), ``top_3`` and so on, ``macro_precision``, ``micro_recall``, ``weighted_f1``
    and the like. ``intervals`` has the same names, with two limits each.
    """

    outcomes: Outcomes
    figures: Mapping[str, float]
    intervals: Mapping[str, tuple[float, float]]
    level: float
    """Of the intervals: 0.95, unless asked otherwise."""

    @property
    def accuracy(self) -> float:
        """The share of rows whose prediction is true; no prediction counts as a wrong one."""
        return self.figures["accuracy"]

    @property
    def labels(self) -> Sequence[str]:
        """The classes that occur in truth or prediction, sorted: the rows of ``classes``."""
        return self.outcomes.labels

    @property
    def classes(self) -> Tally:
        """Precision, recall, f1, support and predictions of each of ``labels``, as arrays."""
        return tally(self.outcomes)

    @property
    def confusions(self) -> list[Confusion]:
        """The pairs of classes that were confused, most rows first."""
        truth, predicted, counts = (values.tolist() for values in pairs(self.outcomes))
        support = self.classes.support
        return [
            Confusion(self.labels[one], self.labels[other], count, count / float(support[one]))
            for one, other, count in zip(truth, predicted, counts, strict=True)
        ]

    @property
    def coverage(self) -> Coverage | None:
        """How many predictions a threshold on the score keeps and how many of those are right; None without scores."""
        return coverage_of(self.outcomes)

    @property
    def reliability(self) -> Reliability | None:
        """Score beside accuracy; None without scores between 0 and 1."""
        return reliability_of(self.outcomes)

    def text(self) -> str:
        """The figures with their intervals, the weakest classes and the most confused pairs, for a terminal."""
        return wording.text(self.plain())

    def __str__(self) -> str:
        return self.text()

    def __repr__(self) -> str:
        return f"<Report on {len(self.outcomes)} rows of {len(self.labels)} classes, accuracy {self.accuracy:.4f}>"

    def json(self) -> str:
        """All figures, classes, confusions and curves, as one JSON document."""
        return json.dumps(self.plain(), ensure_ascii=False, allow_nan=False, indent=1)

    def csv(self) -> str:
        """A line a class: label, precision, recall, f1, support, predicted."""
        stream = io.StringIO()
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerows([COLUMNS, *(row.values() for row in self.plain()["classes"])])
        return stream.getvalue()

    def html(self, title: str = "Classification report") -> str:
        """One page that needs nothing else: figures, pictures, and the texts behind every confusion."""
        return page.page(self.plain(), self.outcomes, title)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the report; the suffix says what: .txt, .json, .csv or .html."""
        formats = {".txt": self.text, ".json": self.json, ".csv": self.csv, ".html": self.html}
        suffix = Path(path).suffix.lower()
        if suffix not in formats:
            raise InputError(f"{os.fspath(path)}: the suffix is {suffix!r}; it must be one of {', '.join(formats)}")
        Path(path).write_text(formats[suffix]().rstrip("\n") + "\n", encoding="utf-8", errors="backslashreplace")

    def plain(self) -> dict[str, Any]:
        """What ``json`` writes, as plain values; ``text`` and ``html`` show nothing but these."""
        classes, curve, bins = self.classes, self.coverage, self.reliability
        columns = [getattr(classes, name).tolist() for name in FIGURES]
        columns += [getattr(classes, name).astype(int).tolist() for name in ("support", "predicted")]
        return {
            "n_rows": len(self.outcomes),
            "n_classes": len(self.labels),
            "figures": dict(self.figures),
            "intervals": {"level": self.level, **{name: list(limits) for name, limits in self.intervals.items()}},
            "classes": [dict(zip(COLUMNS, row, strict=True)) for row in zip(self.labels, *columns, strict=True)],
            "confusions": [asdict(each) for each in self.confusions[:MOST_PAIRS]],
            "coverage": None if curve is None else curve.plain(),
            "reliability": None if bins is None else bins.plain(),
        }


def report(
    truth: Iterable[Any],
    predicted: Iterable[Any],
    scores: ArrayLike | None = None,
    *,
    texts: Sequence[str] | None = None,
    labels: Sequence[Any] | None = None,
    abstained: ArrayLike | None = None,
    top: Sequence[int] = TOPS,
    samples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Report:
    """How good the predictions are: a Report.

    ``truth`` holds a label a row, or several in a list or set: then any of them is right. ``predicted`` holds a label a
    row, None where the classifier abstained; or a list of labels a row, the best first, for top-n accuracy.
    ``scores`` say how sure: one a row, or one for each ranked label, or, with ``labels`` naming the columns, one for
    each label as ``predict_proba`` gives. ``abstained`` marks rows whose prediction was withheld. ``texts`` are shown
    in the HTML page. Intervals come from ``samples`` bootstrap samples; 0 leaves them out.

    Every figure equals scikit-learn's with ``zero_division=0``; where a row has several true labels, after putting
    the predicted one in their place if it is among them, and else the first (of a set: in sorted order). An abstained
    row is wrong, and counts in the recall of its class and in no precision.
    """
    if samples < 0 or not 0 < level < 1:
        raise InputError(f"samples is {samples} and level {level}; wanted 0 or more samples, and 0 < level < 1")
    if any(n < 1 for n in top):
        raise InputError(f"top is {list(top)}; every number must be at least 1")
    outcomes = outcomes_of(
        truth, predicted, scores, labels=labels, texts=texts, abstained=abstained, most=max(top, default=1)
    )
    tops = tuple(sorted({n for n in top if n <= outcomes.depth}))
    cells = Cells.of(outcomes)
    figures = {
        name: float(value[0]) for name, value in cells.figures(cells.count[None].astype(np.float64), tops).items()
    }
    limits = intervals(outcomes, tops, samples=samples, confidence=level, seed=seed) if samples else {}
    return Report(outcomes, figures, limits, level)
