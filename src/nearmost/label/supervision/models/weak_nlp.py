"""The label model of refinery's weak-nlp: votes weighed by the precision of their heuristics.

    precision(j, y) = of the manually labelled records to which heuristic j gave label y, the share that have it
    s(y)            = sum over the votes for y of precision * the vote's confidence
    margin          = the largest s(y), less all others;    confidence = 1 / (1 + exp(k - c * margin))

There is a label where the margin is above 0. Without manual labels every precision is 0.8. Up to July 2022 refinery
took c = 1 and k = 1, since then c = 7 and k = 3. Written from a description of what the library computes; its
confidences are no probabilities, and precision is measured on the records that learners were fitted on.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nearmost.errors import InputError
from nearmost.label.manual.tasks import ABSTAIN
from nearmost.label.votes.arrays import Evidence, Floats, Labels, Votes, WeakLabels

WITHOUT_LABELS = 0.8


@dataclass(frozen=True, slots=True, eq=False)
class WeakNlp:
    """The fitted model."""

    votes: Votes
    precision: Floats
    """(n_heuristics, n_labels)"""
    c: float
    k: float

    def predict(self) -> WeakLabels:
        """Labels and confidences as refinery stores them; they have no posteriors."""
        scores = np.zeros((self.votes.n_records, self.votes.n_labels))
        for column in range(self.votes.n_heuristics):
            rows = np.flatnonzero(self.votes.cast[:, column])
            label = self.votes.labels[rows, column]
            scores[rows, label] += self.precision[column, label] * self.votes.confidence[rows, column]
        best = scores.argmax(axis=1)
        margin = 2 * scores.max(axis=1, initial=0.0) - scores.sum(axis=1)
        chosen = (margin > 0) & self.votes.cast.any(axis=1)
        confidence = 1 / (1 + np.exp(np.clip(self.k - self.c * margin, -700, 700)))
        return WeakLabels(np.where(chosen, best, ABSTAIN), np.where(chosen, confidence, 0.0))

    def explain(self, record: int) -> list[Evidence]:
        """What each vote adds to its label's score: precision times confidence."""
        found = []
        for column, name in enumerate(self.votes.names):
            label = int(self.votes.labels[record, column])
            if label != ABSTAIN:
                weight = self.precision[column, label] * self.votes.confidence[record, column]
                found.append(Evidence(name, label, float(weight)))
        return sorted(found, key=lambda each: -each.weight)


def fit(
    votes: Votes, manual: Labels, *, c: float = 7.0, k: float = 3.0, precision: float | dict[str, float] | None = None
) -> WeakNlp:
    """The model with each heuristic's precision on the manual labels.

    ``precision`` takes the place of what was measured: one number for all, or one for each name in a dictionary.
    """
    labelled = manual != ABSTAIN
    measured = np.full((votes.n_heuristics, votes.n_labels), WITHOUT_LABELS)
    if labelled.any():
        for column in range(votes.n_heuristics):
            said, true = votes.labels[labelled, column], manual[labelled]
            cast = said != ABSTAIN
            n = np.bincount(said[cast], minlength=votes.n_labels)
            right = np.bincount(said[cast & (said == true)], minlength=votes.n_labels)
            measured[column] = right / np.maximum(n, 1)
    given = dict.fromkeys(votes.names, precision) if isinstance(precision, (int, float)) else precision or {}
    for name, value in given.items():
        if name not in votes.names or value is None or not 0 <= value <= 1:
            raise InputError(f"precision {value} of {name!r}: wanted a number from 0 to 1, of {', '.join(votes.names)}")
        measured[votes.names.index(name)] = value
    return WeakNlp(votes, measured, float(c), float(k))
