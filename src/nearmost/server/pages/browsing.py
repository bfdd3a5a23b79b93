"""Browse: one line finds records; slices are lines that were saved."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body, Query, Request
from fastapi.responses import HTMLResponse

from nearmost.server.shown import Shown, card_facts

router = APIRouter()
Text = Annotated[str, Body(embed=True)]


@router.get("/browse")
def browse(request: Request, shown: Shown) -> HTMLResponse:
    """The page."""
    return shown.page(request, "browse.html", "browse", slices=shown.project.slices)


@router.get("/api/records")
def found(
    shown: Shown,
    query: str = "",
    task: str | None = None,
    order: str | None = None,
    offset: Annotated[int, Query(ge=0)] = 0,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    ids: str | None = None,
) -> dict[str, Any]:
    """A page of the records that a line finds, or of those that are named, and how many there are."""
    if ids is not None:
        named = [shown.project.record(int(each)).id for each in ids.split(",") if each.isdecimal()]
        some = named[offset : offset + limit]
        return {"total": len(named), "records": [card_facts(card) for card in shown.project.cards(some, task)]}
    page = shown.project.browse(query, task=task, order=order, offset=offset, limit=limit)
    return {"total": page.total, "records": [card_facts(card) for card in shown.project.cards(page.ids, task)]}


@router.get("/api/records/{record}")
def one(shown: Shown, record: int, task: str | None = None) -> dict[str, Any]:
    """A record, and what was said about it."""
    card = card_facts(shown.project.cards([shown.project.record(record).id], task)[0])
    said = [{"author": each.author, "body": each.body} for each in shown.project.comments(f"record:{card['key']}")]
    return {**card, "comments": said, "evidence": _evidence(shown, record, task)}


def _evidence(shown: Shown, record: int, task: str | None) -> list[list[Any]]:
    """Why the weak label is what it is: (source, label, weight), where a model was fitted."""
    about = shown.task(task)
    if about is None or about.kind != "class" or not shown.project.weak_runs(about.name, 1):
        return []
    return [[source, label, float(weight)] for source, label, weight in shown.project.explain(about.name, record)]


@router.get("/api/similar/{record}")
def similar(shown: Shown, record: int, task: str | None = None, n: int = 50) -> dict[str, Any]:
    """The records nearest to one by their vectors, nearest first."""
    near = shown.project.similar(record, n=n)
    cards = shown.project.cards([number for number, _ in near], task)
    both = zip(cards, near, strict=True)
    return {"total": len(near), "records": [{**card_facts(card), "score": score} for card, (_, score) in both]}


@router.post("/api/slices")
def save_slice(shown: Shown, name: Text, query: Text, task: Text, static: Annotated[bool, Body()] = False) -> Any:
    """Saves the line."""
    shown.project.save_slice(name, query, static=static, task=task)
    return {"saved": name}


@router.post("/api/slices/delete")
def delete_slice(shown: Shown, name: Text) -> Any:
    """Takes a saved line away."""
    shown.project.delete_slice(name)
    return {"deleted": name}


@router.post("/api/comments")
def comment(shown: Shown, record: Annotated[int, Body()], body: Annotated[str, Body()]) -> Any:
    """Writes a comment on a record."""
    shown.project.comment(record, body)
    return {"said": body}
