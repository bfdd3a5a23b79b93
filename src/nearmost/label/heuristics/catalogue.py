"""The heuristics of a project: what their files say beside what the database knows of their runs."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from nearmost.errors import InputError, UnknownKeyError
from nearmost.label.heuristics import approval, files
from nearmost.label.heuristics.files import HeuristicFile
from nearmost.label.lookups import knowledge, lists
from nearmost.label.manual import annotations as by_hand
from nearmost.label.manual.tasks import Task, task, tasks
from nearmost.label.records import records as stored
from nearmost.label.records import vectors
from nearmost.label.store.opened import Opened
from nearmost.label.votes import runs
from nearmost.label.votes.runs import Run

LOOKUPS = "lookups"


@dataclass(frozen=True, slots=True)
class HeuristicInfo:
    """A heuristic of a project, and how it stands."""

    task: str
    name: str
    kind: str
    path: Path | None
    """Its file; None where the database has votes of it and the file is gone."""
    enabled: bool
    """Whether weak supervision counts its votes."""
    approved: bool
    """Whether it may run: always, where it is no code."""
    stale: bool
    """Whether it would perhaps vote otherwise now: its code, lists, records, vectors or labels changed since it ran."""
    last_run: Run | None
    """The latest run, good or not."""
    text: str = ""
    """The code, or the .toml."""
    problem: str | None = None
    """Why its file cannot be used."""


def heuristics_of(project: Opened, task_name: str | None = None) -> list[HeuristicInfo]:
    """The heuristics of a task, or of all, in the order in which they came. Nothing of them is run."""
    about = tasks(project) if task_name is None else (task(project, task_name),)
    return [info for each in about for info in _of_task(project, each)]


def heuristic_file(project: Opened, task_name: str, name: str) -> HeuristicFile:
    """What the file of a heuristic says. Raises UnknownKeyError."""
    return files.file(project.folder, task(project, task_name).name, name)


def source(project: Opened, task_name: str, name: str) -> str:
    """The text of a heuristic's file: its code, or its settings as TOML. Raises UnknownKeyError."""
    return heuristic_file(project, task_name, name).text


def add_heuristic(project: Opened, task_name: str, name: str, what: str | Mapping[str, Any]) -> HeuristicInfo:
    """The heuristic whose file was written: code, or the settings of a kind that needs none, as a mapping or as TOML.

    Whoever calls this has the code in hand, so it is approved. A heuristic of this name gets the new text and keeps
    its votes, which are stale then.
    """
    made = save_source(project, task_name, name, what)
    if made.kind in files.CODE:
        approval.approve(made.text)
    return _known(project, task(project, task_name), name)


def save_source(project: Opened, task_name: str, name: str, what: str | Mapping[str, Any]) -> HeuristicInfo:
    """As ``add_heuristic``, but without approval: code is not run before ``approve``."""
    about = task(project, task_name)
    text = what if isinstance(what, str) else _toml(what)
    suffix = files.suffix_of(text)
    if suffix == ".toml":
        _check(project, about, files.of(text, Path(f"{name}.toml"), about.name))
    made = files.write(project.folder, about.name, name, text, suffix)
    runs.register(project, about.name, name, made.kind, str(made.path.relative_to(project.folder)))
    return _known(project, about, name)


def add_region(
    project: Opened,
    task_name: str,
    name: str,
    label: str,
    *,
    records: Iterable[int | str] | None = None,
    radius: float | None = None,
    polygon: Sequence[Sequence[float]] | None = None,
) -> HeuristicInfo:
    """A heuristic that gives a label to all records in a part of the space of vectors.

    That is a ball around some ``records``, which reaches to the farthest of them or to ``radius`` (1 - cosine), or
    what lies within a ``polygon`` on the map of the project, whose corners are (x, y).
    """
    settings: dict[str, Any] = {"kind": "region", "label": label}
    if records is not None:
        settings["around"] = [stored.record(project, each).key for each in records]
    if radius is not None:
        settings["radius"] = float(radius)
    if polygon is not None:
        settings["polygon"] = [[float(x), float(y)] for x, y in polygon]
    files.checked(settings)
    return add_heuristic(project, task_name, name, settings)


def approve(project: Opened, task_name: str, name: str, *, source: str | None = None) -> None:
    """Lets the code of a heuristic run, as it is now: look at it before. Changed code must be approved again.

    ``source`` is the code that was looked at; if the file holds another by now, that is an InputError.
    """
    found = heuristic_file(project, task_name, name)
    if source is not None and source != found.text:
        raise InputError(f"{found.path.name} has changed since it was read; read it again before you approve it")
    if found.is_code:
        approval.approve(found.text)


def enable(project: Opened, task_name: str, name: str, on: bool = True) -> None:
    """Says whether weak supervision counts a heuristic's votes; they stay either way."""
    _known(project, task(project, task_name), name)
    runs.enable(project, task_name, name, on)


def remove_heuristic(project: Opened, task_name: str, name: str) -> None:
    """Deletes a heuristic: its file, its runs and its votes."""
    about = task(project, task_name)
    _known(project, about, name)
    for suffix in (".py", ".toml"):
        (project.folder / files.FOLDER / about.name / f"{name}{suffix}").unlink(missing_ok=True)
    runs.forget(project, about.name, name)


def lookups_of(project: Opened) -> dict[str, lists.Lookup]:
    """The lookup lists of the project, by name, as their files have them now."""
    return lists.lookups(project.folder / LOOKUPS)


def fingerprint(project: Opened, about: Task, file: HeuristicFile, known: Mapping[str, lists.Lookup]) -> str:
    """A digest of all that a heuristic's votes follow from; a run whose fingerprint is another one is stale."""
    if file.kind == "import":
        return "import"
    parts: dict[str, Any] = {
        "text": file.text,
        "task": [about.kind, about.attribute, about.names],
        "records": stored.version(project),
    }
    if file.is_code:
        parts["lists"] = {name: known[name].values for name in knowledge.imported(file.text, known)}
    elif file.kind == "lookup":
        name = str(file.settings.get("list", file.name))
        parts["lists"] = known[name].values if name in known else None
    if file.kind in ("learner", "zeroshot", "region"):
        parts["vectors"] = vectors_digest(project)
    if file.kind == "learner":
        parts["labels"] = hashlib.sha256(by_hand.manual(project, about.name).tobytes()).hexdigest()
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]


def vectors_digest(project: Opened) -> str | None:
    """What the vectors are known by; None where there are none."""
    path = project.folder / vectors.FILE
    if not path.exists():
        return None
    found = path.stat()
    return _file_digest(path, found.st_mtime_ns, found.st_size)


@lru_cache(maxsize=8)
def _file_digest(path: Path, changed: int, size: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _of_task(project: Opened, about: Task) -> list[HeuristicInfo]:
    known = lookups_of(project)
    folder = project.folder / files.FOLDER / about.name
    paths = {path.stem: path for path in sorted(folder.iterdir()) if _is_ours(path)} if folder.is_dir() else {}
    rows = {each.name: each for each in runs.heuristics(project, about)}
    history = runs.standing_runs(project, about)
    current = {each.heuristic: each for each in history if each.current}
    latest = {each.heuristic: each for each in reversed(history)}
    infos = []
    for name in [*rows, *(name for name in paths if name not in rows)]:
        row, path = rows.get(name), paths.get(name)
        enabled, last = row is None or row.enabled, latest.get(name)
        kind: str = "function" if row is None else row.kind
        if path is None:
            gone = None if kind == "import" else "its file is gone"
            stale = gone is not None and name in current
            infos.append(HeuristicInfo(about.name, name, kind, None, enabled, True, stale, last, problem=gone))
            continue
        try:
            file = files.read(path, about.name)
        except InputError as error:
            infos.append(HeuristicInfo(about.name, name, kind, path, enabled, False, True, last, problem=str(error)))
            continue
        if row is None or row.kind != file.kind:
            runs.register(project, about.name, name, file.kind, str(path.relative_to(project.folder)))
        approved = not file.is_code or approval.is_approved(file.text)
        stale = name in current and current[name].fingerprint != fingerprint(project, about, file, known)
        infos.append(
            HeuristicInfo(about.name, name, file.kind, path, enabled, approved, stale, last, file.text)
        )  # fmt: skip
    return infos


def usable_files(project: Opened, about: Task) -> list[HeuristicFile]:
    """What the files of a task's heuristics say, without those that cannot be used."""
    folder = project.folder / files.FOLDER / about.name
    found = []
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if _is_ours(path):
            with contextlib.suppress(InputError):
                found.append(files.read(path, about.name))
    return found


def _is_ours(path: Path) -> bool:
    return path.suffix in (".py", ".toml") and path.is_file()


def _known(project: Opened, about: Task, name: str) -> HeuristicInfo:
    infos = _of_task(project, about)
    for info in infos:
        if info.name == name:
            return info
    have = ", ".join(info.name for info in infos) or "none"
    raise UnknownKeyError(f"task {about.name!r} has no heuristic {name!r}; it has {have}")


def _check(project: Opened, about: Task, file: HeuristicFile) -> None:
    """Refuses settings that name what is not there. Raises UnknownKeyError."""
    if "label" in file.settings:
        about.number(file.settings["label"])
    for name in (*file.settings.get("labels", ()), *file.settings.get("descriptions", ())):
        about.number(name)
    for name in file.settings.get("attributes", ()):
        if name not in project.settings.attributes:
            have = ", ".join(project.settings.attributes)
            raise UnknownKeyError(f"no attribute is called {name!r}; there are {have}")


def _toml(settings: Mapping[str, Any]) -> str:
    return "".join(f"{name} = {_value(value)}\n" for name, value in settings.items())


def _value(value: Any) -> str:
    """A value in TOML: JSON but for mappings and DEL."""
    if isinstance(value, Mapping):
        return f"{{ {', '.join(f'{_value(str(name))} = {_value(each)}' for name, each in value.items())} }}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_value, value))}]"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
