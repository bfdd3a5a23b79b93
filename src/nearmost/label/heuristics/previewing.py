"""Shows what a heuristic would say of some records; nothing is kept."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from nearmost.errors import InputError
from nearmost.label.browsing import querying
from nearmost.label.heuristics import approval, catalogue, files
from nearmost.label.heuristics.asking import not_approved, outcome_of
from nearmost.label.isolation.limits import Limits
from nearmost.label.manual.tasks import Task, task
from nearmost.label.records import records
from nearmost.label.records.records import Record
from nearmost.label.store.opened import Opened, record_id


@dataclass(frozen=True, slots=True)
class Preview:
    """What a heuristic says of one record."""

    record: Record
    votes: tuple[tuple[str, float, int, int], ...]
    """Label, confidence, and start and end of a span (-1 and -1 for the whole record)."""
    error: str | None = None
    traceback: str = ""
    missing: tuple[str, ...] = ()


def preview(
    project: Opened,
    task_name: str,
    name: str,
    n: int = 10,
    *,
    on: Literal["random", "conflicts"] | Iterable[int | str] = "random",
    source: str | None = None,
    limits: Limits | None = None,
    seed: int | None = None,
) -> list[Preview]:
    """What a heuristic says of some records: n at random, n on which others disagree, or those that are named.

    Nothing is kept. ``source`` is tried in the place of what the file says: code that is not saved yet.
    An error on one record is told beside it, and the others are asked all the same.
    """
    about = task(project, task_name)
    if source is None:
        file = catalogue.heuristic_file(project, about.name, name)
    else:
        path = project.folder / files.FOLDER / about.name / f"{name}{files.suffix_of(source)}"
        file = files.of(source, path, about.name)
    saved = source is None or any(
        info.name == name and info.text == source for info in catalogue.heuristics_of(project, about.name)
    )
    if file.is_code and saved and not approval.is_approved(file.text):
        raise InputError(not_approved(about, file))
    held = records.records(project, _sample(project, about, on, n, seed))
    with tempfile.TemporaryDirectory(prefix="nearmost-") as folder:
        known = catalogue.lookups_of(project)
        outcome = outcome_of(project, about, file, held, known, limits, None, Path(folder), go_on=True)
    if outcome.trouble is not None and outcome.trouble.record is None:
        trouble = outcome.trouble
        return [Preview(record, (), trouble.what, trouble.traceback, outcome.missing or ()) for record in held]
    troubles = {each.record: each for each in (*outcome.troubles, outcome.trouble) if each is not None}
    given: dict[int, list[tuple[str, float, int, int]]] = defaultdict(list)
    for (place, label, start, end), sure in outcome.votes.items():
        given[place].append((label, sure, start, end))
    previews = []
    for place, record in enumerate(held):
        error = troubles.get(place)
        what, lines = (None, "") if error is None else (error.what, error.traceback)
        previews.append(Preview(record, tuple(given[place]), what, lines, outcome.missing or ()))
    return previews


def _sample(project: Opened, about: Task, on: Any, n: int, seed: int | None) -> list[int]:
    if on not in ("random", "conflicts"):
        if isinstance(on, str):
            raise InputError(f"on is {on!r}; it must be 'random', 'conflicts' or records")
        return [record_id(project, each) for each in on]
    ids = querying.matching(project, "conflict" if on == "conflicts" else "", about.name)
    draw = np.random.default_rng(project.settings.seed if seed is None else seed)
    return sorted(draw.permutation(ids)[:n].tolist())
