"""Rows in lists around centroids, found by 4-bit codes and scored exactly: sub-linear search over named arrays.

docs/partition.md has the algorithm. Scores and their order are those of the exact search; what is given up is that a
row may be missed, and how often is calibrated (calibrate.py).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nearmost import _core
from nearmost.allowed import Allowed
from nearmost.errors import DamagedFileError, InputError
from nearmost.kinds.calibrate import MOST_ASKED, Calibration, Spread, Step
from nearmost.kinds.flat import WORTH_PACKING, Flat, Progress, among
from nearmost.kinds.turning import unpacked
from nearmost.metrics import Metric
from nearmost.rows import Layout, Rows, require_bits, sections
from nearmost.values import Neighbors

CODES = 6
"""Codes that are looked at while one row is scored exactly."""
CODES_IN_LISTS = 24
"""The same where their lists lie one after the other: measured 13 to 28 in single searches, 23 to 52 in batches."""

SECTIONS: Layout = {
    "norms": (np.float64, 1),
    "mean": (np.float32, 1),
    "axes": (np.uint8, 4),
    "axes.scales": (np.float32, 2),
    "cells": (np.uint8, 4),
    "cells.scales": (np.float32, 2),
    "cells.biases": (np.float32, 2),
    "cells.first": (np.uint32, 1),
    "lists": (np.uint8, 4),
    "lists.scales": (np.float32, 2),
    "lists.biases": (np.float32, 2),
    "lists.first": (np.uint32, 1),
    "blocks": (np.uint8, 2),
    "slots": (np.uint32, 2),
}
"""Name -> dtype and number of axes of the arrays; core/partition.h says how they lie."""
OPTIONAL = ("norms", "axes", "axes.scales")


class Partition:
    """The packed rows of an index in lists: named arrays, in memory or mapped, and the search over them."""

    kind = "partition"

    def __init__(
        self,
        metric: Metric,
        dim: int,
        n_rows: int,
        unit: float,
        arrays: Mapping[str, NDArray[Any]],
        *,
        coded: int,
        turned: int,
        calibration: Calibration | None = None,
    ) -> None:
        self.metric, self.dim, self.n_rows, self.unit = metric, dim, n_rows, unit
        self.coded, self.turned = coded, turned
        self.calibration = calibration or Calibration({})
        self._steps: dict[tuple[float, float, int], Step | None] = {}  # what was asked for before
        self.rows = Rows.found(metric, dim, n_rows, arrays)
        self.arrays = {**self.rows.arrays, **sections(arrays, SECTIONS, OPTIONAL)}
        if not (math.isfinite(unit) and unit > 0 and 0 < coded <= turned <= dim + 1):
            raise DamagedFileError(f"the header says unit {unit}, coded {coded}, turned {turned}: the file is damaged")
        if len(self.arrays["mean"]) != dim + (metric.name == "dot"):
            raise DamagedFileError(f"section 'mean' has {len(self.arrays['mean'])} numbers: the file is damaged")
        names = ("rows", "rows.scales", *SECTIONS)
        named: dict[str, Any] = {name.replace(".", "_"): self.arrays.get(name) for name in names}
        try:
            self.core = _core.Partition(metric.code, unit, coded, turned=turned, **named)
        except (ValueError, TypeError) as error:
            raise DamagedFileError(f"{error}: the file is damaged") from None

    @cached_property
    def flat(self) -> Flat:
        """The same rows packed for exact search, made when first wanted: the file does not hold them twice."""
        return Flat.pack(self.metric, self.rows)

    def header(self) -> dict[str, Any]:
        """What the file's header says of a partition beyond what it says of every index."""
        return {"coded": self.coded, "turned": self.turned, "calibration": self.calibration.plain()}

    @property
    def n_lists(self) -> int:
        """Lists, some of them empty."""
        return len(self.arrays["lists.first"]) - 1

    def search(
        self,
        queries: NDArray[np.float32],
        k: int,
        *,
        recall: float = 0.95,
        effort: int | None = None,
        allowed: Allowed | None = None,
        spread: Spread | None = None,
        n_threads: int = 0,
        progress: Progress | None = None,
    ) -> Neighbors:
        """The k best rows of each query, of which ``recall`` are expected to be found: (q, dim) in, (q, k) out.

        ``effort``, the number of lists that are looked through, takes the place of ``recall``. recall=1 is exact.
        """
        if self.metric.name == "hamming":
            require_bits(queries, "queries")
        if allowed is not None:
            return self._search_some(queries, k, allowed, recall, effort, spread, n_threads, progress)
        step = self.reach(recall, effort, k, spread)
        if step is None or (effort is None and k > self.n_rows // 8):
            return self.flat.search(queries, k, n_threads=n_threads, progress=progress)
        rows = max(step.rows, k)
        return self.look(queries, k, lists=step.effort, rows=rows, n_threads=n_threads, progress=progress)

    def reach(
        self, recall: float, effort: int | None, k: int, spread: Spread | None = None, farther: float = 1
    ) -> Step | None:
        """What is looked at for that, kept from one search to the next; None where only the exact search will do.

        ``farther``: the k nearest lie as far off as so many times k others.
        """
        if effort is not None:
            return self.calibration.at(int(effort), k)
        asked = (float(recall), (spread.held if spread else k) * farther, spread.parts if spread else 1)
        if asked not in self._steps:
            if len(self._steps) >= MOST_ASKED:
                self._steps.clear()
            self._steps[asked] = self.calibration.for_recall(*asked)
        return self._steps[asked]

    def _search_some(
        self,
        queries: NDArray[np.float32],
        k: int,
        allowed: Allowed,
        recall: float,
        effort: int | None,
        spread: Spread | None,
        n_threads: int,
        progress: Progress | None,
    ) -> Neighbors:
        """``search`` among some of the rows: their k nearest lie as far as the k / share nearest of all rows do."""
        step = self.reach(recall, effort, k, spread, self.n_rows / max(1, allowed.count))
        if allowed.count <= max(k, few(step, self.n_rows, self.n_lists, len(queries))):
            stored = (self.metric, self.arrays, self.rows)
            return among(*stored, queries, k, allowed, n_threads, progress)
        if step is None or (effort is None and step.effort > self.n_lists // 2):
            return self.flat.search(queries, k, allowed=allowed, n_threads=n_threads, progress=progress)
        near = self.reach(recall, effort, k, spread)
        rows = max(near.rows if near else step.rows, k)
        return self.look(
            queries, k, lists=step.effort, rows=rows, allowed=allowed, n_threads=n_threads, progress=progress
        )

    def look(
        self,
        queries: NDArray[np.float32],
        k: int,
        *,
        lists: int,
        rows: int,
        allowed: Allowed | None = None,
        n_threads: int = 0,
        progress: Progress | None = None,
    ) -> Neighbors:
        """The k best of the ``rows`` most promising rows in the ``lists`` most promising lists."""
        ids = np.empty((len(queries), k), dtype=np.int64)
        scores = np.empty((len(queries), k), dtype=np.float32)
        marks, n_marks = (None, 0) if allowed is None else (allowed.marks, allowed.count)
        if self.core.search(
            queries, ids, scores, lists, cells(lists), rows, False, marks, n_marks, n_threads, progress
        ):
            short = (
                ids[:, min(k, n_marks if allowed else self.n_rows) - 1] < 0
            )  # only where lists lack rows, as in a damaged file
            ids[short], scores[short] = self.flat.search(queries[short], k, allowed=allowed, n_threads=n_threads)
        return Neighbors(ids, scores, self.metric)

    def promising(
        self, queries: NDArray[np.float32], *, lists: int, rows: int, n_threads: int = 0
    ) -> NDArray[np.int64]:
        """The ``rows`` rows that ``look`` would score, the most promising first, -1 where there are no more."""
        ids = np.empty((len(queries), rows), dtype=np.int64)
        scores = np.empty((len(queries), rows), dtype=np.float32)
        self.core.search(queries, ids, scores, lists, cells(lists), rows, True, None, 0, n_threads, None)
        return ids

    def work(self, lists: float, rows: int) -> float:
        """What a search of so many lists costs that scores so many rows, in codes: half as much as a centroid."""
        n_cells = len(self.arrays["cells.first"]) - 1
        centroids = n_cells + min(n_cells, cells(lists)) * self.n_lists / n_cells
        return lists * self.n_rows / self.n_lists + 2 * centroids + CODES_IN_LISTS * rows

    def pack(
        self,
        inside: NDArray[np.float32],
        shift: NDArray[np.float32] | None,
        half_squares: NDArray[np.float32] | None,
        *,
        eta: float,
        n_threads: int = 0,
        progress: Progress | None = None,
    ) -> None:
        """Fills ``blocks``, once, from the rows in the partition's own coordinates."""
        self.core.pack(inside, shift, half_squares, eta, self.arrays["blocks"], n_threads, progress)

    def calibrated(self, calibration: Calibration) -> Partition:
        """The same partition with another table."""
        header = {"coded": self.coded, "turned": self.turned, "calibration": calibration}
        return Partition(self.metric, self.dim, self.n_rows, self.unit, self.arrays, **header)  # type: ignore[arg-type]

    def centroids(self, lists: NDArray[np.int64]) -> NDArray[np.float32]:
        """The centroids of these lists, as a search sees them, before they were turned."""
        get, turned = self.arrays.get, self.turned
        found = unpacked(self.arrays["lists"], self.arrays["lists.scales"], lists, turned)
        axes, scales = get("axes"), get("axes.scales")
        if axes is None or scales is None:
            return found
        return found @ unpacked(axes, scales, np.arange(turned), len(self.arrays["mean"]))

    def vector(self, row: int) -> NDArray[np.float32]:
        """Row ``row`` as it was given, float32 (dim,)."""
        return self.rows.one(row)

    @classmethod
    def of(
        cls,
        metric: Metric,
        dim: int,
        n_rows: int,
        unit: float,
        header: Mapping[str, Any],
        arrays: Mapping[str, NDArray[Any]],
    ) -> Partition:
        """The partition behind a file's header and sections; DamagedFileError where they contradict each other."""
        coded, turned = header.get("coded"), header.get("turned")
        if type(coded) is not int or type(turned) is not int:
            raise DamagedFileError(f"the header says metric {metric}, coded {coded!r:.40}, turned {turned!r:.40}")
        calibration = Calibration.of(header.get("calibration"))
        return cls(metric, dim, n_rows, unit, arrays, coded=coded, turned=turned, calibration=calibration)


def cells(lists: float) -> int:
    """Cells whose lists are compared when so many lists are wanted."""
    return math.ceil(1.4 * math.sqrt(lists)) + 4


def few(step: Step | None, n_rows: int, n_lists: int, n_queries: int) -> float:
    """So many allowed rows are looked at one and all as quickly as they are found in this step's lists."""
    if step is None:
        return n_rows / CODES
    in_lists = step.effort * n_rows / n_lists / CODES + 2 * step.rows
    return in_lists * (1 if n_queries < WORTH_PACKING else CODES)


def require_recall(recall: object, effort: object) -> None:
    """Raises InputError where ``recall`` is not in (0, 1] or ``effort`` not a whole number of at least 1."""
    if effort is None and type(recall) is float and 0 < recall <= 1:
        return
    if isinstance(recall, bool) or not isinstance(recall, float | int | np.floating) or not 0 < recall <= 1:
        raise InputError(f"recall is {recall!r}; it must be a number above 0 and at most 1, and 1 is exact")
    if effort is not None and (isinstance(effort, bool) or not isinstance(effort, int | np.integer) or effort < 1):
        raise InputError(f"effort is {effort!r}; it must be a whole number of at least 1, or None")
