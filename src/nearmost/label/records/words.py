"""Where words and values stand: the full-text table, and the cells that filters compare."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from nearmost.errors import InputError
from nearmost.label.records.attributes import INDEXED, Value
from nearmost.label.store.opened import Opened
from nearmost.label.store.settings import Type

Rows = Iterable[tuple[int, Mapping[str, Value]]]
MOST = 1000
"""Attributes; SQLite allows 2,000 columns."""
WORDED: tuple[Type, ...] = ("text", "category")


def attribute_ids(project: Opened) -> dict[str, int]:
    """Name -> number of an attribute in the tables."""
    return dict(project.database.rows("SELECT name, id FROM attribute"))


def columns(project: Opened, attributes: Mapping[str, Type]) -> dict[str, str]:
    """Attribute -> its column of the full-text table, whose names hold nothing that a user wrote."""
    ids = attribute_ids(project)
    return {name: f"c{ids[name]}" for name, kind in attributes.items() if kind in WORDED}


def update(project: Opened, attributes: Mapping[str, Type], new: Rows, changed: Rows) -> None:
    """Brings the tables up to date with these records."""
    if project.database.value("SELECT value FROM meta WHERE name = 'words'") != _state(attributes):
        return rebuild(project, attributes)
    for number, values in changed:
        project.database.write("DELETE FROM record_text WHERE rowid = ?", (number,))
        project.database.write("DELETE FROM cell WHERE record_id = ?", (number,))
        _insert(project, attributes, [(number, values)])
    return _insert(project, attributes, new)


def ready(project: Opened) -> None:
    """Makes the tables anew where project.toml was edited since."""
    attributes = project.settings.attributes
    if project.database.value("SELECT value FROM meta WHERE name = 'words'") != _state(attributes):
        rebuild(project, attributes)


def rebuild(project: Opened, attributes: Mapping[str, Type]) -> None:
    """Makes both tables anew. Raises InputError where there are more attributes than the full-text table can hold."""
    if len(attributes) > MOST:
        raise InputError(f"records have {len(attributes):,} attributes; at most {MOST:,} are kept: leave some out")
    with project.database.writing() as connection:
        connection.executemany("INSERT OR IGNORE INTO attribute (name) VALUES (?)", [(name,) for name in attributes])
        names = [*columns(project, attributes).values()] or ["c0"]
        connection.execute("DROP TABLE IF EXISTS record_text")
        connection.execute(f"CREATE VIRTUAL TABLE record_text USING fts5({', '.join(names)}, tokenize = 'unicode61')")
        connection.execute("DELETE FROM cell")
        rows = connection.execute("SELECT id, data FROM record ORDER BY id")
        _insert(project, attributes, ((number, json.loads(data)) for number, data in rows))
        connection.execute("INSERT OR REPLACE INTO meta VALUES ('words', ?)", (_state(attributes),))


def _insert(project: Opened, attributes: Mapping[str, Type], rows: Rows) -> None:
    held = [*rows]
    ids = attribute_ids(project)
    named = columns(project, attributes)
    if named:
        marks = ", ".join("?" * (len(named) + 1))
        project.database.write_many(
            f"INSERT INTO record_text (rowid, {', '.join(named.values())}) VALUES ({marks})",
            ((number, *(values.get(name) for name in named)) for number, values in held),
        )
    compared = [(name, ids[name]) for name, kind in attributes.items() if kind in INDEXED]
    cells: Iterable[tuple[Any, ...]] = (
        (attribute, _cell(values[name]), number)
        for number, values in held
        for name, attribute in compared
        if values.get(name) is not None
    )
    project.database.write_many("INSERT INTO cell (attribute_id, value, record_id) VALUES (?, ?, ?)", cells)


def _cell(value: Value) -> str | int | float | None:
    return int(value) if isinstance(value, bool) else value


def _state(attributes: Mapping[str, Type]) -> str:
    return json.dumps(dict(attributes))
