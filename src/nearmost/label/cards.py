"""What people see of a record: its values, its label, its weak label, and who voted how."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from nearmost.label.opened import Opened
from nearmost.label.records import records
from nearmost.label.tasks import task


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
    weak = marks(
        "SELECT w.record_id, w.label_id, w.confidence, w.start, w.stop, '' FROM weak w WHERE w.run_id ="
        f" (SELECT max(id) FROM weak_run WHERE task_id = ?) AND w.record_id IN ({wanted})",
        about.id,
    )
    votes = marks(
        "SELECT v.record_id, v.label_id, v.confidence, v.start, v.stop, h.name FROM heuristic h JOIN vote v"
        f" ON v.run_id = h.run_id WHERE h.task_id = ? AND h.enabled AND v.record_id IN ({wanted}) ORDER BY h.id",
        about.id,
    )
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
