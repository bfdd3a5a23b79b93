"""Tasks and their labels: project.toml says what there is, the database which number it has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, get_args

from nearmost.errors import InputError, UnknownKeyError
from nearmost.label.store import journal
from nearmost.label.store.opened import Opened
from nearmost.label.store.settings import Kind, TaskSpec, label_specs, task_name

ABSTAIN = -1
"""Stands in arrays of label numbers where there is no label."""


@dataclass(frozen=True, slots=True)
class Label:
    """One of the answers to a task. ``id`` is the database's; arrays hold its number within ``Task.labels``."""

    id: int
    name: str
    colour: str
    hotkey: str


@dataclass(frozen=True, slots=True)
class Task:
    """What is to be labelled: "class" one label a record, "multi" several, "span" stretches of an attribute's text."""

    id: int
    name: str
    kind: Kind
    attribute: str | None
    labels: tuple[Label, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the labels, by number."""
        return tuple(label.name for label in self.labels)

    def number(self, label: str) -> int:
        """The number of a label within ``labels``. Raises UnknownKeyError."""
        for number, each in enumerate(self.labels):
            if each.name == label:
                return number
        raise UnknownKeyError(f"task {self.name!r} has no label {label!r}; its labels are {', '.join(self.names)}")

    def label(self, name: str) -> Label:
        """The label of this name. Raises UnknownKeyError."""
        return self.labels[self.number(name)]

    def numbers(self) -> dict[int, int]:
        """Label id -> number within ``labels``."""
        return {label.id: number for number, label in enumerate(self.labels)}


def tasks(project: Opened) -> tuple[Task, ...]:
    """The tasks, in the order of project.toml."""
    specs = project.settings.tasks
    task_ids = dict(project.database.rows("SELECT name, id FROM task"))
    label_ids = {(row[0], row[1]): row[2] for row in project.database.rows("SELECT task_id, name, id FROM label")}
    known = all(
        spec.name in task_ids and all((task_ids[spec.name], label.name) in label_ids for label in spec.labels)
        for spec in specs
    )
    if not known:  # project.toml has been written by hand
        _number(project)
        return tasks(project)
    return tuple(
        Task(
            task_ids[spec.name],
            spec.name,
            spec.kind,
            spec.attribute,
            tuple(
                Label(label_ids[task_ids[spec.name], label.name], label.name, label.colour, label.hotkey)
                for label in spec.labels
            ),
        )
        for spec in specs
    )


def task(project: Opened, name: str | Task | None = None) -> Task:
    """The task of this name, or the first one. Raises UnknownKeyError, listing them."""
    if isinstance(name, Task):
        return name
    found = tasks(project)
    for each in found:
        if name is None or each.name == name:
            return each
    if not found:
        raise UnknownKeyError(
            "the project has no task yet; add one with project.add_task(name, labels) or nearmost label task"
        )
    raise UnknownKeyError(f"there is no task {name!r}; the tasks are {', '.join(each.name for each in found)}")


def add_task(
    project: Opened,
    name: str,
    labels: Iterable[str | Mapping[str, str]],
    *,
    kind: Kind = "class",
    attribute: str | None = None,
) -> Task:
    """The new task. A label is a name, or a mapping with name, colour and hotkey.

    ``kind="class"`` is one label a record, "multi" any number of them, "span" stretches of the text of ``attribute``.
    For the others ``attribute`` says what the label is about: a part of the record, or all of it where it is None.
    """
    specs = label_specs(list(labels))
    settings = project.settings
    if kind not in get_args(Kind):
        raise InputError(f"kind is {kind!r}; it must be one of {', '.join(get_args(Kind))}")
    task_name(name)
    if any(each.name.casefold() == name.casefold() for each in settings.tasks):
        raise InputError(f"there is a task {name!r} already; add labels to it with project.add_labels")
    if not specs:
        raise InputError(f"task {name!r} has no labels; it needs at least one")
    if kind == "span" and attribute is None:
        texts = [each for each, type_ in settings.attributes.items() if type_ == "text"]
        if len(texts) != 1:
            raise InputError(f"spans lie in one attribute; say attribute= one of {', '.join(texts) or '(none yet)'}")
        attribute = texts[0]
    if attribute is not None and settings.attributes and attribute not in settings.attributes:
        raise UnknownKeyError(f"no attribute is called {attribute!r}; there are {', '.join(settings.attributes)}")
    project.save_settings(settings.with_task(TaskSpec(name, kind, attribute, specs)))
    made = task(project, name)
    journal.note(project, "add_task", {"task": name, "labels": list(made.names)})
    return made


def add_labels(project: Opened, name: str, labels: Iterable[str | Mapping[str, str]]) -> Task:
    """The task with these labels too, after those that it has."""
    spec = next((each for each in project.settings.tasks if each.name == task(project, name).name), None)
    assert spec is not None
    labels = list(labels)
    there = {each.name for each in spec.labels} & {
        each if isinstance(each, str) else each.get("name") for each in labels
    }
    if there:
        raise InputError(f"task {spec.name!r} has a label {min(there)!r} already; its names are unlike each other")
    have: list[Any] = [{"name": each.name, "colour": each.colour, "hotkey": each.hotkey} for each in spec.labels]
    more = TaskSpec(spec.name, spec.kind, spec.attribute, label_specs([*have, *labels]))
    project.save_settings(project.settings.with_task(more))
    journal.note(project, "add_labels", {"task": name, "labels": [each.name for each in more.labels[len(have) :]]})
    return task(project, name)


def _number(project: Opened) -> None:
    """Gives an id to every task and label of project.toml that has none."""
    with project.database.writing() as connection:
        for spec in project.settings.tasks:
            connection.execute("INSERT OR IGNORE INTO task (name) VALUES (?)", (spec.name,))
            (task_id,) = connection.execute("SELECT id FROM task WHERE name = ?", (spec.name,)).fetchone()
            connection.executemany(
                "INSERT OR IGNORE INTO label (task_id, name) VALUES (?, ?)",
                [(task_id, label.name) for label in spec.labels],
            )
