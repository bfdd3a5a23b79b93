"""Votes of the heuristics that are no code: lookup lists looked for in texts, regions of vectors, names of labels."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from nearmost.errors import InputError, NearmostError
from nearmost.label.heuristics.files import HeuristicFile
from nearmost.label.heuristics.regions import ball, inside
from nearmost.label.heuristics.zero_shot import described, zero_shot
from nearmost.label.isolation.job import Outcome
from nearmost.label.lookups.lists import Lookup
from nearmost.label.lookups.matching import Matcher
from nearmost.label.manual.tasks import Task
from nearmost.label.records import plane, vectors
from nearmost.label.records.records import Record
from nearmost.label.store.opened import Opened, record_id

SURE = 0.5
"""From which probability on a name's records are voted for, where the settings do not say."""


def votes(
    project: Opened, about: Task, file: HeuristicFile, held: Sequence[Record], known: Mapping[str, Lookup]
) -> Outcome:
    """What the heuristic says of these records."""
    outcome = Outcome(missing=())
    started = time.monotonic()
    try:
        if file.kind == "lookup":
            _lookup(project, about, file, held, known, outcome)
        elif about.kind == "span":
            raise InputError(f"task {about.name!r} is of spans; a heuristic of kind {file.kind!r} labels whole records")
        elif file.kind == "region":
            _region(project, about, file, held, outcome)
        elif file.kind == "zeroshot":
            _zero_shot(project, about, file, held, outcome)
        else:
            raise InputError(f"heuristics of kind {file.kind!r} are not run: their votes were brought in")
    except NearmostError as error:
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


def _region(project: Opened, about: Task, file: HeuristicFile, held: Sequence[Record], outcome: Outcome) -> None:
    """A label for all records within a ball of vectors, or within a polygon of the map."""
    label = str(file.settings["label"])
    about.number(label)
    places = {record.id: place for place, record in enumerate(held)}
    if "polygon" in file.settings:
        within = inside(plane.map_points(project), file.settings["polygon"])
    else:
        rows, radius = vectors.vectors(project), file.settings.get("radius")
        around = np.unique([record_id(project, key) for key in file.settings["around"]])
        within = ball(rows, around, radius)
        for number, record in enumerate(around.tolist() if about.kind == "class" and len(around) > 1 else ()):
            without = ball(rows[around], np.delete(np.arange(len(around)), number), radius)[number]
            if record in places:
                outcome.held_out[places[record]] = label if without else None
    for record in np.flatnonzero(within).tolist():
        if record in places:
            outcome.votes[places[record], label, -1, -1] = 1.0


def _zero_shot(project: Opened, about: Task, file: HeuristicFile, held: Sequence[Record], outcome: Outcome) -> None:
    """The label whose name, or description, is nearest in meaning, where that is clear enough."""
    with vectors.index(project) as index:
        if project.settings.encoder is None:
            raise InputError("the project's vectors were made elsewhere; names of labels want project.embed(encoder)")
        encoder = index.encoder
    said = file.settings.get("descriptions", {})
    texts = described([str(said.get(name, name)) for name in about.names], file.settings.get("template", "{}"))
    soft = zero_shot(vectors.vectors(project), encoder.encode(texts))
    allowed = set(map(str, file.settings.get("labels", about.names)))
    least = float(file.settings.get("min_confidence", SURE))
    for place, record in enumerate(held):
        best = int(soft[record.id].argmax())
        if soft[record.id, best] > least and about.names[best] in allowed:
            outcome.votes[place, about.names[best], -1, -1] = float(soft[record.id, best])
