"""Heuristics: their statistics, an editor with a preview, lists whose terms are struck out in a click, and runs."""

from __future__ import annotations

from dataclasses import asdict, is_dataclass
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response, StreamingResponse

from nearmost.errors import InputError
from nearmost.label import Limits
from nearmost.server.shown import Shown, Workbench

router = APIRouter()
Text = Annotated[str, Body()]
On = Annotated[Literal["random", "conflicts"], Body()]
EMPTY = '''def {name}(record):
    """What it looks for."""
    if "word" in record[{attribute!r}].text.lower():
        return {label!r}
'''
MARKS = '''def {name}(record):
    """What it looks for."""
    for word in record[{attribute!r}]:
        if word.text.lower() == "word":
            yield {label!r}, word.i, word.i + 1
'''
PATIENCE = Limits(seconds_per_record=1.0)
"""Of a preview: somebody waits for it."""


@router.get("/heuristics")
def heuristics(request: Request, shown: Shown) -> HTMLResponse:
    """The page."""
    return shown.page(request, "heuristics.html", "heuristics", lookups=shown.project.lookups)


@router.get("/api/heuristics")
def table(shown: Shown, task: str) -> dict[str, Any]:
    """Every heuristic of a task, and its statistics by label."""
    project = shown.project
    infos = []
    for each in project.heuristics(task):
        last = each.last_run
        infos.append({
            "name": each.name, "kind": each.kind, "enabled": each.enabled, "approved": each.approved,
            "stale": each.stale, "run": None if last is None else
            {"status": last.status, "n_votes": last.n_votes, "seconds": last.seconds, "error": last.error},
        })  # fmt: skip
    statistics = project.stats(task)
    return {"heuristics": infos, "statistics": [{**_plain(row), "precision": row.precision} for row in statistics]}


@router.get("/api/heuristics/source")
def source(shown: Shown, task: str, name: str) -> dict[str, Any]:
    """The code of a heuristic."""
    return {"source": shown.project.source(task, name)}


@router.post("/api/heuristics/new")
def new(shown: Shown, task: Text, name: Text) -> dict[str, Any]:
    """A new labelling function, to be edited."""
    about = shown.project.task(task)
    free(shown, task, name)
    key, kinds = shown.project.key or [], shown.project.attributes
    texts = [each for each, kind in kinds.items() if kind == "text" and each not in key]
    attribute = about.attribute or next(iter([*texts, *key]), "text")
    code = (MARKS if about.kind == "span" else EMPTY).format(name=name, attribute=attribute, label=about.names[0])
    shown.project.add_heuristic(task, name, code)
    return {"name": name}


@router.post("/api/heuristics/save")
def save(shown: Shown, task: Text, name: Text, source: Text) -> dict[str, Any]:
    """Writes the code, and approves it: who wrote it here has read it."""
    shown.project.save_source(task, name, source)
    shown.project.approve(task, name)
    return {"saved": name}


@router.post("/api/heuristics/approve")
def approve(shown: Shown, task: Text, name: Text) -> dict[str, Any]:
    """Lets code that came from elsewhere run."""
    shown.project.approve(task, name)
    return {"approved": name}


@router.post("/api/heuristics/enable")
def enable(shown: Shown, task: Text, name: Text, on: Annotated[bool, Body()]) -> dict[str, Any]:
    """Switches a heuristic on or off for weak supervision."""
    shown.project.enable(task, name, on)
    return {"name": name, "on": on}


@router.post("/api/heuristics/preview")
def preview(shown: Shown, task: Text, name: Text, source: Text, on: On = "random") -> dict[str, Any]:
    """What code says of ten records, before it is saved. The request itself is the approval: it was typed here."""
    found = shown.project.preview(task, name, n=10, on=on, source=source, limits=PATIENCE)
    return {
        "records": [
            {"id": each.record.id, "key": each.record.key, "values": each.record.values,
             "votes": _plain(each.votes), "error": each.error}
            for each in found
        ]
    }  # fmt: skip


@router.post("/api/run")
def run(shown: Shown, task: Text, names: Annotated[list[str] | None, Body()] = None) -> dict[str, Any]:
    """Runs heuristics as a job, all or these."""

    def work(progress: Any) -> Any:
        return [_plain(report) for report in shown.project.run(task, names, progress=progress)]

    return {"job": shown.jobs.start(f"run {task}", work).number}


@router.get("/api/jobs/{number}")
def follow(shown: Shown, number: int) -> Response:
    """The progress of a job as server-sent events."""
    job = shown.jobs.find(number)
    if job is None:
        return JSONResponse({"error": f"there is no job {number}"}, 404)
    return StreamingResponse(job.events(), media_type="text/event-stream", headers={"cache-control": "no-store"})


@router.get("/api/lookups/{name}")
def terms(shown: Shown, name: str, task: str) -> dict[str, Any]:
    """The terms of a list, each with how many records it hits and how often that is right."""
    return {"terms": [_plain(row) for row in shown.project.term_statistics(task, name)]}


@router.post("/api/lookups/new")
def new_list(shown: Shown, task: Text, name: Text, label: Text) -> dict[str, Any]:
    """A list, made if it is not there yet, and a heuristic of its name that votes for a label where a term stands."""
    free(shown, task, name)
    shown.project.task(task).label(label)
    shown.project.add_heuristic(task, name, {"kind": "lookup", "list": name, "label": label})
    if name not in shown.project.lookups:
        shown.project.add_terms(name, [])
    return {"name": name, "label": label}


@router.post("/api/lookups/strike")
def strike(shown: Shown, lookup: Text, term: Text, excluded: Annotated[bool, Body()] = True) -> dict[str, Any]:
    """Leaves a term out of a list, or takes it back."""
    shown.project.strike(lookup, term, excluded)
    return {"term": term, "excluded": excluded}


@router.post("/api/lookups/add")
def add(shown: Shown, lookup: Text, term: Text) -> dict[str, Any]:
    """Adds a term that somebody typed."""
    shown.project.add_terms(lookup, [term])
    return {"term": term}


def free(shown: Workbench, task: str, name: str) -> None:
    """Raises InputError where a heuristic is called so already: a new one would take the place of its code."""
    if any(each.name == name for each in shown.project.heuristics(task)):
        raise InputError(f"there is a heuristic {name} already; take another name")


def _plain(value: Any) -> Any:
    """Values of the library as JSON takes them."""
    if is_dataclass(value) and not isinstance(value, type):
        return {name: _plain(each) for name, each in asdict(value).items()}
    if isinstance(value, dict):
        return {str(name): _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value.item() if hasattr(value, "item") else value
