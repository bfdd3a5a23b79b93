"""On which records the votes of heuristics go against each other."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nearmost.label.manual.tasks import Task, task
from nearmost.label.store.opened import Opened, n_rows
from nearmost.label.votes.runs import VoteRows, vote_rows


def conflicts(project: Opened, task_name: str | Task | None = None) -> NDArray[np.bool_]:
    """(n_records,): on which records heuristics that are switched on name different labels.

    Of several labels: where one names a label and another one, which names others, does not. Of spans: where two mark
    the same text, or some of it, as different things.
    """
    about = task(project, task_name)
    votes = vote_rows(project, about, enabled=True)
    n_records = n_rows(project)
    if about.kind == "multi":
        return _unlike_sets(votes, n_records, len(about.labels))
    if about.kind == "span":
        return _crossing(votes, n_records)
    highest, lowest = np.full(n_records, -1), np.full(n_records, np.iinfo(np.int64).max)
    np.maximum.at(highest, votes.record, votes.label)
    np.minimum.at(lowest, votes.record, votes.label)
    return np.asarray(lowest < highest)


def _unlike_sets(votes: VoteRows, n_records: int, n_labels: int) -> NDArray[np.bool_]:
    """Records of which not all who vote name the same labels."""
    voters = np.unique(np.stack([votes.record, votes.heuristic]), axis=1)[0]
    said, first = np.unique(np.stack([votes.record, votes.label, votes.heuristic]), axis=1), np.zeros(n_records, bool)
    cells, counts = np.unique(said[0] * n_labels + said[1], return_counts=True)
    of = cells // n_labels
    first[of[counts < np.bincount(voters, minlength=n_records)[of]]] = True
    return first


def _crossing(votes: VoteRows, n_records: int) -> NDArray[np.bool_]:
    """Records on which spans of different heuristics and different labels overlap."""
    found = np.zeros(n_records, dtype=bool)
    order = np.lexsort((votes.start, votes.record))
    columns = (votes.record, votes.start, votes.end, votes.label, votes.heuristic)
    open_: list[tuple[int, int, int]] = []  # end, label, heuristic of spans that later ones may overlap
    last = -1
    for record, start, end, label, who in zip(*(column[order].tolist() for column in columns), strict=True):
        if record != last:
            open_, last = [], record
        open_ = [each for each in open_ if each[0] > start]
        found[record] |= any(other != label and by != who for _, other, by in open_)
        open_.append((end, label, who))
    return found
