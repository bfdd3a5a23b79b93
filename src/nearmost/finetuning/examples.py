"""What a head learns from: rows, the group of each and how sure that is, or pairs of rows that are alike or not."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nearmost.errors import InputError, NotFiniteError, ShapeError
from nearmost.finetuning.heads import unit
from nearmost.finetuning.retrieval import codes_of
from nearmost.values import float_rows

ENOUGH = 8
"""Rows of a group, on average, from which on every group is split; smaller groups are held out whole."""
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Examples:
    """Rows of length 1 with a group each; with pairs, rows joined by alike pairs are one group."""

    rows: NDArray[np.float32]
    codes: Ints
    weights: NDArray[np.float32]
    places: Ints
    """Which of the rows that were given each is."""
    names: tuple[str, ...] = ()
    pairs: Ints = field(default_factory=lambda: np.empty((0, 2), np.int64))
    """(p, 2) rows that are alike; empty where groups were given."""
    apart: Ints = field(default_factory=lambda: np.empty((0, 2), np.int64))
    """(p, 2) rows that are not."""

    @classmethod
    def of_groups(cls, rows: ArrayLike, groups: Any, confidence: ArrayLike | None = None) -> Examples:
        """Rows with a label each; those whose label is None or "", or whose confidence is 0, are left out.

        Raises InputError where fewer than two groups are left.
        """
        array = float_rows(rows, "vectors")
        codes, names = codes_of(groups)
        if len(codes) != len(array):
            raise ShapeError(f"{len(codes)} groups were given for {len(array)} vectors; there must be one a row")
        weights = _weights(confidence, len(array), "confidence")
        kept = (codes >= 0) & (weights > 0)
        if len(np.unique(codes[kept])) < 2:
            raise InputError(f"the rows have groups {names[:5]}; a head learns from at least two groups")
        return cls(unit(array[kept])[0], codes[kept], weights[kept], np.flatnonzero(kept), tuple(names))

    @classmethod
    def of_pairs(cls, rows: ArrayLike, pairs: ArrayLike, confidence: ArrayLike | None = None) -> Examples:
        """Rows, and pairs of row numbers (p, 2), or (p, 3) where the third number is 1 for alike and 0 for not.

        ``confidence`` is one a pair; a row counts as much as the surest of its pairs.
        """
        array = float_rows(rows, "vectors")
        table = np.asarray(pairs)
        if table.ndim != 2 or table.shape[1] not in (2, 3) or table.dtype.kind not in "iuf" or len(table) == 0:
            raise ShapeError(f"pairs have shape {table.shape}; they must be (p, 2) row numbers, or (p, 3) with 1 or 0")
        ends = table[:, :2].astype(np.int64)
        if (
            (ends != table[:, :2]).any()
            or ends.min() < 0
            or ends.max() >= len(array)
            or (ends[:, 0] == ends[:, 1]).any()
        ):
            raise InputError(f"pairs must name two different rows each, from 0 to {len(array) - 1}")
        alike = np.ones(len(ends), bool) if table.shape[1] == 2 else table[:, 2] >= 0.5
        sure = _weights(confidence, len(ends), "confidence")
        ends, alike, sure = ends[sure > 0], alike[sure > 0], sure[sure > 0]
        if alike.sum() < 2:
            raise InputError(f"{alike.sum()} pairs are alike; a head learns from at least two such pairs")
        weights = np.zeros(len(array), np.float32)
        np.maximum.at(weights, ends.ravel(), np.repeat(sure, 2))
        codes = _components(len(array), ends[alike])
        return cls(unit(array)[0], codes, weights, np.arange(len(array)), (), ends[alike], ends[~alike])

    @property
    def dim(self) -> int:
        """Columns."""
        return int(self.rows.shape[1])

    def split(self, share: float, generator: np.random.Generator) -> tuple[Examples, Examples]:
        """(to learn from, to validate with): this share of each group's rows, or of the groups where they are small.

        Pairs are never cut: what is joined by them is on one side.
        """
        if not 0 < share < 1:
            raise InputError(f"valid is {share}; it must be a share between 0 and 1, or (vectors, groups)")
        known, sizes = np.unique(self.codes[self.codes >= 0], return_counts=True)
        held = np.zeros(len(self.codes), dtype=bool)
        if len(self.pairs) or sizes.mean() < ENOUGH:
            order = known[generator.permutation(len(known))]
            many = order[sizes[np.searchsorted(known, order)] > 1]
            held = np.isin(self.codes, many[: max(1, round(share * len(many)))])
        else:
            for code in known:
                rows = np.flatnonzero(self.codes == code)
                held[generator.permutation(rows)[: round(share * len(rows))]] = True
        parts = self._part(~held), self._part(held)
        if min(len(np.unique(part.codes)) for part in parts) < 2:
            raise InputError(
                f"{len(self.codes)} rows of {len(known)} groups are too few to hold {share:.0%} out to validate with; "
                "give more, or valid=(vectors, groups)"
            )
        return parts

    def _part(self, kept: NDArray[np.bool_]) -> Examples:
        place = np.cumsum(kept) - 1
        pairs, apart = (place[ends[kept[ends].all(axis=1)]] for ends in (self.pairs, self.apart))
        parts = (self.rows[kept], self.codes[kept], self.weights[kept], self.places[kept])
        return Examples(*parts, self.names, pairs, apart)


def _weights(confidence: ArrayLike | None, n: int, name: str) -> NDArray[np.float32]:
    if confidence is None:
        return np.ones(n, np.float32)
    weights = np.asarray(confidence, dtype=np.float32)
    if weights.shape != (n,):
        raise ShapeError(f"{name} has shape {weights.shape}; it must have shape ({n},)")
    if not np.isfinite(weights).all() or weights.min(initial=0) < 0:
        raise NotFiniteError(f"{name} must be finite and not below 0")
    return weights


def _components(n: int, pairs: Ints) -> Ints:
    """For each row the number of the group that pairs join it into; rows without a pair are -1."""
    leads = np.arange(n)
    while True:  # every row takes the smallest number that it is joined to, and that one's own
        least = leads.copy()
        np.minimum.at(least, pairs[:, 0], leads[pairs[:, 1]])
        np.minimum.at(least, pairs[:, 1], leads[pairs[:, 0]])
        least = least[least]
        if (least == leads).all():
            break
        leads = least
    codes = np.full(n, -1, dtype=np.int64)
    joined = np.unique(pairs)
    codes[joined] = np.unique(leads[joined], return_inverse=True)[1]
    return codes
