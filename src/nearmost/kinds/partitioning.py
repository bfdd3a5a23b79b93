"""Builds a partition: turns the rows, grows the tree, packs the lists, and calibrates. docs/partition.md says why."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from nearmost import _core
from nearmost.errors import InputError
from nearmost.kinds.calibrate import KS, Calibration
from nearmost.kinds.flat import Progress
from nearmost.kinds.ladder import calibrate, known
from nearmost.kinds.partition import Partition
from nearmost.kinds.turning import (
    CALIBRATE_FROM,
    OWN_DISTANCE,
    PANEL,
    Floats,
    Frame,
    Stage,
    axes_sections,
    held_out,
    in_cells,
    staged,
    turned_like_euclidean,
)
from nearmost.memory import Allocate, aligned, let_go
from nearmost.metrics import Metric
from nearmost.rows import Rows

Quality = Literal["fast", "default", "best"]

EFFORTS = {"fast": (4, 0), "default": (8, 1), "best": (12, 3)}
"""Quality -> cells whose lists a row is compared with, and rounds of k-means over all lists."""

LIST = 8  # rows of a block in 4-bit codes
WORD = 4  # bytes of a row in 8-bit codes come in so many
NO_ROW = np.uint32(0xFFFFFFFF)
UNTURNED = 112  # up to so many columns every one has a 4-bit code
MOST_TURNED = 768  # finding axes takes time that grows with the square of their number
ENOUGH_HELD = 0.8  # of the rows' squares by the numbers that count
STAGES = 7


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a build depends on besides the rows."""

    turned: int  # numbers of a row that count, or twice as many, until they hold enough
    weight: float  # a list's score is product - weight |centroid|^2: lists that lie wide apart get a bonus
    eta: float  # how much more an error along the row counts
    width: int  # cells whose lists a row is compared with
    rounds: int  # of k-means over all lists
    seed: int

    @classmethod
    def of(cls, metric: Metric, dim: int, quality: Quality, seed: int) -> Recipe:
        """The one that measured best: see docs/partition.md."""
        inner = dim + (metric.name == "dot")
        turned = inner if inner <= UNTURNED else min(inner, 192 if dim <= 512 else 96)
        if quality not in EFFORTS:
            raise InputError(f"quality is {quality!r}; it must be one of {', '.join(EFFORTS)}")
        width, rounds = EFFORTS[quality]
        euclidean = turned_like_euclidean(metric)
        return cls(
            turned=turned,
            weight=0.5 if euclidean else 0.35,
            eta=0.0 if euclidean else 2.0,
            width=width,
            rounds=rounds,
            seed=seed,
        )


def partition(
    metric: Metric,
    rows: Rows,
    *,
    quality: Quality = "default",
    seed: int = 0,
    allocate: Allocate = aligned,
    n_threads: int = 0,
    progress: Progress | None = None,
) -> Partition:
    """The rows in a calibrated partition: the same bytes for any number of threads.

    Its codes leave out what counts little, unless neighbors are then not to be told apart: in that case nothing.
    """
    recipe = Recipe.of(metric, rows.dim, quality, seed)
    stage = staged(progress, STAGES)
    frame = Frame.of(metric, rows, stage, n_threads)
    made = _partition(frame, recipe, allocate, n_threads, stage)
    if made.coded < len(frame.mean) and made.calibration.steps and not made.calibration.is_useful:
        del made
        made = _partition(frame, replace(recipe, turned=len(frame.mean)), allocate, n_threads, stage)
    return made


def _partition(frame: Frame, recipe: Recipe, allocate: Allocate, n_threads: int, stage: Stage) -> Partition:
    metric, rows = frame.metric, frame.rows
    n_rows, dim = len(rows), rows.dim
    arrays = dict(frame.arrays)
    axes = _axes(frame, recipe, n_threads, stage(2))
    arrays |= {} if axes is None else axes_sections(axes)
    inside, shift, half_squares = frame.turn(axes, allocate=allocate, n_threads=n_threads, progress=stage(3))
    let_go(rows.values)
    held = held_out((n_rows, dim), recipe.seed)
    lists = _grow(inside, held, recipe, allocate, n_threads, stage(4))
    euclidean = turned_like_euclidean(metric)
    _pack_centroids(lists, None if euclidean else shift, recipe.weight, arrays)
    coded = len(frame.mean) if axes is None else len(axes)
    per_row = 8 if euclidean else 4
    arrays["blocks"] = allocate((len(arrays["slots"]), -(-coded // 8) * 32 + LIST * per_row), np.uint8)
    made = Partition(metric, dim, n_rows, frame.unit, arrays, coded=coded, turned=coded)
    made.pack(
        inside, None if euclidean else shift, half_squares, eta=recipe.eta, n_threads=n_threads, progress=stage(5)
    )
    del inside
    if n_rows < CALIBRATE_FROM:
        return made
    return made.calibrated(measure(made, rows.floats(held), held, n_threads, stage(6)))


def measure(
    made: Partition,
    queries: Floats,
    own: NDArray[np.int64] | None,
    n_threads: int = 0,
    progress: Progress | None = None,
) -> Calibration:
    """The table for these queries; ``own`` names the row that each of them is."""
    truth = known(lambda some, k: made.flat.search(some, k, n_threads=n_threads, progress=progress), queries)

    @lru_cache(maxsize=1)  # it is the same for every k
    def of_lists(lists: int, rows: int, n: int) -> NDArray[np.int64]:
        return made.promising(queries[:n], lists=lists, rows=rows, n_threads=n_threads)

    def promising(lists: int, rows: int, k: int, n: int) -> NDArray[np.int64]:
        direct = k < KS[-1] and made.metric.name in OWN_DISTANCE  # then few are mistaken for nearer ones
        return of_lists(lists, rows // 2 if direct else rows, n)

    return calibrate(promising, truth, own, made.n_lists, made.work)


@dataclass(frozen=True, slots=True)
class _Lists:
    cells: Floats  # (cells, dim)
    lists: Floats
    first: NDArray[np.uint32]  # first list of each cell
    owner: NDArray[np.uint32]  # each row's list


def _axes(frame: Frame, recipe: Recipe, n_threads: int, progress: Progress | None) -> Floats | None:
    """The axes that rows are turned by, or None for none: twice as many, and so on, until they hold enough."""
    count = recipe.turned
    while count < len(frame.mean):
        axes = frame.axes(count, recipe.seed, mixed=True, n_threads=n_threads, progress=progress)
        many = 2 * count > max(MOST_TURNED, recipe.turned)
        if many or not len(frame.rows) or frame.held_by(axes, n_threads=n_threads) >= ENOUGH_HELD:
            return axes
        count *= 2
    return None


def _grow(
    inside: Floats,
    held: NDArray[np.int64],
    recipe: Recipe,
    allocate: Allocate,
    n_threads: int,
    progress: Progress | None,
) -> _Lists:
    n_rows, dim = inside.shape
    per_list = 50 * (n_rows / 60_000) ** 0.25 if n_rows else 1  # what measured best from 50,000 to 420,000 rows
    n_lists = max(1, round(n_rows / per_list))
    n_cells = max(1, round(0.9 * math.sqrt(n_lists)))
    cells, lists = np.zeros((n_cells, dim), np.float32), np.zeros((n_lists + n_cells, dim), np.float32)
    first, owner = np.zeros(n_cells + 1, np.uint32), np.zeros(n_rows, np.uint32)
    if n_rows:
        marks = np.zeros(n_rows, np.uint8)
        marks[held] = 1
        codes = allocate((n_rows, -(-dim // WORD) * WORD), np.uint8)
        _core.grow(
            inside, marks, n_lists, recipe.width, recipe.rounds, recipe.seed, codes, cells, lists, first, owner,
            n_threads, progress,
        )  # fmt: skip
    return _Lists(cells, lists[: first[-1]], first, owner)


def _pack_centroids(made: _Lists, shift: Floats | None, weight: float, arrays: dict[str, NDArray[Any]]) -> None:
    """Cells and lists in panels, each cell's lists from a new panel on, and the slots of each list's rows."""
    counts = made.first[1:].astype(np.int64) - made.first[:-1]
    sizes_of = np.bincount(made.owner, minlength=len(made.lists))
    sections, place = in_cells(made.cells, made.lists, counts, np.flatnonzero(sizes_of), shift, weight)
    arrays |= sections
    n_lists = len(sections["lists"]) * PANEL
    sizes = np.zeros(n_lists, np.int64)
    sizes[place] = sizes_of
    blocks = np.zeros(n_lists + 1, np.int64)
    np.cumsum(-(-sizes // LIST), out=blocks[1:])
    arrays["lists.first"] = blocks.astype(np.uint32)
    slots = aligned((int(blocks[-1]), LIST), np.uint32)
    slots[:] = NO_ROW
    if len(made.owner):
        order = np.argsort(place[made.owner], kind="stable")
        own = place[made.owner[order]]
        starts = np.cumsum(sizes) - sizes
        slots.reshape(-1)[blocks[own] * LIST + np.arange(len(order)) - starts[own]] = order
    arrays["slots"] = slots
