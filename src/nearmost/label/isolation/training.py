"""Trains a user's learner in the process apart, so that no record is judged by a copy that was trained on it."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nearmost.errors import InputError
from nearmost.label.isolation.learning import LearningClassifier, LearningExtractor, classes_of

with contextlib.suppress(ImportError):  # what most learners use is loaded while that can still look around
    pass


def train(learner: type[LearningClassifier], job: dict[str, Any]) -> NDArray[np.float32]:
    """Probabilities (n_asked, n_labels): of a learner trained on all labelled records, and for those themselves of
    copies that were trained without their fold."""
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
    soft = _probabilities(learner, vectors, records, labels, np.arange(n_asked), names)
    assert soft is not None
    folds = np.asarray(training["folds"], np.int64)
    for fold in np.unique(folds):
        left_out = folds == fold
        asked = records[left_out & (records < n_asked)]
        if len(asked):
            judged = _probabilities(learner, vectors, records[~left_out], labels[~left_out], asked, names)
            soft[asked] = 1 / len(names) if judged is None else judged
    return soft


def _probabilities(
    learner: type[LearningClassifier],
    vectors: NDArray[np.float32],
    records: NDArray[np.int64],
    labels: NDArray[Any],
    asked: NDArray[np.int64],
    names: Sequence[str],
) -> NDArray[np.float32] | None:
    """Those of the records asked about, by a fresh learner; None where what it learns from has one label only."""
    if len(set(labels.tolist())) < 2:
        return None
    made = learner()
    made.fit(np.array(vectors[records]), labels)
    given = np.asarray(made.predict_proba(np.array(vectors[asked])), dtype=np.float64)
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
