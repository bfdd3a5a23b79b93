"""Tasks whose records have several labels, or several spans: what their votes come to, and how good they are."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nearmost.label.lookups.lists import lookups
from nearmost.label.manual.annotations import manual_multi, manual_spans
from nearmost.label.manual.tasks import ABSTAIN, Task
from nearmost.label.records.records import records
from nearmost.label.store.opened import Opened, n_rows
from nearmost.label.supervision.built_in import SHARE, SOURCE, Learner, with_learners
from nearmost.label.supervision.multi import YES, question, set_statistics, supervise_each
from nearmost.label.supervision.neighborhood import Neighborhood
from nearmost.label.supervision.spans import SpanVote, Stretch, merge_spans, span_statistics
from nearmost.label.supervision.statistics import HeuristicStatistics
from nearmost.label.votes import runs, weak

LISTS = "lookups"


def supervise_multi(
    project: Opened,
    about: Task,
    model: str,
    learner: bool | Learner,
    near: Neighborhood | None,
    options: dict[str, Any],
) -> weak.WeakRun:
    """Weak labels of a task of several labels: for each of them the question whether a record has it."""
    rows, n_records = runs.vote_rows(project, about, enabled=True), n_rows(project)
    labels, judged = manual_multi(project, about.name)
    questions, alone = [], []
    for label in range(len(about.labels)):
        asked = question(label, n_records, rows.names, rows.heuristic, rows.record, rows.label, rows.confidence)
        known = np.where(judged, labels[:, label], ABSTAIN).astype(np.int64)
        votes, beside = with_learners(project, asked, known, learner if model == "bayes" else False)
        questions.append(votes)
        alone.append(beside)
    if any(SOURCE.format("words") in votes.soft for votes in questions):
        options = {"share": SHARE, **options}
    found = supervise_each(questions, labels, judged, model=model, neighborhood=near, **options)
    held = [part.held_out for part in found.by_label]
    metrics = {
        **_together(np.stack([each.labels == YES for each in held], axis=1), labels, judged & held[0].labelled),
        "manual_only": None if None in alone else _mean([each for each in alone if each is not None]),
    }
    return weak.save_weak(
        project, about.name, found.labels, found.confidence, model=model,
        options={**options, "learner": learner}, metrics=metrics,
    )  # fmt: skip


def supervise_spans(project: Opened, about: Task, options: dict[str, Any]) -> weak.WeakRun:
    """Weak spans, merged as refinery does."""
    rows = runs.vote_rows(project, about, enabled=True)
    known = _marked(project, about)
    found = merge_spans(_span_votes(rows), known, _judged(project, about), **options)
    spans = [
        weak.WeakSpan(each.record, each.start, each.end, about.names[each.label], each.confidence) for each in found
    ]
    empty = np.empty(0)
    metrics = {"n_spans": len(spans)}
    return weak.save_weak(
        project, about.name, empty, empty, model="weak_nlp", options=options, metrics=metrics, spans=spans
    )


def stats_of_several(project: Opened, about: Task) -> list[HeuristicStatistics]:
    """A row for each heuristic and label: of the records that have the label, or of the spans that were marked."""
    rows = runs.vote_rows(project, about)
    if about.kind == "multi":
        labels, judged = manual_multi(project, about.name)
        return set_statistics(rows.names, rows.heuristic, rows.record, rows.label, labels, judged)
    judged_ids = _judged(project, about)
    votes, known = _span_votes(rows), _marked(project, about)
    own = _own_terms(project, about, judged_ids)
    return span_statistics(rows.names, votes, known, judged_ids, unheard=own)


def _span_votes(rows: runs.VoteRows) -> list[SpanVote]:
    columns = (rows.heuristic, rows.record, rows.start, rows.end, rows.label, rows.confidence)
    return [
        SpanVote(rows.names[who], record, start, end, label, sure)
        for who, record, start, end, label, sure in zip(*(column.tolist() for column in columns), strict=True)
        if 0 <= start < end
    ]


def _marked(project: Opened, about: Task) -> list[Stretch]:
    return [(each.record, each.start, each.end, about.number(each.label)) for each in manual_spans(project, about.name)]


def _judged(project: Opened, about: Task) -> list[int]:
    return [
        record for (record,) in project.database.rows("SELECT record_id FROM judged WHERE task_id = ?", (about.id,))
    ]


def _own_terms(project: Opened, about: Task, ids: list[int]) -> dict[int, set[tuple[int, int]]]:
    """Of judged records, the stretches that read like a term that was taken from this record and from no other."""
    sources: dict[str, set[str] | None] = {}
    for each in lookups(project.folder / LISTS).values():
        for term in each.terms:
            word, before = term.value.casefold(), sources.get(term.value.casefold(), set())
            sources[word] = before | set(term.sources) if term.sources and before is not None else None
    own: dict[str, list[str]] = {}
    for word, keys in sources.items():
        if keys is not None and len(keys) == 1:
            own.setdefault(next(iter(keys)), []).append(word)
    found = {}
    for record in records(project, ids):
        text = str(record.values.get(about.attribute or "") or "")
        folded = text.casefold() if len(text.casefold()) == len(text) else text.lower()
        places = {
            (at, at + len(word))
            for word in own.get(record.key, ())
            for at in range(len(folded))
            if folded.startswith(word, at)
        }
        if places:
            found[record.id] = places
    return found


def _together(said: NDArray[np.bool_], labels: NDArray[np.bool_], judged: NDArray[np.bool_]) -> dict[str, Any]:
    """How often yes and no are right, over all labels and records that were judged, and the F1 of yes."""
    said, known = said[judged], labels[judged]
    right, wrong = int((said & known).sum()), int((said != known).sum())
    return {
        "judged": int(judged.sum()),
        "accuracy": float((said == known).mean()) if known.size else None,
        "f1": 2 * right / (2 * right + wrong) if right + wrong else None,
    }


def _mean(each: list[dict[str, Any]]) -> dict[str, Any]:
    """What the questions come to together, where all were measured."""
    return {"judged": each[0]["judged"], "accuracy": float(np.mean([one["accuracy"] for one in each]))}
