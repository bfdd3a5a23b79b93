"""Slices: records picked by a query, asked anew each time, or held fast as they were."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from nearmost.errors import InputError, UnknownKeyError
from nearmost.label.browsing import querying
from nearmost.label.store import journal
from nearmost.label.store.database import now
from nearmost.label.store.opened import Opened


@dataclass(frozen=True, slots=True)
class Slice:
    """A named query; a static one keeps the records that it found when it was saved."""

    name: str
    query: str
    task: str | None
    static: bool
    created: str


def save_slice(
    project: Opened, name: str, query: str, *, static: bool = False, task: str | None = None, author: str = "me"
) -> Slice:
    """The slice of this name, which takes the place of an earlier one. ``static=True`` keeps today's records."""
    if not name.strip() or '"' in name:
        raise InputError(f"a slice is called {name!r}; its name must not be empty and not hold a double quote")
    if f"slice:{name}".casefold() in query.casefold().replace('"', ""):
        raise InputError(f"slice {name!r} would be made of itself; take slice:{name} out of its query")
    found = querying.matching(project, query, task)
    with project.database.writing() as connection:
        before = _state(project, name)
        connection.execute("DELETE FROM slice WHERE name = ?", (name,))
        _put(project, {"name": name, "query": query, "task": task, "static": static, "created": now()}, found.tolist())
        journal.note(project, "save_slice", {"slice": name}, author=author, before={"name": name, "state": before})
    return next(each for each in slices(project) if each.name == name)


def save_members(project: Opened, name: str, members: list[int]) -> None:
    """A static slice of these records."""
    project.database.write("DELETE FROM slice WHERE name = ?", (name,))
    _put(project, {"name": name, "query": "", "task": None, "static": True, "created": now()}, members)


def slices(project: Opened) -> list[Slice]:
    """All slices, by name."""
    rows = project.database.rows("SELECT name, query, task, static, created FROM slice ORDER BY name")
    return [Slice(name, query, task, bool(static), created) for name, query, task, static, created in rows]


def delete_slice(project: Opened, name: str, *, author: str = "me") -> None:
    """Takes a slice away; its records stay. Raises UnknownKeyError."""
    with project.database.writing() as connection:
        before = _state(project, name)
        if before is None:
            known = ", ".join(each.name for each in slices(project)) or "none"
            raise UnknownKeyError(f"there is no slice {name!r}; there are {known}")
        connection.execute("DELETE FROM slice WHERE name = ?", (name,))
        journal.note(project, "delete_slice", {"slice": name}, author=author, before={"name": name, "state": before})


def restore(project: Opened, before: Any) -> None:
    """Undoes ``save_slice`` and ``delete_slice``."""
    project.database.write("DELETE FROM slice WHERE name = ?", (before["name"],))
    if before["state"] is not None:
        _put(project, before["state"]["slice"], before["state"]["members"])


def _state(project: Opened, name: str) -> dict[str, Any] | None:
    found = next((each for each in slices(project) if each.name == name), None)
    if found is None:
        return None
    members = project.database.rows(
        "SELECT record_id FROM slice_member JOIN slice ON id = slice_id WHERE name = ?", (name,)
    )
    return {"slice": asdict(found), "members": [record for (record,) in members]}


def _put(project: Opened, one: dict[str, Any], members: list[int]) -> None:
    number = project.database.write(
        "INSERT INTO slice (name, query, task, static, created) VALUES (?, ?, ?, ?, ?)",
        (one["name"], one["query"], one["task"], int(one["static"]), one["created"]),
    )
    if one["static"]:
        project.database.write_many("INSERT INTO slice_member VALUES (?, ?)", [(number, each) for each in members])
