"""Annoy's files: items and trees read from the map, byte for byte as Annoy 1.17 wrote them.

Such a file is an array of nodes of one size and says neither metric nor dim: both must be given, and are compared with
what the nodes look like. docs/from-annoy.md says how nodes lie.
"""

from __future__ import annotations

import mmap
import os
import stat
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nearmost import _core
from nearmost.errors import AnnoyFileError, InputError, ShapeError
from nearmost.metrics import METRICS, Metric
from nearmost.values import Vectors

ANNOY_METRICS = {"cosine" if name == "angular" else name: name for name in ("angular", *METRICS) if name != "cosine"}
"""Our name for each metric -> Annoy's."""
MOST_DIM = 1 << 24
MOST_NODES = (1 << 31) - 1
LOOKED_AT = 256
"""Items that are compared with what the metric wants of them: a few pages, whatever the size of the file."""
GUESSED_DIMS = 4096


class Forest:
    """The items and trees of an Annoy file, and the search over them; any number of threads may use one."""

    def __init__(self, metric: Metric, dim: int, nodes: NDArray[np.uint8]) -> None:
        """``nodes`` is the whole file. Raises AnnoyFileError where it is no file of this metric and dim."""
        self.metric, self.dim, self.nodes = metric, dim, nodes
        shape = _Shape(metric, dim, nodes)
        self.n_items, self.roots = shape.n_items, shape.roots
        self._descendants = shape.field(np.int32, 0)
        values = shape.field(np.uint8, shape.values, shape.size - shape.values)[: self.n_items]
        self._values = (
            values if metric.name == "hamming" else shape.field(np.float32, shape.values, dim)[: self.n_items]
        )

    @classmethod
    def open(cls, path: str | os.PathLike[str], metric: str | Metric, dim: int, *, prefault: bool = False) -> Forest:
        """The forest in this file, mapped. ``prefault`` reads all of it into memory at once.

        Raises OSError where it cannot be opened, AnnoyFileError, which is one too, for what is in it.
        """
        chosen, dim = annoy_metric(metric), _checked_dim(dim)
        with open(path, "rb", opener=_open_at_once) as file:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode):
                raise AnnoyFileError(f"{os.fspath(path)} is a device or a pipe, not a file")
            if found.st_size == 0:
                raise AnnoyFileError(f"{os.fspath(path)}: size of file is zero")
            flags = mmap.MAP_SHARED | (mmap.MAP_POPULATE if prefault else 0)
            mapped = mmap.mmap(file.fileno(), found.st_size, flags=flags, prot=mmap.PROT_READ)
        nodes: NDArray[np.uint8] = np.frombuffer(mapped, dtype=np.uint8)
        try:
            return cls(chosen, dim, nodes)
        except AnnoyFileError as error:
            raise AnnoyFileError(f"{os.fspath(path)}: {error}; {_advice(nodes)}") from None

    @property
    def n_trees(self) -> int:
        """Trees as Annoy counts them: nearly twice too many where all items fit into one node."""
        return len(self.roots)

    @property
    def held(self) -> NDArray[np.bool_]:
        """For each number below n_items whether there is an item of it, (n_items,). Looks at every item."""
        return np.asarray(self._descendants[: self.n_items] == 1)

    def vector(self, item: int) -> NDArray[np.float32]:
        """The vector of an item, float32 (dim,); of a number that was left out, zeros."""
        vector: NDArray[np.float32] = self._floats(self._values[item : item + 1])[0]
        return vector

    def search(self, query: NDArray[np.float32], k: int, effort: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Numbers and distances of up to k items, the nearest first, of the ``effort`` that the trees lead to.

        ``query`` is float32 (dim,). Annoy counts an item once for every tree that leads to it; here it counts once.
        """
        k = min(k, self.n_items)
        ids, distances = np.empty(k, np.int64), np.empty(k, np.float64)
        query = np.ascontiguousarray(query, np.float32)
        found = _core.search_forest(
            self.metric.code, self.nodes, self.n_items, self.roots, query, effort, ids, distances
        )
        return ids[:found], distances[:found]

    def vectors(self, keys: Iterable[str] | None = None) -> Vectors:
        """All items as Vectors; numbers that were left out are left out.

        ``keys`` names the items by number, n_items of them. Without, an item's key is its number.
        """
        held = self.held
        named = None if keys is None else list(keys)
        if named is not None and len(named) != self.n_items:
            raise ShapeError(
                f"{len(named)} keys were given for the numbers below {self.n_items}; there must be one each"
            )
        if held.all():
            return Vectors.of(self._floats(self._values), named)
        numbers = np.flatnonzero(held).tolist()
        kept = [str(number) for number in numbers] if named is None else [named[number] for number in numbers]
        return Vectors.of(self._floats(self._values[held]), kept)

    def _floats(self, values: NDArray[Any]) -> NDArray[np.float32]:
        if self.metric.name != "hamming":
            return np.array(values, np.float32)
        return np.unpackbits(values, axis=1, count=self.dim, bitorder="little").astype(np.float32)


def read_forest(
    path: str | os.PathLike[str], dim: int, metric: str | Metric, *, keys: Iterable[str] | None = None
) -> Vectors:
    """The items of an Annoy file as Vectors; see ``Forest.vectors``. ``metric`` is Annoy's word or ours."""
    return Forest.open(path, metric, dim).vectors(keys)


def annoy_metric(name: str | Metric) -> Metric:
    """Our metric for Annoy's word; "angular" is cosine. Raises InputError for what is none of the five."""
    if isinstance(name, Metric):
        return name
    for ours, theirs in ANNOY_METRICS.items():
        if name in (ours, theirs):
            return METRICS[ours]
    raise InputError(f"metric is {name!r}; No such metric: it must be one of {', '.join(ANNOY_METRICS.values())}")


class _Shape:
    """Where things lie in a file of this metric and dim, once it is found to be one."""

    def __init__(self, metric: Metric, dim: int, nodes: NDArray[np.uint8]) -> None:
        self.metric, self.dim, self.nodes = metric, dim, nodes
        self.children, self.values, self.size = _core.forest_shape(metric.code, dim)
        if len(nodes) == 0 or len(nodes) % self.size:
            raise AnnoyFileError(
                f"index size {len(nodes)} is not a multiple of the {self.size} bytes of a node of dim {dim} and "
                f"metric {ANNOY_METRICS[metric.name]!r}"
            )
        self.n_nodes = len(nodes) // self.size
        if self.n_nodes > MOST_NODES:
            raise AnnoyFileError(f"it has {self.n_nodes} nodes; Annoy numbers at most {MOST_NODES}")
        self.n_items = int(self.field(np.int32, 0)[-1])
        if not 0 <= self.n_items < self.n_nodes:
            self._refuse(f"the last node speaks of {self.n_items} items, and there are {self.n_nodes} nodes in all")
        self.roots = self._find_roots()
        if self.n_items <= 1:
            self._check_without_items()
        else:
            self._check_items()
            self._check_roots()

    def field(self, dtype: Any, offset: int, width: int | None = None) -> NDArray[Any]:
        """One field of every node, (n_nodes,), or a row of them, (n_nodes, width)."""
        item = np.dtype(dtype).itemsize
        shape, strides = ((self.n_nodes,), (self.size,)) if width is None else (
            (self.n_nodes, width), (self.size, item))  # fmt: skip
        return np.ndarray(shape, dtype, self.nodes, offset, strides)

    def _find_roots(self) -> NDArray[np.int32]:
        """Copies of all roots end the file: they alone have all items below them.

        The last root lies right before its copy and is met too, where the two can be told apart: as Annoy does.
        """
        below, stop, step = self.field(np.int32, 0), self.n_nodes, 1024
        while stop > 0:
            part = below[max(0, stop - step) : stop]
            other = np.flatnonzero(part != self.n_items)
            stop = stop - len(part) + (int(other[-1]) + 1 if len(other) else 0)
            if len(other):
                break
            step *= 2
        roots = np.arange(self.n_nodes - 1, stop - 1, -1, dtype=np.int32)
        first = self.field(np.int32, self.children)
        return roots[:-1] if len(roots) > 1 and first[roots[0]] == first[roots[-1]] else roots

    def _check_without_items(self) -> None:
        """No item, or one alone: then every node is a root, and has no vector."""
        whole = self.roots.size >= self.n_nodes - 1
        values = self.field(np.uint8, self.values, self.size - self.values)
        later = values[self.n_items :][:: max(1, self.n_nodes // LOOKED_AT)]
        if not whole or (later != 0).any():
            self._refuse(f"the last node speaks of {self.n_items} items, and others hold more: the file is cut short")

    def _check_items(self) -> None:
        looked = np.unique(np.linspace(0, self.n_items - 1, min(LOOKED_AT, self.n_items)).astype(np.int64))
        below = self.field(np.int32, 0)
        if not np.isin(below[looked], (0, 1)).all():
            self._refuse("nodes that should be items have descendants")
        if below[self.n_items] < 2:
            self._refuse(
                f"there are items behind the {self.n_items} that the last node speaks of: the file is cut short"
            )
        looked = looked[below[looked] == 1]
        first = self.children + 4 * (self.metric.name == "cosine")  # whose first child's place holds the norm
        for offset in range(first, self.children + 8, 4):
            if self.field(np.int32, offset)[looked].any():
                self._refuse("items have children")
        if self.metric.name == "hamming":
            last = self.field(np.uint64, self.values + (self.dim - 1) // 64 * 8)[looked]
            if self.dim % 64 and (last >> np.uint64(self.dim % 64)).any():
                self._refuse(f"items have bits beyond the {self.dim} of their dim")
        elif self.metric.name in ("cosine", "dot"):
            self._check_norms(looked)

    def _check_norms(self, looked: NDArray[np.int64]) -> None:
        """Annoy keeps angular's squared norms (but not before 1.12), and what dot's lack to the greatest of them."""
        with np.errstate(all="ignore"):
            vectors = self.field(np.float32, self.values, self.dim)[looked].astype(np.float64)
            kept = self.field(np.float32, 12 if self.metric.name == "dot" else 4)[looked].astype(np.float64)
            squares = np.einsum("ij,ij->i", vectors, vectors)
            if self.metric.name == "cosine":
                wrong = (kept != 0) & (np.abs(kept - squares) > 1e-3 * squares + 1e-37)
                shifted = len(looked) > 8 and not kept.any() and (vectors[:, 0] >= 0).all()
                if shifted and (not vectors[:, 0].any() or np.ptp(squares) <= 1e-3 * squares.max()):
                    self._refuse("the first number of each item is none of its vector")
            else:
                kept = squares + kept**2
                wrong = np.abs(kept - np.median(kept)) > 1e-3 * np.abs(kept) + 1e-37
            usual = np.isfinite(kept) & (squares < 1e37)
        if usual.any() and np.mean(wrong[usual]) > 0.5:
            self._refuse("the norms that it keeps are not those of its vectors")

    def _check_roots(self) -> None:
        if self.n_items <= (self.size - self.children) // 4:
            return  # each is a list of items
        for offset in (self.children, self.children + 4):
            child = self.field(np.int32, offset)[self.roots]
            if ((child < 0) | (child >= self.roots)).any():
                self._refuse("a root points behind itself")

    def _refuse(self, what: str) -> None:
        raise AnnoyFileError(f"{what}: no file of dim {self.dim} and metric {ANNOY_METRICS[self.metric.name]!r}")


def _advice(nodes: NDArray[np.uint8]) -> str:
    """What to do about a file that is none of its metric and dim: those that it looks like, if any."""
    fitting = []
    for dim in range(1, GUESSED_DIMS + 1):
        for metric, size in (("cosine", 12 + 4 * dim), ("euclidean", 16 + 4 * dim), ("dot", 16 + 4 * dim)):
            if len(nodes) % size == 0 and _looks_like(nodes, metric, dim):
                theirs = "euclidean' or 'manhattan" if metric == "euclidean" else ANNOY_METRICS[metric]
                fitting.append(f"dim {dim}, metric '{theirs}'")
        if dim % 64 == 0 and len(nodes) % (16 + dim // 8) == 0 and _looks_like(nodes, "hamming", dim):
            fitting.append(f"dim {dim - 63} to {dim}, metric 'hamming'")
    if not fitting:
        return "it is damaged, or Annoy did not write it"
    return f"it looks like {' or '.join(fitting[:3])}"


def _looks_like(nodes: NDArray[np.uint8], metric: str, dim: int) -> bool:
    try:
        return _Shape(METRICS[metric], dim, nodes).n_items > 1
    except AnnoyFileError:
        return False


def _checked_dim(dim: object) -> int:
    if isinstance(dim, bool) or not isinstance(dim, int | np.integer) or not 1 <= dim <= MOST_DIM:
        raise InputError(f"dim is {dim!r}; it must be a whole number from 1 to {MOST_DIM}")
    return int(dim)


def _open_at_once(path: str, flags: int) -> int:
    """Opens without waiting for a writer, as a pipe of this name would make us."""
    return os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC)
