"""Runs of heuristics and the votes that they gave, as rows in the database."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nearmost.errors import InputError, UnknownKeyError
from nearmost.label.database import now
from nearmost.label.opened import Opened, n_rows
from nearmost.label.tasks import ABSTAIN, Task, task

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
    """Of a learner: probabilities (n_records, n_labels); NaN for records that came after its run."""


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
    about = task(project, task_name)
    with project.database.writing():
        number = heuristic(project, about, name).id
        project.database.write("UPDATE heuristic SET enabled = ? WHERE id = ?", (int(on), number))
        _find_conflicts(project, about)


def forget(project: Opened, task_name: str, name: str) -> None:
    """Takes a heuristic, its runs and its votes out of the database."""
    about = task(project, task_name)
    with project.database.writing():
        project.database.write("DELETE FROM heuristic WHERE id = ?", (heuristic(project, about, name).id,))
        _find_conflicts(project, about)


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
    started: str | None = None,
) -> int:
    """The id of the run, whose votes take the place of the heuristic's earlier ones.

    If ``status`` is anything but "done" the run is written down and the earlier votes stay; so they do where a vote
    names a label that the task does not have or a record that is not there (UnknownKeyError). ``soft`` float32
    (n_records, n_labels) is what a learner thinks of every record.
    """
    about = task(project, task_name)
    ids = {label.name: label.id for label in about.labels}
    n_records = n_rows(project)
    with project.database.writing():
        number = heuristic(project, about, name).id
        rows = {}
        for record, label, confidence, *where in votes if status == DONE else ():
            if label not in ids:
                about.number(label)  # says which labels there are
            if not 0 <= record < n_records:
                raise UnknownKeyError(f"a vote is about record {record}; ids go from 0 to {n_records - 1}")
            start, stop = where or (-1, -1)
            rows[int(record), ids[label], int(start), int(stop)] = float(confidence)
        run = project.database.write(
            "INSERT INTO run (heuristic_id, fingerprint, started, seconds, status, n_votes, error, log, soft)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (number, fingerprint, started or now(), seconds, status, len(rows), error, log, _packed(soft, about)),
        )
        if status == DONE:
            of_others = "SELECT id FROM run WHERE heuristic_id = ? AND id != ?"
            project.database.write(f"DELETE FROM vote WHERE run_id IN ({of_others})", (number, run))
            project.database.write(f"UPDATE run SET soft = NULL WHERE id IN ({of_others})", (number, run))
            project.database.write_many(
                "INSERT INTO vote (run_id, record_id, label_id, start, stop, confidence) VALUES (?, ?, ?, ?, ?, ?)",
                ((run, *where, confidence) for where, confidence in rows.items()),
            )
            project.database.write("UPDATE heuristic SET run_id = ? WHERE id = ?", (run, number))
            _find_conflicts(project, about)
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


def current_run(project: Opened, task_name: str, name: str) -> Run | None:
    """The run whose votes count, or None where there is none yet."""
    return next((each for each in runs(project, task_name, name, 1 << 30) if each.current), None)


def vote_rows(project: Opened, task_name: str | None = None, *, enabled: bool | None = None) -> VoteRows:
    """The votes of the heuristics of a task that have run; ``enabled=True``: only of those that are switched on."""
    about = task(project, task_name)
    found = project.database.rows(
        "SELECT h.name, h.run_id, r.soft FROM heuristic h JOIN run r ON r.id = h.run_id"
        " WHERE h.task_id = ? AND (? IS NULL OR h.enabled = ?) ORDER BY h.id",
        (about.id, enabled, enabled),
    )
    columns: list[list[Any]] = []
    for number, (_, run, _) in enumerate(found):
        rows = project.database.rows(
            "SELECT record_id, label_id, confidence, start, stop FROM vote WHERE run_id = ?", (run,)
        )
        columns += [[number, *row] for row in rows]
    table = np.array(columns, dtype=np.float64).reshape(len(columns), 6)
    numbers = about.numbers()
    labels = np.array([numbers.get(int(label), ABSTAIN) for label in table[:, 2]], dtype=np.int64)
    keep = labels >= 0
    whole = table[keep].astype(np.int64)
    n_records = n_rows(project)
    soft = {name: _unpacked(blob, about, n_records) for name, _, blob in found if blob is not None}
    names = tuple(name for name, _, _ in found)
    return VoteRows(
        names, whole[:, 0], whole[:, 1], labels[keep], table[keep, 3], whole[:, 4], whole[:, 5],
        {name: array for name, array in soft.items() if array is not None},
    )  # fmt: skip


def _find_conflicts(project: Opened, about: Task) -> None:
    """Writes down anew on which records heuristics that are switched on differ."""
    project.database.write("DELETE FROM conflict WHERE task_id = ?", (about.id,))
    project.database.write(
        "INSERT INTO conflict SELECT ?, v.record_id FROM vote v"
        " JOIN heuristic h ON h.run_id = v.run_id WHERE h.task_id = ? AND h.enabled"
        " GROUP BY v.record_id HAVING min(v.label_id) < max(v.label_id)",
        (about.id, about.id),
    )


def _packed(soft: NDArray[Any] | None, about: Task) -> bytes | None:
    if soft is None:
        return None
    rows = np.ascontiguousarray(soft, dtype="<f4")
    if rows.ndim != 2 or rows.shape[1] != len(about.labels):
        raise InputError(f"soft votes have shape {rows.shape}; wanted (n_records, {len(about.labels)})")
    return rows.tobytes()


def _unpacked(blob: bytes, about: Task, n_records: int) -> NDArray[np.float32] | None:
    """None where labels were added since: the probabilities are of another set of them."""
    row = 4 * len(about.labels)
    if len(blob) % row or len(blob) > row * n_records:
        return None
    found = np.full((n_records, len(about.labels)), np.nan, dtype=np.float32)
    have = np.frombuffer(blob, dtype="<f4").reshape(-1, len(about.labels))
    found[: len(have)] = have
    return found
