"""Annoy's class over ours: ``import nearmost.compat.annoy as annoy`` is the whole migration.

Every method, argument, default, return type and error type of Annoy 1.17.3 is here, and files that Annoy wrote open
where they lie. docs/from-annoy.md says method by method what is the same, what is better and what differs.
"""

from __future__ import annotations

import os
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nearmost import store
from nearmost.compat.arguments import float_vector, int32, item_number
from nearmost.compat.items import Items
from nearmost.compat.numbered import Numbered, angular
from nearmost.errors import InputError, NotFiniteError
from nearmost.forest import ANNOY_METRICS, Forest, annoy_metric, read_forest
from nearmost.kinds.flat import MOST_DIM
from nearmost.memory import aligned, on_disk

__all__ = ["AnnoyIndex", "read_forest"]

ALL = (1 << 62) - 1
"""An effort that no index reaches: every item is looked at."""
Nearest = list[int] | tuple[list[int], list[float]]


class AnnoyIndex:
    """Items under numbers, and their nearest: Annoy 1.17's class. ``f`` is the number of columns."""

    def __init__(self, f: int, metric: str | None = None) -> None:
        self.f = int32(f)
        if metric is None:
            warnings.warn(
                "The default argument for metric will be removed in future version of Annoy. "
                "Please pass metric='angular' explicitly.",
                FutureWarning,
                stacklevel=2,
            )
            metric = "angular"
        if not isinstance(metric, str):
            raise TypeError(f"metric must be str, not {type(metric).__name__}")
        if metric not in ANNOY_METRICS.values():
            raise InputError(f"No such metric: {metric!r}; it must be one of {', '.join(ANNOY_METRICS.values())}")
        if not 1 <= self.f <= MOST_DIM:
            raise InputError(f"f is {f}; it must be a whole number from 1 to {MOST_DIM}")
        self._metric = annoy_metric(metric)
        self._verbose = False
        self._start_afresh()

    def _start_afresh(self) -> None:
        self._items: Items | None = Items(self.f)  # None once a file is loaded
        self._found: Forest | Numbered | None = None  # None until it is built, and again while items have changed
        self._built = False
        self._n_trees, self._n_threads, self._seed = 0, 0, 0
        self._on_disk: Path | None = None
        self._path: str | None = None  # of the file that is loaded

    # ---- items --------------------------------------------------------------------------------------------------

    def add_item(self, i: int, vector: Any) -> None:
        """Keeps a vector under number ``i``; numbers may leave gaps. On a built index the next query builds again."""
        number = item_number(i, None)
        values = float_vector(vector, self.f)
        if self._items is None:
            raise InputError("You can't add an item to a loaded index")
        if self._metric.name == "hamming":
            values = (values > 0.5).astype(np.float32)
        elif not np.isfinite(values).all():
            raise NotFiniteError(
                f"the vector of item {number} holds NaN, infinity or what is none of float32's numbers"
            )
        self._items.put(number, values)
        self._found = None

    def get_item_vector(self, i: int, /) -> list[float]:
        """The vector of item ``i``, as it was given in float32; zeros for a number that was left out."""
        source = self._source()
        values: list[float] = source.vector(item_number(i, source.n_items)).tolist()
        return values

    def get_n_items(self) -> int:
        """One more than the greatest number of an item."""
        return self._source().n_items

    def get_distance(self, i: int, j: int, /) -> float:
        """The distance of two items; for "dot" their product."""
        source = self._source()
        one, other = (source.vector(item_number(number, source.n_items)) for number in (i, j))
        return float(np.float32(self._distance(one, other)))

    def _distance(self, one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
        with np.errstate(invalid="ignore", over="ignore"):
            a, b = one.astype(np.float64), other.astype(np.float64)
            if self._metric.name == "cosine":
                return float(angular(one, other[None])[0])
            if self._metric.name == "dot":
                return float(a @ b)
            if self._metric.name == "euclidean":
                return float(np.sqrt((a - b) @ (a - b)))
            return float(np.abs(a - b).sum())

    # ---- build --------------------------------------------------------------------------------------------------

    def build(self, n_trees: int, n_jobs: int = -1) -> bool:
        """Makes the items searchable. ``n_trees`` says how much a query looks at by default; ``n_jobs`` is threads."""
        trees, jobs = int32(n_trees), int32(n_jobs)
        if self._items is None:
            raise InputError("You can't build a loaded index")
        if self._built:
            raise InputError("You can't build a built index: call unbuild() first")
        self._n_trees = trees if trees >= 0 else self._usual_trees()
        self._n_threads = max(0, jobs)
        self._built = True
        try:
            self._found = self._pack()
        except BaseException:
            self._built = False
            raise
        return True

    def _usual_trees(self) -> int:
        """About as many as Annoy builds where it is left to it: until there are as many nodes as items."""
        n_items = self._source().n_items
        in_bucket = 3 + 2 * -(-self.f // 64) if self._metric.name == "hamming" else self.f + 2
        return n_items if n_items <= in_bucket else -(-2 * in_bucket // 5)

    def _pack(self) -> Numbered:
        assert self._items is not None
        found = Numbered.build(
            *self._items.ordered(),
            self._metric,
            n_trees=self._n_trees,
            seed=self._seed,
            n_threads=self._n_threads,
            allocate=aligned if self._on_disk is None else on_disk(self._on_disk.parent),
            progress=self._tell if self._verbose else None,
        )
        if self._verbose:
            self._tell(found.contents.packed.n_rows, found.contents.packed.n_rows)
        if self._on_disk is None:
            return found
        found.save(self._on_disk)
        return Numbered.open(self._on_disk, self._metric, self.f)

    def _tell(self, done: int, total: int) -> None:
        sys.stderr.write(f"nearmost: packed {done:,} of {total:,}\n")

    def unbuild(self) -> bool:
        """Lets items be added again; build() has to be called before the next query."""
        if self._items is None:
            raise InputError("You can't unbuild a loaded index")
        self._found, self._built, self._n_trees = None, False, 0
        return True

    def on_disk_build(self, fn: str) -> bool:
        """Keeps the items in a file instead of in memory, and lets build() write the index to ``fn``."""
        path = Path(os.path.abspath(os.fspath(fn)))
        with open(path, "wb"):
            pass  # now rather than after all items have been added: can it be written?
        self._items, self._found, self._built = Items(self.f, on_disk(path.parent)), None, False
        self._on_disk = path
        return True

    # ---- files --------------------------------------------------------------------------------------------------

    def save(self, fn: str, prefault: bool = False) -> bool:
        """Writes the index to ``fn``, whole or not at all, in our format, and goes on with that file."""
        if not self._built:
            raise _CannotSaveError("You can't save an index that hasn't been built")
        path = os.fspath(fn)
        if self._on_disk is None or self._on_disk != Path(os.path.abspath(path)):
            try:
                self._indexed().save(path)
            except InputError as error:  # a folder, a device
                raise _CannotSaveError(f"Unable to open: {error}") from error
        return self._on_disk is not None or self.load(fn, prefault)

    def load(self, fn: str, prefault: bool = False) -> bool:
        """Maps an index file, Annoy's or ours; what was there before is dropped, unless this fails."""
        path, at_once = os.fspath(fn), bool(int32(prefault))
        kind: type[Forest] | type[Numbered] = Numbered if _is_ours(path) else Forest
        found = kind.open(path, self._metric, self.f, prefault=at_once)
        self._start_afresh()
        self._items, self._found, self._built = None, found, True
        self._n_trees, self._path = found.n_trees, os.path.abspath(path)
        if self._verbose:
            sys.stderr.write(f"nearmost: found {found.n_items:,} items\n")
        return True

    def unload(self) -> bool:
        """Drops everything, as if newly made."""
        self._start_afresh()
        return True

    # ---- questions ----------------------------------------------------------------------------------------------

    def get_nns_by_item(self, i: int, n: int, search_k: int = -1, include_distances: bool = False) -> Nearest:
        """The ``n`` items nearest to item ``i``, itself among them; with distances where they are asked for."""
        source = self._source()
        return self._nearest(source.vector(item_number(i, source.n_items)), n, search_k, include_distances)

    def get_nns_by_vector(self, vector: Any, n: int, search_k: int = -1, include_distances: bool = False) -> Nearest:
        """The ``n`` items nearest to a vector. A larger ``search_k`` finds more of them; -1 stands for n * n_trees."""
        return self._nearest(float_vector(vector, self.f), n, search_k, include_distances)

    def _nearest(self, query: NDArray[np.float32], n: int, search_k: int, include_distances: bool) -> Nearest:
        wanted, effort, both = int32(n), int32(search_k), bool(int32(include_distances))
        wanted = wanted if wanted >= 0 else self._source().n_items
        if effort == -1:
            effort = ALL if n < 0 else wanted * self._n_trees
        effort = ALL if effort < 0 else effort
        if not self._built or self._n_trees == 0 or wanted == 0 or effort == 0:
            return ([], []) if both else []
        if self._found is None:
            self._found = self._pack()
        if self._metric.name == "hamming":
            query = (query > 0.5).astype(np.float32)
        elif not np.isfinite(query).all():
            raise NotFiniteError("the vector holds NaN, infinity or what is none of float32's numbers")
        ids, distances = self._found.search(query, wanted, effort)
        return (ids.tolist(), distances.astype(np.float32).tolist()) if both else ids.tolist()

    def get_n_trees(self) -> int:
        """Trees that were asked for, or that Annoy counts in the file; 0 before build()."""
        return self._n_trees

    def verbose(self, v: bool, /) -> bool:
        """Whether build() and load() report to stderr."""
        self._verbose = bool(int32(v))
        return True

    def set_seed(self, s: int, /) -> None:
        """The seed of build(). The same items and seed make the same index, whatever n_jobs."""
        self._seed = int32(s) & 0x7FFFFFFF

    # ---- within -------------------------------------------------------------------------------------------------

    def _source(self) -> Items | Forest | Numbered:
        source = self._found if self._items is None else self._items
        assert source is not None
        return source

    def _indexed(self) -> Numbered:
        """What is searched, as an index of ours; a forest becomes one."""
        if isinstance(self._found, Numbered):
            return self._found
        if self._found is None:
            self._found = self._pack()
            return self._found
        numbers, rows = np.flatnonzero(self._found.held), self._found.vectors().rows
        return Numbered.build(numbers, rows, self._metric, n_trees=self._n_trees, seed=self._seed)

    def __repr__(self) -> str:
        state = "" if self._built else ", not built"
        return f"<AnnoyIndex of {self.get_n_items()} x {self.f}, {ANNOY_METRICS[self._metric.name]}{state}>"

    def __getstate__(self) -> dict[str, Any]:
        if self._path is None:
            raise TypeError("cannot pickle an AnnoyIndex that lies in memory: save it first")
        return {"f": self.f, "metric": ANNOY_METRICS[self._metric.name], "path": self._path}

    def __setstate__(self, state: dict[str, Any]) -> None:
        AnnoyIndex.__init__(self, state["f"], state["metric"])
        self.load(state["path"])


class _CannotSaveError(InputError, OSError):
    """Annoy raises OSError for this."""


def _is_ours(path: str) -> bool:
    with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK | os.O_CLOEXEC)) as file:
        return file.read(len(store.MAGIC)) == store.MAGIC
