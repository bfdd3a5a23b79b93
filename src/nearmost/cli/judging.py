"""The truth about the rows of a file beside what was predicted of them, kept while the file goes by."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeAlias

from nearmost.cli.output import note
from nearmost.cli.steps import step

if TYPE_CHECKING:
    from nearmost.classify import LabelClassifier
    from nearmost.classify.sheet import Row
    from nearmost.reports import Report
    from nearmost.values import Corpus

Truth: TypeAlias = str | tuple[str, ...]


class Judge:
    """Keeps truth and prediction of every row where there is a column of truths; else nothing."""

    def __init__(self, column: str | None, separator: str | None, *, with_texts: bool) -> None:
        self._column = column
        self._separator = separator
        self._with_texts = with_texts
        self._truth: list[Truth] = []
        self._rows: list[tuple[str, str, str, float, bool]] = []
        self._same: dict[Any, Any] = {}  # one object a label, not one a row

    def passing(self, inputs: list[str], options: dict[str, Any]) -> Iterator[tuple[str, str]]:
        """(key, text) of every record; its truth stays here."""
        from nearmost.readers.corpus import iter_records

        columns = () if self._column is None else (self._column,)
        for record in iter_records(inputs, columns=columns, **options):
            if self._column is not None:
                truth = true_labels(record.columns[self._column], self._separator)
                self._truth.append(self._same.setdefault(truth, truth))
            yield record.key, record.text

    def see(self, rows: list[Row]) -> None:
        """The predictions of these rows."""
        if self._column is not None:
            one = self._same.setdefault
            for row in rows:
                labels = one(row.label, row.label), one(row.runner_up, row.runner_up)
                self._rows.append(
                    (row.text if self._with_texts else "", *labels, float(row.score), row.abstained == "true")
                )

    def report(self) -> Report | None:
        """How good the predictions are, where there is a truth; rows of which it is not known are left out."""
        from nearmost.errors import InputError
        from nearmost.reports import report
        from nearmost.reports.wording import counted

        if self._column is None:
            return None
        known = [(truth, row) for truth, row in zip(self._truth, self._rows, strict=True) if truth]
        if not known:
            raise InputError(f"no row has a true label in the column {self._column!r}; the predictions are written")
        if len(known) < len(self._rows):
            left = len(self._rows) - len(known)
            note(f"left out of the report: {counted(left, 'row')} without a true label in the column {self._column!r}")
        truths, rows = zip(*known, strict=True)
        texts, best, second, scores, abstained = zip(*rows, strict=True)
        ranked = [[label, other] if other else [label] for label, other in zip(best, second, strict=True)]
        return report(
            truths, ranked, scores, texts=texts if self._with_texts else None, abstained=abstained, top=(1, 2)
        )


def calibrated(
    classifier: LabelClassifier,
    held_out: Corpus,
    separator: str | None,
    cleaning: Callable[[str], str],
    precision: float | None,
) -> None:
    """Makes scores chances, by texts with their truth; with a precision, also has the classifier abstain below it."""
    from nearmost.errors import InputError
    from nearmost.reports.wording import counted

    (column,) = held_out.columns
    known = [
        (cleaning(text), [truth] if isinstance(truth, str) else list(truth))
        for text, value in zip(held_out.texts, held_out.columns[column], strict=True)
        if (truth := true_labels(value, separator))
    ]
    if not known:
        raise InputError(f"no row of the texts to calibrate by has a true label in the column {column!r}")
    texts, truths = zip(*known, strict=True)
    encoder = classifier.encoder_
    assert encoder is not None  # the labels are texts
    with step("calibrating") as progress:
        rows = encoder.encode(texts, progress=progress, n_threads=classifier.n_threads)
        classifier.calibrate(rows, truths)
    if precision is None:
        return
    found = classifier.choose_threshold(rows, truths, precision)
    if not found.coverage:
        raise InputError(f"no score reaches a precision of {precision:g} on the texts to calibrate by; ask for less")
    classifier.set_params(reject_below=math.floor(found.threshold * 1e6) / 1e6)  # as scores are written
    n_texts = counted(len(texts), "text")
    note(
        f"scores from {classifier.reject_below:g} on are answers: precision {found.precision:.1%} on "
        f"{found.coverage:.1%} of {n_texts}"
    )


def true_labels(value: Any, separator: str | None) -> Truth:
    """The label in a cell, or the labels of which any is right: a list, or parts between the separator.

    Written as labels are read: true as "true", 17 as "17"; "" where there is none.
    """
    if isinstance(value, list | tuple):
        return tuple(filter(None, (_name(one) for one in value)))
    name = _name(value)
    return name if separator is None else tuple(filter(None, name.split(separator)))


def _name(value: Any) -> str:
    if value is None or value != value:  # the NaN that stands for nothing
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)
