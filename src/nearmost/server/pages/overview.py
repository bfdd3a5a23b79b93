"""Overview: where the labelling stands, how sure the weak labels are, and where they are wrong."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Body, Request
from fastapi.responses import HTMLResponse, Response

from nearmost.label.browsing.summary import of_task
from nearmost.label.votes.columns import label_numbers
from nearmost.label.votes.weak import weak_cells
from nearmost.server.shown import Shown, stylesheet

router = APIRouter()
BINS = 40


@router.get("/")
def overview(request: Request, shown: Shown) -> HTMLResponse:
    """The page."""
    return shown.page(request, "overview.html", "overview")


@router.get("/labels.css")
def colours(shown: Shown, task: str | None = None) -> Response:
    """The colours of a task's labels."""
    return stylesheet(shown.task(task))


@router.get("/api/overview")
def standing(shown: Shown, task: str) -> dict[str, Any]:
    """Counts by label, the histogram of confidence, the last supervision beside labels by hand alone."""
    project, about = shown.project, shown.project.task(task)
    counted = of_task(project, about)
    facts: dict[str, Any] = {
        "n_records": project.n_records,
        "n_manual": counted["n_manual"],
        "n_weak": counted["n_weak"],
        "manual": list(counted["manual"].values()),
        "weak": list(counted["weak"].values()),
        "runs": [{"model": run.model, "n_labelled": run.n_labelled, "metrics": run.metrics, "created": run.created}
                 for run in project.weak_runs(task, 5)],
        "heuristics": [{"name": each.name, "stale": each.stale, "enabled": each.enabled}
                       for each in project.heuristics(task)],
        "old_vectors": project.vectors_are_old(),
        "history": [{"when": event.created, "what": str(event), "undone": event.undone}
                    for event in project.history(12)],
    }  # fmt: skip
    if facts["runs"]:
        rows = weak_cells(project, about)
        labels, sure = label_numbers(rows, about), rows["confidence"]
        facts["bins"] = [
            np.histogram(sure[labels == label], bins=BINS, range=(0, 1))[0].tolist()
            for label in range(len(about.labels))
        ]
    return facts


@router.get("/api/threshold")
def threshold(shown: Shown, task: str, precision: float = 0.9) -> dict[str, Any]:
    """The confidence from which on weak labels are right as often as is wanted, as far as labels by hand can tell."""
    found = shown.project.threshold(task, precision=precision)
    return {
        "confidence": found.confidence, "precision": found.precision, "interval": list(found.interval),
        "kept": found.kept, "judged": found.judged,
    }  # fmt: skip


@router.get("/api/confusion")
def confusion(shown: Shown, task: str) -> dict[str, Any]:
    """Labels by hand against weak ones, out of fold, and the records of each cell."""
    found = shown.project.confusion(task)
    cells = [
        {"manual": row, "weak": column, "records": [int(each) for each in ids]}
        for (row, column), ids in found.records.items()
    ]
    return {"labels": list(found.labels), "counts": np.asarray(found.counts).tolist(), "cells": cells}


@router.post("/api/supervise")
def supervise(shown: Shown, task: Annotated[str, Body()], model: Annotated[str, Body()] = "bayes") -> dict[str, Any]:
    """Combines votes and labels by hand into weak labels, as a job."""

    def work(progress: Any) -> dict[str, Any]:
        made = shown.project.supervise(task, model=model)
        return {"n_labelled": made.n_labelled, "metrics": made.metrics}

    return {"job": shown.jobs.start(f"supervise {task}", work).number}
