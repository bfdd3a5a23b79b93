"""Comments on anything in a project."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from nearmost.errors import InputError
from nearmost.label.store import journal
from nearmost.label.store.database import now
from nearmost.label.store.opened import Opened, record_id

TARGETS = ("record", "task", "label", "heuristic", "lookup", "slice", "attribute", "project")


@dataclass(frozen=True, slots=True)
class Comment:
    """What somebody wrote about something."""

    id: int
    target: str
    author: str
    body: str
    created: str


def comment(project: Opened, target: str | int, body: str, *, author: str = "me") -> Comment:
    """The new comment. ``target`` is "record:KEY" (or a record's id), "label:TASK/LABEL", "heuristic:TASK/NAME",
    "lookup:NAME", "task:NAME", "slice:NAME", "attribute:NAME" or "project"."""
    if not body.strip():
        raise InputError("the comment is empty; write something")
    name, record = _target(project, target)
    number = project.database.write(
        "INSERT INTO comment (target, record_id, author, body, created) VALUES (?, ?, ?, ?, ?)",
        (name, record, author, body, now()),
    )
    journal.note(project, "comment", {"on": name}, author=author, before=number)
    return next(each for each in comments(project, target) if each.id == number)


def comments(project: Opened, target: str | int | None = None) -> list[Comment]:
    """The comments on something, or all of them, oldest first."""
    name = None if target is None else _target(project, target)[0]
    rows = project.database.rows(
        "SELECT id, target, author, body, created FROM comment WHERE ? IS NULL OR target = ? ORDER BY id", (name, name)
    )
    return [Comment(*row) for row in rows]


def delete_comment(project: Opened, number: int) -> None:
    """Takes a comment away."""
    project.database.write("DELETE FROM comment WHERE id = ?", (number,))


def restore(project: Opened, before: Any) -> None:
    """Undoes ``comment``."""
    delete_comment(project, int(before))


def _target(project: Opened, target: str | int) -> tuple[str, int | None]:
    """The target's name, and the record's id where it is one."""
    if not isinstance(target, str):
        number = record_id(project, target)
        return f"record:{project.database.value('SELECT key FROM record WHERE id = ?', (number,))}", number
    kind, _, name = target.partition(":")
    if kind not in TARGETS or (not name and kind != "project"):
        raise InputError(
            f"target is {target!r}; it must be a record's id, or like {', '.join(f'{k}:NAME' for k in TARGETS[:-1])}"
        )
    return target, record_id(project, name) if kind == "record" else None
