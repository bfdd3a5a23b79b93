"""Votes of the heuristics that are no code: lookup lists looked for in texts, regions of vectors, names of labels."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Mapping, Sequence

from nearmost.errors import InputError
from nearmost.label.heuristics import HeuristicFile
from nearmost.label.isolation.job import Outcome
from nearmost.label.lookups import Lookup
from nearmost.label.matching import Matcher
from nearmost.label.opened import Opened
from nearmost.label.records import Record
from nearmost.label.tasks import Task


def votes(
    project: Opened, about: Task, file: HeuristicFile, held: Sequence[Record], known: Mapping[str, Lookup]
) -> Outcome:
    """What the heuristic says of these records."""
    outcome = Outcome(missing=())
    started = time.monotonic()
    try:
        if file.kind == "lookup":
            _lookup(project, about, file, held, known, outcome)
        else:
            raise InputError(f"heuristics of kind {file.kind!r} cannot be run yet")
    except InputError as error:
        outcome.fail("error", str(error))
    outcome.seconds = time.monotonic() - started
    return outcome


def own_terms(held: Sequence[Record], known: Mapping[str, Lookup]) -> dict[int, dict[str, list[str]]]:
    """Place of each record from which lists were harvested -> the terms of each list that came from it alone."""
    places = {record.key: place for place, record in enumerate(held)}
    found: dict[int, dict[str, list[str]]] = {}
    for name, each in known.items():
        for term in each.terms:
            for key in term.sources:
                if key in places:
                    own = found.setdefault(places[key], {})
                    if len(term.sources) == 1 and not term.excluded:
                        own.setdefault(name, []).append(term.value)
    return found


def lookup_matcher(file: HeuristicFile, known: Mapping[str, Lookup]) -> tuple[Lookup, Matcher]:
    """A lookup heuristic's list and its matcher. Raises InputError where the list is not there."""
    name = str(file.settings.get("list", file.name))
    if name not in known:
        raise InputError(f"there is no lookup list {name!r}; there are {', '.join(known) or 'none'}")
    return known[name], Matcher(
        {name: known[name].values},
        whole_words=file.settings.get("whole_words", True),
        case_sensitive=file.settings.get("case_sensitive", False),
    )


def lookup_attributes(project: Opened, about: Task, file: HeuristicFile) -> list[str]:
    """Where a lookup heuristic looks: where its file says, else where the task lies, else in all texts."""
    if "attributes" in file.settings:
        return [str(name) for name in file.settings["attributes"]]
    if about.attribute is not None:
        return [about.attribute]
    return [name for name, kind in project.settings.attributes.items() if kind == "text"]


def _lookup(
    project: Opened,
    about: Task,
    file: HeuristicFile,
    held: Sequence[Record],
    known: Mapping[str, Lookup],
    outcome: Outcome,
) -> None:
    matched, matcher = lookup_matcher(file, known)
    terms: dict[int, set[str]] = defaultdict(set)
    label = str(file.settings["label"])
    about.number(label)
    attributes = [about.attribute or ""] if about.kind == "span" else lookup_attributes(project, about, file)
    for place, record in enumerate(held):
        for name in attributes:
            text = record.values.get(name)
            if not isinstance(text, str):
                continue
            found = matcher.find(text)
            if about.kind == "span":
                for each in found:
                    outcome.votes[place, label, each.start, each.end] = 1.0
            elif found:
                outcome.votes[place, label, -1, -1] = 1.0
                terms[place] |= {each.term for each in found}
    if about.kind == "class":
        for place, without in own_terms(held, {matched.name: matched}).items():
            outcome.held_out[place] = label if terms[place] - set(without.get(matched.name, ())) else None
