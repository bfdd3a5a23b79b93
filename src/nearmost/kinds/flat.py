"""Rows packed for exact search: 8-bit codes with a proven bound, and the rows themselves for the final scores.

docs/engine.md has the arithmetic and the proof that the answer is exactly the k best.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nearmost import _core
from nearmost.allowed import Allowed
from nearmost.errors import DamagedFileError, InputError
from nearmost.memory import aligned
from nearmost.metrics import Metric
from nearmost.rows import Rows, require_bits
from nearmost.values import Neighbors

Progress = Callable[[int, int], Any]

BLOCK = 16
"""Rows that are looked at together; see docs/format.md for how their codes lie."""

WORTH_PACKING = 16
"""Queries from which on it pays to pack the allowed rows for them."""
MOST_DIM = 65_536
"""So that no sum of products of codes leaves 32 bits."""


class Flat:
    """The packed rows of an index: named arrays, in memory or mapped, and the search over them."""

    kind = "flat"

    def __init__(self, metric: Metric, dim: int, n_rows: int, unit: float, arrays: Mapping[str, NDArray[Any]]) -> None:
        if not (math.isfinite(unit) and unit > 0):
            raise DamagedFileError(f"unit is {unit}; it must be a positive number: the file is damaged")
        if dim > MOST_DIM:
            raise InputError(f"dim is {dim}; an index takes at most {MOST_DIM} columns")
        self.metric, self.dim, self.n_rows, self.unit = metric, dim, n_rows, unit
        self.rows = None if metric.name == "hamming" else Rows.found(metric, dim, n_rows, arrays)
        self.arrays: dict[str, NDArray[Any]] = {} if self.rows is None else self.rows.arrays
        for name, (dtype, shape) in layout(metric, dim, n_rows).items():
            array = arrays.get(name)
            if array is None or array.dtype != dtype or array.shape != shape:
                found = "missing" if array is None else f"{array.dtype} {array.shape}"
                raise DamagedFileError(f"section {name!r} is {found}; it must be {dtype} {shape}: the file is damaged")
            self.arrays[name] = array

    @classmethod
    def pack(cls, metric: Metric, rows: Rows, *, n_threads: int = 0, progress: Progress | None = None) -> Flat:
        """Packs rows in one pass over them; keeps a reference to them where they are needed."""
        n_rows, dim = len(rows), rows.dim
        if dim > MOST_DIM:
            raise InputError(
                f"vectors have dim {dim}; an index takes at most {MOST_DIM}: project them to fewer columns"
            )
        arrays: dict[str, NDArray[Any]] = {
            name: aligned(shape, dtype) for name, (dtype, shape) in layout(metric, dim, n_rows).items()
        }
        unit = _core.pack(
            metric.code,
            dim,
            rows.values,
            rows.scales,
            arrays["panels"],
            arrays.get("norms"),
            arrays.get("scales"),
            arrays.get("offsets"),
            arrays.get("bounds"),
            n_threads,
            progress,
        )
        return cls(metric, dim, n_rows, unit, {**rows.arrays, **arrays})

    def header(self) -> dict[str, Any]:
        """What the file's header says beyond what it says of every index: nothing."""
        return {}

    def search(
        self,
        queries: NDArray[np.float32],
        k: int,
        *,
        recall: float = 1.0,
        effort: int | None = None,
        allowed: Allowed | None = None,
        spread: object = None,
        n_threads: int = 0,
        progress: Progress | None = None,
    ) -> Neighbors:
        """The k best rows of each query, exactly whatever is asked for: queries float32 (q, dim) in, (q, k) out."""
        if self.metric.name == "hamming":
            require_bits(queries, "queries")
        if allowed is not None:
            return self._search_some(queries, k, allowed, n_threads, progress)
        ids = np.empty((len(queries), k), dtype=np.int64)
        scores = np.empty((len(queries), k), dtype=np.float32)
        get = self.arrays.get
        _core.search(
            self.metric.code,
            self.n_rows,
            self.dim,
            None if self.rows is None else self.rows.values,
            None if self.rows is None else self.rows.scales,
            self.arrays["panels"],
            get("norms"),
            get("scales"),
            get("offsets"),
            get("bounds"),
            self.unit,
            queries,
            ids,
            scores,
            n_threads,
            progress,
        )
        return Neighbors(ids, scores, self.metric)

    def _search_some(
        self, queries: NDArray[np.float32], k: int, allowed: Allowed, n_threads: int, progress: Progress | None
    ) -> Neighbors:
        """Among some of the rows: those packed by themselves, or, where most are allowed, more answers than wanted."""
        wanted = min(k, allowed.count)
        ids = np.full((len(queries), k), -1, dtype=np.int64)
        scores = np.full((len(queries), k), -np.inf, dtype=np.float32)
        most = 2 * wanted * self.n_rows // max(1, allowed.count) + 16
        if self.rows is not None and (allowed.count * 10 < self.n_rows or most > self.n_rows // 4):
            return among(self.metric, self.arrays, self.rows, queries, k, allowed, n_threads, progress)
        left = np.arange(len(queries))
        while len(left) and wanted:
            found = self.search(queries[left], min(most, self.n_rows), n_threads=n_threads, progress=progress)
            good = allowed.marks[found.ids] != 0
            full = good.sum(axis=1) >= wanted
            for query in np.flatnonzero(full):
                kept = np.flatnonzero(good[query])[:wanted]
                ids[left[query], :wanted], scores[left[query], :wanted] = (
                    found.ids[query, kept],
                    found.scores[query, kept],
                )
            left, most = left[~full], most * 4
        return Neighbors(ids, scores, self.metric)

    def vector(self, row: int) -> NDArray[np.float32]:
        """Row ``row`` as it was given, float32 (dim,)."""
        if self.rows is not None:
            return self.rows.one(row)
        packed = np.ascontiguousarray(self.arrays["panels"][row // BLOCK, :, row % BLOCK, :]).reshape(-1)
        return np.unpackbits(packed, count=self.dim, bitorder="little").astype(np.float32)


def among(
    metric: Metric,
    arrays: Mapping[str, NDArray[Any]],
    rows: Rows,
    queries: NDArray[np.float32],
    k: int,
    allowed: Allowed,
    n_threads: int,
    progress: Progress | None,
) -> Neighbors:
    """The k best of the allowed rows alone: scored one and all, or for many queries packed first."""
    which = allowed.rows
    ids = np.full((len(queries), k), -1, dtype=np.int64)
    scores = np.full((len(queries), k), -np.inf, dtype=np.float32)
    if len(queries) < WORTH_PACKING:
        stored = (metric.code, rows.dim, rows.values, rows.scales, arrays.get("norms"))
        _core.search_among(*stored, which, queries, ids, scores, n_threads, progress)
        return Neighbors(ids, scores, metric)
    packed = Flat.pack(metric, rows.take(which), n_threads=n_threads)
    found = packed.search(queries, min(k, len(which)), n_threads=n_threads, progress=progress)
    ids[:, : len(which)], scores[:, : len(which)] = which[found.ids], found.scores
    return Neighbors(ids, scores, metric)


def layout(metric: Metric, dim: int, n_rows: int) -> dict[str, tuple[np.dtype[Any], tuple[int, ...]]]:
    """Name -> (dtype, shape) of the arrays that this metric keeps beside its rows."""
    blocks = -(-n_rows // BLOCK)
    row_bytes = -(-dim // 8) if metric.name == "hamming" else dim
    f32 = np.dtype(np.float32)
    every: dict[str, tuple[np.dtype[Any], tuple[int, ...]]] = {
        "norms": (np.dtype(np.float64), (n_rows,)),
        "panels": (np.dtype(np.uint8), (blocks, -(-row_bytes // 4), BLOCK, 4)),
        "scales": (f32, (blocks, BLOCK)),
        "offsets": (f32, (blocks, BLOCK)),
        "bounds": (f32, (blocks, 2)),
    }
    kept = {
        "cosine": ("norms", "panels", "scales", "bounds"),
        "euclidean": ("panels", "scales", "offsets", "bounds"),
        "dot": ("panels", "scales", "bounds"),
        "manhattan": ("panels", "bounds"),
        "hamming": ("panels",),
    }
    return {name: every[name] for name in kept[metric.name]}
