"""What people see of a record: its values, its label, its weak label, and who voted how."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nearmost.label.manual.tasks import Task, task
from nearmost.label.records.records import records
from nearmost.label.store.opened import Opened, n_rows
from nearmost.label.votes.columns import Rows, label_numbers
from nearmost.label.votes.runs import vote_rows
from nearmost.label.votes.weak import weak_cells


@dataclass(frozen=True, slots=True)
class Mark:
    """A label of a record, or of a stretch of its text (``start`` is -1 otherwise): by hand, weak, or a vote."""

    label: int
    """Number within the task's labels."""
    confidence: float = 1.0
    start: int = -1
    end: int = -1
    by: str = ""
    """The heuristic that voted, or the author."""


@dataclass(frozen=True, slots=True)
class Card:
    """One record with all that is known of it for one task."""

    id: int
    key: str
    values: dict[str, Any]
    manual: list[Mark] = field(default_factory=list)
    weak: list[Mark] = field(default_factory=list)
    votes: list[Mark] = field(default_factory=list)
    judged: bool = False
    """Whether somebody answered, if only with: none of them."""
    n_comments: int = 0


def cards(project: Opened, ids: Sequence[int], task_name: str | None = None) -> list[Card]:
    """The records of these ids, in their order, with their labels and votes on a task."""
    about = task(project, task_name)
    numbers, wanted = about.numbers(), ",".join(str(int(each)) for each in ids)

    def marks(query: str, *parameters: Any) -> dict[int, list[Mark]]:
        found: dict[int, list[Mark]] = defaultdict(list)
        for record, label, confidence, start, end, by in project.database.rows(query, parameters):
            if label in numbers:
                found[record].append(
                    Mark(numbers[label], confidence, -1 if start is None else start, -1 if end is None else end, by)
                )
        return found

    spans = about.kind == "span"
    manual = marks(
        f"SELECT record_id, label_id, 1.0, start, stop, author FROM annotation WHERE task_id = ? AND record_id IN"
        f" ({wanted}) AND label_id IS NOT NULL ORDER BY start"
        if spans
        else "SELECT record_id, label_id, 1.0, NULL, NULL, '' FROM manual WHERE task_id = ? AND record_id IN"
        f" ({wanted})",
        about.id,
    )
    weak = _packed(weak_cells(project, about), about, ids)
    voted = vote_rows(project, about, enabled=True)
    votes: dict[int, list[Mark]] = defaultdict(list)
    for at in np.flatnonzero(np.isin(voted.record, np.asarray(ids, dtype=np.int64))).tolist():
        votes[int(voted.record[at])].append(
            Mark(int(voted.label[at]), float(voted.confidence[at]), int(voted.start[at]), int(voted.end[at]),
                 voted.names[voted.heuristic[at]])
        )  # fmt: skip
    judged = {
        record
        for (record,) in project.database.rows(
            f"SELECT record_id FROM judged WHERE task_id = ? AND record_id IN ({wanted})", (about.id,)
        )
    }
    comments = dict(
        project.database.rows(
            f"SELECT record_id, count(*) FROM comment WHERE record_id IN ({wanted}) GROUP BY record_id"
        )
    )
    return [
        Card(each.id, each.key, each.values, manual.get(each.id, []), weak.get(each.id, []), votes.get(each.id, []),
             each.id in judged, comments.get(each.id, 0))
        for each in records(project, ids)
    ]  # fmt: skip


def _packed(rows: Rows, about: Task, ids: Sequence[int]) -> dict[int, list[Mark]]:
    """The weak labels of these records."""
    rows = rows[np.isin(rows["record"], np.asarray(ids, dtype=np.int64))]
    found: dict[int, list[Mark]] = defaultdict(list)
    columns = (rows[name].tolist() for name in ("record", "confidence", "start", "stop"))
    for label, record, sure, start, end in zip(label_numbers(rows, about).tolist(), *columns, strict=True):
        found[record].append(Mark(label, sure, start, end))
    return found


def map_labels(project: Opened, task_name: str | None = None) -> NDArray[np.int64]:
    """One label by hand and one weak label of each record, (n_records, 2): numbers, -1 where it has none.

    Where a record has several, the first by hand, and the weak one that is surest.
    """
    about = task(project, task_name)
    numbers, both = about.numbers(), np.full((n_rows(project), 2), -1, dtype=np.int64)
    said = project.database.rows("SELECT record_id, label_id FROM manual WHERE task_id = ?", (about.id,))
    known = ((record, numbers[label]) for record, label in said if label in numbers)
    for record, number in sorted(known, reverse=True):
        both[record, 0] = number
    rows = np.sort(weak_cells(project, about), order="confidence")
    both[rows["record"], 1] = label_numbers(rows, about)
    return both
