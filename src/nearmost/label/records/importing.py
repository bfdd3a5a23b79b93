"""What users hand in as records, from files or from memory, as plain rows and where each stands."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from nearmost.errors import InputError
from nearmost.label.records.attributes import Value, plain
from nearmost.readers.whole import whole_rows


def rows_of(
    given: Any, *, format: str | None = None, limit: int | None = None, encoding: str = "utf-8"
) -> Iterator[tuple[str, dict[str, Value]]]:
    """(where it stands, attribute -> value) for each record.

    ``given`` is a path, a pattern or several of either (.csv .tsv .json .jsonl .parquet .txt, compressed or not), a
    DataFrame, or an iterable of mappings.
    """
    for number, (where, row) in enumerate(_rows(given, format, encoding)):
        if number == limit:
            return
        yield where, {_name(name, where): plain(value) for name, value in row.items()}


def _rows(given: Any, format: str | None, encoding: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if _is_path(given):
        yield from whole_rows(given, format=format, encoding=encoding)
        return
    if hasattr(given, "to_dicts"):  # polars
        given = given.to_dicts()
    elif hasattr(given, "to_dict") and hasattr(given, "columns"):  # pandas
        given = given.to_dict("records")
    elif hasattr(given, "to_pylist"):  # pyarrow
        given = given.to_pylist()
    if isinstance(given, Mapping) or not isinstance(given, Iterable):
        raise InputError(f"records are {type(given).__name__}; wanted a path, a DataFrame, or an iterable of mappings")
    for number, row in enumerate(given):
        if not isinstance(row, Mapping):
            raise InputError(f"record {number} is {type(row).__name__} {row!r:.40}; wanted a mapping of attributes")
        yield f"record {number}", row


def _is_path(given: Any) -> bool:
    if isinstance(given, str | os.PathLike):
        return True
    return isinstance(given, Sequence) and bool(given) and all(isinstance(each, str | os.PathLike) for each in given)


def _name(name: Any, where: str) -> str:
    if not isinstance(name, str) or not name.strip():
        raise InputError(f"{where}: an attribute is called {name!r}; a name must be a string that is not empty")
    return name
