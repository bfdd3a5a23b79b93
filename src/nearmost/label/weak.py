"""Weak labels: what a label model made of the votes, as rows in the database."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nearmost.errors import InputError, ShapeError
from nearmost.label.database import now
from nearmost.label.opened import Opened, n_rows
from nearmost.label.tasks import ABSTAIN, task


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
        rows = [(s.record, about.label(s.label).id, s.confidence, None, s.start, s.end) for s in spans]
    else:
        if labels.shape != wanted or confidence.shape != wanted:
            raise ShapeError(f"labels {labels.shape} and confidence {confidence.shape} must have shape {wanted}")
        if about.kind == "class":
            where = np.flatnonzero(labels != ABSTAIN)
            cells = [(int(record), int(labels[record]), float(confidence[record])) for record in where]
        else:
            places = np.argwhere(labels.astype(bool))
            cells = [(int(record), int(label), float(confidence[record, label])) for record, label in places]
        agreed = None if agreement is None else [None if np.isnan(each) else float(each) for each in agreement]
        rows = [(record, ids[label], sure, agreed and agreed[record], -1, -1) for record, label, sure in cells]
    used = project.database.rows(
        "SELECT name, run_id FROM heuristic WHERE task_id = ? AND enabled AND run_id IS NOT NULL", (about.id,)
    )
    soft = None if posteriors is None else np.ascontiguousarray(posteriors, dtype="<f4").tobytes()
    with project.database.writing() as connection:
        old = "SELECT id FROM weak_run WHERE task_id = ?"
        connection.execute(f"DELETE FROM weak WHERE run_id IN ({old})", (about.id,))
        connection.execute("UPDATE weak_run SET posteriors = NULL WHERE task_id = ?", (about.id,))
        documents = (options or {}, dict(used), metrics or {})
        run = connection.execute(
            "INSERT INTO weak_run (task_id, model, options, runs, metrics, posteriors, created)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (about.id, model, *(json.dumps(each, default=_plain) for each in documents), soft, now()),
        ).lastrowid
        connection.executemany(
            "INSERT INTO weak (run_id, record_id, label_id, confidence, agreement, start, stop)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            ((run, *row) for row in rows),
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
        "SELECT w.id, w.model, (SELECT count(DISTINCT record_id) FROM weak WHERE run_id = w.id), w.metrics, w.options,"
        " w.runs, w.created FROM weak_run w WHERE w.task_id = ? ORDER BY w.id DESC LIMIT ?",
        (about.id, n),
    )
    return [
        WeakRun(number, about.name, model, n, json.loads(metrics), json.loads(options), json.loads(used), created)
        for number, model, n, metrics, options, used, created in rows
    ]


def weak_rows(project: Opened, task_name: str | None = None) -> WeakRows:
    """The weak labels of a task of kind "class". Raises InputError where nothing was supervised yet."""
    about = task(project, task_name)
    run = _current(project, about.id, about.name)
    n_records = n_rows(project)
    labels = np.full(n_records, ABSTAIN, dtype=np.int64)
    confidence = np.zeros(n_records)
    agreement = np.full(n_records, np.nan)
    numbers = about.numbers()
    rows = project.database.rows(
        "SELECT record_id, label_id, confidence, agreement FROM weak WHERE run_id = ?", (run[0],)
    )
    for record, label, sure, agreed in rows:
        if label in numbers:
            labels[record], confidence[record] = numbers[label], sure
            agreement[record] = np.nan if agreed is None else agreed
    posteriors = None
    if run[1] is not None and len(run[1]) % (4 * len(about.labels)) == 0:
        have = np.frombuffer(run[1], dtype="<f4").reshape(-1, len(about.labels))
        if len(have) <= n_records:
            posteriors = np.full((n_records, len(about.labels)), np.nan, dtype=np.float32)
            posteriors[: len(have)] = have
    return WeakRows(labels, confidence, None if np.isnan(agreement).all() else agreement, posteriors)


def weak_multi(project: Opened, task_name: str | None = None) -> NDArray[np.float64]:
    """The confidence of every label of every record, (n_records, n_labels), NaN where it was not given."""
    about = task(project, task_name)
    run = _current(project, about.id, about.name)
    found = np.full((n_rows(project), len(about.labels)), np.nan)
    numbers = about.numbers()
    rows = project.database.rows("SELECT record_id, label_id, confidence FROM weak WHERE run_id = ?", (run[0],))
    for record, label, sure in rows:
        if label in numbers:
            found[record, numbers[label]] = sure
    return found


def weak_spans(project: Opened, task_name: str | None = None) -> list[WeakSpan]:
    """The weakly labelled spans of a task, by record and start."""
    about = task(project, task_name)
    names = {label.id: label.name for label in about.labels}
    rows = project.database.rows(
        "SELECT record_id, start, stop, label_id, confidence FROM weak WHERE run_id = ? ORDER BY record_id, start",
        (_current(project, about.id, about.name)[0],),
    )
    return [
        WeakSpan(record, start, stop, names[label], sure) for record, start, stop, label, sure in rows if label in names
    ]


def _current(project: Opened, task_id: int, name: str) -> tuple[int, bytes | None]:
    row = project.database.row(
        "SELECT id, posteriors FROM weak_run WHERE task_id = ? ORDER BY id DESC LIMIT 1", (task_id,)
    )
    if row is None:
        raise InputError(f"task {name!r} has no weak labels yet; run its heuristics, then project.supervise({name!r})")
    return row[0], row[1]


def _plain(value: Any) -> Any:
    if hasattr(value, "tolist"):
        return value.tolist()
    return str(value)
