"""What the functions of a project need of it; Project has it, and their first argument is one."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

from nearmost.errors import UnknownKeyError
from nearmost.label.store.database import Database
from nearmost.label.store.settings import Settings


class Opened(Protocol):
    """A project that is open."""

    @property
    def folder(self) -> Path:
        """Where it lies."""
        ...

    @property
    def database(self) -> Database:
        """Its tables."""
        ...

    @property
    def settings(self) -> Settings:
        """What project.toml says now."""
        ...

    def save_settings(self, settings: Settings) -> None:
        """Writes project.toml."""
        ...


def record_id(project: Opened, record: int | str) -> int:
    """The id of a record, given that or its key. Raises UnknownKeyError."""
    by_key = isinstance(record, str)
    column = "key" if by_key else "id"
    wanted: Any = record if by_key else int(record)
    found = project.database.value(f"SELECT id FROM record WHERE {column} = ?", (wanted,))
    if found is None:
        n_records = n_rows(project)
        raise UnknownKeyError(
            f"no record has the key {record!r}; the project has {n_records:,} records{_like(project)}"
            if by_key
            else f"no record has the id {record}; ids go from 0 to {n_records - 1}, and a key must be a string"
        )
    return int(found)


def _like(project: Opened) -> str:
    """What a key looks like, for who put it together otherwise."""
    first = project.database.value("SELECT key FROM record ORDER BY id LIMIT 1")
    return "" if first is None else f", whose keys are like {first!r}"


def n_rows(project: Opened) -> int:
    """Records, deleted ones too: the length of every array."""
    return int(project.database.value("SELECT coalesce(max(id) + 1, 0) FROM record"))
