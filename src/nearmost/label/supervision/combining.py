"""Weak supervision of one task: a label model, what neighbours add, honest confidence, and what it is worth."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nearmost.errors import InputError
from nearmost.label.manual.tasks import ABSTAIN
from nearmost.label.supervision.calibration import calibration_error, fit_temperature, recalibrated
from nearmost.label.supervision.models import LabelModel, fit
from nearmost.label.supervision.neighborhood import SHARE, Neighborhood, agreement, spread
from nearmost.label.votes.arrays import Labels, Votes, WeakLabels, manual_labels
from nearmost.label.votes.folds import N_FOLDS, fold_of
from nearmost.label.votes.intervals import wilson

PROBABILISTIC = {"bayes"}
"""Models whose posteriors are probabilities, so that they can be spread and calibrated."""


@dataclass(frozen=True, slots=True, eq=False)
class Supervision:
    """Weak labels of all records, and what the same model says of labelled ones without knowing their label."""

    weak: WeakLabels
    """Of all records. The labelled ones are as in ``held_out``; with weak_nlp they are as refinery has them."""
    held_out: WeakLabels
    """Of the labelled records, by a model that was fitted without them and their fold; no label elsewhere."""
    model: LabelModel
    before: WeakLabels
    """What the model alone said, before neighbours and calibration."""
    temperature: float
    """The power of the posteriors that calibration found; 1 for models without."""


def supervise(
    votes: Votes,
    manual: Labels,
    *,
    model: str = "bayes",
    neighborhood: Neighborhood | None = None,
    share: float = SHARE,
    calibrate: bool = True,
    seed: int = 0,
    **options: Any,
) -> Supervision:
    """Weak supervision by this model; ``options`` are those of its ``fit``.

    With a neighbourhood, ``bayes`` lets ``share`` of what neighbours are thought to be flow into every record, unless
    there are learners and none of them has ``copies``: then nobody could tell how much of it is honest. Its
    confidence is then calibrated on the labelled records, each judged by a model that knows neither its label nor
    those of its fold.
    """
    known = manual_labels(manual, votes.n_records, votes.n_labels)
    if not 0 <= share < 1:
        raise InputError(f"share is {share}; it must be at least 0 and below 1")
    if model == "bayes":
        options = {"seed": seed, **options}
    fitted = fit(votes, known, model, **options)
    folds = fold_of(votes.n_records, seed)
    hidden = [np.where(folds == fold, ABSTAIN, known) for fold in range(N_FOLDS)]
    enough = model not in PROBABILISTIC or all((labels != ABSTAIN).sum() >= N_FOLDS for labels in hidden)
    cases = [fitted.predict()]
    if enough and (known != ABSTAIN).any():
        cases += [fit(_without(votes, known, f), labels, model, **options).predict() for f, labels in enumerate(hidden)]
    before = cases[0]
    if model in PROBABILISTIC and neighborhood is not None and _may_spread(votes):
        cases = _spread(cases, [known, *hidden][: len(cases)], neighborhood, share)
    held_out = _by_fold(cases[1:], folds, known)
    temperature, weak = 1.0, cases[0]
    if model in PROBABILISTIC and calibrate and held_out.labelled.any():
        judged = np.flatnonzero(held_out.labelled)
        assert held_out.posteriors is not None
        temperature = fit_temperature(held_out.posteriors[judged], known[judged])
        held_out, weak = (_kept(recalibrated(some, temperature), some) for some in (held_out, weak))
    if model != "weak_nlp" and held_out.labelled.any():
        weak = _merged(weak, held_out, known != ABSTAIN)
    if neighborhood is not None:
        weak = replace(weak, agreement=agreement(weak.labels, neighborhood))
    return Supervision(weak, held_out, fitted, before, temperature)


def quality(weak: WeakLabels, manual: Labels) -> dict[str, Any]:
    """How good weak labels are on the labelled records: accuracy k/n with its interval, coverage, calibration."""
    judged = manual != ABSTAIN
    said = judged & weak.labelled
    right = weak.labels[said] == manual[said]
    n = int(said.sum())
    return {
        "right": int(right.sum()),
        "judged": n,
        "accuracy": float(right.mean()) if n else None,
        "interval": list(wilson(int(right.sum()), n)),
        "coverage": n / int(judged.sum()) if judged.any() else None,
        "calibration_error": calibration_error(weak.confidence[said], right) if n else None,
    }


def _without(votes: Votes, known: Labels, fold: int) -> Votes:
    """The votes of learners that have not seen this fold; on labelled records they are out of fold as they are.

    A learner without copies is taken to think of other records what those with copies think on average.
    """
    if not votes.copies:
        return votes
    unseen = (known == ABSTAIN)[:, None]
    usual = np.mean([rows[fold] for rows in votes.copies.values()], axis=0)
    copies = {name: votes.copies[name][fold] if name in votes.copies else usual for name in votes.soft}
    return replace(votes, soft={name: np.where(unseen, copies[name], rows) for name, rows in votes.soft.items()})


def _may_spread(votes: Votes) -> bool:
    """Whether labelled records can be kept from hearing their own label from neighbours, told by a learner."""
    return bool(votes.copies) or not votes.soft


def _spread(cases: list[WeakLabels], known: list[Labels], near: Neighborhood, share: float) -> list[WeakLabels]:
    stack = np.stack([np.asarray(case.posteriors, dtype=np.float32) for case in cases])
    found = spread(stack, np.stack(known), near, share=share).astype(np.float64)
    found /= found.sum(axis=2, keepdims=True)
    return [WeakLabels.of_posteriors(rows) for rows in found]


def _by_fold(cases: list[WeakLabels], folds: NDArray[np.int8], known: Labels) -> WeakLabels:
    """Of each labelled record, what the case without its fold says."""
    n = len(known)
    labels, confidence = np.full(n, ABSTAIN, dtype=np.int64), np.zeros(n)
    width = None if not cases or cases[0].posteriors is None else cases[0].posteriors.shape[1]
    posteriors = None if width is None else np.full((n, width), 1 / width)
    for fold, case in enumerate(cases):
        here = (folds == fold) & (known != ABSTAIN)
        labels[here], confidence[here] = case.labels[here], case.confidence[here]
        if posteriors is not None and case.posteriors is not None:
            posteriors[here] = case.posteriors[here]
    return WeakLabels(labels, confidence, posteriors)


def _kept(changed: WeakLabels, old: WeakLabels) -> WeakLabels:
    """``changed``, with no label where there was none."""
    confidence = np.where(old.labelled, changed.confidence, 0.0)
    return WeakLabels(np.where(old.labelled, changed.labels, ABSTAIN), confidence, changed.posteriors)


def _merged(weak: WeakLabels, held_out: WeakLabels, where: NDArray[np.bool_]) -> WeakLabels:
    posteriors = weak.posteriors
    if posteriors is not None and held_out.posteriors is not None:
        posteriors = np.where(where[:, None], held_out.posteriors, posteriors)
    labels = np.where(where, held_out.labels, weak.labels)
    return WeakLabels(labels, np.where(where, held_out.confidence, weak.confidence), posteriors)
