"""The projection that an index was built through, what it cost, and perhaps the rows as they were before it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nearmost.errors import DamagedFileError, InputError
from nearmost.kinds.flat import Flat
from nearmost.memory import Allocate, aligned
from nearmost.metrics import Metric
from nearmost.projection import Progress, Projection
from nearmost.rows import Rows, Store
from nearmost.values import Neighbors

Floats = NDArray[np.float32]

SECTION, FULL, SCALES = "projection.", "full", "full.scales"
CANDIDATES = 10
"""Rows for each of the k that are scored again with full vectors."""
MEASURED_K = 10
MEASURE_FROM, MOST_QUERIES, WORK = 1000, 256, 2e11
"""Fewer rows are not worth measuring; so many are taken as queries, fewer where n * dim * queries exceeds the work."""
JUDGED = 20_000
"""Rows by which one of two projections is taken."""
CHUNK = 1 << 24
"""Numbers of rows that are compared at a time."""


@dataclass(frozen=True, slots=True, eq=False)
class Projected:
    """A projection from ``dim_in`` columns, with the full rows where they are kept, and its cost as it was measured."""

    projection: Projection
    dim_in: int
    cost: Mapping[str, float]
    full: Rows | None = None

    @classmethod
    def of(
        cls,
        projection: Projection,
        rows: Rows,
        metric: Metric,
        *,
        keep_full: bool | None,
        store: Store,
        seed: int,
        allocate: Allocate = aligned,
        n_threads: int = 0,
        progress: Progress | None = None,
    ) -> tuple[Projected, Rows]:
        """From the full rows; with them the rows that are to be packed.

        ``keep_full=None`` keeps the full rows where the projection makes them no shorter: a head can then be changed.
        """
        made = projection.apply(rows, allocate=allocate, n_threads=n_threads, progress=progress)
        packed = Rows.of(made, metric, store=store, allocate=allocate, name="projected vectors")
        kept = packed.dim >= rows.dim if keep_full is None else keep_full
        cost = cost_of(metric, rows, packed, seed, n_threads)
        return cls(projection, rows.dim, cost, rows if kept else None), packed

    @classmethod
    def found(cls, header: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]], n_rows: int) -> Projected | None:
        """From a file's header and sections. Raises DamagedFileError where they contradict each other."""
        said = header.get("projection")
        if said is None:
            return None
        cost = said.get("cost") if isinstance(said, Mapping) else None
        dim_in = said.get("dim_in") if isinstance(said, Mapping) else None
        numbers = isinstance(cost, Mapping) and all(type(share) in (int, float) for share in cost.values())
        if type(dim_in) is not int or dim_in < 1 or not isinstance(cost, Mapping) or not numbers:
            raise DamagedFileError(f"the header says projection {said!r:.60}: the file is damaged")
        given = {name.removeprefix(SECTION): array for name, array in arrays.items() if name.startswith(SECTION)}
        projection = Projection.of_arrays(given)
        try:
            dim_out = projection.dim_of(dim_in)
        except InputError as error:
            raise DamagedFileError(str(error)) from None
        if dim_out != header.get("dim"):
            raise DamagedFileError(f"the projection gives rows of dim {dim_out}, the index has {header.get('dim')}")
        full = None
        if FULL in arrays:
            sections = {"rows": arrays[FULL]} | ({"rows.scales": arrays[SCALES]} if SCALES in arrays else {})
            full = Rows.found(_ANY, dim_in, n_rows, sections)
        return cls(projection, dim_in, cost, full)

    def header(self) -> dict[str, Any]:
        """What the header of the file says of it."""
        return {"dim_in": self.dim_in, "steps": str(self.projection), "cost": dict(self.cost)}

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The sections of the file."""
        arrays = {SECTION + name: array for name, array in self.projection.arrays().items()}
        if self.full is not None:
            arrays[FULL] = self.full.values
            if self.full.scales is not None:
                arrays[SCALES] = self.full.scales
        return arrays


def rescored(metric: Metric, queries: Floats, found: Neighbors, k: int, full: Callable[[Any], Floats]) -> Neighbors:
    """The k best of the rows found for each query, by the scores of full rows: ``full`` gives those of some ids."""
    ids, scores = np.empty((len(queries), k), np.int64), np.empty((len(queries), k), np.float32)
    for i, (query, rows) in enumerate(zip(queries, found.ids, strict=True)):
        exact = np.where(rows < 0, -np.inf, _scores(metric, query, full(np.maximum(rows, 0))))
        best = np.lexsort((rows, -exact))[:k]
        ids[i], scores[i] = rows[best], exact[best]
    return Neighbors(ids, scores, metric)


_ANY = Metric("euclidean", 1)  # any metric but hamming


def _scores(metric: Metric, query: Floats, rows: Floats) -> NDArray[np.float64]:
    """The scores of these rows (m, dim) with a query, in float64."""
    wide, one = rows.astype(np.float64), query.astype(np.float64)
    made: NDArray[np.float64]
    if metric.name == "euclidean":
        made = -np.sqrt(((wide - one) ** 2).sum(axis=1))
    elif metric.name == "manhattan":
        made = -np.abs(wide - one).sum(axis=1)
    else:
        made = wide @ one
    if metric.name != "cosine":
        return made
    lengths = np.sqrt((wide**2).sum(axis=1)) * np.sqrt(one @ one)
    np.divide(made, lengths, out=made, where=lengths > 0)
    made[lengths == 0] = 0
    return made


def better(metric: Metric, rows: Rows, projections: Sequence[Projection], seed: int, n_threads: int = 0) -> Projection:
    """The one that keeps most of the nearest, by some of the rows; the first where there are too few to tell."""
    if len(projections) == 1 or len(rows) < MEASURE_FROM:
        return projections[0]
    some = rows.take(np.arange(0, len(rows), -(-len(rows) // JUDGED)))
    kept = [
        cost_of(
            metric, some, Rows.of(projection.apply(some, n_threads=n_threads), metric, store="f32"), seed, n_threads
        )
        for projection in projections
    ]
    return projections[max(range(len(kept)), key=lambda i: kept[i]["recall@10"])]


def cost_of(metric: Metric, full: Rows, packed: Rows, seed: int, n_threads: int) -> dict[str, float]:
    """The share of the 10 nearest by full rows that is among the 10, and the 100, nearest by projected ones."""
    if len(full) < MEASURE_FROM:
        return {}
    n_queries = int(max(32, min(MOST_QUERIES, WORK / (len(full) * full.dim))))
    own = np.sort(np.random.default_rng(seed).choice(len(full), n_queries, replace=False))
    truth = _nearest(metric, full, own, MEASURED_K, n_threads)
    found = _nearest(metric, packed, own, MEASURED_K * CANDIDATES, n_threads)
    hits = (truth[:, :, None] == found[:, None, :]).any(axis=1)
    plain, rescored = hits[:, :MEASURED_K].sum() / truth.size, hits.sum() / truth.size
    return {"recall@10": round(float(plain), 4), "recall@10 in 100": round(float(rescored), 4), "queries": n_queries}


def _nearest(metric: Metric, rows: Rows, own: NDArray[np.int64], k: int, n_threads: int) -> NDArray[np.int64]:
    """Exactly the k nearest of some of the rows, themselves left out: (q, k), a part of all rows at a time."""
    queries = rows.floats(own)
    best = Neighbors(np.full((len(own), 0), -1, np.int64), np.empty((len(own), 0), np.float32), metric)
    step = max(16, CHUNK // rows.dim)
    for start in range(0, len(rows), step):
        part = rows.part(slice(start, start + step))
        found = Flat.pack(metric, part, n_threads=n_threads).search(queries, min(k + 1, len(part)), n_threads=n_threads)
        ids = np.concatenate([best.ids, found.ids + start], axis=1)
        scores = np.concatenate([best.scores, found.scores], axis=1)
        order = np.lexsort((ids, -scores))[:, : k + 1]
        best = Neighbors(np.take_along_axis(ids, order, 1), np.take_along_axis(scores, order, 1), metric)
    return best.without(own).ids
