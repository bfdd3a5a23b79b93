"""Browsing: the records that a line of conditions finds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nearmost.errors import InputError, UnknownKeyError
from nearmost.label.browsing.conditions import WORDS, Conditions, Mask, listed
from nearmost.label.browsing.query_line import terms
from nearmost.label.manual.tasks import Task, tasks
from nearmost.label.manual.tasks import task as task_named
from nearmost.label.records import words
from nearmost.label.store.opened import Opened
from nearmost.label.votes.weak import weak_cells

MANY = 20_000
"""Records; words that more of them hold say little about any, and ranking by them takes longer than anybody waits."""


@dataclass(frozen=True, slots=True)
class Page:
    """Some of the records that a query found, how many it found, and the task that it was about."""

    ids: list[int]
    total: int
    task: str | None = None


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
    if offset < 0 or limit < 0:
        raise InputError(f"a page begins at {offset} and has {limit} records; neither may be below 0")
    held, about, text = _held(project, query, task)
    ids = _ordered(project, order, held, about, text)
    return Page(ids[offset : offset + limit].tolist(), len(ids), None if about is None else about.name)


def matching(project: Opened, query: str, task: str | None = None) -> NDArray[np.int64]:
    """The ids of all records that fulfil a line's conditions, in order."""
    return np.flatnonzero(_held(project, query, task)[0])


def _held(project: Opened, query: str, named: str | None) -> tuple[Mask, Task | None, str]:
    """Which records fulfil the line, the task it is about, and the words in it."""
    words.ready(project)
    found = terms(query)
    for term in found:
        if term.name.casefold() == "task" and not term.quoted:
            named = term.values[0]
    about = task_named(project, named) if named is not None or tasks(project) else None
    held, text = Conditions(project, about).all_of(found)
    return held, about, text


def _ordered(project: Opened, order: str | None, held: Mask, about: Task | None, text: str) -> NDArray[np.int64]:
    """The ids of these records in order; records without a value come last either way."""
    name, down = (order or "id").removeprefix("-"), (order or "").startswith("-")
    kinds = project.settings.attributes
    known = {each.casefold(): each for each in kinds}
    if name == "id" or (name == "relevance" and not text):
        ids = np.flatnonzero(held)
        return ids[::-1] if down else ids
    if name == "random":
        first = np.random.default_rng(project.settings.seed).permutation(len(held))
    elif name == "conf":
        if about is None:
            raise InputError("order is conf, and the project has no task yet; add one first")
        rows = weak_cells(project, about)
        first = rows["record"][np.argsort(-rows["confidence"] if down else rows["confidence"], kind="stable")]
        first = first[np.sort(np.unique(first, return_index=True)[1])].astype(np.int64)
    elif name == "relevance":
        many = project.database.value(f"SELECT count(*) FROM ({WORDS})", (text,)) > MANY
        first = _listed(project, WORDS if many else f"{WORDS} ORDER BY rank", text)
    elif name.casefold() not in known:
        raise UnknownKeyError(
            f"order is {order!r}; it must be id, conf, random, relevance or one of {', '.join(kinds)}"
        )
    elif kinds[known[name.casefold()]] == "text":
        way = "DESC" if down else "ASC"
        column = words.columns(project, kinds)[known[name.casefold()]]
        filled = f"SELECT rowid AS id FROM record_text WHERE {column} IS NOT NULL"
        first = _listed(project, f"{filled} ORDER BY {column} COLLATE NOCASE {way}, rowid")
    else:
        way = "DESC" if down else "ASC"
        cells = f"SELECT record_id AS id FROM cell WHERE attribute_id = ? ORDER BY value {way}, record_id"
        first = _listed(project, cells, words.attribute_ids(project)[known[name.casefold()]])
    first = first[held[first]]
    left = held.copy()
    left[first] = False
    return np.concatenate([first, np.flatnonzero(left)])


def _listed(project: Opened, sql: str, *parameters: Any) -> NDArray[np.int64]:
    return listed(project.database.value(f"SELECT group_concat(id) FROM ({sql})", parameters))
