"""Browsing: the records that a line of conditions finds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nearmost.errors import UnknownKeyError
from nearmost.label import words
from nearmost.label.conditions import Compiler, weak_run
from nearmost.label.opened import Opened
from nearmost.label.query_line import terms
from nearmost.label.tasks import Task, tasks
from nearmost.label.tasks import task as task_named


@dataclass(frozen=True, slots=True)
class Page:
    """Some of the records that a query found, and how many it found."""

    ids: list[int]
    total: int


def browse(
    project: Opened,
    query: str = "",
    *,
    task: str | None = None,
    order: str | None = None,
    offset: int = 0,
    limit: int = 50,
) -> Page:
    """The records that fulfil all of a line's conditions, a page of them, and their number.

    Words and "phrases" are looked for in the texts (``sport*`` finds beginnings), ``name:word`` in one attribute;
    numbers take ``year>=2004`` or ``year:2004..2006``. About ``task`` (the first one where none is named):
    ``label:Sports`` (``label:Sports,World`` either, ``label:none``, ``none`` for short), ``weak:Sports``, ``conf<.6``,
    ``agree>.9``, ``hit:heuristic``, ``conflict``. ``slice:name``, ``author:name``, ``key:17``, ``has:comment``,
    ``has:label``, ``has:weak``, ``has:vote``, ``is:wrong`` (weak label unlike the manual one), ``is:gold``,
    ``is:disputed``. A minus before a condition turns it round; task:NAME in the line names the task; an attribute that
    is called like one of these is written in quotes, ``"label":x``.

    ``order`` is "id", "conf", "random", "relevance" or an attribute, with a minus for the greatest first.
    """
    where, parameters, about, text = _conditions(project, query, task)
    joined, by, extra = _order(project, order, about, text)
    total = project.database.value(f"SELECT count(*) FROM record r WHERE {where}", parameters)
    rows = project.database.rows(
        f"SELECT r.id FROM record r {joined} WHERE {where} ORDER BY {by} LIMIT ? OFFSET ?",
        [*extra, *parameters, limit, offset],
    )
    return Page([number for (number,) in rows], total)


def matching(project: Opened, query: str, task: str | None = None) -> NDArray[np.int64]:
    """The ids of all records that fulfil a line's conditions, in order."""
    where, parameters, _, _ = _conditions(project, query, task)
    rows = project.database.rows(f"SELECT r.id FROM record r WHERE {where} ORDER BY r.id", parameters)
    return np.array([number for (number,) in rows], dtype=np.int64)


def _conditions(project: Opened, query: str, named: str | None) -> tuple[str, list[Any], Task | None, str]:
    """(WHERE clause, parameters, task, full-text expression of the words or "")."""
    words.ready(project)
    found = terms(query)
    for term in found:
        if term.name == "task":
            named = term.values[0]
    about = task_named(project, named) if named is not None or tasks(project) else None
    compiler = Compiler(project, about)
    pieces, text = compiler.pieces(found)
    clauses = ["NOT r.deleted", *(clause for clause, _ in pieces)]
    return " AND ".join(clauses), [value for _, values in pieces for value in values], about, text


def _order(project: Opened, order: str | None, about: Task | None, text: str) -> Any:
    """(JOIN, ORDER BY, parameters of the join)."""
    name = (order or "id").removeprefix("-")
    way = "DESC" if (order or "").startswith("-") else "ASC"
    if name == "id":
        return "", f"r.id {way}", []
    if name == "random":
        seed = project.settings.seed
        return "", f"((r.id + {int(seed)}) * 2654435761 % 4294967296) * 40503 % 65537 {way}, r.id", []
    if name == "relevance":
        if not text:
            return "", "r.id", []
        joined = "JOIN (SELECT rowid AS found, rank FROM record_text WHERE record_text MATCH ?) ON found = r.id"
        return joined, f"rank {way}, r.id", [text]
    if name == "conf":
        run = weak_run(project, about)
        joined = "LEFT JOIN (SELECT record_id, max(confidence) AS sure FROM weak WHERE run_id = ? GROUP BY record_id)"
        return f"{joined} ON record_id = r.id", f"sure {way} NULLS LAST, r.id", [run]
    kinds = project.settings.attributes
    known = {each.casefold(): each for each in kinds}
    if name.casefold() not in known:
        raise UnknownKeyError(
            f"order is {order!r}; it must be id, conf, random, relevance or one of {', '.join(kinds)}"
        )
    attribute = known[name.casefold()]
    if kinds[attribute] == "text":
        joined = "JOIN (SELECT ? AS attribute)"
        return joined, f"(SELECT value FROM json_each(r.data) WHERE json_each.key = attribute) {way}, r.id", [attribute]
    joined = "LEFT JOIN cell o ON o.attribute_id = ? AND o.record_id = r.id"
    return joined, f"o.value {way} NULLS LAST, r.id", [words.attribute_ids(project)[attribute]]
