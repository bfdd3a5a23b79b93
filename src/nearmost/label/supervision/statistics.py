"""What each heuristic covers, with whom it agrees, and how often it is right."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nearmost.label.manual.tasks import ABSTAIN
from nearmost.label.votes.arrays import Labels, Votes, manual_labels
from nearmost.label.votes.intervals import Interval, wilson


@dataclass(frozen=True, slots=True)
class HeuristicStatistics:
    """A heuristic's votes for one label, counted."""

    heuristic: str
    label: int
    coverage: int
    """Records."""
    hits: int
    """Votes; of spans there can be several on a record."""
    overlaps: int
    """Records on which another heuristic says the same."""
    conflicts: int
    """Records on which another heuristic says something else; a record can be both."""
    right: int
    judged: int
    """Labelled records among those covered."""
    interval: Interval
    """Of the precision, 95 %."""
    out_of_fold: bool
    """Whether precision was measured on votes that the labelled record itself had no part in."""

    @property
    def precision(self) -> float:
        """``right / judged``; NaN where no labelled record is covered."""
        return self.right / self.judged if self.judged else float("nan")


def statistics(votes: Votes, manual: Labels) -> list[HeuristicStatistics]:
    """A row for each heuristic and each label that it votes for, in the votes' order."""
    known = manual_labels(manual, votes.n_records, votes.n_labels)
    labelled = known != ABSTAIN
    counts = np.zeros((votes.n_records, votes.n_labels), dtype=np.int32)
    for column in votes.labels.T:
        rows = np.flatnonzero(column != ABSTAIN)
        counts[rows, column[rows]] += 1
    total = counts.sum(axis=1)
    found = []
    for name, column in zip(votes.names, votes.labels.T, strict=True):
        judged = votes.judged(name)
        careful = name in votes.held_out or name in votes.soft
        for label in np.unique(column[column != ABSTAIN]).tolist():
            here = column == label
            weighed = (judged == label) & labelled
            right, n = int((known[weighed] == label).sum()), int(weighed.sum())
            found.append(
                HeuristicStatistics(
                    heuristic=name,
                    label=label,
                    coverage=int(here.sum()),
                    hits=int(here.sum()),
                    overlaps=int((counts[here, label] > 1).sum()),
                    conflicts=int((total[here] > counts[here, label]).sum()),
                    right=right,
                    judged=n,
                    interval=wilson(right, n),
                    out_of_fold=careful,
                )
            )
    return found
