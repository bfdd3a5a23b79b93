"""Several partitions searched as one: their lists are ranked together, in cells of their own.

A search of each by itself looks through as many lists in a file that holds none of the neighbors as in one that holds
all. Here a list is looked through where it is among the most promising of all, whichever file it lies in. The lists'
centroids, which every file has, are put into cells once more when they are first searched; rows stay where they lie.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from nearmost import _core
from nearmost.allowed import Allowed
from nearmost.kinds.calibrate import Spread, Step
from nearmost.kinds.flat import Progress
from nearmost.kinds.ladder import ROWS
from nearmost.kinds.partition import Partition, cells, few
from nearmost.kinds.turning import PANEL, Floats, in_cells, turned_like_euclidean
from nearmost.metrics import Metric
from nearmost.rows import require_bits
from nearmost.values import Neighbors

MISSES, BY_HELD, LEAST_MISSES = 0.84, 0.1, 0.6
"""Of the misses that each one's calibration tells of, so many are left where lists are ranked together: the more, by
the power of ten, of the neighbors a partition holds. Measured on six sets of vectors, see docs/shards.md."""
LEAST = 0.01
"""Recall that is asked of each one at least."""
UNEVEN = 1.5
"""Where one partition's rows are so much more often among those that may be found, each is asked by itself."""
WIDER = 1.5
"""More cells than in one partition: their lists lie across each other."""
PER_CELL = 0.9
"""Cells by the root of the number of lists."""
WIDTH, ROUNDS = 4, 1
"""Cells that a list is compared with, and rounds of k-means over all: as much as shows in a search."""
WORD = 4  # numbers of a centroid, in the codes of 8 bits that lists are compared by
LIMIT = 4.0
"""Of a number of a centroid, in the length of the longest row: only a damaged file has more."""


class ListsLackRowsError(Exception):
    """Fewer rows were found than there are: in a damaged file. Each partition by itself finds them all the same."""


class Partitions:
    """The lists of several partitions of one metric and dim, in cells: made in memory, a byte a number of a centroid.

    ``firsts``: the number in the whole of each one's first row. Raises ValueError where there are too many rows.
    """

    def __init__(self, parts: Sequence[Partition], firsts: Sequence[int], n_threads: int = 0) -> None:
        self.parts = tuple(parts)
        self.n_rows = sum(part.n_rows for part in parts)
        metric = self.metric = parts[0].metric
        euclidean = turned_like_euclidean(metric)
        unit = max(part.unit for part in parts)
        units = [1.0 if metric.name == "cosine" else part.unit / unit for part in parts]
        means = [np.nan_to_num(part.arrays["mean"]).clip(-1, 1) for part in parts]
        scaled = np.multiply(means, np.array(units)[:, None])
        mean = np.average(scaled, axis=0, weights=[part.n_rows for part in parts]).astype(np.float32)
        numbers = [np.flatnonzero(np.diff(part.arrays["lists.first"])) for part in parts]
        inside = [part.centroids(some) + its for part, some, its in zip(parts, numbers, means, strict=True)]
        values = np.concatenate([rescaled(each, own, metric) for each, own in zip(inside, units, strict=True)]) - mean
        values = np.ascontiguousarray(np.nan_to_num(values).clip(-LIMIT, LIMIT), np.float32)
        owners = np.repeat(np.arange(len(parts)), list(map(len, numbers)))
        centers, owner = _cells(values, n_threads)
        order = np.argsort(owner, kind="stable")
        counts = np.bincount(owner, minlength=len(centers))
        weight = 0.5 if euclidean else 0.35
        sections, place = in_cells(centers, values[order], counts, None, None if euclidean else mean, weight)
        of, number = np.zeros((2, len(sections["lists"]) * PANEL), np.uint32)
        of[place], number[place] = owners[order], np.concatenate(numbers)[order]
        named = {name.replace(".", "_"): array for name, array in sections.items()}
        self.n_lists = len(owners)
        self._core = _core.Partitions(
            tuple(part.core for part in parts),
            np.asarray(firsts, np.int64),
            unit,
            mean,
            owners=of,
            numbers=number,
            **named,
        )

    def step(
        self,
        k: int,
        recall: float,
        effort: int | None,
        held: Sequence[float],
        parts: int,
        counts: Sequence[int] | None = None,
        n_queries: int = 1,
    ) -> Step | None:
        """How many lists of all are looked through, and rows scored, for what each one's calibration tells of it.

        ``held``: of the k nearest, how many each partition holds on average, among ``parts`` of which these are some.
        ``counts``: how many rows of each may be found, where it is not all. None where it is better to ask each.
        One whose table does not reach that far is taken to need half of its lists.
        """
        shares = [1.0] if counts is None else [n / part.n_rows for n, part in zip(counts, self.parts, strict=True)]
        if (effort is None and (recall >= 1 or k > self.n_rows // 8)) or max(shares) > UNEVEN * min(shares):
            return None
        steps: list[Step | None] = []
        rows = 0
        for i, part in enumerate(self.parts):
            asked, spread, own = (
                max(LEAST, 1 - (1 - recall) / left(held[i])),
                Spread(parts, held[i]),
                math.ceil(held[i]),
            )
            near = part.reach(asked, effort, own, spread)
            steps.append(near if counts is None else part.reach(asked, effort, own, spread, part.n_rows / counts[i]))
            rows += ROWS[-1] if near is None else near.rows
        known = [step.effort for step in steps if step is not None]
        if 2 * len(known) < len(steps):
            return None
        unknown = [part.n_lists // 2 for part, step in zip(self.parts, steps, strict=True) if step is None]
        lists = sum(known) + sum(max(*known, half) for half in unknown)
        step = Step(lists, max(k, rows))
        if counts is not None and (
            (effort is None and lists > self.n_lists // 2)
            or sum(counts) <= max(k, few(step, self.n_rows, self.n_lists, n_queries))
        ):
            return None
        return step

    def look(
        self,
        queries: Floats,
        k: int,
        *,
        lists: int,
        rows: int,
        allowed: Allowed | None = None,
        n_threads: int = 0,
        progress: Progress | None = None,
    ) -> Neighbors:
        """The k best of the ``rows`` most promising rows in the ``lists`` most promising lists, in the whole's numbers.

        ``allowed``: marks of all rows of the whole, and how many of these lists' rows have one. Raises
        ListsLackRowsError where fewer were found than there are.
        """
        if self.metric.name == "hamming":
            require_bits(queries, "queries")
        ids = np.empty((len(queries), k), dtype=np.int64)
        scores = np.empty((len(queries), k), dtype=np.float32)
        marks, n_marks = (None, 0) if allowed is None else (allowed.marks, allowed.count)
        short = self._core.search(
            queries, ids, scores, lists, math.ceil(WIDER * cells(lists)), rows, marks, n_marks, n_threads, progress
        )
        if short:
            raise ListsLackRowsError
        return Neighbors(ids, scores, self.metric)


def left(held: float) -> float:
    """The share of misses that is left of a partition that holds so many of the neighbors."""
    return min(1.0, max(LEAST_MISSES, MISSES + BY_HELD * math.log10(held)))


def rescaled(centroids: Floats, unit: float, metric: Metric) -> Floats:
    """Centroids in another unit. The last number of dot's, which makes a row as long as its unit, is another then."""
    made: Floats = (centroids * unit).astype(np.float32)
    if metric.name == "dot":
        made[:, -1] = np.sqrt(np.clip(1 - unit**2 * (1 - centroids[:, -1] ** 2), 0, 1))
    return made


def _cells(values: Floats, n_threads: int) -> tuple[Floats, NDArray[np.int64]]:
    """Cells, and each centroid's."""
    count = max(1, round(PER_CELL * math.sqrt(len(values))))
    coarse, fine = (np.zeros((n, values.shape[1]), np.float32) for n in (count, 2 * count))
    first, owner = np.zeros(count + 1, np.uint32), np.zeros(len(values), np.uint32)
    codes = np.empty((len(values), -(-values.shape[1] // WORD) * WORD), np.uint8)
    _core.grow(values, None, count, WIDTH, ROUNDS, 0, codes, coarse, fine, first, owner, n_threads, None)
    return fine[: first[-1]], owner.astype(np.int64)
