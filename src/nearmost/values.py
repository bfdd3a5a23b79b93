"""The values that flow through the house: frozen, and checked once, where they are made."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nearmost.errors import InputError, NotFiniteError, ShapeError
from nearmost.metrics import METRICS, Metric
from nearmost.strings import Keys, OnDuplicate, Strings, unique_rows

CHECK_ROWS = 1 << 16  # rows looked at together, so that checking a mapped array needs little memory


def float_rows(rows: ArrayLike, name: str) -> NDArray[np.float32]:
    """``rows`` as a C-contiguous float32 (n, dim) array of finite numbers, copied only if it must be.

    Raises ShapeError for another number of axes or no columns, NotFiniteError naming the first bad row.
    """
    try:
        array = np.asarray(rows)
    except ValueError as error:
        raise ShapeError(f"{name} do not form a table of shape (n, dim): {error}") from None
    if array.dtype.kind not in "fiub":
        raise InputError(f"{name} hold {array.dtype}; they must hold numbers")
    if array.ndim != 2 or array.shape[1] == 0:
        raise ShapeError(f"{name} have shape {array.shape}; they must have shape (n, dim) with dim of at least 1")
    with np.errstate(over="ignore"):
        array = np.ascontiguousarray(array, dtype=np.float32)
    for start in range(0, len(array), CHECK_ROWS):
        part = array[start : start + CHECK_ROWS]
        with np.errstate(over="ignore", invalid="ignore"):
            if np.isfinite(np.dot(part.ravel(), part.ravel())):
                continue  # one number tells of all: it is finite only where every value is
        finite = np.isfinite(part).all(axis=1)
        if not finite.all():
            row = start + int(np.argmin(finite))
            column = int(np.argmin(np.isfinite(array[row])))
            value = np.asarray(rows)[row, column]
            raise NotFiniteError(
                f"row {row} of the {name} holds {value} in column {column}; every value must be a finite float32"
            )
    return array


def listed(keys: Iterable[str]) -> Sequence[str]:
    """Keys that can be counted. Raises InputError for a single string."""
    if isinstance(keys, str):
        raise InputError("keys is one string; it must be a list of strings, one a row")
    return keys if isinstance(keys, Sequence) else list(keys)


def text_list(texts: Iterable[str]) -> list[str]:
    """The texts, each of them a string. Raises InputError, naming the row, for what is none: None or NaN, as a rule."""
    if isinstance(texts, str):
        raise InputError("texts is one string; it must be a list of strings: [text]")
    found = list(texts)
    row = next((row for row, text in enumerate(found) if not isinstance(text, str)), None)
    if row is not None:
        wrong = f"{type(found[row]).__name__} {found[row]!r:.40}"
        raise InputError(f'row {row} of the texts is {wrong}; it must be a string, "" where there is no text')
    return found


def refuse_second(keys: Iterable[str] | None, owner: str) -> None:
    """Raises InputError where keys were given beside something that has keys already."""
    if keys is not None:
        raise InputError(f"keys were given twice: {owner} have keys already")


@dataclass(frozen=True, slots=True, eq=False)
class Vectors:
    """Keys and rows: row i of ``rows``, C-contiguous float32 (n, dim), belongs to ``keys[i]``.

    Every value is finite and every key unique. Zero vectors are allowed: under cosine they score 0
    against everything. ``texts`` are what the rows were made of, where that is known; an index keeps them.
    ``Vectors.of`` takes what users have; the constructor trusts nobody either.
    """

    rows: NDArray[np.float32]
    keys: Keys
    texts: Strings | None = None

    def __post_init__(self) -> None:
        rows = float_rows(self.rows, "vectors").view()
        rows.flags.writeable = False
        object.__setattr__(self, "rows", rows)
        if len(self.keys) != len(self.rows):
            raise ShapeError(f"{len(self.keys)} keys were given for {len(self.rows)} vectors; there must be one a row")
        if self.texts is not None and len(self.texts) != len(self.rows):
            raise ShapeError(
                f"{len(self.texts)} texts were given for {len(self.rows)} vectors; there must be one a row"
            )

    @classmethod
    def of(
        cls,
        rows: ArrayLike | Vectors,
        keys: Iterable[str] | None = None,
        *,
        texts: Iterable[str] | None = None,
        on_duplicate: OnDuplicate = "error",
    ) -> Vectors:
        """Vectors from anything array-like; without keys, row i is called ``str(i)``. An index keeps the ``texts``.

        ``on_duplicate`` says what happens where two rows share a key: "error", or keep the "first" or
        the "last" of them.
        """
        if isinstance(rows, Vectors):
            refuse_second(keys, "the vectors")
            return rows
        array = float_rows(rows, "vectors")
        packed = None if texts is None else Strings.of(texts)
        if keys is None:
            return cls(array, Keys(len(array)), packed)
        named = listed(keys)
        kept = unique_rows(named, on_duplicate)
        if kept is not None and len(named) == len(array) == len(packed if packed is not None else array):
            left = None if packed is None else Strings.of(packed.take(kept))
            return cls(array[kept], Keys.of([named[row] for row in kept]), left)
        return cls(array, Keys.of(named), packed)

    @property
    def dim(self) -> int:
        """Columns."""
        return int(self.rows.shape[1])

    def __len__(self) -> int:
        return len(self.rows)

    def __repr__(self) -> str:
        return f"<Vectors {len(self)} x {self.dim}, keys {self.keys[:3]}...>"


@dataclass(frozen=True, slots=True, eq=False)
class Corpus:
    """Texts with their keys, perhaps a label each, perhaps further columns (name -> one value a row)."""

    texts: Strings
    keys: Keys
    labels: Strings | None = None
    columns: Mapping[str, Sequence[Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        named = [("keys", self.keys), ("labels", self.labels), *self.columns.items()]
        for name, column in named:
            if column is not None and len(column) != len(self.texts):
                raise ShapeError(f"{name} has {len(column)} rows and texts has {len(self.texts)}; they must be equal")

    @classmethod
    def of(
        cls,
        texts: Iterable[str] | Corpus,
        keys: Iterable[str] | None = None,
        *,
        labels: Iterable[str] | None = None,
        columns: Mapping[str, Sequence[Any]] | None = None,
        on_duplicate: OnDuplicate = "error",
    ) -> Corpus:
        """A corpus from lists; without keys, row i is called ``str(i)``. ``on_duplicate`` as in Vectors.of."""
        if isinstance(texts, Corpus):
            refuse_second(keys, "the corpus")
            return texts
        if isinstance(texts, str):
            raise InputError("texts is one string; it must be a list of strings: [text]")
        packed = Strings.of(texts)
        packed_labels = None if labels is None else Strings.of(labels)
        if keys is None:
            return cls(packed, Keys(len(packed)), packed_labels, dict(columns or {}))
        named = listed(keys)
        kept = unique_rows(named, on_duplicate)
        if kept is None or len(named) != len(packed):
            return cls(packed, Keys.of(named), packed_labels, dict(columns or {}))
        return cls(
            Strings.of([packed[row] for row in kept]),
            Keys.of([named[row] for row in kept]),
            None if packed_labels is None else Strings.of([packed_labels[row] for row in kept]),
            {name: [column[row] for row in kept] for name, column in (columns or {}).items()},
        )

    def __len__(self) -> int:
        return len(self.texts)

    def __repr__(self) -> str:
        return f"<Corpus of {len(self)} texts, keys {self.keys[:3]}...>"


@dataclass(frozen=True, slots=True, eq=False)
class Neighbors:
    """The nearest rows of each query, nearest first; unpacks as ``ids, scores``.

    ``ids`` int64 and ``scores`` float32 have shape (q, k), or (k,) for a single query. Larger scores
    are nearer; equal scores stand by smaller id. Where fewer than k rows exist the rest is -1 and -inf.
    """

    ids: NDArray[np.int64]
    scores: NDArray[np.float32]
    metric: Metric = METRICS["cosine"]

    def __post_init__(self) -> None:
        if self.ids.shape != self.scores.shape or self.ids.ndim not in (1, 2):
            raise ShapeError(
                f"ids have shape {self.ids.shape}, scores {self.scores.shape}; both must be (q, k) or (k,)"
            )
        if self.ids.dtype != np.int64 or self.scores.dtype != np.float32:
            raise InputError(f"ids are {self.ids.dtype}, scores {self.scores.dtype}; they must be int64 and float32")

    @property
    def distances(self) -> NDArray[np.float32]:
        """The metric's own distance for each score: smaller is nearer, +inf where no row was found."""
        return self.metric.distances(self.scores)

    def without(self, own: NDArray[np.int64]) -> Neighbors:
        """One fewer for each query: without row ``own[query]``, or without the last where that is not among them."""
        last = np.ones((len(own), 1), bool)
        drop = np.argmax(np.concatenate([self.ids[:, :-1] == own[:, None], last], axis=1), axis=1)
        kept = np.arange(self.ids.shape[1])[None, :] != drop[:, None]
        shape = (len(own), self.ids.shape[1] - 1)
        return Neighbors(self.ids[kept].reshape(shape), self.scores[kept].reshape(shape), self.metric)

    def within(self, radius: float) -> Neighbors:
        """Those at most so far away, by the metric's own distance; -1 and -inf in place of the others."""
        near = self.distances <= np.float32(radius)
        return Neighbors(
            np.where(near, self.ids, np.int64(-1)), np.where(near, self.scores, np.float32(-np.inf)), self.metric
        )

    def __iter__(self) -> Iterator[NDArray[Any]]:
        return iter((self.ids, self.scores))

    def __len__(self) -> int:
        return len(self.ids)
