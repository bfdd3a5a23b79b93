"""The learners that every project has without a file: one of its records' vectors, and one of their words."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from nearmost.errors import InputError, MissingExtraError, UnknownKeyError
from nearmost.label.manual.tasks import ABSTAIN
from nearmost.label.records.vectors import FILE, index, texts
from nearmost.label.store.opened import Opened
from nearmost.label.supervision.calibration import logarithms, softmax
from nearmost.label.supervision.combining import quality
from nearmost.label.votes.arrays import Labels, Votes, WeakLabels

if TYPE_CHECKING:
    from nearmost.label.supervision.learners import CrossFitted

Learner: TypeAlias = Literal["vectors", "words"]
LEARNERS: tuple[Learner, ...] = get_args(Learner)
SOURCE = "learner: {}"
"""What the learner is called beside heuristics, none of which can have a colon in its name."""
SHARE = 0.4
"""Of the neighbours in a posterior where words have a say: they know much of what neighbours would tell."""
_last: dict[bytes, Mapping[Learner, CrossFitted]] = {}
"""What was fitted last, for whoever asks next why one of these records got its label."""


def with_learners(
    project: Opened, votes: Votes, known: Labels, wanted: bool | str
) -> tuple[Votes, dict[str, Any] | None]:
    """The votes with those of the learners; and how good the learners are by themselves, which is None without any.

    ``wanted`` is True for all that the project allows, False for none, or the name of one, which is an InputError where
    the project lacks what it reads.
    """
    if not isinstance(wanted, bool) and wanted not in LEARNERS:
        raise InputError(f"learner is {wanted!r}; it must be True, False, or one of {', '.join(LEARNERS)}")
    if len(np.unique(known[known != ABSTAIN])) < 2:
        return votes, None
    vectors, words = _vectors(project, votes.n_records), _texts(project)
    try:
        learned = _fitted(vectors, words, known, votes.n_labels)
    except MissingExtraError:
        if vectors is not None or wanted == "words":
            raise
        return votes, None  # texts alone: the base installation gets by without
    if not isinstance(wanted, bool):
        if wanted not in learned:
            need = "vectors for all records: project.embed()" if wanted == "vectors" else "an attribute of text"
            raise InputError(f"learner {wanted!r} wants {need}")
        learned = {name: each for name, each in learned.items() if name == wanted}
    if not learned:
        return votes, None
    scores = sum(logarithms(each.posteriors) for each in learned.values()) / len(learned)
    alone = quality(WeakLabels.of_posteriors(softmax(np.asarray(scores))), known)
    return (votes if wanted is False else _joined(votes, learned)), alone


def _joined(votes: Votes, learned: Mapping[Learner, CrossFitted]) -> Votes:
    named = {SOURCE.format(name): each for name, each in learned.items()}
    said = [each.votes() for each in named.values()]
    return Votes.of(
        np.column_stack([votes.labels, *(labels for labels, _ in said)]),
        np.column_stack([votes.confidence, *(sure for _, sure in said)]),
        names=(*votes.names, *named), n_labels=votes.n_labels, held_out=votes.held_out,
        soft={**votes.soft, **{name: each.posteriors for name, each in named.items()}},
        copies={**votes.copies, **{name: each.copies for name, each in named.items()}},
    )  # fmt: skip


def _fitted(
    vectors: NDArray[np.float32] | None, words: list[str] | None, known: Labels, n_labels: int
) -> Mapping[Learner, CrossFitted]:
    """The learners of what there is to read; as they were where nothing has changed since the last time."""
    state = blake2b(repr((words, n_labels, None if vectors is None else vectors.shape)).encode("utf-8", "replace"))
    state.update(known.tobytes())
    if vectors is not None:
        state.update(np.ascontiguousarray(vectors).data)
    key = state.digest()
    found = _last.get(key)  # once: pages ask from several threads
    if found is None:
        found = _fit(vectors, words, known, n_labels)
        _last.clear()
        _last[key] = found
    return found


def _fit(
    vectors: NDArray[np.float32] | None, words: list[str] | None, known: Labels, n_labels: int
) -> Mapping[Learner, CrossFitted]:
    try:
        from nearmost.label.supervision.learners import cross_fit
        from nearmost.label.supervision.naive_bayes import cross_fit_words, word_weights
    except ImportError as error:
        raise MissingExtraError(
            "learners of vectors and words need scikit-learn: pip install 'nearmost[lsa]'"
        ) from error
    found: dict[Learner, CrossFitted] = {}
    if vectors is not None:
        found["vectors"] = cross_fit(vectors, known, n_labels)
    if words is not None:
        with suppress(InputError):  # no text has a word
            found["words"] = cross_fit_words(word_weights(words), known, n_labels, beside=found.get("vectors"))
    return found


def _vectors(project: Opened, n_records: int) -> NDArray[np.float32] | None:
    """The records' vectors, where all have one."""
    if not (project.folder / FILE).exists():
        return None
    with index(project) as found:
        vectors: NDArray[np.float32] = found.vectors().rows
    return vectors if len(vectors) == n_records else None


def _texts(project: Opened) -> list[str] | None:
    """What is read of each record, nothing of a deleted one; None where no attribute is text."""
    try:
        read = texts(project)
    except (InputError, UnknownKeyError):
        return None
    for (number,) in project.database.rows("SELECT id FROM record WHERE deleted"):
        read[number] = ""
    return read
