"""Whole rows of tables and objects, for who wants every column and does not know their names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, cast

from nearmost.errors import ReadError
from nearmost.readers.corpus import FORMATS, format_of
from nearmost.readers.objects import json_objects, jsonl_objects
from nearmost.readers.selection import Selection, listed
from nearmost.readers.sources import Path, Source, expand

OBJECTS = {"json": json_objects, "jsonl": jsonl_objects}


class _Every:
    """Stands in for a Selection: selects all columns, and remembers their names."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def of(self, names: Sequence[str], source: Source, line: int) -> list[str]:
        twice = next((name for name in names if list(names).count(name) > 1), None)
        if twice is not None:
            raise source.error(line, f"two columns are called {twice!r}; rename one (the columns are {listed(names)})")
        self.names = list(names)
        return self.names


def whole_rows(
    path: Path | Sequence[Path], *, format: str | None = None, encoding: str = "utf-8"
) -> Iterator[tuple[str, dict[str, Any]]]:
    """("FILE:LINE", column -> value) for every row of one or more files, in bounded memory.

    The formats are those of ``iter_records``. Objects may have different names each; a table has those of its header.
    Raises ReadError for whatever cannot be read, and for files without rows.
    """
    sources = [Source(one, encoding) for one in expand(path)]
    formats = [format_of(source, format) for source in sources]
    found = False
    for source, name in zip(sources, formats, strict=True):
        for line, row in _object_rows(source, name) if name in OBJECTS else _table_rows(source, name):
            found = True
            yield f"{source.name}:{line}", row
    if not found:
        raise ReadError(f"{', '.join(source.name for source in sources)}: holds no record; wanted at least one")


def _object_rows(source: Source, format: str) -> Iterator[tuple[int, dict[str, Any]]]:
    for line, record in OBJECTS[format](source):
        if not isinstance(record, dict):
            raise source.error(line, f'found {record!r:.40}; wanted an object: {{"text": "..."}}')
        yield line, record


def _table_rows(source: Source, format: str) -> Iterator[tuple[int, dict[str, Any]]]:
    every = _Every()
    for line, values in FORMATS[format](source, cast(Selection, every)):
        yield line, dict(zip(every.names, values, strict=True))
