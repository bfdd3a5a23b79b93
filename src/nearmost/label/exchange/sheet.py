"""A sheet of records to be labelled elsewhere, in a table or by another program, and the answers back from one."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nearmost.errors import DuplicateKeyError, InputError, NearmostError
from nearmost.label.exchange.export import write
from nearmost.label.manual.annotations import Row, put, said_of
from nearmost.label.manual.tasks import Task, task
from nearmost.label.records import records
from nearmost.label.records.attributes import Value, converted
from nearmost.label.records.importing import rows_of
from nearmost.label.store import journal
from nearmost.label.store.database import now
from nearmost.label.store.opened import Opened, record_id

KEY = "key"
"""The column of keys, where records are only numbered."""
LABEL = "label"
"""The column of labels, where no other is named."""


@dataclass(frozen=True, slots=True)
class Answered:
    """What a sheet said: labels that are new, that replaced another, that were there; rows without one."""

    n_new: int
    n_changed: int
    n_same: int
    n_empty: int


def write_sheet(project: Opened, ids: Iterable[int], path: str | os.PathLike[str]) -> int:
    """How many records were written to a .csv, .json, .jsonl or .parquet, with a column ``label`` to be filled in."""
    found = records.records(project, ids)
    attributes = [name for name in project.settings.attributes if name != LABEL]
    own = {} if project.settings.key else {KEY: None}
    rows: list[dict[str, Any]] = [
        {**dict.fromkeys(own, each.key), **{name: each.values.get(name) for name in attributes}, LABEL: ""}
        for each in found
    ]
    write(Path(path), None, rows)
    return len(rows)


def annotate_from(
    project: Opened,
    task_name: str,
    given: Any,
    *,
    label: str = LABEL,
    author: str = "me",
    gold: bool = False,
    format: str | None = None,
    encoding: str = "utf-8",
) -> Answered:
    """Says which labels records have, by the rows of a table: all of them are taken, or none. ``undo`` takes all back.

    ``given`` is what ``add_records`` takes: a path (.csv .tsv .json .jsonl .parquet, compressed or not), a DataFrame,
    or mappings. A row names its record by the attributes that are the project's key (by a column ``key`` where records
    are numbered), and holds the answer in the column ``label``: of a task with several labels a list, or names with
    commas. Rows where it is empty are passed over, other columns are not looked at. An author's answer replaces the one
    before.
    """
    about = task(project, task_name)
    if about.kind == "span":
        raise InputError(f"task {about.name!r} labels spans; say where with project.annotate_span")
    rows = list(rows_of(given, format=format, encoding=encoding))
    if rows and not any(label in row for _, row in rows):
        there = ", ".join(dict.fromkeys(name for _, row in rows for name in row))
        raise InputError(f"{rows[0][0]}: there is no column {label!r} of labels; the columns are {there}")
    before: dict[int, list[Row]] = {}
    after: dict[int, list[Row]] = {}
    seen: dict[int, str] = {}
    counts = {"n_new": 0, "n_changed": 0, "n_same": 0, "n_empty": 0}
    created = now()
    with project.database.writing():
        for where, row in rows:
            names = labels_in(about, row.get(label), where)
            if names is None:
                counts["n_empty"] += 1
                continue
            answer: list[int | None] = [about.label(name).id for name in names]
            answer = answer or [None]
            number = record_in(project, row, where)
            if number in seen:
                raise DuplicateKeyError(f"{where}: is about the record of {seen[number]}; a sheet labels a record once")
            seen[number] = where
            said = said_of(project, about, number)
            mine: list[Row] = [(author, each, None, None, int(gold), created) for each in answer]
            own = [each[:5] for each in said if each[0] == author]
            if own == [each[:5] for each in mine]:
                counts["n_same"] += 1
                continue
            counts["n_changed" if own else "n_new"] += 1
            others = [(*each[:4], 0 if gold else each[4], each[5]) for each in said if each[0] != author]
            before[number], after[number] = said, [*others, *mine]
        if after:
            put(project, about, after)
            what = {"task": about.name, "labels": len(after), "from": _named(given)}
            states = (
                {"task": about.id, "records": list(before.items())},
                {"task": about.id, "records": [*after.items()]},
            )
            journal.note(project, "annotate_from", what, author=author, before=states[0], after=states[1])
    return Answered(**counts)


def labels_in(about: Task, value: Value, where: str) -> list[str] | None:
    """The labels that a cell names, which may be none of them; None where it is empty."""
    text = "" if value is None else str(value).strip()
    if not text:
        return None
    names = [text]
    if about.kind == "multi":
        names = [name for each in _listed(text, where) if (name := str(each).strip())]
    try:
        return [about.label(name).name for name in dict.fromkeys(names)]
    except NearmostError as error:
        raise type(error)(f"{where}: {error}") from None


def _listed(text: str, where: str) -> list[Any]:
    """The names in a cell of several: a list as JSON writes it, or names with commas."""
    if not (text.startswith("[") and text.endswith("]")):
        return text.split(",")
    try:
        return list(json.loads(text))
    except ValueError:
        raise InputError(f'{where}: {text!r:.60} is no list of labels; write ["good", "bad"], or good, bad') from None


def record_in(project: Opened, row: Mapping[str, Value], where: str) -> int:
    """The record that a row is about."""
    attributes, key = project.settings.attributes, project.settings.key or (KEY,)
    values = {name: converted(row.get(name), attributes.get(name, "text"), name, where) for name in key}
    try:
        return record_id(project, records.key_of(values, key, where))
    except NearmostError as error:
        told = str(error)
        raise type(error)(told if told.startswith(where) else f"{where}: {told}") from None


def _named(given: Any) -> str | None:
    return Path(given).name if isinstance(given, str | os.PathLike) else None
