"""Classifiers that learn from the labelled records, and say of each what a copy says that has not seen its label."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from nearmost.errors import InputError
from nearmost.label.manual.tasks import ABSTAIN
from nearmost.label.votes.arrays import Labels, WeakLabels
from nearmost.label.votes.folds import N_FOLDS, fold_of


class Classifier(Protocol):
    """What scikit-learn's classifiers have."""

    classes_: Any

    def fit(self, vectors: Any, labels: Any, /) -> Any:
        """Learns."""

    def predict(self, vectors: Any, /) -> Any:
        """Labels."""

    def predict_proba(self, vectors: Any, /) -> Any:
        """Probabilities, a column for each of ``classes_``."""


@dataclass(frozen=True, slots=True, eq=False)
class CrossFitted:
    """Probabilities of a learner, and of its copies that each have not seen one fold."""

    posteriors: NDArray[np.float32]
    """(n_records, n_labels): of the learner that saw every label; on labelled records, of the copy without theirs."""
    copies: NDArray[np.float32]
    """(n_folds, n_records, n_labels)"""
    labelled: NDArray[np.bool_]
    """(n_records,): the records that it was fitted on."""

    def votes(
        self, min_confidence: float = 0.5, only: tuple[int, ...] | None = None
    ) -> tuple[NDArray[np.int16], NDArray[np.float32]]:
        """Labels and confidences (n_records,): the best label where it is above ``min_confidence`` and one of these."""
        best = self.posteriors.argmax(axis=1).astype(np.int16)
        sure = self.posteriors.max(axis=1)
        speaks = sure > min_confidence
        if only is not None:
            speaks &= np.isin(best, only)
        return np.where(speaks, best, np.int16(ABSTAIN)), np.where(speaks, sure, np.float32(0))


def logistic_regression(seed: int = 0, *, freedom: float = 3.0) -> Classifier:
    """The learner to begin with: every class weighs the same, however few of its records are labelled.

    ``freedom`` is scikit-learn's C.
    """
    made: Classifier = LogisticRegression(C=freedom, class_weight="balanced", max_iter=1000, random_state=seed)
    return made


def cross_fit(
    vectors: NDArray[np.floating],
    manual: Labels,
    n_labels: int,
    *,
    learner: Callable[[], Classifier] = logistic_regression,
    seed: int = 0,
) -> CrossFitted:
    """A learner fitted to all labelled records and one without each fold, so that no half of the labels lies fallow.

    A class that no record has is given a probability of 0. Raises InputError where fewer than two are labelled.
    """
    rows = two_labels(manual)
    folds = fold_of(len(manual), seed)
    full = _fitted(vectors, manual, rows, n_labels, learner)
    copies = np.stack([_fitted(vectors, manual, rows[folds[rows] != f], n_labels, learner) for f in range(N_FOLDS)])
    posteriors = full.copy()
    posteriors[rows] = copies[folds[rows], rows]
    return CrossFitted(posteriors, copies, manual != ABSTAIN)


def two_labels(manual: Labels) -> NDArray[np.int64]:
    """The labelled records. Raises InputError where they do not have two different labels."""
    rows = np.flatnonzero(manual != ABSTAIN)
    if (different := len(np.unique(manual[rows]))) < 2:
        raise InputError(f"{len(rows)} labelled records have {different} different labels; a learner wants two")
    return rows


def end_model(
    vectors: NDArray[np.floating], manual: Labels, weak: WeakLabels, *, least: float = 0.5, seed: int = 0
) -> Classifier:
    """A classifier of vectors fitted to the manual labels, and to weak ones of at least this confidence.

    Labels being many now, and some of them wrong, it is held tighter than one that learns from the manual ones alone.
    """
    labels = np.where(manual != ABSTAIN, manual, np.where(weak.confidence >= least, weak.labels, ABSTAIN))
    rows = np.flatnonzero(labels != ABSTAIN)
    model = logistic_regression(seed, freedom=1.0)
    model.fit(vectors[rows], labels[rows])
    return model


def _fitted(
    vectors: NDArray[np.floating], manual: Labels, rows: NDArray[np.int64], n_labels: int, learner: Callable[[], Any]
) -> NDArray[np.float32]:
    known = manual[rows]
    found = np.zeros((len(manual), n_labels), dtype=np.float32)
    if len(np.unique(known)) < 2:  # so few labels that a fold holds all of a class
        found[:, known[0] if len(known) else slice(None)] = 1
        found /= found.sum(axis=1, keepdims=True)
        return found
    model = learner()
    model.fit(vectors[rows], known)
    found[:, np.asarray(model.classes_, dtype=np.int64)] = model.predict_proba(vectors)
    return found
