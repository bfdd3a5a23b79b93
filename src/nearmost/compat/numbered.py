"""An index of ours whose rows are found by number, as Annoy's items are: numbers may leave gaps."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nearmost import store
from nearmost.contents import Contents
from nearmost.errors import AnnoyFileError, DamagedFileError, FormatError
from nearmost.kinds.flat import Progress
from nearmost.kinds.packing import pack
from nearmost.kinds.partition import Partition
from nearmost.memory import Allocate, aligned
from nearmost.metrics import Metric
from nearmost.rows import Rows
from nearmost.strings import Keys
from nearmost.values import Neighbors

TREES = 100
"""Trees that an index counts as having where its file says nothing of them."""
RECALL = 0.99
"""The least that a query looks for: of many columns, Annoy finds 0.6 to 0.9 at its default of n * n_trees."""
FEW_COLUMNS, MORE = 16, 150
"""Up to so many columns Annoy's trees miss next to nothing; 4-bit codes tell less there, and more rows are scored."""
EXACT_SHARE = 0.15
"""From this share of all items on, Annoy takes as long as looking at every row."""
LARGEST = (1 << 31) - 1


@dataclass(frozen=True, slots=True, eq=False)
class Numbered:
    """Packed rows in ascending order of their numbers, and how many trees were asked for."""

    contents: Contents
    n_trees: int
    numbers: NDArray[np.int64] | None = None
    """The number of each row; None where row i has number i."""

    @classmethod
    def build(
        cls,
        numbers: NDArray[np.int64],
        rows: NDArray[np.float32],
        metric: Metric,
        *,
        n_trees: int,
        seed: int,
        n_threads: int = 0,
        allocate: Allocate = aligned,
        progress: Progress | None = None,
    ) -> Numbered:
        """Rows under ascending numbers, indexed."""
        gaps = len(numbers) > 0 and int(numbers[-1]) >= len(numbers)
        keys = Keys.of([str(number) for number in numbers.tolist()]) if gaps else Keys(len(numbers))
        kept = Rows.of(rows, metric, allocate=allocate)
        packed = pack(metric, kept, seed=seed, allocate=allocate, n_threads=n_threads, progress=progress)
        return cls(Contents(packed, keys), n_trees, numbers if gaps else None)

    @classmethod
    def open(cls, path: str | os.PathLike[str], metric: Metric, dim: int, *, prefault: bool = False) -> Numbered:
        """The index in this file, mapped. Keys that are ascending whole numbers are the rows' numbers."""
        try:
            stored = store.read(path)
            contents = Contents.of(stored.header, stored.arrays)
            numbers = _numbers_of(contents.keys)
        except FormatError as error:
            raise AnnoyFileError(f"{os.fspath(path)}: {error}") from error
        found = contents.packed
        if (found.metric.name, found.dim) != (metric.name, dim):
            raise AnnoyFileError(
                f"{os.fspath(path)} has dim {found.dim} and metric {found.metric}; dim {dim} and {metric} were wanted"
            )
        if prefault:
            for array in stored.arrays.values():
                array.reshape(-1).view(np.uint8)[:: 1 << 12].max(initial=0)
        trees = stored.header.get("n_trees")
        return cls(contents, trees if type(trees) is int and 0 <= trees <= LARGEST else TREES, numbers)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes an index file that also says how many trees were asked for."""
        store.write(path, {**self.contents.header(), "n_trees": self.n_trees}, self.contents.arrays())

    @property
    def n_items(self) -> int:
        """One more than the greatest number."""
        if self.numbers is None:
            return self.contents.packed.n_rows
        return int(self.numbers[-1]) + 1 if len(self.numbers) else 0

    def vector(self, number: int) -> NDArray[np.float32]:
        """The vector of a number; zeros where there is none."""
        row = number
        if self.numbers is not None:
            row = int(np.searchsorted(self.numbers, number))
            if self.numbers[row] != number:
                return np.zeros(self.contents.packed.dim, np.float32)
        return self.contents.packed.vector(row)

    def search(self, query: NDArray[np.float32], k: int, effort: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Numbers and Annoy's distances of the k nearest items, for Annoy's search_k."""
        packed = self.contents.packed
        k = min(k, packed.n_rows)
        rows, scores = self._look(query[None], k, effort)
        rows, distances = rows[0], np.abs(scores[0]).astype(np.float64)
        if packed.metric.name == "dot":
            distances = scores[0].astype(np.float64)
        elif packed.metric.name == "cosine":
            distances = angular(query, np.stack([packed.vector(row) for row in rows.tolist()]))
        return rows if self.numbers is None else self.numbers[rows], distances

    def _look(self, query: NDArray[np.float32], k: int, effort: int) -> Neighbors:
        """The k nearest rows, with a recall above that of Annoy's where it looks at ``effort`` items."""
        packed = self.contents.packed
        few = packed.dim <= FEW_COLUMNS
        wanted = min(packed.n_rows, k + MORE) if few else k
        recall = (1 + RECALL) / 2 if few else RECALL
        share = effort / max(1, packed.n_rows)
        step = packed.calibration.for_recall(recall, wanted) if isinstance(packed, Partition) else None
        if share >= EXACT_SHARE or wanted > packed.n_rows // 8:
            found = packed.search(query, k, recall=1, n_threads=1)
        elif step is None:
            found = packed.search(query, wanted, recall=recall, n_threads=1)
        else:
            further = step.effort * max(1 + few, math.ceil(20 * share))
            found = packed.search(query, wanted, effort=further, n_threads=1)
        return Neighbors(found.ids[:, :k], found.scores[:, :k], found.metric)


def angular(query: NDArray[np.float32], rows: NDArray[np.float32]) -> NDArray[np.float64]:
    """sqrt(2 - 2 cos), Annoy's distance, of a query and each of the rows (n, dim); a zero vector is at sqrt(2)."""
    wide, others = query.astype(np.float64), rows.astype(np.float64)
    lengths = np.sqrt((wide @ wide) * np.einsum("ij,ij->i", others, others))
    with np.errstate(invalid="ignore", divide="ignore"):
        squares = np.where(lengths > 0, 2 - 2 * (others @ wide) / lengths, 2.0)
    return np.sqrt(np.maximum(squares, 0))


def _numbers_of(keys: Keys) -> NDArray[np.int64] | None:
    """The keys as ascending numbers, or None where they are anything else, or none at all."""
    strings = keys.strings
    if strings is None or len(keys) == 0:
        return None
    data, bounds = strings.data, strings.offsets.astype(np.int64)
    lengths = np.diff(bounds)
    if bounds[0] != 0 or bounds[-1] > len(data) or (lengths < 0).any():
        raise DamagedFileError("the keys' offsets are out of order: the file is damaged")
    if lengths.min() < 1 or lengths.max() > 10 or ((data < ord("0")) | (data > ord("9"))).any():
        return None
    numbers: NDArray[Any] = np.zeros(len(keys), np.int64)
    for place in range(int(lengths.max())):
        longer = lengths > place
        numbers[longer] = numbers[longer] * 10 + (data[bounds[:-1][longer] + place] - np.uint8(ord("0")))
    plain = (lengths == 1) | (data[bounds[:-1]] != ord("0"))
    return numbers if plain.all() and (np.diff(numbers) > 0).all() and numbers[-1] <= LARGEST else None
