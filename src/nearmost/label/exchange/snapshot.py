"""A project as one zip of text and vectors, and projects from such zips, ours and refinery's."""

from __future__ import annotations

import json
import os
import zipfile
from base64 import b64decode, b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nearmost.errors import InputError, NewerFormatError
from nearmost.index import Index
from nearmost.label.exchange.archives import Archive
from nearmost.label.records import records, vectors, words
from nearmost.label.store.opened import Opened
from nearmost.label.store.settings import FILE as SETTINGS
from nearmost.label.store.settings import Settings

MANIFEST = "nearmost-project.json"
VERSION = 2
TABLES = {
    "attribute": ("id", "name"),
    "record": ("id", "key", "data", "deleted", "created"),
    "task": ("id", "name"),
    "label": ("id", "task_id", "name"),
    "annotation": ("record_id", "task_id", "label_id", "start", "stop", "author", "gold", "created"),
    "manual": ("task_id", "record_id", "label_id"),
    "judged": ("task_id", "record_id"),
    "heuristic": ("id", "task_id", "name", "kind", "path", "enabled", "run_id"),
    "run": (
        "id",
        "heuristic_id",
        "fingerprint",
        "started",
        "seconds",
        "status",
        "n_votes",
        "error",
        "log",
        "votes",
        "soft",
        "held_out",
        "copies",
    ),
    "weak_run": (
        "id",
        "task_id",
        "model",
        "options",
        "runs",
        "metrics",
        "n_labelled",
        "labels",
        "posteriors",
        "created",
    ),
    "slice": ("id", "name", "query", "task", "static", "created"),
    "slice_member": ("slice_id", "record_id"),
    "comment": ("target", "record_id", "author", "body", "created"),
    "event": ("created", "author", "action", "what", "before", "after", "undone"),
    "embedded": ("record_id", "digest"),
}
"""What of the database goes into a snapshot; words and cells are made anew."""
BEFORE = {1: {"run": TABLES["run"][:-1]}}
"""Where earlier versions of snapshots had other columns."""
FOLDERS = {"heuristics": (".py", ".toml", ".json"), "lookups": (".txt",)}


def snapshot(project: Opened, path: str | os.PathLike[str]) -> None:
    """Writes everything of a project to a zip: settings, code, lists, tables as lines of JSON, and vectors."""
    target = Path(path)
    if not target.parent.is_dir():
        raise InputError(f"{target}: there is no folder {target.parent}; make it first")
    beside = target.with_name(f"{target.name}.new")
    database = project.database
    with database.reading(), zipfile.ZipFile(beside, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(MANIFEST, json.dumps({"version": VERSION, "name": project.settings.name}))
        archive.writestr(SETTINGS, project.settings.toml())
        for file in _files(project.folder):
            archive.write(file, file.relative_to(project.folder).as_posix())
        for table, columns in TABLES.items():
            with archive.open(f"tables/{table}.jsonl", "w") as stream:
                for row in database.connection.execute(f"SELECT {', '.join(columns)} FROM {table}"):
                    stream.write(json.dumps([_out(value) for value in row]).encode() + b"\n")
        if (project.folder / vectors.FILE).exists():
            archive.write(project.folder / vectors.FILE, vectors.FILE)
    os.replace(beside, target)


def is_ours(archive: Archive) -> bool:
    """Whether this is a snapshot of a project of ours."""
    return MANIFEST in archive


def restore(project: Opened, archive: Archive) -> None:
    """Brings a snapshot into a project that is new; its code is put in place and not run."""
    manifest = archive.json(MANIFEST)
    version = manifest.get("version") if isinstance(manifest, dict) else None
    if not isinstance(version, int) or version < 1:
        raise InputError(f"{archive.name}: {MANIFEST} tells no version; this is no snapshot of a project")
    if version > VERSION:
        raise NewerFormatError(f"{archive.name}: has version {version}, this nearmost knows {VERSION}; update it")
    beside = project.folder / "new.toml"
    beside.write_text(archive.text(SETTINGS), encoding="utf-8")
    settings = Settings.read(beside)
    beside.unlink()
    for member in archive:
        parts = member.split("/")
        if member.endswith(FOLDERS.get(parts[0], ())) and len(parts) in (2, 3) and parts[0] in FOLDERS:
            target = project.folder / member
            target.parent.mkdir(exist_ok=True)
            target.write_bytes(archive.read(member))
    with project.database.writing() as connection:
        connection.execute("PRAGMA defer_foreign_keys = ON")
        try:
            for table, columns in {**TABLES, **BEFORE.get(version, {})}.items():
                marks = ", ".join("?" * len(columns))
                rows = _rows(archive, f"tables/{table}.jsonl", len(columns))
                connection.executemany(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})", rows)
        except (connection.Error, OverflowError, UnicodeEncodeError) as error:
            raise InputError(
                f"{archive.name}: its tables contradict each other ({error}); take another snapshot"
            ) from None
        records_held = _check(project, archive.name)
        project.save_settings(settings)
        words.rebuild(project, settings.attributes)
        records.touch(project)
        if vectors.FILE in archive:
            (project.folder / vectors.FILE).write_bytes(archive.read(vectors.FILE))
            with Index.open(project.folder / vectors.FILE, verify="full") as index:
                if len(index) > records_held:
                    raise InputError(f"{archive.name}: has {len(index)} vectors for {records_held} records")
            connection.execute("INSERT OR REPLACE INTO meta VALUES ('vectors', ?)", (records.version(project),))


def _check(project: Opened, name: str) -> int:
    """How many records there are. Raises InputError where the tables are not what this room relies on."""
    database = project.database
    n_records, first, last = database.row("SELECT count(*), coalesce(min(id), 0), coalesce(max(id) + 1, 0) FROM record")
    if n_records != last or first != 0:
        raise InputError(f"{name}: its records are not numbered from 0 on; take another snapshot")
    for number, data in database.connection.execute("SELECT id, data FROM record"):
        if not _is_record(data):
            raise InputError(f"{name}: record {number} is no object of texts and numbers; take another snapshot")
    for table in ("annotation", "manual", "judged", "slice_member", "embedded"):
        stray = f"SELECT count(*) FROM {table} WHERE record_id IS NULL OR NOT (record_id BETWEEN 0 AND ?)"
        if database.value(stray, (last - 1,)):
            raise InputError(f"{name}: its table {table} names records that are not there; take another snapshot")
    if database.rows("PRAGMA foreign_key_check"):
        raise InputError(f"{name}: its tables name tasks, labels or runs that are not there; take another snapshot")
    return int(n_records)


def _is_record(data: object) -> bool:
    try:
        values = json.loads(data) if isinstance(data, str) else None
    except (ValueError, RecursionError):
        return False
    return isinstance(values, dict) and all(
        isinstance(value, str | None) or (isinstance(value, int | float) and abs(value) < 2**63)
        for value in values.values()
    )


def _rows(archive: Archive, member: str, n_columns: int) -> Iterator[list[Any]]:
    if member not in archive:
        return
    for number, line in enumerate(archive.text(member).split("\n"), 1):
        if not line:
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise InputError(f"{archive.name}: {member}:{number}: is not JSON ({error})") from None
        if not isinstance(row, list) or len(row) != n_columns:
            raise InputError(f"{archive.name}: {member}:{number}: wanted a list of {n_columns} values")
        yield [_in(value, archive.name) for value in row]


def _out(value: Any) -> Any:
    return {"base64": b64encode(value).decode()} if isinstance(value, bytes) else value


def _in(value: Any, name: str) -> Any:
    if isinstance(value, dict) and isinstance(value.get("base64"), str):
        try:
            return b64decode(value["base64"], validate=True)
        except ValueError:
            pass
    if isinstance(value, list | dict):
        raise InputError(f"{name}: a table holds a value that is neither text nor number; take another snapshot")
    return value


def _files(folder: Path) -> Iterator[Path]:
    for part, suffixes in FOLDERS.items():
        for path in sorted((folder / part).rglob("*")):
            if path.is_file() and not path.is_symlink() and path.suffix in suffixes:
                yield path
