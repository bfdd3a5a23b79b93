"""Heuristics as files: ``heuristics/<task>/<name>.py`` is code, ``heuristics/<task>/<name>.toml`` says what needs none.

Code defines a labelling function or a learner. A .toml says its kind and that kind's settings::

    kind = "lookup"       # a label where a term of a lookup list stands in the text
    list = "sports"
    label = "Sports"
    attributes = ["headline"]
"""

from __future__ import annotations

import ast
import os
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

from nearmost.errors import InputError, UnknownKeyError
from nearmost.label.lookups.lists import check_name

FOLDER = "heuristics"
Kind: TypeAlias = Literal["function", "learner", "lookup", "zeroshot", "region", "import"]
CODE: tuple[Kind, ...] = ("function", "learner")
"""The kinds that are code, and run apart, after they were approved."""

SETTINGS: dict[str, dict[str, tuple[type, ...]]] = {
    "lookup": {
        "list": (str,),
        "label": (str,),
        "attributes": (list,),
        "whole_words": (bool,),
        "case_sensitive": (bool,),
    },
    "zeroshot": {"template": (str,), "descriptions": (dict,), "min_confidence": (int, float), "labels": (list,)},
    "region": {"label": (str,), "around": (list,), "radius": (int, float), "polygon": (list,)},
    "import": {"source": (str,)},
}
"""What a .toml of each kind may say."""
NEEDED = {"lookup": ("label",), "region": ("label",)}


@dataclass(frozen=True, slots=True)
class HeuristicFile:
    """A heuristic as its file has it."""

    task: str
    name: str
    kind: Kind
    path: Path
    text: str
    """The code, or the .toml."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """What a .toml says."""

    @property
    def is_code(self) -> bool:
        """Whether it must be approved, and runs apart."""
        return self.kind in CODE


def files(folder: Path, tasks: Iterable[str]) -> list[HeuristicFile]:
    """The heuristics of these tasks in a project's folder, by task and name. Nothing of them is run."""
    found = []
    for task in tasks:
        inside = folder / FOLDER / task
        paths = inside.iterdir() if inside.is_dir() else ()
        found += [read(path, task) for path in sorted(paths) if path.suffix in (".py", ".toml") and path.is_file()]
    return found


def file(folder: Path, task: str, name: str) -> HeuristicFile:
    """One of them. Raises UnknownKeyError."""
    known = files(folder, [task])
    for each in known:
        if each.name == name:
            return each
    have = ", ".join(each.name for each in known) or "none"
    raise UnknownKeyError(f"task {task!r} has no heuristic {name!r}; it has {have}")


def read(path: Path, task: str) -> HeuristicFile:
    """The heuristic in a file. Raises InputError, naming it, for a .toml that cannot be used."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(f"{path}: is not UTF-8; save the file in that encoding") from None
    return of(text, path, task)


def of(text: str, path: Path, task: str) -> HeuristicFile:
    """The heuristic that this text is, as a file of this path."""
    if path.suffix == ".py":
        return HeuristicFile(task, path.stem, "learner" if _is_learner(text) else "function", path, text)
    try:
        settings = tomllib.loads(text)
        return HeuristicFile(task, path.stem, checked(settings), path, text, settings)
    except (tomllib.TOMLDecodeError, InputError) as error:
        raise InputError(f"{path}: {error}") from None


def checked(settings: Mapping[str, Any]) -> Kind:
    """The kind of a heuristic without code, whose settings are those of that kind. Raises InputError."""
    kind = settings.get("kind")
    if kind not in SETTINGS:
        raise InputError(f"kind is {kind!r}; it must be one of {', '.join(SETTINGS)}")
    for name, value in settings.items():
        if name == "kind":
            continue
        wanted = SETTINGS[kind].get(name)
        if wanted is None:
            raise InputError(f"{name} is no setting of kind {kind!r}; those are {', '.join(SETTINGS[kind])}")
        if not isinstance(value, wanted) or (isinstance(value, bool) and bool not in wanted):
            raise InputError(f"{name} is {value!r:.60}; it must be a {' or '.join(each.__name__ for each in wanted)}")
    for name in NEEDED.get(kind, ()):
        if name not in settings:
            raise InputError(f"{name} is missing; a heuristic of kind {kind!r} needs it")
    if kind == "region" and ("around" in settings) == ("polygon" in settings):
        raise InputError("a region is either around records or a polygon; say one of the two")
    return kind  # type: ignore[no-any-return]


def suffix_of(text: str) -> str:
    """How a file with this text is called: settings begin with ``kind``, everything else is code."""
    return ".toml" if re.match(r"(\s*#[^\n]*\n)*\s*kind\s*=", text) else ".py"


def write(folder: Path, task: str, name: str, text: str, suffix: str) -> HeuristicFile:
    """The heuristic whose file was written, whole or not at all; one of this name and the other kind gives way."""
    check_name(name, "a heuristic")
    inside = folder / FOLDER / task
    inside.mkdir(parents=True, exist_ok=True)
    path = inside / f"{name}{suffix}"
    made = of(text, path, task)
    beside = path.with_name(f"{path.name}.new")
    beside.write_text(text, encoding="utf-8", newline="\n")
    os.replace(beside, path)
    for other in {".py", ".toml"} - {suffix}:
        path.with_suffix(other).unlink(missing_ok=True)
    return made


def _is_learner(source: str) -> bool:
    """Whether code defines a learner, by its looks: nothing is run to find out."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    bases = [
        base.attr if isinstance(base, ast.Attribute) else base.id if isinstance(base, ast.Name) else ""
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
        for base in node.bases
    ]
    return any(base in ("LearningClassifier", "LearningExtractor") for base in bases)


assert set(SETTINGS) | set(CODE) == set(get_args(Kind))
