"""Weak supervision of a project's task: its votes and labels in, weak labels kept, and everything asked of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from nearmost.errors import InputError
from nearmost.label.manual.annotations import manual, manual_multi
from nearmost.label.manual.tasks import ABSTAIN, Task, task
from nearmost.label.records.vectors import FILE, index
from nearmost.label.store.database import now
from nearmost.label.store.opened import Opened, n_rows, record_id
from nearmost.label.supervision import queue as queues
from nearmost.label.supervision.built_in import SHARE, SOURCE, Learner, with_learners
from nearmost.label.supervision.combining import PROBABILISTIC, quality
from nearmost.label.supervision.combining import supervise as supervised
from nearmost.label.supervision.confusion import Confusion
from nearmost.label.supervision.confusion import confusion as confused
from nearmost.label.supervision.neighborhood import Neighborhood
from nearmost.label.supervision.several import stats_of_several, supervise_multi, supervise_spans
from nearmost.label.supervision.statistics import HeuristicStatistics, statistics
from nearmost.label.supervision.threshold import TRUST, Threshold, pick_threshold
from nearmost.label.votes import runs, weak
from nearmost.label.votes.arrays import Labels, Votes, WeakLabels
from nearmost.label.votes.conflicts import conflicts

NEIGHBORS = 10
NOTHING = "nothing is uncertain yet: supervise first, or take by='diverse' or 'random'"
By = Literal["uncertain", "conflict", "random", "outlier", "similar", "diverse"]


def votes_of(project: Opened, task_name: str | None = None, *, enabled: bool | None = True) -> Votes:
    """The votes on a task of kind "class" as a table, a column a heuristic that has run."""
    about = _of_class(project, task_name)
    rows = runs.vote_rows(project, about, enabled=enabled)
    shape = (n_rows(project), len(rows.names))
    labels, confidence = np.full(shape, ABSTAIN, dtype=np.int16), np.zeros(shape)
    labels[rows.record, rows.heuristic], confidence[rows.record, rows.heuristic] = rows.label, rows.confidence
    return Votes.of(
        labels, confidence, names=rows.names, n_labels=len(about.labels),
        soft=rows.soft, copies=rows.copies, held_out=rows.held_out,
    )  # fmt: skip


def stats(project: Opened, task_name: str | None = None) -> list[HeuristicStatistics]:
    """A row for each heuristic and label: coverage, overlaps, conflicts, and precision with its interval.

    Of spans, precision is that of the hits, one being right where most of its characters have its label by hand.
    """
    about = task(project, task_name)
    if about.kind != "class":
        return stats_of_several(project, about)
    return statistics(votes_of(project, about.name, enabled=None), manual(project, about.name))


def supervise(
    project: Opened,
    task_name: str | None = None,
    model: str = "bayes",
    *,
    learner: bool | Learner = True,
    **options: Any,
) -> weak.WeakRun:
    """Makes weak labels of the votes of heuristics that are switched on and of labels by hand, and keeps them.

    ``model``: "bayes", "weak_nlp", "majority" or "dawid_skene", whose ``options`` follow. ``learner=True`` lets "bayes"
    begin with what is learned of the labels by hand: a classifier of the records' vectors and one of their words, each
    where there are any; "vectors" or "words" is one of them. The run's ``metrics`` tell how good weak labels are where
    somebody knows better, each record judged by a model that did not see its label, and beside it the same of those
    classifiers alone: ``manual_only``. Of several labels each is a question of its own, and the metrics are of all of
    them together. Spans are merged as refinery does, whatever the ``model``: see
    ``spans.merge_spans``.
    """
    about = task(project, task_name)
    if about.kind == "multi":
        return supervise_multi(project, about, model, learner, _near(project, model), options)
    if about.kind == "span":
        return supervise_spans(project, about, options)
    known = manual(project, about.name)
    votes, beside = with_learners(project, votes_of(project, about.name), known, learner if model == "bayes" else False)
    if SOURCE.format("words") in votes.soft:
        options = {"share": SHARE, **options}
    found = supervised(votes, known, model=model, neighborhood=_near(project, model), **options)
    metrics: dict[str, Any] = {**quality(found.held_out, known), "manual_only": beside}
    judged = np.flatnonzero(found.held_out.labelled & (known != ABSTAIN))
    metrics["held_out"] = {
        "records": judged.tolist(),
        "labels": found.held_out.labels[judged].tolist(),
        "confidence": found.held_out.confidence[judged].tolist(),
    }
    made = found.weak
    return weak.save_weak(
        project, about.name, made.labels, made.confidence, model=model, agreement=made.agreement,
        posteriors=made.posteriors, options={**options, "learner": learner, "at": now()}, metrics=metrics,
    )  # fmt: skip


def explain(project: Opened, task_name: str | None, record: int | str) -> list[tuple[str, str, float]]:
    """(source, label, weight) of what speaks for and against each label of a record, the heaviest first.

    Weights of "bayes" add up to the logarithm of the label's odds, before neighbours and calibration.
    """
    about = _of_class(project, task_name)
    number, last = record_id(project, record), weak.weak_run(project, about.name)
    if last is None:
        raise InputError(f"task {about.name!r} has no weak labels to explain; call supervise first")
    known = manual(project, about.name)
    options = dict(last.options)
    options.pop("at", None)
    learner = options.pop("learner", True)
    votes, _ = with_learners(project, votes_of(project, about.name), known, learner if last.model == "bayes" else False)
    model = supervised(votes, known, model=last.model, calibrate=False, **options).model
    return [(each.source, about.names[each.label], each.weight) for each in model.explain(number)]


def threshold(
    project: Opened, task_name: str | None = None, precision: float = 0.9, *, label: str | None = None
) -> Threshold:
    """The confidence from which on weak labels are as precise as wanted, told by the records labelled by hand alone."""
    about = _of_class(project, task_name)
    held, known, rows = _held_out(project, about)
    number = None if label is None else about.number(label)
    last = weak.weak_run(project, about.name)
    trust = TRUST if last is not None and last.model in PROBABILISTIC else 0.0
    return pick_threshold(held, known, _weak_labels(rows), precision=precision, label=number, trust=trust)


def confusion(project: Opened, task_name: str | None = None) -> Confusion:
    """Labels by hand against weak ones of a model that did not see them, with the records of each cell."""
    about = _of_class(project, task_name)
    held, known, _ = _held_out(project, about)
    return confused(held, known, about.names)


def queue(
    project: Opened,
    task_name: str | None = None,
    by: By = "uncertain",
    n: int = 50,
    *,
    like: int | str | Sequence[int | str] | None = None,
    seed: int = 0,
) -> NDArray[np.int64]:
    """The ids of n records without a label that are worth one most.

    "uncertain": the model hesitates between two labels; "conflict": heuristics differ; "outlier": unlike anything
    labelled; "similar": like the records ``like``; "diverse": unlike each other; "random": for measuring accuracy.
    """
    about = task(project, task_name)
    if n < 0:
        raise InputError(f"n is {n}; it must be 0 or more")
    done = manual_multi(project, about.name)[1] if about.kind == "multi" else _answered(project, about)
    deleted = [number for (number,) in project.database.rows("SELECT id FROM record WHERE deleted")]
    done[deleted] = True
    left = np.flatnonzero(~done)
    known = np.where(done, 0, ABSTAIN)
    if by == "random":
        return queues.at_random(left, n, seed)
    if by in ("uncertain", "conflict") and about.kind != "class":
        return _of_several(project, about, by, left)[:n]
    if by in ("uncertain", "conflict"):
        rows = weak.weak_rows(project, about.name) if weak.weak_run(project, about.name) is not None else None
        made = None if rows is None else _weak_labels(rows)
        if by == "conflict":
            return queues.conflicting(votes_of(project, about.name), left, n, made)
        if made is None:
            raise InputError(NOTHING)
        return queues.uncertain(made, left, n)
    with index(project) as found:
        vectors = found.vectors().rows
    left = left[left < len(vectors)]
    known = known[: len(vectors)]
    if by == "outlier":
        return queues.outlying(vectors, known, left, n)
    if by == "diverse":
        return queues.diverse(vectors, known, left, n, seed)
    if by != "similar":
        raise InputError(f"by is {by!r}; it must be uncertain, conflict, random, outlier, similar or diverse")
    if like is None:
        raise InputError("by='similar' wants like=, one record or several")
    several = [like] if isinstance(like, int | str) else list(like)
    return queues.similar(vectors, np.array([record_id(project, each) for each in several]), left, n)


def _of_several(project: Opened, about: Task, by: By, left: NDArray[np.int64]) -> NDArray[np.int64]:
    """Of a task of several labels or of spans: where heuristics differ, or by the label that is least sure."""
    if by == "conflict":
        return left[conflicts(project, about)[left]]
    if weak.weak_run(project, about.name) is None:
        raise InputError(NOTHING)
    rows, least = weak.weak_cells(project, about), np.full(n_rows(project), np.inf)
    np.minimum.at(least, rows["record"], rows["confidence"])
    return left[np.argsort(least[left], kind="stable")]


def _of_class(project: Opened, task_name: str | None) -> Task:
    about = task(project, task_name)
    if about.kind != "class":
        raise InputError(f"task {about.name!r} is of kind {about.kind!r}; this is for tasks with one label a record")
    return about


def _answered(project: Opened, about: Task) -> NDArray[np.bool_]:
    done = np.zeros(n_rows(project), dtype=bool)
    done[[r for (r,) in project.database.rows("SELECT record_id FROM judged WHERE task_id = ?", (about.id,))]] = True
    return done


def _near(project: Opened, model: str) -> Neighborhood | None:
    """The nearest records of each, where all have vectors."""
    if not (project.folder / FILE).exists():
        return None
    with index(project) as found:
        if len(found) != n_rows(project) or len(found) < 2:
            return None
        rows = found.vectors().rows
        ids, scores = found.search(rows, min(NEIGHBORS, len(rows) - 1), leave_out=np.arange(len(rows)))
    return Neighborhood.of(ids, scores)


def _weak_labels(rows: weak.WeakRows) -> WeakLabels:
    posteriors = None if rows.posteriors is None else rows.posteriors.astype(np.float64)
    return WeakLabels(rows.labels, rows.confidence, posteriors, rows.agreement)


def _held_out(project: Opened, about: Task) -> tuple[WeakLabels, Labels, weak.WeakRows]:
    """What the last model said of labelled records without having seen their label; the labels; all weak labels."""
    rows, last = weak.weak_rows(project, about.name), weak.weak_run(project, about.name)
    assert last is not None
    n_records = n_rows(project)
    labels, confidence = np.full(n_records, ABSTAIN, dtype=np.int64), np.zeros(n_records)
    held: dict[str, Sequence[Any]] = last.metrics.get("held_out", {"records": [], "labels": [], "confidence": []})
    labels[list(held["records"])], confidence[list(held["records"])] = held["labels"], held["confidence"]
    return WeakLabels(labels, confidence, None), manual(project, about.name), rows
