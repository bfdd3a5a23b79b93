"""A project in figures: what there is, and how far it is labelled."""

from __future__ import annotations

from collections import Counter
from typing import Any

from nearmost.label.manual.tasks import Task, tasks
from nearmost.label.records import vectors
from nearmost.label.store.opened import Opened
from nearmost.label.votes import runs, weak
from nearmost.label.votes.columns import label_numbers


def info(project: Opened) -> dict[str, Any]:
    """What is inside, as plain values: records, attributes, vectors, and for each task labels and counts."""
    settings = project.settings
    described = None
    if (project.folder / vectors.FILE).exists():
        with vectors.index(project) as index:
            described = f"{len(index):,} x {index.dim} by {settings.encoder or settings.embedding}"
        described += ", older than the records" if vectors.vectors_are_old(project) else ""
    return {
        "name": settings.name,
        "folder": str(project.folder),
        "n_records": int(project.database.value("SELECT count(*) FROM record WHERE NOT deleted")),
        "key": None if settings.key is None else list(settings.key),
        "attributes": dict(settings.attributes),
        "vectors": described,
        "tasks": [of_task(project, each) for each in tasks(project)],
        "slices": [name for (name,) in project.database.rows("SELECT name FROM slice ORDER BY name")],
        "n_comments": int(project.database.value("SELECT count(*) FROM comment")),
    }


def of_task(project: Opened, about: Task) -> dict[str, Any]:
    """How far a task of any kind is labelled: by hand, a record each; weakly, a span each where it is of spans."""
    said = dict(
        project.database.rows("SELECT label_id, count(*) FROM manual WHERE task_id = ? GROUP BY label_id", (about.id,))
    )
    rows = weak.weak_cells(project, about)
    weakly = Counter(label_numbers(rows, about).tolist())
    judged = project.database.value("SELECT count(*) FROM judged WHERE task_id = ?", (about.id,))
    return {
        "name": about.name,
        "kind": about.kind,
        "attribute": about.attribute,
        "labels": list(about.names),
        "n_manual": int(judged),
        "manual": {label.name: int(said.get(label.id, 0)) for label in about.labels},
        "n_weak": len(set(rows["record"].tolist())),
        "weak": {name: weakly[number] for number, name in enumerate(about.names)},
        "n_heuristics": len(runs.heuristics(project, about)),
    }
