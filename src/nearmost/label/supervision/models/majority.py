"""Majority vote: every heuristic counts the same, and what it is like is not looked at."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nearmost.label.manual.tasks import ABSTAIN
from nearmost.label.votes.arrays import Evidence, Floats, Labels, Votes, WeakLabels


@dataclass(frozen=True, slots=True, eq=False)
class Majority:
    """The counted votes."""

    votes: Votes
    counts: Floats
    """(n_records, n_labels)"""

    def predict(self) -> WeakLabels:
        """The label with most votes, none where two have as many; its share of the votes is the confidence."""
        total = self.counts.sum(axis=1, keepdims=True)
        even = np.full_like(self.counts, 1 / max(1, self.votes.n_labels))
        posteriors = np.divide(self.counts, total, out=even, where=total > 0)
        most = self.counts.max(axis=1, initial=0.0)
        chosen = (most > 0) & ((self.counts == most[:, None]).sum(axis=1) == 1)
        labels = np.where(chosen, self.counts.argmax(axis=1), ABSTAIN)
        return WeakLabels(labels, np.where(chosen, posteriors.max(axis=1, initial=0.0), 0.0), posteriors)

    def explain(self, record: int) -> list[Evidence]:
        """1 for each vote."""
        row = self.votes.labels[record].tolist()
        return [Evidence(name, label, 1.0) for name, label in zip(self.votes.names, row, strict=True) if label >= 0]


def fit(votes: Votes, manual: Labels) -> Majority:
    """The votes counted; manual labels do not change them."""
    counts = np.zeros((votes.n_records, votes.n_labels))
    for column in votes.labels.T:
        rows = np.flatnonzero(column != ABSTAIN)
        counts[rows, column[rows]] += 1
    return Majority(votes, counts)
