"""The audit log: every change that was made, and how the last one is taken back."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from nearmost.errors import InputError
from nearmost.label.store.database import now
from nearmost.label.store.opened import Opened


@dataclass(frozen=True, slots=True)
class Event:
    """One change: what was done to what, by whom, when, and whether it was undone since."""

    id: int
    created: str
    author: str
    action: str
    what: dict[str, Any]
    undone: bool
    undoable: bool

    def __str__(self) -> str:
        said = {name: ", ".join(map(str, each)) if isinstance(each, list) else each for name, each in self.what.items()}
        about = ", ".join(f"{name} {value}" for name, value in said.items() if value is not None)
        return f"{self.action} {about}".strip()


Restore = Callable[[Opened, Any], None]
"""Puts back what an event's ``before`` holds."""


def note(
    project: Opened,
    action: str,
    what: Mapping[str, Any],
    *,
    author: str = "me",
    before: Any = None,
    after: Any = None,
) -> None:
    """Writes a change down; with ``before`` it can be undone."""
    values = (now(), author, action, json.dumps(what, ensure_ascii=False))
    states = (None if before is None else json.dumps(before), None if after is None else json.dumps(after))
    project.database.write(
        "INSERT INTO event (created, author, action, what, before, after) VALUES (?, ?, ?, ?, ?, ?)",
        (*values, *states),
    )


def history(project: Opened, n: int = 20) -> list[Event]:
    """The last n changes, the latest first."""
    if n < 0:
        raise InputError(f"n is {n}; it must be 0 or more")
    rows = project.database.rows(
        "SELECT id, created, author, action, what, undone, before IS NOT NULL FROM event ORDER BY id DESC LIMIT ?", (n,)
    )
    return [_event(row) for row in rows]


def undo(project: Opened, restorers: Mapping[str, Restore]) -> str:
    """What was undone: the latest change that can be and was not. Raises InputError where there is none."""
    with project.database.writing() as connection:
        row = connection.execute(
            "SELECT id, created, author, action, what, undone, 1, before FROM event"
            " WHERE before IS NOT NULL AND NOT undone ORDER BY id DESC LIMIT 1"
        ).fetchone()
        if row is None:
            raise InputError("there is nothing to undo: no change that can be undone is left")
        event = _event(row[:7])
        restorers[event.action](project, json.loads(row[7]))
        connection.execute("UPDATE event SET undone = 1 WHERE id = ?", (event.id,))
    return str(event)


def _event(row: Any) -> Event:
    number, created, author, action, what, undone, undoable = row
    return Event(number, created, author, action, json.loads(what), bool(undone), bool(undoable))
