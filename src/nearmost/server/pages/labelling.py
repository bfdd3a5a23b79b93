"""Label: one record after the other, by keys."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Request
from fastapi.responses import HTMLResponse

from nearmost.label.supervision import supervising
from nearmost.server.shown import Shown, card_facts

router = APIRouter()
Record = Annotated[int, Body()]
By = Literal["query"] | supervising.By
Text = Annotated[str, Body()]


@router.get("/label")
def label(request: Request, shown: Shown) -> HTMLResponse:
    """The page."""
    return shown.page(request, "label.html", "label", lookups=sorted(shown.project.lookups))


@router.get("/api/queue")
def queue(
    shown: Shown,
    task: str,
    by: By = "random",
    n: int = 50,
    like: int | None = None,
    query: str = "",
) -> dict[str, Any]:
    """The records to label next: by a line, or in the order that is asked for."""
    if by == "query":
        ids = shown.project.browse(query, task=task, limit=n).ids
    else:
        ids = [int(each) for each in shown.project.queue(task, by=by, n=n, like=like)]
    return {"records": [card_facts(card) for card in shown.project.cards(ids, task)]}


@router.post("/api/annotate")
def annotate(
    shown: Shown, task: Text, record: Record, label: Annotated[str | list[str] | None, Body()] = None
) -> dict[str, Any]:
    """Gives a record its label, or takes it away (null)."""
    shown.project.annotate(task, record, label)
    return card_facts(shown.project.cards([record], task)[0])


@router.post("/api/annotate/many")
def annotate_many(shown: Shown, task: Text, records: Annotated[list[int], Body()], label: Text) -> dict[str, Any]:
    """Gives several records the same label."""
    for record in records:
        shown.project.annotate(task, record, label)
    return {"labelled": len(records)}


@router.post("/api/annotate/span")
def annotate_span(
    shown: Shown,
    task: Text,
    record: Record,
    start: Annotated[int, Body()],
    end: Annotated[int, Body()],
    label: Annotated[str | None, Body()] = None,
    lookup: Annotated[str | None, Body()] = None,
) -> dict[str, Any]:
    """Marks a stretch of text, which feeds the list of its label, and one that is named; without a label unmarks it."""
    text = shown.project.annotate_span(task, record, start, end, label)
    if lookup and label is not None:
        shown.project.harvest(lookup, text, record)
    return {"text": text, **card_facts(shown.project.cards([record], task)[0])}


@router.post("/api/undo")
def undo(shown: Shown) -> dict[str, Any]:
    """Takes the latest change back."""
    return {"undone": shown.project.undo()}
