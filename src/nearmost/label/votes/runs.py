"""Runs of heuristics and the votes that they gave, as rows in the database."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nearmost.errors import InputError, UnknownKeyError
from nearmost.label.manual.tasks import ABSTAIN, Task, task
from nearmost.label.store.database import now
from nearmost.label.store.opened import Opened, n_rows
from nearmost.label.votes.columns import (
    Rows,
    label_numbers,
    packed,
    packed_copies,
    packed_table,
    unpacked,
    unpacked_copies,
    unpacked_table,
)

Vote = tuple[int, str, float] | tuple[int, str, float, int, int]
"""record, label, confidence, and of a span start and end."""
DONE = "done"


@dataclass(frozen=True, slots=True)
class Heuristic:
    """A heuristic as the database knows it; what is in its file is not known here."""

    id: int
    task: str
    name: str
    kind: str
    path: str | None
    enabled: bool


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a heuristic; ``status`` is "done", or says why it gave no votes."""

    id: int
    heuristic: str
    fingerprint: str
    started: str
    seconds: float
    status: str
    n_votes: int
    error: str | None
    log: str
    current: int
    """Whether the votes that count are of this run."""


@dataclass(frozen=True, slots=True, eq=False)
class VoteRows:
    """All current votes on a task as columns of equal length; ``heuristic`` and ``label`` are numbers."""

    names: tuple[str, ...]
    heuristic: NDArray[np.int64]
    record: NDArray[np.int64]
    label: NDArray[np.int64]
    confidence: NDArray[np.float64]
    start: NDArray[np.int64]
    end: NDArray[np.int64]
    soft: dict[str, NDArray[np.float32]]
    """Of a learner: probabilities (n_records, n_labels); all the same for records that came after its run."""
    copies: dict[str, NDArray[np.float32]] = field(default_factory=dict)
    """Of a learner: probabilities (N_FOLDS, n_records, n_labels) of copies that have each not seen one fold."""
    held_out: dict[str, NDArray[np.int64]] = field(default_factory=dict)
    """Of a heuristic whose lists were harvested from records: its votes (n_records,), and on those records what it
    says without the terms that came from each."""


def register(project: Opened, task_name: str, name: str, kind: str, path: str | None = None) -> Heuristic:
    """The heuristic of this name, put into the database if it was not there."""
    about = task(project, task_name)
    project.database.write(
        "INSERT INTO heuristic (task_id, name, kind, path) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (task_id, name) DO UPDATE SET kind = excluded.kind, path = excluded.path"
        " WHERE kind != excluded.kind OR path IS NOT excluded.path",
        (about.id, name, kind, path),
    )
    return heuristic(project, about, name)


def heuristics(project: Opened, task_name: str | Task | None = None) -> list[Heuristic]:
    """The heuristics of a task that the database knows, in the order in which they came."""
    about = task(project, task_name)
    rows = project.database.rows(
        "SELECT id, name, kind, path, enabled FROM heuristic WHERE task_id = ? ORDER BY id", (about.id,)
    )
    return [Heuristic(number, about.name, name, kind, path, bool(on)) for number, name, kind, path, on in rows]


def heuristic(project: Opened, task_name: str | Task | None, name: str) -> Heuristic:
    """One of them. Raises UnknownKeyError."""
    known = heuristics(project, task_name)
    for each in known:
        if each.name == name:
            return each
    raise UnknownKeyError(
        f"no heuristic is called {name!r}; there are {', '.join(each.name for each in known) or 'none'}"
    )


def enable(project: Opened, task_name: str, name: str, on: bool = True) -> None:
    """Says whether a heuristic takes part in weak supervision; its votes stay either way."""
    number = heuristic(project, task_name, name).id
    project.database.write("UPDATE heuristic SET enabled = ? WHERE id = ?", (int(on), number))


def forget(project: Opened, task_name: str, name: str) -> None:
    """Takes a heuristic, its runs and its votes out of the database."""
    project.database.write("DELETE FROM heuristic WHERE id = ?", (heuristic(project, task_name, name).id,))


def save_votes(
    project: Opened,
    task_name: str,
    name: str,
    fingerprint: str,
    votes: Iterable[Vote],
    *,
    status: str = DONE,
    log: str = "",
    seconds: float = 0.0,
    error: str | None = None,
    soft: NDArray[Any] | None = None,
    copies: NDArray[Any] | None = None,
    held_out: Mapping[int, str | None] | None = None,
    started: str | None = None,
) -> int:
    """The id of the run, whose votes take the place of the heuristic's earlier ones.

    If ``status`` is anything but "done" the run is written down and the earlier votes stay; so they do where a vote
    names a label that the task does not have or a record that is not there (UnknownKeyError). ``soft`` float32
    (n_records, n_labels) is what a learner thinks of every record, ``copies`` (N_FOLDS, n_records, n_labels) what it
    thinks where it has not seen a fold; ``held_out`` what the heuristic says of records from which its lists were
    harvested, without what came from each.
    """
    about = task(project, task_name)
    ids = {label.name: label.id for label in about.labels}
    n_records = n_rows(project)
    if soft is not None and (soft.ndim != 2 or soft.shape[1] != len(about.labels)):
        raise InputError(f"soft votes have shape {soft.shape}; wanted (n_records, {len(about.labels)})")
    with project.database.writing():
        number = heuristic(project, about, name).id
        rows = {}
        for record, label, confidence, *where in votes if status == DONE else ():
            if label not in ids:
                about.number(label)  # says which labels there are
            if not 0 <= record < n_records:
                raise UnknownKeyError(f"a vote is about record {record}; ids go from 0 to {n_records - 1}")
            rows[(record, ids[label], *(where or (-1, -1)))] = (confidence, np.nan)
        blobs: list[bytes | None] = [None, None, None, None]
        if status == DONE:
            blobs = [
                packed((*place, *sure) for place, sure in rows.items()),
                None if soft is None else packed_table(soft),
                None if copies is None else packed_copies(copies),
                held_out if held_out is None else packed(_held_rows(held_out, ids)),
            ]
        run = project.database.write(
            "INSERT INTO run"
            " (heuristic_id, fingerprint, started, seconds, status, n_votes, error, log, votes, soft, copies, held_out)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (number, fingerprint, started or now(), seconds, status, len(rows), error, log, *blobs),
        )
        if status == DONE:
            others = "votes = NULL, soft = NULL, copies = NULL, held_out = NULL WHERE heuristic_id = ? AND id != ?"
            project.database.write(f"UPDATE run SET {others}", (number, run))
            project.database.write("UPDATE heuristic SET run_id = ? WHERE id = ?", (run, number))
    return run


def runs(project: Opened, task_name: str, name: str | None = None, n: int = 20) -> list[Run]:
    """The last n runs of a task's heuristics, or of one of them, the latest first."""
    about = task(project, task_name)
    rows = project.database.rows(
        "SELECT r.id, h.name, r.fingerprint, r.started, r.seconds, r.status, r.n_votes, r.error, r.log,"
        " r.id IS h.run_id"
        " FROM run r JOIN heuristic h ON h.id = r.heuristic_id"
        " WHERE h.task_id = ? AND (? IS NULL OR h.name = ?) ORDER BY r.id DESC LIMIT ?",
        (about.id, name, name, n),
    )
    return [Run(*row) for row in rows]


def standing_runs(project: Opened, task_name: str | Task) -> list[Run]:
    """Of each heuristic of a task the latest run and the one whose votes count, the latest first."""
    about = task(project, task_name)
    rows = project.database.rows(
        "SELECT r.id, h.name, r.fingerprint, r.started, r.seconds, r.status, r.n_votes, r.error, r.log,"
        " r.id IS h.run_id"
        " FROM run r JOIN heuristic h ON h.id = r.heuristic_id WHERE h.task_id = ? AND"
        " (r.id = h.run_id OR r.id = (SELECT max(id) FROM run WHERE heuristic_id = h.id)) ORDER BY r.id DESC",
        (about.id,),
    )
    return [Run(*row) for row in rows]


def current_run(project: Opened, task_name: str, name: str) -> Run | None:
    """The run whose votes count, or None where there is none yet."""
    return next((each for each in runs(project, task_name, name, 1 << 30) if each.current), None)


def vote_rows(project: Opened, task_name: str | Task | None = None, *, enabled: bool | None = None) -> VoteRows:
    """The votes of the heuristics of a task that have run; ``enabled=True``: only of those that are switched on."""
    about = task(project, task_name)
    n_records = n_rows(project)
    found = project.database.rows(
        "SELECT h.name, r.votes, r.soft, r.copies, r.held_out FROM heuristic h JOIN run r ON r.id = h.run_id"
        " WHERE h.task_id = ? AND (? IS NULL OR h.enabled = ?) ORDER BY h.id",
        (about.id, enabled, enabled),
    )
    parts = [unpacked(blob, n_records) for _, blob, *_ in found]
    rows = np.concatenate([*parts, unpacked(None, 0)])
    heuristic = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
    labels = label_numbers(rows, about)
    known = labels >= 0
    rows, heuristic, labels = rows[known], heuristic[known], labels[known]
    soft = {name: unpacked_table(blob, about, n_records) for name, _, blob, *_ in found}
    copies = {name: unpacked_copies(blob, about, n_records) for name, *_, blob, _ in found if soft[name] is not None}
    return VoteRows(
        tuple(name for name, *_ in found),
        heuristic,
        rows["record"].astype(np.int64),
        labels,
        rows["confidence"].astype(np.float64),
        rows["start"].astype(np.int64),
        rows["stop"].astype(np.int64),
        {name: table for name, table in soft.items() if table is not None},
        {name: tables for name, tables in copies.items() if tables is not None},
        {
            name: _held_out(part, unpacked(blob, n_records), about, n_records)
            for (name, *_, blob), part in zip(found, parts, strict=True)
            if blob is not None
        },
    )


def _held_rows(held_out: Mapping[int, str | None], ids: Mapping[str, int]) -> Iterator[tuple[Any, ...]]:
    for record, label in held_out.items():
        yield record, -1 if label is None else ids[label], -1, -1, 1.0, np.nan


def _held_out(votes: Rows, judged: Rows, about: Task, n_records: int) -> NDArray[np.int64]:
    """(n_records,): the votes, and in their place what was said without the record's own part in the lists."""
    column = np.full(n_records, ABSTAIN, dtype=np.int64)
    for rows in (votes, judged):
        column[rows["record"]] = label_numbers(rows, about)
    return column
