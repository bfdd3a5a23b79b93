"""The lookup lists of a project, and what each of their terms does there."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from nearmost.errors import UnknownKeyError
from nearmost.label.heuristics import catalogue
from nearmost.label.lookups import lists
from nearmost.label.lookups.knowledge import variable
from nearmost.label.lookups.lists import Lookup
from nearmost.label.lookups.matching import Matcher
from nearmost.label.manual import annotations as by_hand
from nearmost.label.manual.tasks import ABSTAIN, Task, task
from nearmost.label.records import records
from nearmost.label.records.records import Record
from nearmost.label.store import journal
from nearmost.label.store.opened import Opened, record_id
from nearmost.label.votes.intervals import Interval, wilson


@dataclass(frozen=True, slots=True)
class TermStatistics:
    """What one term of a list hits, and how often it is right where somebody labelled by hand."""

    term: str
    excluded: bool
    sources: tuple[str, ...]
    n_records: int
    """Records that hold it."""
    judged: int
    """How many of them were labelled by hand; those that the term was taken from are not counted."""
    right: int
    """How many of those have the label that the list stands for."""
    labels: dict[str, int]
    """Label -> how many of those have it."""

    @property
    def precision(self) -> float:
        """``right / judged``; NaN where nothing was judged."""
        return self.right / self.judged if self.judged else float("nan")

    @property
    def interval(self) -> Interval:
        """From where to where the precision may well lie (95 %)."""
        return wilson(self.right, self.judged)


def lookup(project: Opened, name: str) -> Lookup:
    """The lookup list of this name. Raises UnknownKeyError."""
    known = catalogue.lookups_of(project)
    if name not in known:
        raise UnknownKeyError(f"there is no lookup list {name!r}; there are {', '.join(known) or 'none'}")
    return known[name]


def save_lookup(project: Opened, changed: Lookup) -> None:
    """Writes a lookup list into its file, in the place of the one of its name."""
    old = catalogue.lookups_of(project).get(changed.name)
    lists.write(changed, project.folder / catalogue.LOOKUPS)
    if old != changed:
        _note(project, "save_lookup", changed.name, old, changed)


def remove_lookup(project: Opened, name: str) -> None:
    """Deletes a lookup list."""
    old = lookup(project, name)
    (project.folder / catalogue.LOOKUPS / f"{name}{lists.SUFFIX}").unlink()
    _note(project, "remove_lookup", name, old, None)


def restore(project: Opened, state: Any) -> None:
    """Undoes a change of a list, term by term: what else was changed in its file since stays."""
    name, old, new = state["name"], state["old"], state["new"]
    before, after = (lists.parse(name, text or "") for text in (old, new))
    was, became = ({term.value: term for term in found.terms} for found in (before, after))
    found = catalogue.lookups_of(project).get(name, before)
    terms = {term.value: term for term in found.terms if term.value in was or term.value not in became}
    terms |= {value: term for value, term in was.items() if term != became.get(value)}
    if old is None and not terms:
        (project.folder / catalogue.LOOKUPS / f"{name}{lists.SUFFIX}").unlink(missing_ok=True)
    else:
        lists.write(replace(found, terms=tuple(terms.values())), project.folder / catalogue.LOOKUPS)


def add_terms(project: Opened, name: str, values: Iterable[str], *, record: int | str | None = None) -> Lookup:
    """The list with these terms too, made if it is not there; ``record`` is the one from which they were taken."""
    known = catalogue.lookups_of(project)
    source = None if record is None else records.record(project, record).key
    changed = known.get(name, Lookup(name)).added((value.strip() for value in values if value.strip()), source)
    save_lookup(project, changed)
    return changed


def harvest(project: Opened, name: str, text: str, record: int | str) -> Lookup:
    """The list with a text too that was marked in a record. The term will not be judged by that record."""
    return add_terms(project, name, [text], record=record)


def strike(project: Opened, name: str, term: str, excluded: bool = True) -> Lookup:
    """The list with a term struck out, or with ``excluded=False`` used again. It stays in the file."""
    changed = lookup(project, name).struck(term, excluded)
    save_lookup(project, changed)
    return changed


def term_statistics(project: Opened, task_name: str, name: str, *, label: str | None = None) -> list[TermStatistics]:
    """A row for each term of a list, struck out or not, in the list's order.

    ``label`` is what the list stands for; without it that is what the task's lookup heuristic of the list says, or the
    label that is called like the list. Where and how terms are looked for is as that heuristic says, too.
    """
    about = task(project, task_name)
    found = lookup(project, name)
    settings = _settings(project, about, name)
    stands_for = label or settings.get("label") or _namesake(about, name)
    if stands_for is not None:
        about.number(stands_for)
    matcher = Matcher(
        {name: [term.value for term in found.terms]},
        whole_words=settings.get("whole_words", True),
        case_sensitive=settings.get("case_sensitive", False),
    )
    attributes = settings.get("attributes") or [about.attribute]
    if attributes == [None]:
        attributes = [each for each, kind in project.settings.attributes.items() if kind == "text"]
    held = records.records(project)
    by_record = _by_hand(project, about)
    counts: Counter[str] = Counter()
    n_judged: Counter[str] = Counter()
    labels: dict[str, Counter[str]] = defaultdict(Counter)
    sources = {term.value: set(term.sources) for term in found.terms}
    for record in held:
        hit = _terms_in(record, matcher, attributes)
        counts.update(hit)
        for value in hit if record.id in by_record else ():
            if record.key not in sources[value]:
                n_judged[value] += 1
                labels[value].update(by_record[record.id])
    return [
        TermStatistics(
            term=term.value,
            excluded=term.excluded,
            sources=term.sources,
            n_records=counts[term.value],
            judged=n_judged[term.value],
            right=labels[term.value][stands_for or ""],
            labels=dict(labels[term.value]),
        )
        for term in found.terms
    ]


def highlights(project: Opened, record: int | str, attribute: str) -> list[tuple[int, int, str, str]]:
    """(start, end, list, term) of every term in a record's text that is used, by where it begins."""
    text = records.records(project, [record_id(project, record)])[0].values.get(attribute)
    if not isinstance(text, str):
        return []
    found = Matcher.of(catalogue.lookups_of(project)).find(text)
    return [(each.start, each.end, each.list, each.term) for each in found]


def _terms_in(record: Record, matcher: Matcher, attributes: Sequence[str]) -> set[str]:
    texts = [text for name in attributes if isinstance(text := record.values.get(name), str)]
    return {each.term for text in texts for each in matcher.find(text)}


def _by_hand(project: Opened, about: Task) -> dict[int, list[str]]:
    """Record -> its labels by hand; of a task of spans, the labels of its spans."""
    if about.kind == "class":
        manual = by_hand.manual(project, about.name)
        return {int(record): [about.names[manual[record]]] for record in np.flatnonzero(manual != ABSTAIN)}
    found: dict[int, list[str]] = defaultdict(list)
    if about.kind == "multi":
        table, known = by_hand.manual_multi(project, about.name)
        for record in np.flatnonzero(known):
            found[int(record)] = [about.names[number] for number in np.flatnonzero(table[record])]
    else:
        for span in by_hand.manual_spans(project, about.name):
            if span.label not in found[span.record]:
                found[span.record].append(span.label)
    return found


def _settings(project: Opened, about: Task, name: str) -> dict[str, Any]:
    """What the task's lookup heuristic of a list says, if there is one."""
    for file in catalogue.usable_files(project, about):
        if file.kind == "lookup" and file.settings.get("list", file.name) == name:
            return dict(file.settings)
    return {}


def _namesake(about: Task, name: str) -> str | None:
    return next((label for label in about.names if variable(label) == variable(name)), None)


def _note(project: Opened, action: str, name: str, old: Lookup | None, new: Lookup | None) -> None:
    texts = {which: None if found is None else found.text() for which, found in (("old", old), ("new", new))}
    was, became = ({term.value: term for term in found.terms} if found else {} for found in (old, new))
    changed = [value for value in {**was, **became} if was.get(value) != became.get(value)]
    shown = ", ".join(changed[:5]) + (", ..." if len(changed) > 5 else "")
    journal.note(project, action, {"list": name, "terms": shown or None}, before={"name": name, **texts})
