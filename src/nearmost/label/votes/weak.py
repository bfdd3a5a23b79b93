"""Weak labels: what a label model made of the votes, as rows in the database."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nearmost.errors import InputError, ShapeError
from nearmost.label.manual.tasks import ABSTAIN, Task, task
from nearmost.label.store.database import now
from nearmost.label.store.opened import Opened, n_rows
from nearmost.label.votes.columns import Rows, label_numbers, packed, packed_table, unpacked, unpacked_table


@dataclass(frozen=True, slots=True)
class WeakRun:
    """One run of weak supervision: the model, how many records got a label, and how good that is thought to be."""

    id: int
    task: str
    model: str
    n_labelled: int
    metrics: dict[str, Any]
    options: dict[str, Any]
    runs: dict[str, int]
    """Heuristic -> the run whose votes were used."""
    created: str


@dataclass(frozen=True, slots=True)
class WeakSpan:
    """A stretch of text that weak supervision gave a label."""

    record: int
    start: int
    end: int
    label: str
    confidence: float


@dataclass(frozen=True, slots=True, eq=False)
class WeakRows:
    """The weak labels of all records: numbers, ABSTAIN where there is none, and how sure the model was."""

    labels: NDArray[np.int64]
    confidence: NDArray[np.float64]
    agreement: NDArray[np.float64] | None
    posteriors: NDArray[np.float32] | None


def save_weak(
    project: Opened,
    task_name: str,
    labels: NDArray[Any],
    confidence: NDArray[Any],
    *,
    model: str,
    agreement: NDArray[Any] | None = None,
    posteriors: NDArray[Any] | None = None,
    options: Mapping[str, Any] | None = None,
    metrics: Mapping[str, Any] | None = None,
    spans: list[WeakSpan] | None = None,
) -> WeakRun:
    """The run, whose labels take the place of the task's earlier weak labels.

    ``labels`` int (n_records,) with ABSTAIN, ``confidence`` (n_records,); for a task of several labels both are
    (n_records, n_labels), labels being 0 and 1; for one of spans give ``spans`` and empty arrays.
    """
    about = task(project, task_name)
    n_records = n_rows(project)
    wanted = (n_records,) if about.kind == "class" else (n_records, len(about.labels))
    ids = [label.id for label in about.labels]
    rows: list[tuple[Any, ...]]
    if spans is not None:
        rows = [(s.record, about.label(s.label).id, s.start, s.end, s.confidence, np.nan) for s in spans]
    else:
        if labels.shape != wanted or confidence.shape != wanted:
            raise ShapeError(f"labels {labels.shape} and confidence {confidence.shape} must have shape {wanted}")
        if about.kind == "class":
            where = np.flatnonzero(labels != ABSTAIN)
            cells = [(int(record), int(labels[record]), float(confidence[record])) for record in where]
        else:
            places = np.argwhere(labels.astype(bool))
            cells = [(int(record), int(label), float(confidence[record, label])) for record, label in places]
        agreed = np.full(n_records, np.nan) if agreement is None else agreement
        rows = [(record, ids[label], -1, -1, sure, agreed[record]) for record, label, sure in cells]
    used = project.database.rows(
        "SELECT name, run_id FROM heuristic WHERE task_id = ? AND enabled AND run_id IS NOT NULL", (about.id,)
    )
    soft = None if posteriors is None else packed_table(posteriors)
    n_labelled = len({row[0] for row in rows})
    documents = [json.dumps(each, default=_plain) for each in (options or {}, dict(used), metrics or {})]
    with project.database.writing() as connection:
        connection.execute("UPDATE weak_run SET labels = NULL, posteriors = NULL WHERE task_id = ?", (about.id,))
        connection.execute(
            "INSERT INTO weak_run (task_id, model, options, runs, metrics, n_labelled, labels, posteriors, created)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (about.id, model, *documents, n_labelled, packed(rows), soft, now()),
        )
    found = weak_run(project, about.name)
    assert found is not None
    return found


def weak_run(project: Opened, task_name: str | None = None) -> WeakRun | None:
    """The run that a task's weak labels are of, or None."""
    return next(iter(weak_runs(project, task_name, 1)), None)


def weak_runs(project: Opened, task_name: str | None = None, n: int = 20) -> list[WeakRun]:
    """The last n runs of weak supervision, the latest first; only the latest one's labels are kept."""
    about = task(project, task_name)
    rows = project.database.rows(
        "SELECT id, model, n_labelled, metrics, options, runs, created FROM weak_run WHERE task_id = ?"
        " ORDER BY id DESC LIMIT ?",
        (about.id, n),
    )
    return [
        WeakRun(number, about.name, model, n, json.loads(metrics), json.loads(options), json.loads(used), created)
        for number, model, n, metrics, options, used, created in rows
    ]


def weak_rows(project: Opened, task_name: str | None = None) -> WeakRows:
    """The weak labels of a task of kind "class". Raises InputError where nothing was supervised yet."""
    about = task(project, task_name)
    rows, posteriors = _current(project, about)
    n_records = n_rows(project)
    labels = np.full(n_records, ABSTAIN, dtype=np.int64)
    confidence, agreement = np.zeros(n_records), np.full(n_records, np.nan)
    where = rows["record"]
    labels[where], confidence[where], agreement[where] = (
        label_numbers(rows, about),
        rows["confidence"],
        rows["agreement"],
    )
    agreed = None if np.isnan(agreement).all() else agreement
    return WeakRows(labels, confidence, agreed, unpacked_table(posteriors, about, n_records))


def weak_multi(project: Opened, task_name: str | None = None) -> NDArray[np.float64]:
    """The confidence of every label of every record, (n_records, n_labels), NaN where it was not given."""
    about = task(project, task_name)
    rows, _ = _current(project, about)
    found = np.full((n_rows(project), len(about.labels)), np.nan)
    found[rows["record"], label_numbers(rows, about)] = rows["confidence"]
    return found


def weak_spans(project: Opened, task_name: str | None = None) -> list[WeakSpan]:
    """The weakly labelled spans of a task, by record and start."""
    about = task(project, task_name)
    rows, _ = _current(project, about)
    rows = rows[np.lexsort((rows["start"], rows["record"]))]
    columns = (rows[name].tolist() for name in ("record", "start", "stop", "confidence"))
    return [
        WeakSpan(record, start, stop, about.names[label], sure)
        for label, record, start, stop, sure in zip(label_numbers(rows, about).tolist(), *columns, strict=True)
    ]


def weak_cells(project: Opened, about: Task) -> Rows:
    """The weak labels of any task as packed rows; none where nothing was supervised yet."""
    blob = project.database.value("SELECT labels FROM weak_run WHERE task_id = ? ORDER BY id DESC LIMIT 1", (about.id,))
    rows = unpacked(blob, n_rows(project))
    return rows[label_numbers(rows, about) >= 0]


def _current(project: Opened, about: Task) -> tuple[Rows, bytes | None]:
    row = project.database.row(
        "SELECT posteriors FROM weak_run WHERE task_id = ? ORDER BY id DESC LIMIT 1", (about.id,)
    )
    if row is None:
        raise InputError(
            f"task {about.name!r} has no weak labels yet; run its heuristics, then project.supervise({about.name!r}) "
            "or nearmost label supervise"
        )
    return weak_cells(project, about), row[0]


def _plain(value: Any) -> Any:
    if hasattr(value, "tolist"):
        return value.tolist()
    return str(value)
