"""Records: rows of attributes under keys, brought in, brought up to date, and read."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, get_args

from nearmost.errors import DuplicateKeyError, InputError, UnknownKeyError
from nearmost.label.manual.annotations import keep_up
from nearmost.label.records import words
from nearmost.label.records.attributes import Value, converted, types_of
from nearmost.label.records.importing import rows_of
from nearmost.label.store import journal
from nearmost.label.store.database import now
from nearmost.label.store.opened import Opened, record_id
from nearmost.label.store.settings import Settings, Type

Rows = list[tuple[str, dict[str, Value]]]


@dataclass(frozen=True, slots=True)
class Record:
    """One record: its number in every array, its key, and its attributes."""

    id: int
    key: str
    values: dict[str, Value]


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did: records that are new, that changed, and that were there as they are."""

    n_new: int
    n_updated: int
    n_same: int


def add_records(
    project: Opened,
    given: Any,
    *,
    key: str | Sequence[str] | None = None,
    types: Mapping[str, Type] | None = None,
    format: str | None = None,
    limit: int | None = None,
    encoding: str = "utf-8",
    author: str = "me",
) -> Imported:
    """How many records are new, changed or the same: all of them are brought in, or none.

    ``given`` is a path (.csv .tsv .json .jsonl .parquet .txt, compressed or not), a pattern, a DataFrame, or mappings.
    ``key`` names the attribute, or the several, that tell records apart, and is settled by the first import: a record
    whose key is known is brought up to date, its labels stay. Without ``key`` that is the attribute "id" where every
    record has one; else records are numbered and each import adds.

    ``types`` says what an attribute is (text, category, integer, float, boolean) where the values should not tell;
    ``encoding`` is that of a file.
    """
    rows = list(rows_of(given, format=format, limit=limit, encoding=encoding))
    with project.database.writing() as connection:
        settings = _settled(project.settings, rows, key, types or {})
        new, updated, same = _sorted_out(project, rows, settings)
        _number_attributes(project, settings)
        created = now()
        connection.executemany(
            "INSERT INTO record (id, key, data, created) VALUES (?, ?, ?, ?)",
            ((each.id, each.key, _json(each.values), created) for each in new),
        )
        connection.executemany(
            "UPDATE record SET data = ?, deleted = 0 WHERE id = ?",
            ((_json(each.values), each.id) for each, _ in updated),
        )
        for each, before in updated:
            keep_up(project, each.id, before, each.values)
        changed = [(each.id, each.values) for each, _ in updated]
        words.update(project, settings.attributes, [(each.id, each.values) for each in new], changed)
        counts = {"n_new": len(new), "n_updated": len(updated), "n_same": same}
        if new or updated:
            touch(project)
            journal.note(project, "add_records", counts, author=author)
        if settings != project.settings:
            project.save_settings(settings)
    return Imported(**counts)


def touch(project: Opened) -> None:
    """Counts that records have changed, so that what was computed from them can be told to be old."""
    project.database.write("INSERT INTO meta VALUES ('records', 1) ON CONFLICT (name) DO UPDATE SET value = value + 1")


def version(project: Opened) -> int:
    """How often records have changed."""
    return int(project.database.value("SELECT value FROM meta WHERE name = 'records'") or 0)


def record(project: Opened, record: int | str) -> Record:
    """The record of this id or key. Raises UnknownKeyError."""
    return records(project, [record_id(project, record)])[0]


def records(project: Opened, ids: Iterable[int] | None = None) -> list[Record]:
    """The records of these ids, in their order; without ids all that are not deleted."""
    if ids is None:
        rows = project.database.rows("SELECT id, key, data FROM record WHERE NOT deleted ORDER BY id")
        return [Record(number, key, json.loads(data)) for number, key, data in rows]
    wanted = [int(each) for each in ids]
    rows = project.database.rows(
        "SELECT id, key, data FROM record WHERE id IN (SELECT value FROM json_each(?))", (json.dumps(wanted),)
    )
    found = {number: Record(number, key, json.loads(data)) for number, key, data in rows}
    missing = next((each for each in wanted if each not in found), None)
    if missing is not None:
        record_id(project, missing)  # says what is wrong
    return [found[each] for each in wanted]


def delete_records(project: Opened, which: Iterable[int | str], *, author: str = "me") -> int:
    """How many records were deleted: they are found and exported no more, and the ids of the others stay."""
    ids = [record_id(project, each) for each in which]
    project.database.write_many("UPDATE record SET deleted = 1 WHERE id = ?", [(each,) for each in ids])
    touch(project)
    journal.note(project, "delete_records", {"records": len(ids)}, author=author, before=ids)
    return len(ids)


def restore_deleted(project: Opened, before: Any) -> None:
    """Undoes ``delete_records``."""
    project.database.write_many("UPDATE record SET deleted = 0 WHERE id = ?", [(each,) for each in before])
    touch(project)


def _settled(settings: Settings, rows: Rows, key: str | Sequence[str] | None, types: Mapping[str, Type]) -> Settings:
    """The settings after this import: the key, and the types of attributes."""
    wanted = None if key is None else (key,) if isinstance(key, str) else tuple(key)
    if settings.key is None:
        by_id = bool(rows) and all(row.get("id") not in (None, "") for _, row in rows)
        settings = replace(settings, key=wanted if wanted is not None else ("id",) if by_id else ())
    elif wanted is not None and wanted != settings.key:
        now_by = ", ".join(settings.key) or "their number"
        raise InputError(f"key is {', '.join(wanted)}; the records of this project are told apart by {now_by}")
    found = types_of(row for _, row in rows)
    if unknown := set(types) - set(found) - set(settings.attributes):
        raise UnknownKeyError(f"types names {sorted(unknown)[0]!r}; the attributes are {', '.join(found)}")
    if wrong := [kind for kind in types.values() if kind not in get_args(Type)]:
        raise InputError(f"types says {wrong[0]!r}; a type is one of {', '.join(get_args(Type))}")
    attributes = dict(settings.attributes)
    for name, kind in found.items():
        widened = attributes.get(name) == "integer" and kind == "float"
        attributes[name] = types.get(name) or (kind if widened else attributes.get(name, kind))
    return replace(settings, attributes=attributes)


def _sorted_out(
    project: Opened, rows: Rows, settings: Settings
) -> tuple[list[Record], list[tuple[Record, dict[str, Value]]], int]:
    """New records; changed ones beside what they were; how many are the same."""
    attributes, key = settings.attributes, settings.key or ()
    known = {
        name: (number, data, deleted)
        for number, name, data, deleted in project.database.rows("SELECT id, key, data, deleted FROM record")
    }
    new: list[Record] = []
    updated: list[tuple[Record, dict[str, Value]]] = []
    same = 0
    first = len(known)
    seen: dict[str, str] = {}
    for where, row in rows:
        values = {name: converted(value, attributes[name], name, where) for name, value in row.items()}
        name = key_of(values, key, where) if key else str(first + len(new))
        if name in seen:
            raise DuplicateKeyError(f"{where}: has the key {name!r}, and so has {seen[name]}; a key names one record")
        seen[name] = where
        if name not in known:
            new.append(Record(first + len(new), name, values))
            continue
        number, data, deleted = known[name]
        before = json.loads(data)
        if before | values == before and not deleted:
            same += 1
        else:
            updated.append((Record(number, name, before | values), before))
    return new, updated, same


def key_of(values: Mapping[str, Value], key: Sequence[str], where: str) -> str:
    """The key of a record: the value of its key attribute; of several, joined by slashes."""
    parts = []
    for name in key:
        value = values.get(name)
        if value is None or value == "":
            raise InputError(
                f"{where}: has no {name!r}, which is (part of) its key; give it one, or choose another key"
            )
        parts.append(("true" if value else "false") if isinstance(value, bool) else str(value))
    if len(parts) == 1:
        return parts[0]
    return "/".join(part.replace("\\", "\\\\").replace("/", "\\/") for part in parts)


def _number_attributes(project: Opened, settings: Settings) -> None:
    project.database.write_many(
        "INSERT OR IGNORE INTO attribute (name) VALUES (?)", [(name,) for name in settings.attributes]
    )


def _json(values: Mapping[str, Value]) -> str:
    return json.dumps(values, ensure_ascii=False)
