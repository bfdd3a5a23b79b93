"""Conditions on records as truth values, one a record. SQL here is fixed; what a user wrote is a bound parameter."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nearmost.errors import InputError, UnknownKeyError
from nearmost.label.browsing.query_line import Term, bounds, terms
from nearmost.label.manual.tasks import Label, Task, task
from nearmost.label.records import words
from nearmost.label.store.opened import Opened, n_rows
from nearmost.label.votes.columns import unpacked
from nearmost.label.votes.conflicts import conflicts
from nearmost.label.votes.weak import weak_cells

Mask = NDArray[np.bool_]
DEEPEST = 8
"""Slices made of slices made of ..."""
COMPARED = {"=": np.equal, "<": np.less, "<=": np.less_equal, ">": np.greater, ">=": np.greater_equal}
CELLS = {sign: f"SELECT record_id AS id FROM cell WHERE attribute_id = ? AND value {sign} ?" for sign in COMPARED}
WORDS = "SELECT rowid AS id FROM record_text WHERE record_text MATCH ?"
JUDGED = "SELECT record_id AS id FROM judged WHERE task_id = ?"
STATES = ("conflict", "wrong", "gold", "disputed")


class Conditions:
    """Says of each record whether a line's conditions hold, about one task."""

    def __init__(self, project: Opened, about: Task | None, depth: int = 0) -> None:
        self.project = project
        self.about = about
        self.depth = depth
        self.n_records = n_rows(project)
        self.attributes = {name.casefold(): name for name in project.settings.attributes}
        self.known: dict[str, Callable[[Term, str], Mask]] = {
            "label": self.label, "weak": self.weak, "conf": self.sure, "agree": self.sure, "hit": self.hit,
            "slice": self.slice, "author": self.author, "key": self.key, "id": self.id, "has": self.has,
            "is": self.what_it_is, "task": lambda term, value: np.ones(self.n_records, bool),
        }  # fmt: skip

    def all_of(self, found: list[Term]) -> tuple[Mask, str]:
        """Where all terms hold; and what the words are to the full-text table, so that it can rank by them."""
        held = ~self.ids("SELECT id FROM record WHERE deleted")
        wanted: list[str] = []
        for term in found:
            if not term.name and not term.negated and term.values[0] not in BARE:
                wanted += filter(None, [phrase(term.values[0])])
            else:
                mask = self.term(term)
                held &= ~mask if term.negated else mask
        text = " AND ".join(wanted)
        return (held & self.ids(WORDS, text) if text else held), text

    def term(self, term: Term) -> Mask:
        """Where any of a term's values holds."""
        if not term.name:
            if term.values[0] in BARE:
                name, value = BARE[term.values[0]]
                return self.known[name](Term(name, ":", (value,), negated=False), value)
            found = phrase(term.values[0])
            return self.ids(WORDS, found) if found else np.full(self.n_records, not term.negated)
        name = term.name.casefold()
        if name in self.attributes and (term.quoted or name not in self.known):
            attribute = self.attributes[name]
            masks = [self.attribute(term, attribute, value) for value in term.values]
        elif name in self.known and not term.quoted:
            masks = [self.known[name](term, value) for value in term.values]
        else:
            raise UnknownKeyError(
                f"the query asks for {term.name!r}; it may ask for {', '.join(self.known)} or an attribute "
                f"({', '.join(self.attributes.values())}). To look for the text itself, put it in quotes"
            )
        held = masks[0]
        for mask in masks[1:]:
            held = held | mask
        return held

    def ids(self, sql: str, *parameters: Any) -> Mask:
        """True for the records whose ids a statement gives, joined to one string: far faster than row by row."""
        found = self.project.database.value(f"SELECT group_concat(id) FROM ({sql})", parameters)
        return self.mask(listed(found))

    def mask(self, records: NDArray[Any]) -> Mask:
        """True for these records."""
        mask = np.zeros(self.n_records, dtype=bool)
        mask[records] = True
        return mask

    def attribute(self, term: Term, name: str, value: str) -> Mask:
        kind = self.project.settings.attributes[name]
        at = words.attribute_ids(self.project)[name]
        if value in ("none", "any") and term.sign == ":":
            filled = "SELECT r.id FROM record r, json_each(r.data) j WHERE j.key = ? AND j.value != ''"
            held = (
                self.ids(filled, name)
                if kind == "text"
                else self.ids("SELECT record_id AS id FROM cell WHERE attribute_id = ?", at)
            )
            return held if value == "any" else ~held
        if kind == "text":
            if term.sign == "=":
                equal = "SELECT r.id FROM record r, json_each(r.data) j WHERE j.key = ? AND j.value = ?"
                return self.ids(equal, name, value)
            if term.sign != ":":
                raise InputError(f"{name!r} is text and cannot be compared by {term.sign}; write {name}:word")
            wanted = phrase(value)
            column = words.columns(self.project, self.project.settings.attributes)[name]
            return self.ids(WORDS, f"{{{column}}} : {wanted}") if wanted else np.ones(self.n_records, dtype=bool)
        if kind in ("category", "boolean"):
            if term.sign not in (":", "="):
                raise InputError(f"{name!r} is a {kind} and cannot be compared by {term.sign}; write {name}:value")
            exact: Any = value if kind == "category" else {"true": 1, "false": 0}.get(value.lower(), value)
            return self.ids(CELLS["="], at, exact)
        held = np.ones(self.n_records, dtype=bool)
        for sign, end in bounds(value, term.sign, name):
            held &= self.ids(CELLS[sign], at, end)
        return held

    def task(self, term: Term) -> Task:
        if self.about is None:
            raise InputError(f"the query asks for {term.name}, and the project has no task yet; add one first")
        return self.about

    def one(self, term: Term, value: str) -> Label:
        about = self.task(term)
        folded = {label.name.casefold(): label for label in about.labels}
        return folded.get(value.casefold()) or about.label(value)

    def label(self, term: Term, value: str) -> Mask:
        if value in ("none", "any"):
            judged = self.ids(JUDGED, self.task(term).id)
            return judged if value == "any" else ~judged
        return self.ids("SELECT record_id AS id FROM manual WHERE label_id = ?", self.one(term, value).id)

    def weak(self, term: Term, value: str) -> Mask:
        rows = weak_cells(self.project, self.task(term))
        if value in ("none", "any"):
            labelled = self.mask(rows["record"])
            return labelled if value == "any" else ~labelled
        return self.mask(rows["record"][rows["label"] == self.one(term, value).id])

    def sure(self, term: Term, value: str) -> Mask:
        rows = weak_cells(self.project, self.task(term))
        column = rows["confidence" if term.name.casefold() == "conf" else "agreement"]
        held = np.ones(len(rows), dtype=bool)
        for sign, end in bounds(value, term.sign, term.name):
            held &= COMPARED[sign](column, end)
        return self.mask(rows["record"][held])

    def hit(self, term: Term, value: str) -> Mask:
        about = self.task(term)
        found = {
            name: unpacked(blob, self.n_records)["record"]
            for name, blob in self.project.database.rows(
                "SELECT h.name, r.votes FROM heuristic h LEFT JOIN run r ON r.id = h.run_id WHERE h.task_id = ?",
                (about.id,),
            )
        }
        if value in ("none", "any"):
            hit = self.mask(np.concatenate([*found.values(), np.empty(0, dtype=np.int32)]))
            return hit if value == "any" else ~hit
        if value not in found:
            raise UnknownKeyError(f"no heuristic is called {value!r}; there are {', '.join(found) or 'none'}")
        return self.mask(found[value])

    def slice(self, term: Term, value: str) -> Mask:
        row = self.project.database.row("SELECT id, query, task, static FROM slice WHERE name = ?", (value,))
        if row is None:
            known = ", ".join(name for (name,) in self.project.database.rows("SELECT name FROM slice"))
            raise UnknownKeyError(f"there is no slice {value!r}; there are {known or 'none'}")
        if row[3]:
            return self.ids("SELECT record_id AS id FROM slice_member WHERE slice_id = ?", row[0])
        if self.depth == DEEPEST:
            raise InputError(f"slice {value!r} is made of slices, {DEEPEST} deep or of itself; write its query out")
        about = self.about if row[2] is None else task(self.project, row[2])
        return Conditions(self.project, about, self.depth + 1).all_of(terms(row[1]))[0]

    def author(self, term: Term, value: str) -> Mask:
        sql = "SELECT DISTINCT record_id AS id FROM annotation WHERE task_id = ? AND author = ?"
        return self.ids(sql, self.task(term).id, value)

    def key(self, term: Term, value: str) -> Mask:
        return self.ids("SELECT id FROM record WHERE key = ?", value)

    def id(self, term: Term, value: str) -> Mask:
        held = np.ones(self.n_records, dtype=bool)
        for sign, end in bounds(value, term.sign, term.name):
            held &= COMPARED[sign](np.arange(self.n_records), end)
        return held

    def has(self, term: Term, value: str) -> Mask:
        if value == "comment":
            return self.ids("SELECT DISTINCT record_id AS id FROM comment WHERE record_id IS NOT NULL")
        if value in ("label", "weak", "vote"):
            return {"label": self.label, "weak": self.weak, "vote": self.hit}[value](term, "any")
        raise InputError(f"the query asks for has:{value}; it may be has:comment, has:label, has:weak, has:vote")

    def what_it_is(self, term: Term, value: str) -> Mask:
        about = self.task(term)
        if value == "conflict":
            return conflicts(self.project, about)
        if value == "wrong":
            rows = weak_cells(self.project, about)
            right = np.zeros(len(rows), dtype=bool)
            for label in about.labels:
                right |= (rows["label"] == label.id) & self.label(term, label.name)[rows["record"]]
            return self.label(term, "any") & self.mask(rows["record"][~right])
        said = "SELECT DISTINCT record_id AS id FROM annotation WHERE task_id = ?"
        if value == "gold":
            return self.ids(f"{said} AND gold", about.id)
        if value == "disputed":
            return self.ids(said, about.id) & ~self.ids(JUDGED, about.id)
        raise InputError(f"the query asks for is:{value}; it may be {', '.join(f'is:{each}' for each in STATES)}")


BARE = {"conflict": ("is", "conflict"), "none": ("label", "none")}
"""Words that mean a condition; in quotes and beside another word they are words."""


def phrase(text: str) -> str:
    """A word or phrase as the full-text table takes it; "" where there is no letter or digit to look for."""
    bare = text.replace('"', "")
    if not any(letter.isalnum() for letter in bare):
        return ""
    return f'"{bare[:-1]}" *' if bare.endswith("*") else f'"{bare}"'


def listed(ids: str | int | None) -> NDArray[np.int64]:
    """The numbers in what group_concat gives."""
    return np.fromstring(str(ids), dtype=np.int64, sep=",") if ids is not None else np.empty(0, dtype=np.int64)
