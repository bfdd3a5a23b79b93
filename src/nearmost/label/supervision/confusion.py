"""Manual labels beside weak ones, record by record: which class is taken for which."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nearmost.label.manual.tasks import ABSTAIN
from nearmost.label.votes.arrays import Labels, WeakLabels


@dataclass(frozen=True, slots=True, eq=False)
class Confusion:
    """How often each manual label was weakly labelled what, by a model that had not seen that label."""

    labels: tuple[str, ...]
    counts: NDArray[np.int64]
    """(n_labels, n_labels): a row for each manual label, a column for each weak one."""
    records: dict[tuple[int, int], NDArray[np.int64]]
    """(manual, weak) -> the records in that cell, the surest first; empty cells are left out."""
    unlabelled: NDArray[np.int64]
    """(n_labels,): of each manual label the records without a weak one."""

    @property
    def accuracy(self) -> float:
        """The share of labelled records with a weak label that it is right on; NaN for none."""
        total = int(self.counts.sum())
        return int(np.trace(self.counts)) / total if total else float("nan")


def confusion(held_out: WeakLabels, manual: Labels, labels: Sequence[str]) -> Confusion:
    """The table of these labels; ``held_out`` is what ``supervise`` gives under that name."""
    n = len(labels)
    judged = np.flatnonzero((manual != ABSTAIN) & held_out.labelled)
    cells = manual[judged] * n + held_out.labels[judged]
    counts = np.bincount(cells, minlength=n * n).reshape(n, n)
    order = judged[np.argsort(-held_out.confidence[judged], kind="stable")]
    records = {
        (true, weak): order[(manual[order] == true) & (held_out.labels[order] == weak)]
        for true, weak in np.argwhere(counts).tolist()
    }
    silent = (manual != ABSTAIN) & ~held_out.labelled
    return Confusion(tuple(labels), counts, records, np.bincount(manual[silent], minlength=n))
