"""What a heuristic says of some records: its code in a process apart, or, where it needs none, its settings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from nearmost.errors import InputError
from nearmost.label.heuristics import files, plain
from nearmost.label.heuristics.files import HeuristicFile
from nearmost.label.isolation.job import Job, Outcome, Training
from nearmost.label.isolation.limits import Limits
from nearmost.label.isolation.process import run as run_apart
from nearmost.label.lookups import knowledge
from nearmost.label.lookups.lists import Lookup
from nearmost.label.manual import annotations as by_hand
from nearmost.label.manual.tasks import Task
from nearmost.label.records import vectors
from nearmost.label.records.records import Record
from nearmost.label.store.opened import Opened, n_rows
from nearmost.label.votes.folds import fold_of

Progress = Callable[[int, int], object]


def outcome_of(
    project: Opened,
    about: Task,
    file: HeuristicFile,
    held: Sequence[Record],
    known: dict[str, Lookup],
    limits: Limits | None,
    progress: Progress | None,
    folder: Path,
    *,
    go_on: bool = False,
) -> Outcome:
    """What a heuristic says of these records."""
    if not file.is_code:
        return plain.votes(project, about, file, held, known)
    texts = [name for name, kind in project.settings.attributes.items() if kind in ("text", "category")]
    training = None
    if file.kind == "learner":
        try:
            training = _training(project, about, held, folder)
        except InputError as error:
            outcome = Outcome(missing=())
            outcome.fail("error", str(error))
            return outcome
    used = {each: known[each] for each in knowledge.imported(file.text, known)}
    job = Job(
        name=file.name,
        filename=str(file.path.relative_to(project.folder)),
        source=file.text,
        labels=about.names,
        kind=about.kind,
        attribute=about.attribute,
        texts=tuple(texts),
        lists={name: each.values for name, each in known.items()},
        training=training,
        held_out={} if go_on or about.kind != "class" or training is not None else plain.own_terms(held, used),
        go_on=go_on,
    )
    return run_apart(job, [record.values for record in held], limits, progress)


def _training(project: Opened, about: Task, held: Sequence[Record], folder: Path) -> Training:
    """What a learner learns from: all labelled records, before those that it is asked about."""
    if about.kind != "class":
        raise InputError(f"task {about.name!r} is of kind {about.kind!r}; a learner wants kind 'class'")
    rows, manual = vectors.vectors(project), by_hand.manual(project, about.name)
    asked = np.array([record.id for record in held], dtype=np.int64)
    others = np.setdiff1d(np.flatnonzero(manual >= 0), asked)
    every = np.concatenate([asked, others])
    path = folder / "vectors.npy"
    np.save(path, rows[every], allow_pickle=False)
    labelled = np.flatnonzero(manual[every] >= 0)
    labels = [about.names[manual[every[place]]] for place in labelled]
    folds = fold_of(n_rows(project))[every[labelled]]
    return Training(str(path), labelled.tolist(), labels, folds.tolist(), n_asked=len(asked))


def not_approved(about: Task, file: HeuristicFile) -> str:
    """What is said of code that may not run."""
    where = f"{files.FOLDER}/{about.name}/{file.path.name}"
    return (
        f"{where} has not been approved, or has changed since; read it, then approve it with "
        f"project.approve({about.name!r}, {file.name!r}) or nearmost label approve"
    )
