"""Records with their labels, under refinery's column names, as rows, a DataFrame, or a file."""

from __future__ import annotations

import csv
import json
import os
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, TypeAlias

from nearmost.errors import InputError, MissingExtraError
from nearmost.label.browsing.querying import matching
from nearmost.label.exchange.tokens import tokens
from nearmost.label.manual import annotations as by_hand
from nearmost.label.manual.tasks import ABSTAIN, Task, tasks
from nearmost.label.records import records
from nearmost.label.store.opened import Opened
from nearmost.label.store.settings import Kind
from nearmost.label.votes import runs
from nearmost.label.votes.columns import label_numbers
from nearmost.label.votes.weak import weak_cells

Format: TypeAlias = Literal["json", "jsonl", "csv", "parquet"]
FORMATS = ("json", "jsonl", "csv", "parquet")
OUTSIDE = "OUTSIDE"
"""What refinery writes for a token that is in no span."""


def export(
    project: Opened,
    path: str | os.PathLike[str] | None = None,
    *,
    format: Format | None = None,
    query: str = "",
    task: str | Sequence[str] | None = None,
    votes: bool = False,
    spans: Literal["offsets", "tokens"] = "offsets",
) -> list[dict[str, Any]]:
    """A row a record: its attributes, and for each task what people and weak supervision say.

    The columns are refinery's: ``ATTRIBUTE__TASK__MANUAL``, ``...__WEAK_SUPERVISION`` and
    ``...__WEAK_SUPERVISION__confidence``; ATTRIBUTE is empty where a task is about the whole record, as in
    ``__Topic__MANUAL``. Missing labels are None. The confidence is text with four decimals, as refinery writes it; of
    several labels both are lists. Spans are lists of {start, end, label}, or with ``spans="tokens"`` refinery's list of
    B-, I- and OUTSIDE, a token each. ``votes=True`` adds ``...__INFORMATION_SOURCE__NAME`` columns.

    ``query`` is a browse line. ``path`` writes the rows as .json, .jsonl, .csv or .parquet, whole or not at all; lists
    in .csv are JSON.
    """
    if format is not None and format not in FORMATS:
        raise InputError(f"format is {format!r}; it must be one of {', '.join(FORMATS)}")
    wanted = [task] if isinstance(task, str) else task
    about = [each for each in tasks(project) if wanted is None or each.name in wanted]
    if wanted is not None and len(about) < len(set(wanted)):
        known = ", ".join(each.name for each in tasks(project))
        raise InputError(f"task is {task!r}; the tasks are {known or 'none yet'}")
    ids = matching(project, query, about[0].name if about else None).tolist()
    held = records.records(project, ids)
    rows = [dict.fromkeys(project.settings.attributes) | record.values for record in held]
    names: list[str] = []
    for each in about:
        for name, cells in _columns(project, each, held, votes, spans):
            names.append(name)
            for number, row in zip(ids, rows, strict=True):
                row[name] = cells.get(number)
    if path is not None:
        write(Path(path), format, rows, columns=[*project.settings.attributes, *names])
    return rows


def data_frame(project: Opened, **options: Any) -> Any:
    """The same as a pandas DataFrame; ``options`` are those of ``export``."""
    try:
        from nearmost.label.exchange.frames import frame_of
    except ImportError as error:
        raise MissingExtraError("a DataFrame needs pandas: pip install pandas") from error
    return frame_of(export(project, **options))


def _columns(
    project: Opened, about: Task, held: list[records.Record], votes: bool, spans: str
) -> list[tuple[str, dict[int, Any]]]:
    """(name, record -> value) of a task's columns."""
    stem = f"{about.attribute or ''}__{about.name}__"
    rows = weak_cells(project, about)
    numbers = label_numbers(rows, about).tolist()
    places = [rows[name].tolist() for name in ("record", "start", "stop", "confidence")]
    weak = [*zip(places[0], numbers, places[1], places[2], places[3], strict=True)]
    manual = _manual(project, about)
    found = [
        (f"{stem}MANUAL", _shown(about, manual, held, spans)),
        (f"{stem}WEAK_SUPERVISION", _shown(about, weak, held, spans)),
        (f"{stem}WEAK_SUPERVISION__confidence", _sure(about.kind, weak)),
    ]
    if votes:
        cast = runs.vote_rows(project, about)
        columns = (cast.heuristic, cast.record, cast.label, cast.start, cast.end, cast.confidence)
        by_name: dict[int, list[Any]] = defaultdict(list)
        for who, *cell in zip(*(column.tolist() for column in columns), strict=True):
            by_name[who].append(cell)
        found += [
            (f"{stem}INFORMATION_SOURCE__{name}", _shown(about, by_name[who], held, spans))
            for who, name in enumerate(cast.names)
        ]
    return found


def _manual(project: Opened, about: Task) -> list[Any]:
    """(record, label number, start, stop, 1.0), and ABSTAIN where people say that no label is right."""
    if about.kind == "span":
        spans = by_hand.manual_spans(project, about.name)
        return [(span.record, about.number(span.label), span.start, span.end, 1.0) for span in spans]
    if about.kind == "class":
        return [
            (record, label, -1, -1, 1.0) for record, label in enumerate(by_hand.manual(project, about.name).tolist())
        ]
    labels, judged = by_hand.manual_multi(project, about.name)
    empty = [(int(record), ABSTAIN, -1, -1, 1.0) for record in (judged & ~labels.any(axis=1)).nonzero()[0]]
    return [(int(record), int(label), -1, -1, 1.0) for record, label in zip(*labels.nonzero(), strict=True)] + empty


def _shown(about: Task, cells: list[Any], held: list[records.Record], spans: str) -> dict[int, Any]:
    """Record -> label, list of labels, or spans."""
    if about.kind == "class":
        return {record: about.names[label] for record, label, *_ in cells if label != ABSTAIN}
    gathered: dict[int, list[Any]] = defaultdict(list)
    for record, label, start, stop, _ in cells:
        if about.kind == "span":
            gathered[record].append({"start": start, "end": stop, "label": about.names[label]})
        else:
            gathered[record] += [about.names[label]] if label != ABSTAIN else []
    if about.kind == "span" and spans == "tokens":
        texts = {record.id: str(record.values.get(about.attribute or "") or "") for record in held}
        return {record: _tagged(texts[record], found) for record, found in gathered.items() if record in texts}
    return dict(gathered)


def _sure(kind: Kind, weak: list[Any]) -> dict[int, Any]:
    if kind == "class":
        return {record: f"{confidence:.4f}" for record, *_, confidence in weak}
    gathered: dict[int, list[str]] = defaultdict(list)
    for record, *_, confidence in weak:
        gathered[record].append(f"{confidence:.4f}")
    return dict(gathered)


def _tagged(text: str, spans: list[dict[str, Any]]) -> list[str]:
    """A tag a token: B- where a span begins, I- within it."""
    tags = []
    for start, stop in tokens(text):
        one = next((span for span in spans if span["start"] < stop and start < span["end"]), None)
        tags.append(OUTSIDE if one is None else f"{'B' if start <= one['start'] else 'I'}-{one['label']}")
    return tags


def write(path: Path, format: str | None, rows: list[dict[str, Any]], *, columns: Sequence[str] = ()) -> None:
    """Writes rows to a file whose name tells its format, whole or not at all; ``columns`` head a table without rows."""
    kind = format or path.suffix.lower().lstrip(".")
    if kind not in FORMATS:
        raise InputError(
            f"{path}: the name does not tell the format; it must be one of {', '.join(FORMATS)}, or say format="
        )
    if not path.parent.is_dir():
        raise InputError(f"{path}: there is no folder {path.parent}; make it first")
    beside = path.with_name(f"{path.name}.new")
    if kind == "parquet":
        _write_parquet(beside, rows)
    else:
        with open(beside, "w", encoding="utf-8", newline="") as stream:
            if kind == "json":
                json.dump(rows, stream, ensure_ascii=False, indent=1)
                stream.write("\n")
            elif kind == "jsonl":
                stream.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
            else:
                sheet = csv.writer(stream)
                sheet.writerow(rows[0] if rows else columns)
                sheet.writerows([_cell(value) for value in row.values()] for row in rows)
    os.replace(beside, path)


def _write_parquet(path: Path, rows: list[dict[str, Any]]) -> None:
    try:
        from nearmost.readers.parquet import write_rows
    except ImportError as error:
        raise MissingExtraError("writing Parquet needs pyarrow: pip install 'nearmost[parquet]'") from error
    write_rows(path, rows)


def _cell(value: Any) -> Any:
    if isinstance(value, list):
        return json.dumps(value, ensure_ascii=False)
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else value
