"""Trains a user's learner in the process apart, so that no record is judged by a copy that was trained on it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nearmost.errors import InputError
from nearmost.label.isolation.learning import LearningClassifier, LearningExtractor, classes_of
from nearmost.label.votes.folds import N_FOLDS

Probabilities = NDArray[np.float32]


def train(learner: type[LearningClassifier], job: dict[str, Any]) -> tuple[Probabilities, Probabilities]:
    """Probabilities (n_asked, n_labels) of a learner trained on all labelled records, and (N_FOLDS, n_asked, n_labels)
    of copies that were each trained without a fold. The labelled records have theirs from the copy without them."""
    if issubclass(learner, LearningExtractor):
        raise InputError(
            f"{learner.__name__} learns spans, which wants a vector for each word; the project has one for each "
            "record. Use a function that yields label, start, end, or a lookup list"
        )
    training = job["training"]
    if training is None:
        raise InputError(
            f"{learner.__name__} is a learner, which its file must say: name LearningClassifier as its base"
        )
    vectors: NDArray[np.float32] = np.load(training["vectors"], mmap_mode="r", allow_pickle=False)
    records, labels, names = np.asarray(training["records"], np.int64), np.asarray(training["labels"]), job["labels"]
    n_labels = len(set(training["labels"]))
    if n_labels < 2:
        raise InputError(
            f"{learner.__name__} has {len(records)} labelled records to learn from, of {n_labels} "
            f"label{'s' * (n_labels != 1)}; label by hand some records of at least two labels"
        )
    n_asked = training["n_asked"]
    asked = np.array(vectors[:n_asked])
    soft = _probabilities(learner, vectors, records, labels, asked, names)
    folds = np.asarray(training["folds"], np.int64)
    copies = np.empty((N_FOLDS, *soft.shape), dtype=np.float32)
    for fold in range(N_FOLDS):
        left_out = folds == fold
        copies[fold] = (
            _probabilities(learner, vectors, records[~left_out], labels[~left_out], asked, names)
            if left_out.any()
            else soft
        )
        judged = records[left_out & (records < n_asked)]
        soft[judged] = copies[fold, judged]
    return soft, copies


def _probabilities(
    learner: type[LearningClassifier],
    vectors: NDArray[np.float32],
    records: NDArray[np.int64],
    labels: NDArray[Any],
    asked: NDArray[np.float32],
    names: Sequence[str],
) -> Probabilities:
    """Those of the vectors asked about, by a fresh learner; all the same where it could learn one label only."""
    if len(set(labels.tolist())) < 2:
        return np.full((len(asked), len(names)), 1 / len(names), dtype=np.float32)
    made = learner()
    made.fit(np.array(vectors[records]), labels)
    given = np.asarray(made.predict_proba(asked.copy()), dtype=np.float64)
    classes = classes_of(made, labels)
    if given.shape != (len(asked), len(classes)):
        raise InputError(
            f"predict_proba gave shape {given.shape}; wanted ({len(asked)}, {len(classes)}): "
            f"a row for each record, a column for each of {', '.join(classes)}"
        )
    if unknown := [name for name in classes if name not in names]:
        raise InputError(f"the learner has a class {unknown[0]!r}; the task has {', '.join(names)}")
    if not np.isfinite(given).all() or (given < 0).any() or (given.sum(axis=1) <= 0).any():
        raise InputError("predict_proba gave no probabilities: numbers are negative, not finite, or all 0 in a row")
    soft = np.zeros((len(asked), len(names)), dtype=np.float32)
    soft[:, [names.index(name) for name in classes]] = given / given.sum(axis=1, keepdims=True)
    return soft
