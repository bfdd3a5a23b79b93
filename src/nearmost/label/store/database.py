"""project.db: SQLite, one writer at a time and any number of readers, a connection for each thread."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from nearmost.errors import DamagedFileError, InputError, NewerFormatError
from nearmost.label.store.schema import STEPS, TABLES, VERSION

FILE = "project.db"
WAIT = 30.0
"""Seconds that a writer waits for another one."""


class Database:
    """The tables of a project; use it from any thread."""

    def __init__(self, path: Path, *, new: bool = False) -> None:
        self._path = path
        self._own = threading.local()
        self._all: list[sqlite3.Connection] = []
        self._closed = False
        if new:
            with self.writing() as connection:
                for statement in TABLES.split(";\n"):
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {VERSION}")
        self._check()

    def _check(self) -> None:
        try:
            version = self.value("PRAGMA user_version")
        except sqlite3.DatabaseError as error:
            raise DamagedFileError(f"{self._path}: is not a database of nearmost, or is damaged ({error})") from None
        if version > VERSION:
            raise NewerFormatError(f"{self._path}: has version {version}, this nearmost knows {VERSION}; update it")
        if version < 1:
            raise DamagedFileError(f"{self._path}: is a database, but not of a nearmost project")
        if version < VERSION:
            self._bring_up_to_date()

    def _bring_up_to_date(self) -> None:
        with self.writing() as connection:
            for version in range(int(self.value("PRAGMA user_version")), VERSION):  # another may have done it meanwhile
                connection.execute(STEPS[version])
            connection.execute(f"PRAGMA user_version = {VERSION}")

    @property
    def connection(self) -> sqlite3.Connection:
        """This thread's connection, in autocommit."""
        if self._closed:
            raise InputError("the project is closed; open it again with Project.open")
        found: sqlite3.Connection | None = getattr(self._own, "connection", None)
        if found is None:
            found = sqlite3.connect(self._path, timeout=WAIT, isolation_level=None, check_same_thread=False)
            for pragma in ("journal_mode = WAL", "synchronous = NORMAL", "foreign_keys = ON", "trusted_schema = OFF"):
                found.execute(f"PRAGMA {pragma}")
            found.execute("PRAGMA cache_size = -65536")
            self._own.connection = found
            self._all.append(found)
        return found

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction: all of the block is kept, or none of it. One inside another belongs to it."""
        connection = self.connection
        if connection.in_transaction:
            yield connection
            return
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            raise InputError(
                f"{self._path}: cannot be written ({error}); wait until others have written, or free the disk"
            ) from None
        try:
            yield connection
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")

    @contextmanager
    def reading(self) -> Iterator[None]:
        """What is read in the block is of one moment, whatever others write meanwhile."""
        connection = self.connection
        if connection.in_transaction:
            yield
            return
        connection.execute("BEGIN")
        try:
            yield
        finally:
            connection.execute("COMMIT")

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[Any]:
        """All rows that a statement gives."""
        return self.connection.execute(sql, parameters).fetchall()

    def row(self, sql: str, parameters: Sequence[Any] = ()) -> Any:
        """The first row, or None."""
        return self.connection.execute(sql, parameters).fetchone()

    def value(self, sql: str, parameters: Sequence[Any] = ()) -> Any:
        """The first value of the first row, or None."""
        found = self.row(sql, parameters)
        return None if found is None else found[0]

    def write(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        """Runs one statement; gives the id of the row that it put in, if it did."""
        with self.writing() as connection:
            return connection.execute(sql, parameters).lastrowid or 0

    def write_many(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        """Runs one statement for each of the rows."""
        with self.writing() as connection:
            connection.executemany(sql, rows)

    def close(self) -> None:
        """Closes the connections of all threads. May be called twice."""
        self._closed = True
        while self._all:
            self._all.pop().close()


def now() -> str:
    """The time as the tables keep it: UTC, to the microsecond, so that it sorts as it is written."""
    return datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
