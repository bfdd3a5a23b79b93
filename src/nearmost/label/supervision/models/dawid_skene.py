"""Dawid & Skene 1979: how often each voter takes one label for another, found from the votes alone.

Meant for voters who name every label, such as several annotators or classifiers. Silence tells nothing here, so that
keyword rules that know a single label are better given to ``bayes``. Manual labels, where there are some, stand fast
while the rest is estimated (maximum likelihood by expectation and maximisation).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nearmost.errors import InputError
from nearmost.label.manual.tasks import ABSTAIN
from nearmost.label.supervision.calibration import TINY, softmax
from nearmost.label.supervision.models import majority
from nearmost.label.votes.arrays import Evidence, Floats, Labels, Votes, WeakLabels


@dataclass(frozen=True, slots=True, eq=False)
class DawidSkene:
    """The fitted model."""

    votes: Votes
    prior: Floats
    """(n_labels,)"""
    errors: Floats
    """(n_heuristics, n_labels, n_labels): the chance that a heuristic, where it votes, says the second of the first."""
    posteriors: Floats

    def predict(self) -> WeakLabels:
        """The most probable label of each record on which there is a vote."""
        heard = self.votes.cast.any(axis=1)
        labels = np.where(heard, self.posteriors.argmax(axis=1), ABSTAIN)
        return WeakLabels(labels, np.where(heard, self.posteriors.max(axis=1), 0.0), self.posteriors)

    def explain(self, record: int) -> list[Evidence]:
        """What each vote adds to the logarithm of each label's odds; the mean over the labels is zero."""
        sources = [("share of labels", self.prior)]
        for column, name in enumerate(self.votes.names):
            if (vote := int(self.votes.labels[record, column])) != ABSTAIN:
                sources.append((name, self.errors[column, :, vote]))
        found = []
        for name, chances in sources:
            weights = np.log(np.maximum(chances, TINY))
            found += [Evidence(name, label, each) for label, each in enumerate((weights - weights.mean()).tolist())]
        return sorted(found, key=lambda each: -abs(each.weight))


def fit(votes: Votes, manual: Labels, *, n_steps: int = 100, tolerance: float = 1e-6) -> DawidSkene:
    """The model after at most ``n_steps``, or when no posterior moves by more than ``tolerance``."""
    if not votes.cast.any():
        raise InputError("no heuristic votes on any record; run the heuristics first")
    known = np.flatnonzero(manual != ABSTAIN)
    heard = np.asarray(votes.cast.any(axis=1))
    posteriors = np.array(majority.fit(votes, manual).predict().posteriors)
    for step in range(n_steps):
        posteriors[known] = 0
        posteriors[known, manual[known]] = 1
        prior, errors = _maximised(votes, posteriors, heard)
        scores = np.tile(np.log(np.maximum(prior, TINY)), (votes.n_records, 1))
        for column, table in enumerate(np.log(np.maximum(errors, TINY))):
            rows = np.flatnonzero(votes.cast[:, column])
            scores[rows] += table[:, votes.labels[rows, column]].T
        found = softmax(scores)
        moved = float(np.abs(np.delete(found - posteriors, known, axis=0)).max(initial=0.0))
        posteriors = found
        if moved < tolerance and step:
            break
    return DawidSkene(votes, prior, errors, posteriors)


def _maximised(votes: Votes, posteriors: Floats, heard: np.ndarray) -> tuple[Floats, Floats]:
    errors = np.zeros((votes.n_heuristics, votes.n_labels, votes.n_labels))
    for column in range(votes.n_heuristics):
        for label in range(votes.n_labels):
            errors[column, :, label] = posteriors[votes.labels[:, column] == label].sum(axis=0)
    totals = errors.sum(axis=2, keepdims=True)
    errors = np.divide(errors, totals, out=np.full_like(errors, 1 / votes.n_labels), where=totals > 0)
    return posteriors[heard].mean(axis=0), errors
