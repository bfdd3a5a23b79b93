"""project.toml: what a project is called, which attributes its records have, and what is to be labelled."""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

from nearmost.errors import InputError

FILE = "project.toml"
Kind: TypeAlias = Literal["class", "multi", "span"]
"""One label a record, several of them, or stretches of a text."""
Type: TypeAlias = Literal["text", "category", "integer", "float", "boolean"]
COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#56b4e9", "#8c6d31", "#7f7f7f")
"""Of labels that say none, in turn: colours that colour-blind people tell apart (Okabe and Ito, 2008), and a grey."""
HOTKEYS = "1234567890qwertyuiopasdfghjklzxcvbnm"


@dataclass(frozen=True, slots=True)
class LabelSpec:
    """A label as project.toml has it."""

    name: str
    colour: str
    hotkey: str


@dataclass(frozen=True, slots=True)
class TaskSpec:
    """A task as project.toml has it."""

    name: str
    kind: Kind
    attribute: str | None
    labels: tuple[LabelSpec, ...]


@dataclass(frozen=True, slots=True)
class Settings:
    """All of project.toml; a change makes another one, which is written whole."""

    name: str
    key: tuple[str, ...] | None = None
    """The attributes that together name a record; () where records are numbered, None before there are any."""
    attributes: Mapping[str, Type] = field(default_factory=dict)
    tasks: tuple[TaskSpec, ...] = ()
    encoder: str | None = None
    template: str | None = None
    embedding: str | None = None
    """What vectors that were made elsewhere are called."""
    seed: int = 0

    @classmethod
    def read(cls, path: Path) -> Settings:
        """The settings in this file. Raises InputError, naming it, for whatever cannot be used."""
        try:
            found = tomllib.loads(path.read_text(encoding="utf-8"))
            return cls._of(found)
        except (UnicodeDecodeError, tomllib.TOMLDecodeError, InputError, KeyError, TypeError) as error:
            what = f"lacks {error}" if isinstance(error, KeyError) else str(error)
            raise InputError(f"{path}: {what}; mend the file, or take it from a snapshot") from None

    @classmethod
    def _of(cls, found: dict[str, Any]) -> Settings:
        key = found.get("key")
        embedding = found.get("embedding", {})
        attributes = {name: _one_of(kind, Type, f"attribute {name!r}") for name, kind in found["attributes"].items()}
        return cls(
            _text(found["name"], "name"),
            None if key is None else tuple(_text(part, "key") for part in key),
            attributes,
            tuple(_task(each) for each in found.get("tasks", [])),
            embedding.get("encoder"),
            embedding.get("template"),
            embedding.get("name"),
            int(found.get("seed", 0)),
        )

    def write(self, path: Path) -> None:
        """Writes the file, whole or not at all."""
        beside = path.with_name(f"{path.name}.new")
        beside.write_text(self.toml(), encoding="utf-8")
        os.replace(beside, path)

    def toml(self) -> str:
        """What the file holds."""
        lines = [f"name = {_quoted(self.name)}", f"seed = {self.seed}"]
        if self.key is not None:
            lines.append(f"key = [{', '.join(map(_quoted, self.key))}]")
        lines += ["", "[attributes]"]
        lines += [f"{_quoted(name)} = {_quoted(kind)}" for name, kind in self.attributes.items()]
        parts = {"encoder": self.encoder, "template": self.template, "name": self.embedding}
        if any(value is not None for value in parts.values()):
            lines += ["", "[embedding]"]
            lines += [f"{name} = {_quoted(value)}" for name, value in parts.items() if value is not None]
        for task in self.tasks:
            lines += ["", "[[tasks]]", f"name = {_quoted(task.name)}", f"kind = {_quoted(task.kind)}"]
            if task.attribute is not None:
                lines.append(f"attribute = {_quoted(task.attribute)}")
            lines.append("labels = [")
            for label in task.labels:
                said = {"name": label.name, "colour": label.colour, "hotkey": label.hotkey}
                lines.append(f"  {{ {', '.join(f'{name} = {_quoted(value)}' for name, value in said.items())} }},")
            lines.append("]")
        return "\n".join(lines) + "\n"

    def with_task(self, task: TaskSpec) -> Settings:
        """With this task, in the place of the one of its name if there is one."""
        others = [each for each in self.tasks if each.name != task.name]
        at = next((place for place, each in enumerate(self.tasks) if each.name == task.name), len(others))
        return replace(self, tasks=(*others[:at], task, *others[at:]))


def label_specs(labels: list[Any]) -> tuple[LabelSpec, ...]:
    """Labels from names, or from mappings with name, colour and hotkey; what they do not say is chosen for them."""
    wished = [{"name": each} if isinstance(each, str) else dict(each) for each in labels]
    for each in wished:
        if unknown := set(each) - {"name", "colour", "hotkey"}:
            raise InputError(f"a label says {sorted(unknown)}; it may say name, colour and hotkey")
        if not isinstance(each.get("name"), str) or not each["name"].strip():
            raise InputError(f"a label is called {each.get('name')!r}; a name must be a string that is not empty")
    names = [each["name"] for each in wished]
    if len(set(names)) < len(names):
        raise InputError(f"two labels are called {next(name for name in names if names.count(name) > 1)!r}")
    taken = {each.get("hotkey") for each in wished}
    free = iter([letter for letter in HOTKEYS if letter not in taken])
    return tuple(
        LabelSpec(
            each["name"],
            str(each.get("colour") or COLOURS[place % len(COLOURS)]),
            str(each["hotkey"] if "hotkey" in each else next(free, "")),
        )
        for place, each in enumerate(wished)
    )


def task_name(name: object) -> str:
    """The name, if it can be a task's and that of its folder. Raises InputError."""
    if not isinstance(name, str) or not name.strip(" .") or any(letter in name for letter in "/\\\0\n"):
        raise InputError(f"a task is called {name!r}; its name must not be empty and not hold a slash or a line end")
    return name


def _task(found: dict[str, Any]) -> TaskSpec:
    name = task_name(found["name"])
    kind: Kind = _one_of(found["kind"], Kind, f"task {name!r}")
    return TaskSpec(name, kind, found.get("attribute"), label_specs(found["labels"]))


def _one_of(found: object, wanted: Any, what: str) -> Any:
    if found not in get_args(wanted):
        raise InputError(f"{what} is {found!r}; it must be one of {', '.join(get_args(wanted))}")
    return found


def _text(found: object, what: str) -> str:
    if not isinstance(found, str) or not found:
        raise InputError(f"{what} is {found!r}; it must be a string that is not empty")
    return found


def _quoted(text: str) -> str:
    """A TOML string: JSON's escapes are TOML's, except that TOML wants DEL escaped too."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
