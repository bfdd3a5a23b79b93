"""Records with several labels: a question with two answers for each label, and a label model for each question."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nearmost.errors import ShapeError
from nearmost.label.manual.tasks import ABSTAIN
from nearmost.label.supervision.combining import Supervision, supervise
from nearmost.label.supervision.neighborhood import Neighborhood
from nearmost.label.supervision.statistics import HeuristicStatistics
from nearmost.label.votes.arrays import Floats, Votes
from nearmost.label.votes.intervals import wilson

NO, YES = 0, 1


@dataclass(frozen=True, slots=True, eq=False)
class MultiSupervision:
    """A supervision for each label, and what they come to together."""

    by_label: tuple[Supervision, ...]

    @property
    def labels(self) -> NDArray[np.bool_]:
        """(n_records, n_labels): whether a record has a label."""
        return np.stack([part.weak.labels == YES for part in self.by_label], axis=1)

    @property
    def confidence(self) -> Floats:
        """(n_records, n_labels): how sure the answer is, be it yes or no; 0 where there is none."""
        return np.stack([part.weak.confidence for part in self.by_label], axis=1)


def question(
    label: int,
    n_records: int,
    names: Sequence[str],
    heuristic: ArrayLike,
    record: ArrayLike,
    labels: ArrayLike,
    confidence: ArrayLike,
    *,
    soft: Mapping[str, NDArray[np.float32]] | None = None,
    other_is_no: bool = True,
) -> Votes:
    """The votes on whether a record has this label, from votes in four columns; one may be cast for several labels.

    A heuristic that names other labels alone says no if ``other_is_no``, which a model that learns what that means can
    weigh. ``soft`` maps learners to the probability (n_records,) of the label.
    """
    who, where, what = (np.asarray(column, dtype=np.int64) for column in (heuristic, record, labels))
    sure = np.asarray(confidence, dtype=np.float64)
    if not len(who) == len(where) == len(what) == len(sure):
        raise ShapeError("heuristic, record, labels and confidence must be equally long")
    table = np.full((n_records, len(names)), ABSTAIN, dtype=np.int16)
    weight = np.zeros(table.shape)
    yes = what == label
    if other_is_no:
        table[where[~yes], who[~yes]] = NO
        np.maximum.at(weight, (where[~yes], who[~yes]), sure[~yes])
    table[where[yes], who[yes]] = YES
    weight[where[yes], who[yes]] = sure[yes]
    both = {name: np.stack([1 - rows, rows], axis=1) for name, rows in (soft or {}).items()}
    return Votes.of(table, weight, names=names, n_labels=2, soft=both)


def set_statistics(
    names: Sequence[str],
    heuristic: ArrayLike,
    record: ArrayLike,
    labels: ArrayLike,
    manual: NDArray[np.bool_],
    judged: NDArray[np.bool_],
) -> list[HeuristicStatistics]:
    """A row for each heuristic and each label that it votes for, from votes in three columns.

    Who votes on a record says no to the labels that it does not name: that is what conflicts are counted by.
    """
    who, where, what = (np.asarray(column, dtype=np.int64) for column in (heuristic, record, labels))

    def named(number: int) -> NDArray[np.bool_]:
        said = np.zeros(manual.shape, dtype=bool)
        said[where[who == number], what[who == number]] = True
        return said

    voters, yes = np.zeros(len(judged), dtype=np.int64), np.zeros(manual.shape, dtype=np.int64)
    for number in range(len(names)):
        voters, yes = voters + named(number).any(axis=1), yes + named(number)
    found = []
    for number, name in enumerate(names):
        said = named(number)
        for label in np.flatnonzero(said.any(axis=0)).tolist():
            here = said[:, label]
            weighed = here & judged
            right, n = int((weighed & manual[:, label]).sum()), int(weighed.sum())
            others = yes[here, label] - 1
            found.append(
                HeuristicStatistics(
                    heuristic=name, label=label, coverage=int(here.sum()), hits=int(here.sum()),
                    overlaps=int((others > 0).sum()), conflicts=int((voters[here] - 1 > others).sum()),
                    right=right, judged=n, interval=wilson(right, n), out_of_fold=False,
                )
            )  # fmt: skip
    return found


def supervise_each(
    questions: Sequence[Votes],
    manual: NDArray[np.bool_],
    judged: NDArray[np.bool_],
    *,
    model: str = "bayes",
    neighborhood: Neighborhood | None = None,
    **options: Any,
) -> MultiSupervision:
    """A label model for each question; ``manual`` (n_records, n_labels) holds on records that are ``judged``."""
    if manual.shape != (len(judged), len(questions)):
        raise ShapeError(f"manual labels have shape {manual.shape}; wanted {(len(judged), len(questions))}")
    answers = np.where(judged[:, None], manual, ABSTAIN).astype(np.int64)
    return MultiSupervision(
        tuple(
            supervise(votes, answers[:, label], model=model, neighborhood=neighborhood, **options)
            for label, votes in enumerate(questions)
        )
    )
