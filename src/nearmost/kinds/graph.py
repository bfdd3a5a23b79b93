"""Rows linked to rows near them, in codes of a cache line or two: search that walks along the links, over named arrays.

docs/graph.md has the algorithm. Scores and their order are those of the exact search; what is given up is that a row
may be missed, and how often is calibrated (calibrate.py).
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
from nearmost.errors import DamagedFileError
from nearmost.kinds.calibrate import KS, MOST_ASKED, Calibration, Spread, Step
from nearmost.kinds.flat import WORTH_PACKING, Flat, Progress, among
from nearmost.metrics import Metric
from nearmost.rows import Layout, Rows, require_bits, sections
from nearmost.values import Neighbors

FEW, FEW_FOR_MANY = 4_000, 10_000
"""So few rows that may be found are all looked at: by few queries, and by many, for which they are packed."""

THIN = 32
"""Where one row in so many is an answer a walk would meet most rows anyway."""

NEAREST = 10
"""A walk's margin is measured from so far a row of the best at least: the very best alone says little."""

SECTIONS: Layout = {
    "norms": (np.float64, 1),
    "mean": (np.float32, 1),
    "axes": (np.uint8, 4),
    "axes.scales": (np.float32, 2),
    "digits.lows": (np.float32, 1),
    "digits.steps": (np.float32, 1),
    "digits.places": (np.uint32, 2),
    "codes": (np.uint8, 2),
    "links": (np.uint32, 2),
    "entries": (np.uint32, 1),
}
"""Name -> dtype and number of axes of the arrays; core/graph.h says how they lie."""
OPTIONAL = ("norms", "axes", "axes.scales")


class Graph:
    """The rows of an index with codes and links: named arrays, in memory or mapped, and the search over them."""

    kind = "graph"

    def __init__(
        self,
        metric: Metric,
        dim: int,
        n_rows: int,
        unit: float,
        arrays: Mapping[str, NDArray[Any]],
        *,
        calibration: Calibration | None = None,
    ) -> None:
        self.metric, self.dim, self.n_rows, self.unit = metric, dim, n_rows, unit
        self.calibration = calibration or Calibration({})
        self._steps: dict[tuple[float, float, int], Step | None] = {}  # what was asked for before
        self.rows = Rows.found(metric, dim, n_rows, arrays)
        self.arrays = {**self.rows.arrays, **sections(arrays, SECTIONS, OPTIONAL)}
        if not (math.isfinite(unit) and unit > 0):
            raise DamagedFileError(f"the header says unit {unit}: the file is damaged")
        if len(self.arrays["mean"]) != dim + (metric.name == "dot"):
            raise DamagedFileError(f"section 'mean' has {len(self.arrays['mean'])} numbers: the file is damaged")
        named: dict[str, Any] = {
            name.removeprefix("digits.").replace(".", "_"): self.arrays.get(name)
            for name in ("rows", "rows.scales", *SECTIONS)
        }
        try:
            self._core = _core.Graph(metric.code, unit, **named)
        except (ValueError, TypeError) as error:
            raise DamagedFileError(f"{error}: the file is damaged") from None

    @cached_property
    def flat(self) -> Flat:
        """The same rows packed for exact search, made when first wanted: the file does not hold them twice."""
        return Flat.pack(self.metric, self.rows)

    def header(self) -> dict[str, Any]:
        """What the file's header says of a graph beyond what it says of every index."""
        return {"calibration": self.calibration.plain()}

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

        ``effort`` takes the place of ``recall``: a row's links are followed where it lies at most so many thousandths
        farther off than the k-th best row so far. recall=1 is exact.
        """
        if self.metric.name == "hamming":
            require_bits(queries, "queries")
        few = FEW if len(queries) < WORTH_PACKING else FEW_FOR_MANY
        if allowed is not None and allowed.count <= max(few, k):
            return among(self.metric, self.arrays, self.rows, queries, k, allowed, n_threads, progress)
        step = self._step(recall, k, spread) if effort is None else self.calibration.at(int(effort), k)
        count = self.n_rows if allowed is None else allowed.count
        if step is None or (effort is None and k * THIN > count):
            return self.flat.search(queries, k, allowed=allowed, n_threads=n_threads, progress=progress)
        return self.look(
            queries, k, effort=step.effort, rows=step.rows, allowed=allowed, n_threads=n_threads, progress=progress
        )

    def _step(self, recall: float, k: int, spread: Spread | None) -> Step | None:
        """Where more are wanted than calibrated for, as many more rows are scored; the margin stays."""
        near, parts = (spread.held, spread.parts) if spread else (k, 1)
        asked = (float(recall), near, parts)
        if asked not in self._steps:
            if len(self._steps) >= MOST_ASKED:
                self._steps.clear()
            step = self.calibration.for_recall(recall, min(near, KS[-1]), parts)
            self._steps[asked] = step and Step(step.effort, math.ceil(step.rows * max(1, near / KS[-1])))
        return self._steps[asked]

    def look(
        self,
        queries: NDArray[np.float32],
        k: int,
        *,
        effort: int,
        rows: int,
        allowed: Allowed | None = None,
        n_threads: int = 0,
        progress: Progress | None = None,
    ) -> Neighbors:
        """The k best of the ``rows`` most promising rows that a walk with this effort meets."""
        ids = np.empty((len(queries), k), dtype=np.int64)
        scores = np.empty((len(queries), k), dtype=np.float32)
        marks, n_marks = (None, 0) if allowed is None else (allowed.marks, allowed.count)
        far = max(k, NEAREST), max(rows, k)
        if self._core.search(
            queries, ids, scores, effort / 1000, *far, False, None, marks, n_marks, n_threads, progress
        ):
            short = ids[:, min(k, n_marks if allowed else self.n_rows) - 1] < 0  # rows that no links lead to
            ids[short], scores[short] = self.flat.search(queries[short], k, allowed=allowed, n_threads=n_threads)
        return Neighbors(ids, scores, self.metric)

    def promising(
        self,
        queries: NDArray[np.float32],
        k: int,
        *,
        effort: int,
        rows: int,
        without: NDArray[np.int64] | None = None,
        n_threads: int = 0,
    ) -> NDArray[np.int64]:
        """The ``rows`` rows that ``look`` would score, the most promising first, -1 where there are no more.

        ``without``: a row for each query that its walk must not meet.
        """
        ids = np.empty((len(queries), rows), dtype=np.int64)
        scores = np.empty((len(queries), rows), dtype=np.float32)
        far = max(k, NEAREST), rows
        self._core.search(queries, ids, scores, effort / 1000, *far, True, without, None, 0, n_threads, None)
        return ids

    def calibrated(self, calibration: Calibration) -> Graph:
        """The same graph with another table."""
        return Graph(self.metric, self.dim, self.n_rows, self.unit, self.arrays, calibration=calibration)

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
    ) -> Graph:
        """The graph behind a file's header and sections; DamagedFileError where they contradict each other."""
        return cls(metric, dim, n_rows, unit, arrays, calibration=Calibration.of(header.get("calibration")))
