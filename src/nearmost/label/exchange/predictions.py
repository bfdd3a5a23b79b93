"""What another model says of the records, brought in as votes of a heuristic."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from nearmost.errors import DuplicateKeyError, InputError
from nearmost.label.exchange.sheet import LABEL, labels_in, record_in
from nearmost.label.heuristics import catalogue
from nearmost.label.manual.tasks import Task, task
from nearmost.label.records.attributes import Value
from nearmost.label.records.importing import rows_of
from nearmost.label.records.records import record
from nearmost.label.store.opened import Opened
from nearmost.label.votes import runs

KIND = "import"
CONFIDENCE = "confidence"


def add_predictions(
    project: Opened,
    task_name: str,
    name: str,
    given: Any,
    *,
    label: str = LABEL,
    confidence: str = CONFIDENCE,
    format: str | None = None,
    encoding: str = "utf-8",
) -> int:
    """The number of votes that a table of predictions holds; they take the place of those brought in before.

    ``given`` is a path (.csv .tsv .json .jsonl .parquet), a DataFrame, or mappings, with the columns of the project's
    key (a column ``key`` where records are numbered), a label, and how sure the model is, from 0 to 1, where there is
    such a column. Rows without a label are passed over; of a task of spans, ``start`` and ``end`` say where, in
    characters. The heuristic is made if it is not there. All rows are taken, or none.
    """
    about = task(project, task_name)
    known = next((each for each in catalogue.heuristics_of(project, about.name) if each.name == name), None)
    if known is not None and known.kind != KIND:
        raise InputError(
            f"heuristic {name!r} of {about.name!r} is of kind {known.kind}; give the predictions a new name"
        )
    rows = list(rows_of(given, format=format, encoding=encoding))
    if rows and not any(label in row for _, row in rows):
        there = ", ".join(dict.fromkeys(column for _, row in rows for column in row))
        raise InputError(f"{rows[0][0]}: there is no column {label!r} of labels; the columns are {there}")
    votes = [*_votes(project, about, rows, label, confidence)]
    if known is None:
        catalogue.add_heuristic(project, about.name, name, {"kind": KIND})
    runs.save_votes(project, about.name, name, KIND, votes)
    return len(votes)


def _votes(
    project: Opened, about: Task, rows: Sequence[tuple[str, Mapping[str, Value]]], label: str, confidence: str
) -> Iterator[runs.Vote]:
    """Votes as a run keeps them, each checked."""
    seen: dict[Any, str] = {}
    for where, row in rows:
        names = labels_in(about, row.get(label), where)
        if not names:
            continue
        number = record_in(project, row, where)
        sure = _number(row.get(confidence), confidence, where)
        if not 0 <= sure <= 1:
            raise InputError(f"{where}: {confidence} is {sure:g}; it must be from 0 to 1")
        place = _place(project, about, number, row, where) if about.kind == "span" else ()
        for one in names:
            vote = (number, place, one if about.kind == "multi" else None)
            if vote in seen:
                raise DuplicateKeyError(f"{where}: is about the same as {seen[vote]}; a model votes once")
            seen[vote] = where
            yield (number, one, sure, *place)


def _place(project: Opened, about: Task, number: int, row: Mapping[str, Value], where: str) -> tuple[int, int]:
    start, end = (_number(row.get(column), column, where, missing=-1) for column in ("start", "end"))
    text = str(record(project, number).values.get(about.attribute or "") or "")
    if start % 1 or end % 1 or not 0 <= start < end <= len(text):
        raise InputError(
            f"{where}: the span {start:g}:{end:g} is not within {about.attribute!r}, which has {len(text)} characters"
        )
    return int(start), int(end)


def _number(value: Value, column: str, where: str, *, missing: float = 1.0) -> float:
    if value is None or value == "":
        return missing
    try:
        return float(value)
    except (TypeError, ValueError):
        raise InputError(f"{where}: {column} is {value!r:.60}; wanted a number") from None
