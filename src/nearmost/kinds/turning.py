"""Rows in the coordinates of an index: on one scale, centred, and turned to the directions that matter."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nearmost import _core
from nearmost.kinds.flat import Progress
from nearmost.memory import Allocate, aligned
from nearmost.metrics import Metric
from nearmost.rows import Rows

Floats = NDArray[np.float32]
Stage = Callable[[int], Progress | None]

OWN_DISTANCE = ("cosine", "euclidean", "dot")
"""Metrics that codes estimate themselves; for others they estimate a distance that is close to it."""
PANEL = 16
"""Vectors of a block in 8-bit codes."""
SAMPLE = 2000
"""Rows by which axes are judged."""
CALIBRATE_FROM = 1000
"""Rows."""
MANY = 100_000_000
"""Numbers: then fewer rows are held out, since each is compared with all others."""


def turned_like_euclidean(metric: Metric) -> bool:
    """Whether rows lie inside by their Euclidean distance: manhattan and hamming are close to it."""
    return metric.name not in ("cosine", "dot")


@dataclass(frozen=True, slots=True)
class Frame:
    """Rows, the length that they are measured in, and their mean: core/frame.h says how they lie inside."""

    metric: Metric
    rows: Rows
    unit: float
    mean: Floats
    arrays: dict[str, NDArray[Any]]
    """The sections so far: rows, norms where cosine wants them, mean."""

    @classmethod
    def of(cls, metric: Metric, rows: Rows, stage: Stage, n_threads: int = 0) -> Frame:
        """For any rows; two stages of the work."""
        arrays = rows.arrays
        stored = (rows.dim, rows.values, rows.scales)
        unit = 1.0 if metric.name == "cosine" else _core.longest_row(metric.code, *stored, n_threads, stage(0))
        if metric.name == "cosine":
            arrays["norms"] = aligned((len(rows),), np.float64)
            _core.lengths(*stored, arrays["norms"], n_threads, stage(0))
        mean = arrays["mean"] = aligned((rows.dim + (metric.name == "dot"),))
        _core.find_mean(metric.code, *stored, unit, mean, n_threads, stage(1))
        return cls(metric, rows, unit, mean, arrays)

    def axes(self, count: int, seed: int, *, mixed: bool, n_threads: int = 0, progress: Progress | None) -> Floats:
        """The ``count`` directions along which the rows spread most; mixed, so that they do along each of them."""
        axes = aligned((count, len(self.mean)))
        stored = (self.metric.code, self.rows.dim, self.rows.values, self.rows.scales)
        _core.find_axes(*stored, self.unit, self.mean, mixed, seed, axes, n_threads, progress)
        return axes

    def held_by(self, axes: Floats, *, n_threads: int = 0) -> float:
        """Share of the rows' squared distances from their mean that lies along these axes, by a sample."""
        sample = self.rows.take(np.arange(0, len(self.rows), max(1, len(self.rows) // SAMPLE)))
        inside, turned = (self.turn(given, rows=sample, n_threads=n_threads)[0] for given in (None, axes))
        every = float((inside.astype(np.float64) ** 2).sum())
        return float((turned.astype(np.float64) ** 2).sum()) / every if every > 0 else 1.0

    def turn(
        self,
        axes: Floats | None,
        *,
        rows: Rows | None = None,
        allocate: Allocate = aligned,
        n_threads: int = 0,
        progress: Progress | None = None,
    ) -> tuple[Floats, Floats, Floats | None]:
        """Rows (all, if none are given) inside, the mean there, and half their squared lengths where they matter."""
        rows = self.rows if rows is None else rows
        turned = len(self.mean) if axes is None else len(axes)
        inside, shift = allocate((len(rows), turned), np.float32), np.empty(turned, np.float32)
        half_squares = np.empty(len(rows), np.float32) if turned_like_euclidean(self.metric) else None
        stored = (self.metric.code, rows.dim, rows.values, rows.scales)
        _core.turn(*stored, self.unit, self.mean, axes, inside, shift, half_squares, n_threads, progress)
        return inside, shift, half_squares


def axes_sections(axes: Floats) -> dict[str, NDArray[Any]]:
    """The sections that hold axes: in panels."""
    codes, scales, _ = panels(padded(axes, -(-len(axes) // PANEL) * PANEL), None, None, 0)
    return {"axes": codes, "axes.scales": scales}


def panels(
    values: Floats, used: NDArray[np.uint8] | None, shift: Floats | None, weight: float
) -> tuple[NDArray[np.uint8], Floats, Floats]:
    """Codes, scales and biases of vectors, a multiple of 16; without ``used`` no biases but the scales again."""
    blocks, dim = len(values) // PANEL, values.shape[1]
    codes, scales = aligned((blocks, -(-dim // 4), PANEL, 4), np.uint8), aligned((blocks, PANEL))
    biases = aligned((blocks, PANEL)) if used is not None else None
    _core.pack_panels(values, used, shift, weight, codes, scales, biases)
    return codes, scales, biases if biases is not None else scales


def in_cells(
    cells: Floats,
    lists: Floats,
    counts: NDArray[np.int64],
    used: NDArray[np.int64] | None,
    shift: Floats | None,
    weight: float,
) -> tuple[dict[str, NDArray[Any]], NDArray[np.int64]]:
    """Sections of centroids in panels, each cell's lists from a new panel on, and the place of each list there.

    ``counts``: lists of each cell, one after the other; ``used``: numbers of those that have rows, or None for all.
    """
    made: dict[str, NDArray[Any]] = {}
    n_cells = -(-len(cells) // PANEL) * PANEL
    made["cells"], made["cells.scales"], made["cells.biases"] = panels(
        padded(cells, n_cells), _marks(n_cells, np.flatnonzero(counts)), shift, weight
    )
    blocks_of = -(-counts // PANEL)
    first = made["cells.first"] = np.zeros(n_cells + 1, np.uint32)
    first[1 : len(cells) + 1] = np.cumsum(blocks_of)
    first[len(cells) + 1 :] = first[len(cells)]
    cell_of = np.repeat(np.arange(len(cells)), counts)
    place = first[cell_of].astype(np.int64) * PANEL + np.arange(len(lists)) - (np.cumsum(counts) - counts)[cell_of]
    n_lists = int(first[-1]) * PANEL
    values = aligned((n_lists, lists.shape[1]))
    values[:] = 0
    values[place] = lists
    made["lists"], made["lists.scales"], made["lists.biases"] = panels(
        values, _marks(n_lists, place if used is None else place[used]), shift, weight
    )
    return made, place


def _marks(length: int, marked: NDArray[Any]) -> NDArray[np.uint8]:
    marks = np.zeros(length, np.uint8)
    marks[marked] = 1
    return marks


def unpacked(codes: NDArray[np.uint8], scales: Floats, which: NDArray[np.int64], dim: int) -> Floats:
    """Some of the vectors that ``panels`` has made codes of."""
    bytes_of = codes[which // PANEL, :, which % PANEL, :].reshape(len(which), -1)[:, :dim]
    made: Floats = (bytes_of.astype(np.float32) - 128) * scales.reshape(-1)[which][:, None]
    return made


def padded(values: Floats, length: int) -> Floats:
    """With rows of zeros up to this length."""
    made = np.zeros((length, values.shape[1]), np.float32)
    made[: len(values)] = values
    return made


def held_out(shape: tuple[int, int], seed: int, most: int = 2048) -> NDArray[np.int64]:
    """Rows that serve as queries for the calibration, in any order; none where there are too few rows for that."""
    n_rows, dim = shape
    if n_rows < CALIBRATE_FROM:
        return np.empty(0, np.int64)
    count = most if n_rows * dim < MANY else most * 3 // 4
    return np.random.default_rng(seed).choice(n_rows, min(count, n_rows // 8), replace=False).astype(np.int64)


def staged(progress: Progress | None, count: int) -> Stage:
    """progress for stage i of ``count``, each counted in thousandths."""

    def stage(i: int) -> Progress | None:
        if progress is None:
            return None
        return lambda done, total: progress(i * 1000 + done * 1000 // max(total, 1), count * 1000)

    return stage
