"""Builds a graph: turns the rows, packs their codes, links them, and calibrates. docs/graph.md says why."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from nearmost import _core
from nearmost.errors import InputError
from nearmost.kinds.calibrate import Calibration
from nearmost.kinds.digits import Digits
from nearmost.kinds.flat import Progress
from nearmost.kinds.graph import NEAREST, Graph
from nearmost.kinds.ladder import calibrate, known
from nearmost.kinds.turning import (
    CALIBRATE_FROM,
    OWN_DISTANCE,
    Floats,
    Frame,
    axes_sections,
    held_out,
    staged,
    turned_like_euclidean,
)
from nearmost.memory import Allocate, aligned, let_go
from nearmost.metrics import Metric
from nearmost.rows import Rows

LINKS = 32
"""Of a row."""
ENTRIES = 64
"""Rows where a walk begins."""
MOST_TURNED = 256
UNTURNED = 56
"""So few columns have two digits each, whichever way they are turned."""
SAMPLE = 4000
"""Rows that the digits are fitted to."""
SUITED_BY = 10_000
"""Rows by which a kind is chosen."""
TOO_MUCH_LOST = 0.02
"""Share of the products beyond which a code takes another line."""
ENOUGH_HELD = 0.9
"""Share of the rows' squares that the numbers in a graph's codes must hold: too little, and its walks go astray."""
COMPARED = 192
"""Leading numbers of two rows that their distance is taken from, while links are chosen."""
LEADERS = {"fast": (6, 2), "default": (8, 3), "best": (10, 4)}
"""Quality -> leaders that a row goes to at the first two levels."""
LEAF, REMEMBERED = 256, 3
FOLLOWED = {"fast": 1, "default": 2, "best": 3}
"""Quality -> rows linked to the same one that remember each other, where links of before are followed."""
MOST_EFFORT = 600
MOST_HELD_OUT = 1024
"""Rows: misses fall steeply with a walk's margin, so few queries tell it well enough, and walks take long."""
STAGES = 7


def graph(
    metric: Metric,
    rows: Rows,
    *,
    quality: str = "default",
    seed: int = 0,
    links: NDArray[np.uint32] | None = None,
    allocate: Allocate = aligned,
    n_threads: int = 0,
    progress: Progress | None = None,
) -> Graph:
    """The rows in a calibrated graph: the same bytes for any number of threads.

    ``links`` are those of the same rows before they moved; they are followed as long as they lead to what is near now.
    """
    if quality not in LEADERS:
        raise InputError(f"quality is {quality!r}; it must be one of {', '.join(LEADERS)}")
    n_rows = len(rows)
    stage = staged(progress, STAGES)
    frame = Frame.of(metric, rows, stage, n_threads)
    digits, axes = _digits(frame, seed, n_threads, stage(2))
    arrays = frame.arrays | digits.arrays | ({} if axes is None else axes_sections(axes))
    inside, _, half_squares = frame.turn(axes, allocate=allocate, n_threads=n_threads, progress=stage(3))
    let_go(rows.values)
    arrays["codes"] = allocate((n_rows, digits.places.shape[1]), np.uint8)
    coded = (digits.lows, digits.steps, digits.places, arrays["codes"])
    _core.pack_digits(inside, half_squares, *coded, n_threads, stage(4))
    drawn = np.random.default_rng([seed, 1]).permutation(n_rows)[:ENTRIES]
    arrays["entries"] = np.sort(drawn).astype(np.uint32)
    arrays["links"] = allocate((n_rows, LINKS), np.uint32)
    division = (COMPARED, *LEADERS[quality], LEAF, REMEMBERED, seed)
    _core.link(inside, *division, arrays["entries"], links, FOLLOWED[quality], arrays["links"], n_threads, stage(5))
    del inside
    made = Graph(metric, rows.dim, n_rows, frame.unit, arrays)
    if n_rows < CALIBRATE_FROM:
        return made
    held = held_out((n_rows, rows.dim), seed, MOST_HELD_OUT)
    return made.calibrated(measure(made, rows.floats(held), held, n_threads, stage(6)))


def suits(metric: Metric, rows: Rows, seed: int, n_threads: int = 0) -> bool:
    """Whether a graph is likely to be the faster kind: where one line of digits does not tell the products of rows, and
    two do not leave out too much of the rows."""
    if metric.name not in OWN_DISTANCE:
        return False
    few = rows.take(np.arange(0, len(rows), max(1, len(rows) // SUITED_BY)))
    frame = Frame.of(metric, few, staged(None, STAGES), n_threads)
    digits, axes = _digits(frame, seed, n_threads, None)
    return digits.lines > 1 and axes is not None and frame.held_by(axes, n_threads=n_threads) > ENOUGH_HELD


def measure(
    made: Graph,
    queries: Floats,
    own: NDArray[np.int64] | None,
    n_threads: int = 0,
    progress: Progress | None = None,
) -> Calibration:
    """The table for these queries; ``own`` names the row that each of them is, which its walk then does not meet."""
    truth = known(lambda some, k: made.flat.search(some, k, n_threads=n_threads, progress=progress), queries)

    @lru_cache(maxsize=1)  # the same walk for 1 and for 10
    def walked(effort: int, near: int, rows: int, n: int) -> NDArray[np.int64]:
        hidden = None if own is None else own[:n]
        return made.promising(queries[:n], near, effort=effort, rows=rows, without=hidden, n_threads=n_threads)

    def promising(effort: int, rows: int, k: int, n: int) -> NDArray[np.int64]:
        near = max(k, NEAREST)
        return walked(effort, near, min(rows, 8 * near + 1) if made.metric.name in OWN_DISTANCE else rows, n)

    return calibrate(promising, truth, own, MOST_EFFORT)


def _digits(frame: Frame, seed: int, n_threads: int, progress: Progress | None) -> tuple[Digits, Floats | None]:
    """The digits of the codes, and the axes that the rows are turned by, those alone that have digits."""
    n_rows, inner = len(frame.rows), len(frame.mean)
    axes = None
    if inner > UNTURNED:
        count = min(inner, MOST_TURNED)
        axes = np.eye(count, inner, dtype=np.float32)
        if n_rows:
            axes = frame.axes(count, seed, mixed=False, n_threads=n_threads, progress=progress)
    sample = frame.rows.take(np.arange(0, n_rows, max(1, n_rows // SAMPLE)))
    inside, _, _ = frame.turn(axes, rows=sample, n_threads=n_threads)
    offset = turned_like_euclidean(frame.metric)
    digits = Digits.fit(inside, lines=1, offset=offset)
    if digits.lost > TOO_MUCH_LOST:
        digits = Digits.fit(inside, lines=2, offset=offset)
    return digits, None if axes is None else np.ascontiguousarray(axes[digits.used])
