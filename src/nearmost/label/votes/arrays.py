"""Votes and weak labels: what heuristics say of every record, and what a label model makes of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nearmost.errors import InputError, NotFiniteError, ShapeError
from nearmost.label.manual.tasks import ABSTAIN
from nearmost.label.votes.folds import N_FOLDS

Labels = NDArray[np.int64]
Floats = NDArray[np.float64]
NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True, eq=False)
class Votes:
    """What each heuristic says of each record: a column a heuristic, ABSTAIN where it says nothing."""

    labels: NDArray[np.int16]
    """(n_records, n_heuristics): a number below ``n_labels``, or ABSTAIN."""
    confidence: Floats
    """Of the same shape, from 0 to 1; what stands beside an ABSTAIN means nothing."""
    names: tuple[str, ...]
    n_labels: int
    soft: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)
    """Name of a learner -> its probabilities (n_records, n_labels). On records that it was fitted on, they are those
    of a copy that was not: see ``learners.cross_fit``."""
    copies: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)
    """Name of a learner -> probabilities (n_folds, n_records, n_labels), those of the copy that was fitted without the
    labels of each fold of ``folds.fold_of``. They keep neighbours from telling a record its own label."""
    held_out: Mapping[str, NDArray[np.int16]] = field(default_factory=dict)
    """Name of a heuristic that was harvested from labelled records -> the votes (n_records,) that it gives to each of
    them when what came from that record is left out. Elsewhere they are the votes that stand in ``labels``."""

    @classmethod
    def of(
        cls,
        labels: ArrayLike,
        confidence: ArrayLike | None = None,
        *,
        names: Sequence[str] | None = None,
        n_labels: int | None = None,
        soft: Mapping[str, ArrayLike] = NOTHING,
        copies: Mapping[str, ArrayLike] = NOTHING,
        held_out: Mapping[str, ArrayLike] = NOTHING,
    ) -> Votes:
        """Votes from anything array-like, checked; without ``confidence`` every vote counts 1.

        Raises InputError or ShapeError where arrays do not belong together or a label does not exist.
        """
        table = _label_table(labels, "votes")
        n, m = table.shape
        known = tuple(names) if names is not None else tuple(f"heuristic {column}" for column in range(m))
        if len(known) != m or len(set(known)) != m:
            raise InputError(f"votes have {m} columns and {len(set(known))} different names; each needs one of its own")
        extra = {name: _soft(rows, name, n) for name, rows in soft.items()}
        widths = {rows.shape[1] for rows in extra.values()}
        count = int(n_labels if n_labels is not None else max([int(table.max(initial=-1)) + 1, *widths]))
        if widths - {count}:
            raise ShapeError(f"a learner has probabilities for {max(widths)} labels; there are {count}")
        if table.max(initial=-1) >= count:
            row, column = np.argwhere(table >= count)[0].tolist()
            raise InputError(f"record {row}: {known[column]!r} votes for label {table[row, column]} of {count}")
        if strange := sorted({*extra, *held_out} - set(known)):
            raise InputError(f"{', '.join(strange)} has no column of votes; there are {', '.join(known) or 'none'}")
        sure = np.ones((n, m)) if confidence is None else np.asarray(confidence)
        if sure.shape != (n, m):
            raise ShapeError(f"confidence has shape {sure.shape} and the votes {(n, m)}; they must be equal")
        sure = np.ascontiguousarray(np.where(table == ABSTAIN, 0, sure), dtype=np.float64)
        if not ((sure >= 0) & (sure <= 1)).all():
            raise NotFiniteError("a vote's confidence must lie between 0 and 1")
        shape = (N_FOLDS, n, count)
        without = {name: np.ascontiguousarray(rows, dtype=np.float32) for name, rows in copies.items()}
        for name, rows in without.items():
            if name not in extra or rows.shape != shape or not (np.isfinite(rows).all() and (rows >= 0).all()):
                raise ShapeError(f"copies of {name!r} have shape {rows.shape}; wanted {shape}, and its probabilities")
        left = {name: _label_table(np.asarray(rows)[:, None], name)[:, 0] for name, rows in held_out.items()}
        for name, votes in left.items():
            if len(votes) != n or votes.max(initial=-1) >= count:
                raise ShapeError(f"held-out votes of {name!r} want a label below {count} for each of {n} records")
        return cls(np.ascontiguousarray(table), sure, known, count, extra, without, left)

    @property
    def n_records(self) -> int:
        """Rows."""
        return len(self.labels)

    @property
    def n_heuristics(self) -> int:
        """Columns."""
        return int(self.labels.shape[1])

    @property
    def cast(self) -> NDArray[np.bool_]:
        """(n_records, n_heuristics): whether there is a vote."""
        return np.not_equal(self.labels, ABSTAIN)

    def judged(self, name: str) -> NDArray[np.int16]:
        """A heuristic's votes (n_records,) as they are to be compared with manual labels: held out where it matters."""
        return self.held_out.get(name, self.labels[:, self.names.index(name)])

    @property
    def as_judged(self) -> NDArray[np.int16]:
        """``judged`` of all heuristics, (n_records, n_heuristics)."""
        return np.stack([self.judged(name) for name in self.names], axis=1) if self.names else self.labels

    def only(self, names: Sequence[str]) -> Votes:
        """The votes of these heuristics."""
        unknown = [name for name in names if name not in self.names]
        if unknown:
            raise InputError(f"no heuristic is called {unknown[0]!r}; there are {', '.join(self.names) or 'none'}")
        columns = [self.names.index(name) for name in names]
        return replace(
            self,
            labels=self.labels[:, columns],
            confidence=self.confidence[:, columns],
            names=tuple(names),
            soft={name: rows for name, rows in self.soft.items() if name in names},
            copies={name: rows for name, rows in self.copies.items() if name in names},
            held_out={name: rows for name, rows in self.held_out.items() if name in names},
        )

    def conflicts(self) -> NDArray[np.bool_]:
        """(n_records,): whether two heuristics name different labels."""
        highest = self.labels.max(axis=1, initial=ABSTAIN)
        lowest = np.where(self.cast, self.labels, np.int16(self.n_labels)).min(axis=1, initial=self.n_labels)
        return np.asarray((highest > ABSTAIN) & (lowest < highest))


@dataclass(frozen=True, slots=True, eq=False)
class WeakLabels:
    """What a label model makes of the votes: a label or ABSTAIN for each record, and how sure it is."""

    labels: Labels
    """(n_records,)"""
    confidence: Floats
    """(n_records,), 0 where there is no label."""
    posteriors: Floats | None = None
    """(n_records, n_labels), rows adding up to 1, where the model has probabilities."""
    agreement: Floats | None = None
    """(n_records,): how far the neighbours' labels agree, where that was asked for."""

    @classmethod
    def of_posteriors(cls, posteriors: Floats) -> WeakLabels:
        """The most probable labels; no label where all are equally probable, since nothing was said then."""
        labels = posteriors.argmax(axis=1).astype(np.int64)
        confidence = posteriors.max(axis=1)
        flat = np.isclose(confidence, posteriors.min(axis=1), rtol=0, atol=1e-12) & (posteriors.shape[1] > 1)
        return cls(np.where(flat, ABSTAIN, labels), np.where(flat, 0.0, confidence), posteriors)

    @property
    def labelled(self) -> NDArray[np.bool_]:
        """(n_records,): whether there is a label."""
        return np.not_equal(self.labels, ABSTAIN)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What one source adds to one label of a record: the logarithm of an odds, or a score where a model has those."""

    source: str
    label: int
    weight: float


def manual_labels(manual: ArrayLike, n_records: int, n_labels: int) -> Labels:
    """Manual labels (n_records,), checked: a number below ``n_labels``, or ABSTAIN where nobody labelled."""
    labels = np.asarray(manual)
    if labels.shape != (n_records,):
        raise ShapeError(f"manual labels have shape {labels.shape}; wanted one for each of {n_records} records")
    if labels.size and (labels.dtype.kind not in "iu" or labels.min() < ABSTAIN or labels.max() >= n_labels):
        raise InputError(f"manual labels must be whole numbers below {n_labels}, or {ABSTAIN} for none")
    return labels.astype(np.int64)


def _label_table(labels: ArrayLike, name: str) -> NDArray[np.int16]:
    table = np.asarray(labels)
    if table.ndim != 2:
        raise ShapeError(f"{name} have shape {table.shape}; they must have shape (n_records, n_heuristics)")
    if table.size and (table.dtype.kind not in "iu" or table.min() < ABSTAIN or table.max() > np.iinfo(np.int16).max):
        raise InputError(f"{name} must hold label numbers from 0, or {ABSTAIN} for none; got {table.dtype}")
    return table.astype(np.int16)


def _soft(rows: ArrayLike, name: str, n_records: int) -> NDArray[np.float32]:
    array = np.ascontiguousarray(rows, dtype=np.float32)
    if array.ndim != 2 or len(array) != n_records:
        raise ShapeError(f"probabilities of {name!r} have shape {array.shape}; wanted ({n_records}, n_labels)")
    if not (np.isfinite(array).all() and (array >= 0).all() and np.allclose(array.sum(axis=1), 1, atol=1e-3)):
        raise NotFiniteError(f"probabilities of {name!r} must not be negative and add up to 1 for each record")
    return array
