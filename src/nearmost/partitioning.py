"""Builds a partition: turns the rows, grows the tree, packs the lists, and calibrates. docs/partition.md says why."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from nearmost import _core
from nearmost.calibrate import KNOWN, Calibration, calibrate
from nearmost.errors import InputError
from nearmost.flat import Progress
from nearmost.memory import Allocate, aligned
from nearmost.metrics import Metric
from nearmost.partition import Partition, turned_like_euclidean
from nearmost.rows import Rows

Quality = Literal["fast", "default", "best"]
Floats = NDArray[np.float32]

EFFORTS = {"fast": (4, 0), "default": (8, 1), "best": (12, 3)}
"""Quality -> cells whose lists a row is compared with, and rounds of k-means over all lists."""

PANEL, LIST = 16, 8  # rows of a block: of centroids in 8-bit codes, of rows in 4-bit ones
NO_ROW = np.uint32(0xFFFFFFFF)
UNTURNED = 112  # up to so many columns every one has a 4-bit code
CALIBRATE_FROM = 1000  # rows
MANY = 100_000_000  # numbers: then fewer rows are held out, since each is compared with all others
STAGES = 7


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a build depends on besides the rows."""

    turned: int
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
    """The rows in a calibrated partition: the same bytes for any number of threads."""
    n_rows, dim = len(rows), rows.dim
    recipe = Recipe.of(metric, dim, quality, seed)
    staged = _staged(progress)
    arrays: dict[str, NDArray[Any]] = rows.arrays
    stored = (dim, rows.values, rows.scales)
    unit = 1.0 if metric.name == "cosine" else _core.longest_row(metric.code, *stored, n_threads, staged(0))
    if metric.name == "cosine":
        arrays["norms"] = aligned((n_rows,), np.float64)
        _core.lengths(*stored, arrays["norms"], n_threads, staged(0))
    arrays["mean"] = aligned((dim + (metric.name == "dot"),))
    _core.find_mean(metric.code, *stored, unit, arrays["mean"], n_threads, staged(1))
    inside, shift, half_squares = _turn(metric, rows, unit, recipe, arrays, allocate, n_threads, staged)
    held = _held_out((n_rows, dim), seed)
    lists = _grow(inside, held, recipe, n_threads, staged(4))
    euclidean = turned_like_euclidean(metric)
    _pack_centroids(lists, None if euclidean else shift, recipe.weight, arrays)
    coded = recipe.turned
    per_row = 8 if euclidean else 4
    arrays["blocks"] = allocate((len(arrays["slots"]), -(-coded // 8) * 32 + LIST * per_row), np.uint8)
    made = Partition(metric, dim, n_rows, unit, arrays, coded=coded, turned=recipe.turned)
    made.pack(
        inside, None if euclidean else shift, half_squares, eta=recipe.eta, n_threads=n_threads, progress=staged(5)
    )
    del inside
    if n_rows < CALIBRATE_FROM:
        return made
    return made.calibrated(measure(made, rows.floats(held), held, n_threads, staged(6)))


def measure(
    made: Partition,
    queries: Floats,
    own: NDArray[np.int64] | None,
    n_threads: int = 0,
    progress: Progress | None = None,
) -> Calibration:
    """The table for these queries; ``own`` names the row that each of them is."""
    truth = made.flat.search(queries, KNOWN + 1, n_threads=n_threads, progress=progress)

    def promising(lists: int, rows: int) -> NDArray[np.int64]:
        return made.promising(queries, lists=lists, rows=rows, n_threads=n_threads)

    return calibrate(promising, truth, own, made.n_lists)


def _turn(
    metric: Metric,
    rows: Rows,
    unit: float,
    recipe: Recipe,
    arrays: dict[str, NDArray[Any]],
    allocate: Allocate,
    n_threads: int,
    staged: Any,
) -> tuple[Floats, Floats, Floats | None]:
    """Rows in the partition's coordinates, the mean there, and half their squared lengths where they are wanted."""
    mean, turned = arrays["mean"], recipe.turned
    stored = (metric.code, rows.dim, rows.values, rows.scales)
    axes = None
    if turned < len(mean):
        axes = aligned((turned, len(mean)))
        _core.find_axes(*stored, unit, mean, turned, recipe.seed, axes, n_threads, staged(2))
    inside, shift = allocate((len(rows), turned), np.float32), np.empty(turned, np.float32)
    half_squares = np.empty(len(rows), np.float32) if turned_like_euclidean(metric) else None
    _core.turn(*stored, unit, mean, axes, inside, shift, half_squares, n_threads, staged(3))
    if axes is not None:
        padded = _padded(axes, -(-turned // PANEL) * PANEL)
        arrays["axes"], arrays["axes.scales"], _ = _panels(padded, None, None, 0)
    return inside, shift, half_squares


@dataclass(frozen=True, slots=True)
class _Lists:
    cells: Floats  # (cells, dim)
    lists: Floats
    first: NDArray[np.uint32]  # first list of each cell
    owner: NDArray[np.uint32]  # each row's list


def _grow(inside: Floats, held: NDArray[np.int64], recipe: Recipe, n_threads: int, progress: Progress | None) -> _Lists:
    n_rows, dim = inside.shape
    per_list = 50 * (n_rows / 60_000) ** 0.25 if n_rows else 1  # what measured best from 50,000 to 420,000 rows
    n_lists = max(1, round(n_rows / per_list))
    n_cells = max(1, round(0.9 * math.sqrt(n_lists)))
    cells, lists = np.zeros((n_cells, dim), np.float32), np.zeros((n_lists + n_cells, dim), np.float32)
    first, owner = np.zeros(n_cells + 1, np.uint32), np.zeros(n_rows, np.uint32)
    if n_rows:
        marks = np.zeros(n_rows, np.uint8)
        marks[held] = 1
        _core.grow(
            inside, marks, n_lists, recipe.width, recipe.rounds, recipe.seed, cells, lists, first, owner,
            n_threads, progress,
        )  # fmt: skip
    return _Lists(cells, lists[: first[-1]], first, owner)


def _pack_centroids(made: _Lists, shift: Floats | None, weight: float, arrays: dict[str, NDArray[Any]]) -> None:
    """Cells and lists in panels, each cell's lists from a new panel on, and the slots of each list's rows."""
    n_cells = len(made.cells)
    counts = made.first[1:].astype(np.int64) - made.first[:-1]
    cells = -(-n_cells // PANEL) * PANEL
    arrays["cells"], arrays["cells.scales"], arrays["cells.biases"] = _panels(
        _padded(made.cells, cells), _marks(cells, np.flatnonzero(counts)), shift, weight
    )
    panels = -(-counts // PANEL)
    first = np.zeros(cells + 1, np.uint32)
    first[1 : n_cells + 1] = np.cumsum(panels)
    first[n_cells + 1 :] = first[n_cells]
    arrays["cells.first"] = first
    n_lists = int(first[-1]) * PANEL
    cell_of = np.repeat(np.arange(n_cells), counts)
    place = first[cell_of].astype(np.int64) * PANEL + np.arange(len(made.lists)) - made.first[cell_of]
    values = aligned((n_lists, made.lists.shape[1]))
    values[:] = 0
    values[place] = made.lists
    sizes = np.bincount(place[made.owner], minlength=n_lists) if len(made.owner) else np.zeros(n_lists, np.int64)
    used = _marks(n_lists, np.flatnonzero(sizes))
    arrays["lists"], arrays["lists.scales"], arrays["lists.biases"] = _panels(values, used, shift, weight)
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


def _panels(
    values: Floats, used: NDArray[np.uint8] | None, shift: Floats | None, weight: float
) -> tuple[NDArray[np.uint8], Floats, Floats]:
    blocks, dim = len(values) // PANEL, values.shape[1]
    codes, scales = aligned((blocks, -(-dim // 4), PANEL, 4), np.uint8), aligned((blocks, PANEL))
    biases = aligned((blocks, PANEL)) if used is not None else None
    _core.pack_panels(values, used, shift, weight, codes, scales, biases)
    return codes, scales, biases if biases is not None else scales


def _padded(values: Floats, length: int) -> Floats:
    padded = np.zeros((length, values.shape[1]), np.float32)
    padded[: len(values)] = values
    return padded


def _marks(length: int, marked: NDArray[Any]) -> NDArray[np.uint8]:
    marks = np.zeros(length, np.uint8)
    marks[marked] = 1
    return marks


def _held_out(shape: tuple[int, ...], seed: int) -> NDArray[np.int64]:
    """Rows that no centroid takes into account and that serve as queries, in any order."""
    n_rows, dim = shape
    if n_rows < CALIBRATE_FROM:
        return np.empty(0, np.int64)
    count = 1024 if n_rows * dim < MANY else 512
    return np.random.default_rng(seed).choice(n_rows, min(count, n_rows // 8), replace=False).astype(np.int64)


def _staged(progress: Progress | None) -> Any:
    """progress for stage i of several, each counted in thousandths."""

    def stage(i: int) -> Progress | None:
        if progress is None:
            return None
        return lambda done, total: progress(i * 1000 + done * 1000 // max(total, 1), STAGES * 1000)

    return stage
