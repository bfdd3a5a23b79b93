"""What people said about records, and which of it counts."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nearmost.errors import InputError
from nearmost.label.lookups import harvest
from nearmost.label.manual.tasks import ABSTAIN, Task, task, tasks
from nearmost.label.store import journal
from nearmost.label.store.database import now
from nearmost.label.store.opened import Opened, n_rows, record_id

Row = tuple[str, int | None, int | None, int | None, int, str]
"""author, label id, start, stop, gold, created: an annotation without its task and record."""


@dataclass(frozen=True, slots=True)
class Annotation:
    """One answer of one author to one task; ``label`` is None where it is: none of the labels."""

    task: str
    record: int
    label: str | None
    author: str
    gold: bool
    created: str
    start: int | None = None
    end: int | None = None


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of the text of a record's attribute, as offsets in characters, and what it was called."""

    record: int
    start: int
    end: int
    label: str


def annotate(
    project: Opened,
    task_name: str,
    record: int | str,
    label: str | Iterable[str] | None,
    *,
    author: str = "me",
    gold: bool = False,
) -> None:
    """Says which label a record has; None takes back what this author said.

    For a task of several labels, ``label`` is all of them; an empty list says that none is right. An author's answer
    replaces the one before. ``gold=True`` makes it the one that counts, whatever others say. Where spans are labelled,
    an empty list says that there are none, and None takes back all that this author marked.
    """
    about = task(project, task_name)
    names = [] if label is None else [label] if isinstance(label, str) else list(label)
    if about.kind == "span" and names:
        raise InputError(f"task {about.name!r} labels spans; say where with project.annotate_span, or --span 4:17")
    if about.kind == "class" and label is not None and len(names) != 1:
        raise InputError(f"task {about.name!r} wants one label, and got {len(names)}: {', '.join(names) or 'none'}")
    ids: list[int | None] = [about.label(name).id for name in dict.fromkeys(names)]
    if label is not None and not ids:
        ids = [None]
    number = record_id(project, record)
    with project.database.writing():
        before = said_of(project, about, number)
        others = [row for row in before if row[0] != author]
        if gold:
            others = [(*row[:4], 0, row[5]) for row in others]
        mine: list[Row] = [(author, each, None, None, int(gold), now()) for each in ids]
        what = {"task": about.name, "label": ", ".join(names) if label is not None else None}
        _replace(project, about, number, before, [*others, *mine], "annotate", what, author)


def annotate_span(
    project: Opened,
    task_name: str,
    record: int | str,
    start: int,
    end: int,
    label: str | None,
    *,
    author: str = "me",
    gold: bool = False,
) -> str:
    """The text between two offsets in characters, which has this label from now on; None takes the label away.

    What the same author said about text that overlaps it is replaced. The text goes into the lookup list of the label,
    with the record that it is from.
    """
    about = task(project, task_name)
    if about.kind != "span" or about.attribute is None:
        raise InputError(f"task {about.name!r} labels whole records and takes no span; use project.annotate")
    number = record_id(project, record)
    text = str(_values(project, number).get(about.attribute) or "")
    if not 0 <= start < end <= len(text):
        raise InputError(f"the span {start}:{end} is not within {about.attribute!r}, which has {len(text)} characters")
    with project.database.writing():
        before = said_of(project, about, number)
        apart = [
            row for row in before if row[2] is not None and row[3] is not None and (row[3] <= start or row[2] >= end)
        ]
        kept = [row for row in before if row[0] != author or row in apart]
        if gold:
            kept = [(*row[:4], int(row[0] == author), row[5]) for row in kept]
        starred = gold or any(row[0] == author and row[4] for row in before)
        mine: list[Row] = []
        if label is not None:
            mine = [(author, about.label(label).id, start, end, int(starred), now())]
        what = {"task": about.name, "label": label, "span": f"{start}:{end}"}
        _replace(project, about, number, before, [*kept, *mine], "annotate_span", what, author)
    return text[start:end]


def annotations_of(project: Opened, record: int | str, task_name: str | None = None) -> list[Annotation]:
    """All that was said about a record, oldest first, whether it counts or not."""
    number = record_id(project, record)
    found = []
    for about in tasks(project) if task_name is None else [task(project, task_name)]:
        names = {label.id: label.name for label in about.labels}
        for author, label, start, stop, gold, created in said_of(project, about, number):
            if label is None or label in names:
                name = None if label is None else names[label]
                found.append(Annotation(about.name, number, name, author, bool(gold), created, start, stop))
    return sorted(found, key=lambda each: each.created)


def manual(project: Opened, task_name: str | None = None) -> NDArray[np.int64]:
    """For each record the number of its label, int64 (n_records,), ABSTAIN where none counts.

    One counts if a single author gave it, if all authors agree, or if it is starred as gold.
    """
    about = task(project, task_name)
    if about.kind != "class":
        raise InputError(f"task {about.name!r} is of kind {about.kind}; use manual_multi or manual_spans")
    found = np.full(n_rows(project), ABSTAIN, dtype=np.int64)
    rows = project.database.rows("SELECT record_id, label_id FROM manual WHERE task_id = ?", (about.id,))
    numbers = about.numbers()
    for record, label in rows:
        found[record] = numbers.get(label, ABSTAIN)
    return found


def manual_multi(project: Opened, task_name: str | None = None) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which labels each record has, bool (n_records, n_labels), and which records were judged at all, (n_records,)."""
    about = task(project, task_name)
    n_records = n_rows(project)
    found = np.zeros((n_records, len(about.labels)), dtype=bool)
    judged = np.zeros(n_records, dtype=bool)
    for (record,) in project.database.rows("SELECT record_id FROM judged WHERE task_id = ?", (about.id,)):
        judged[record] = True
    numbers = about.numbers()
    for record, label in project.database.rows("SELECT record_id, label_id FROM manual WHERE task_id = ?", (about.id,)):
        if label in numbers:
            found[record, numbers[label]] = True
    return found, judged


def manual_spans(project: Opened, task_name: str | None = None) -> list[Span]:
    """The spans that count, by record and start."""
    about = task(project, task_name)
    names = {label.id: label.name for label in about.labels}
    rows = project.database.rows(
        "SELECT DISTINCT a.record_id, a.start, a.stop, a.label_id FROM annotation a"
        " JOIN judged j ON j.task_id = a.task_id AND j.record_id = a.record_id"
        " WHERE a.task_id = ? AND a.start IS NOT NULL AND (a.gold OR NOT EXISTS ("
        "   SELECT 1 FROM annotation b WHERE b.task_id = a.task_id AND b.record_id = a.record_id AND b.gold))"
        " ORDER BY a.record_id, a.start, a.stop",
        (about.id,),
    )
    return [Span(record, start, stop, names[label]) for record, start, stop, label in rows if label in names]


def keep_up(project: Opened, record: int, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    """Drops the spans of a record whose text is no longer what it was when they were marked."""
    for about in tasks(project):
        if about.attribute is None or before.get(about.attribute) == after.get(about.attribute):
            continue
        old, new = (str(values.get(about.attribute) or "") for values in (before, after))
        rows = said_of(project, about, record)
        kept = [row for row in rows if row[2] is None or old[row[2] : row[3]] == new[row[2] : row[3]]]
        if len(kept) < len(rows):
            what = {"task": about.name, "reason": "the text changed"}
            _replace(project, about, record, rows, kept, "drop_spans", what, "import")


def put(project: Opened, about: Task, state: Mapping[int, Sequence[Row]]) -> None:
    """Makes these the annotations of each of these records, and settles which count; nothing is written down."""
    database = project.database
    with database.writing():
        for table in ("annotation", "manual", "judged"):
            database.write_many(
                f"DELETE FROM {table} WHERE task_id = ? AND record_id = ?", [(about.id, record) for record in state]
            )
        database.write_many(
            "INSERT INTO annotation (task_id, record_id, author, label_id, start, stop, gold, created)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [(about.id, record, *row) for record, rows in state.items() for row in rows],
        )
        settled = {record: _settled(rows) for record, rows in state.items()}
        valid = {record: labels for record, labels in settled.items() if labels is not None}
        database.write_many("INSERT INTO judged VALUES (?, ?)", [(about.id, record) for record in valid])
        database.write_many(
            "INSERT INTO manual VALUES (?, ?, ?)",
            [(about.id, record, label) for record, labels in valid.items() for label in labels],
        )


def restore(project: Opened, before: Any) -> None:
    """Undoes a change of annotations."""
    about = next(each for each in tasks(project) if each.id == before["task"])
    if "records" in before:  # a whole sheet
        put(project, about, {record: [tuple(row) for row in rows] for record, rows in before["records"]})
        return
    rows: list[Row] = [tuple(row) for row in before["rows"]]
    if about.kind == "span":
        _harvest(project, about, before["record"], said_of(project, about, before["record"]), rows)
    put(project, about, {before["record"]: rows})


def _settled(rows: Sequence[Row]) -> set[int] | None:
    """The labels that count; None where nobody answered or authors disagree."""
    counting = [row for row in rows if row[4]] or list(rows)
    answers: dict[str, set[tuple[int | None, int | None, int | None]]] = defaultdict(set)
    for author, label, start, stop, _, _ in counting:
        answers[author].add((label, start, stop))
    if not answers or any(answer != next(iter(answers.values())) for answer in answers.values()):
        return None
    return {label for label, _, _ in next(iter(answers.values())) if label is not None}


def _replace(
    project: Opened,
    about: Task,
    record: int,
    before: list[Row],
    after: list[Row],
    action: str,
    what: dict[str, Any],
    author: str,
) -> None:
    if [row[:5] for row in before] == [row[:5] for row in after]:
        return
    dropped = action == "drop_spans"  # their text is gone, and undo could not bring it back
    if about.kind == "span" and not dropped:
        _harvest(project, about, record, before, after)
    put(project, about, {record: after})
    key = project.database.value("SELECT key FROM record WHERE id = ?", (record,))
    state = {"task": about.id, "record": record}
    journal.note(
        project, action, {"record": key, **what}, author=author,
        before=None if dropped else {**state, "rows": before}, after={**state, "rows": after},
    )  # fmt: skip


def _harvest(project: Opened, about: Task, record: int, before: list[Row], after: list[Row]) -> None:
    """Brings lookup lists up to date with the spans of a record."""
    key, data = project.database.row("SELECT key, data FROM record WHERE id = ?", (record,))
    text = str(json.loads(data).get(about.attribute) or "")
    names = {label.id: label.name for label in about.labels}
    old, new = ({(row[1], text[row[2] : row[3]]) for row in rows if row[1] in names} for rows in (before, after))
    for label, found in old - new:
        harvest.take_back(project.folder, names[label], found, key)
    for label, found in new - old:
        harvest.add(project.folder, names[label], found, key)


def said_of(project: Opened, about: Task, record: int) -> list[Row]:
    """All that was said about a record in one task, oldest first."""
    return project.database.rows(
        "SELECT author, label_id, start, stop, gold, created FROM annotation WHERE task_id = ? AND record_id = ?"
        " ORDER BY id",
        (about.id, record),
    )


def _values(project: Opened, record: int) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(project.database.value("SELECT data FROM record WHERE id = ?", (record,)))
    return found
