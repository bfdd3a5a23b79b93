"""Conditions on records as SQL: fixed pieces, in which everything that a user wrote is a bound parameter."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nearmost.errors import InputError, UnknownKeyError
from nearmost.label import words
from nearmost.label.opened import Opened
from nearmost.label.query_line import Term, bounds, terms
from nearmost.label.tasks import Label, Task, task

DEEPEST = 8
"""Slices made of slices made of ..."""
Piece = tuple[str, list[Any]]
"""A condition on record r, and its parameters."""


def weak_run(project: Opened, about: Task | None) -> int:
    """The id of the task's weak run; -1, which none has, where nothing was supervised."""
    number = None if about is None else about.id
    return project.database.value("SELECT max(id) FROM weak_run WHERE task_id = ?", (number,)) or -1


class Compiler:
    """Turns terms about one task into pieces of SQL."""

    def __init__(self, project: Opened, about: Task | None, depth: int = 0) -> None:
        self.project = project
        self.about = about
        self.depth = depth
        self.attributes = {name.casefold(): name for name in project.settings.attributes}
        self.known: dict[str, Callable[[Term], list[Piece]]] = {
            "label": self.label, "weak": self.weak, "conf": self.number_of_weak, "agree": self.number_of_weak,
            "hit": self.hit, "slice": self.slice, "author": self.author, "key": self.key, "id": self.id,
            "has": self.has, "is": self.what_it_is, "task": lambda _: [("1", [])],
        }  # fmt: skip

    def pieces(self, found: list[Term]) -> tuple[list[Piece], str]:
        """The conditions; and what the words are to the full-text table, so that it can rank by them."""
        made: list[Piece] = []
        wanted: list[str] = []
        for term in found:
            if not term.name and term.values[0] in ("conflict", "none"):
                bare = term.values[0]
                term = (
                    Term("is", ":", ("conflict",), term.negated)
                    if bare == "conflict"
                    else Term("label", ":", ("none",), term.negated)
                )
            if not term.name and not term.negated:
                wanted += filter(None, [phrase(term.values[0])])
                continue
            either = [piece for piece in self.term(term) if piece[0]]
            if not either:
                continue
            clause = " OR ".join(f"({piece})" for piece, _ in either)
            made.append(
                (f"{'NOT ' if term.negated else ''}({clause})", [value for _, values in either for value in values])
            )
        text = " AND ".join(wanted)
        if text:
            made.insert(0, ("r.id IN (SELECT rowid FROM record_text WHERE record_text MATCH ?)", [text]))
        return made, text

    def term(self, term: Term) -> list[Piece]:
        """The pieces, any of which fulfils the term."""
        if not term.name:
            found = phrase(term.values[0])
            return [("r.id IN (SELECT rowid FROM record_text WHERE record_text MATCH ?)", [found])] if found else []
        name = term.name.casefold()
        if name in self.attributes and (term.quoted or name not in self.known):
            return self.attribute(term, self.attributes[name])
        if name not in self.known or term.quoted:
            raise UnknownKeyError(
                f"the query asks for {term.name!r}; it may ask for {', '.join(self.known)} or an attribute "
                f"({', '.join(self.attributes.values())}). To look for the text itself, put it in quotes"
            )
        return self.known[name](term)

    def attribute(self, term: Term, name: str) -> list[Piece]:
        kind = self.project.settings.attributes[name]
        number = words.attribute_ids(self.project)[name]
        found: list[Piece] = []
        for value in term.values:
            if value in ("none", "any") and term.sign == ":":
                held = "r.id IN (SELECT record_id FROM cell WHERE attribute_id = ?)"
                filled = "EXISTS (SELECT 1 FROM json_each(r.data) WHERE json_each.key = ? AND value != '')"
                piece: Piece = (held, [number]) if kind != "text" else (filled, [name])
                found.append(piece if value == "any" else (f"NOT {piece[0]}", piece[1]))
            elif kind == "text":
                if term.sign == "=":
                    equal = "EXISTS (SELECT 1 FROM json_each(r.data) WHERE json_each.key = ? AND value = ?)"
                    found.append((equal, [name, value]))
                elif term.sign == ":":
                    wanted = phrase(value)
                    text = f"{{{words.columns(self.project, self.project.settings.attributes)[name]}}} : {wanted}"
                    sql = "r.id IN (SELECT rowid FROM record_text WHERE record_text MATCH ?)"
                    found.append((sql, [text]) if wanted else ("", []))
                else:
                    raise InputError(f"{name!r} is text and cannot be compared by {term.sign}; write {name}:word")
            else:
                found.append(self.cell(term, name, kind, number, value))
        return found

    def cell(self, term: Term, name: str, kind: str, number: int, value: str) -> Piece:
        if kind in ("category", "boolean"):
            if term.sign not in (":", "="):
                raise InputError(f"{name!r} is a {kind} and cannot be compared by {term.sign}; write {name}:value")
            wanted: Any = value if kind == "category" else {"true": 1, "false": 0}.get(value.lower(), value)
            tests = [("=", wanted)]
        else:
            tests = list(bounds(value, term.sign, name))
        compared = " AND ".join(f"value {operator} ?" for operator, _ in tests)
        return (
            f"r.id IN (SELECT record_id FROM cell WHERE attribute_id = ? AND {compared})",
            [number, *(end for _, end in tests)],
        )

    def task(self, term: Term) -> Task:
        if self.about is None:
            raise InputError(f"the query asks for {term.name}, and the project has no task yet; add one first")
        return self.about

    def labels(self, term: Term) -> list[Label]:
        about = self.task(term)
        folded = {label.name.casefold(): label for label in about.labels}
        return [
            folded.get(value.casefold()) or about.label(value) for value in term.values if value not in ("none", "any")
        ]

    def label(self, term: Term) -> list[Piece]:
        about = self.task(term)
        judged = "IN (SELECT record_id FROM judged WHERE task_id = ?)"
        found: list[Piece] = [(f"r.id NOT {judged}", [about.id])] if "none" in term.values else []
        found += [(f"r.id {judged}", [about.id])] if "any" in term.values else []
        one = "r.id IN (SELECT record_id FROM manual WHERE label_id = ?)"
        return found + [(one, [label.id]) for label in self.labels(term)]

    def weak(self, term: Term) -> list[Piece]:
        run = weak_run(self.project, self.task(term))
        labelled = "IN (SELECT record_id FROM weak WHERE run_id = ?)"
        found: list[Piece] = [(f"r.id NOT {labelled}", [run])] if "none" in term.values else []
        found += [(f"r.id {labelled}", [run])] if "any" in term.values else []
        one = "r.id IN (SELECT record_id FROM weak WHERE run_id = ? AND label_id = ?)"
        return found + [(one, [run, label.id]) for label in self.labels(term)]

    def number_of_weak(self, term: Term) -> list[Piece]:
        column = "confidence" if term.name.casefold() == "conf" else "agreement"
        run = weak_run(self.project, self.task(term))
        found: list[Piece] = []
        for value in term.values:
            tests = bounds(value, term.sign, term.name)
            compared = " AND ".join(f"{column} {operator} ?" for operator, _ in tests)
            sql = f"r.id IN (SELECT record_id FROM weak WHERE run_id = ? AND {compared})"
            found.append((sql, [run, *(end for _, end in tests)]))
        return found

    def hit(self, term: Term) -> list[Piece]:
        about = self.task(term)
        rows = dict(self.project.database.rows("SELECT name, run_id FROM heuristic WHERE task_id = ?", (about.id,)))
        found: list[Piece] = []
        for value in term.values:
            if value in ("none", "any"):
                every = "SELECT record_id FROM vote WHERE run_id IN (SELECT run_id FROM heuristic WHERE task_id = ?)"
                found.append((f"r.id {'NOT ' if value == 'none' else ''}IN ({every})", [about.id]))
            elif value not in rows:
                raise UnknownKeyError(f"no heuristic is called {value!r}; there are {', '.join(rows) or 'none'}")
            else:
                found.append(("r.id IN (SELECT record_id FROM vote WHERE run_id = ?)", [rows[value]]))
        return found

    def slice(self, term: Term) -> list[Piece]:
        found: list[Piece] = []
        for value in term.values:
            row = self.project.database.row("SELECT id, query, task, static FROM slice WHERE name = ?", (value,))
            if row is None:
                known = ", ".join(name for (name,) in self.project.database.rows("SELECT name FROM slice"))
                raise UnknownKeyError(f"there is no slice {value!r}; there are {known or 'none'}")
            if row[3]:
                found.append(("r.id IN (SELECT record_id FROM slice_member WHERE slice_id = ?)", [row[0]]))
                continue
            if self.depth == DEEPEST:
                raise InputError(f"slice {value!r} is made of slices, {DEEPEST} deep or of itself; write its query out")
            about = self.about if row[2] is None else task(self.project, row[2])
            made, _ = Compiler(self.project, about, self.depth + 1).pieces(terms(row[1]))
            clause = " AND ".join(f"({piece})" for piece, _ in made) or "1"
            found.append((clause, [each for _, values in made for each in values]))
        return found

    def author(self, term: Term) -> list[Piece]:
        sql = "r.id IN (SELECT record_id FROM annotation WHERE task_id = ? AND author = ?)"
        return [(sql, [self.task(term).id, value]) for value in term.values]

    def key(self, term: Term) -> list[Piece]:
        return [("r.key = ?", [value]) for value in term.values]

    def id(self, term: Term) -> list[Piece]:
        tests = [bounds(value, term.sign, term.name) for value in term.values]
        return [(" AND ".join(f"r.id {each} ?" for each, _ in pair), [end for _, end in pair]) for pair in tests]

    def has(self, term: Term) -> list[Piece]:
        found: list[Piece] = []
        for value in term.values:
            if value == "comment":
                found.append(("r.id IN (SELECT record_id FROM comment WHERE record_id IS NOT NULL)", []))
            elif value in ("label", "weak", "vote"):
                other = {"label": self.label, "weak": self.weak, "vote": self.hit}[value]
                found += other(Term(term.name, ":", ("any",), negated=False))
            else:
                raise InputError(
                    f"the query asks for has:{value}; it may be has:comment, has:label, has:weak, has:vote"
                )
        return found

    def what_it_is(self, term: Term) -> list[Piece]:
        about = self.task(term)
        found: list[Piece] = []
        for value in term.values:
            if value not in STATES:
                raise InputError(
                    f"the query asks for is:{value}; it may be {', '.join(f'is:{each}' for each in STATES)}"
                )
            run = [weak_run(self.project, about)] if value == "wrong" else []
            found.append((f"r.id {STATES[value]}", [about.id, *run]))
        return found


STATES = {
    "conflict": "IN (SELECT record_id FROM conflict WHERE task_id = ?)",
    "wrong": "IN (SELECT m.record_id FROM manual m JOIN weak w ON w.record_id = m.record_id"
    " WHERE m.task_id = ? AND w.run_id = ? AND w.label_id != m.label_id)",
    "gold": "IN (SELECT record_id FROM annotation WHERE task_id = ? AND gold)",
    "disputed": "IN (SELECT record_id FROM annotation a WHERE task_id = ?"
    " AND NOT EXISTS (SELECT 1 FROM judged j WHERE j.task_id = a.task_id AND j.record_id = a.record_id))",
}


def phrase(text: str) -> str:
    """A word or phrase as the full-text table takes it; "" where there is no letter or digit to look for."""
    bare = text.replace('"', "")
    if not any(letter.isalnum() for letter in bare):
        return ""
    return f'"{bare[:-1]}" *' if bare.endswith("*") else f'"{bare}"'
