"""The vectors of an index, in the type of number that they are kept in."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from nearmost.errors import DamagedFileError, InputError, NotFiniteError, ShapeError
from nearmost.memory import Allocate, aligned, nameless
from nearmost.metrics import Metric
from nearmost.values import float_rows

Layout = Mapping[str, tuple[type[np.generic], int]]
"""Name -> dtype and number of axes."""
Store = Literal["auto", "f32", "f16", "i8"]
TYPES: dict[str, Any] = {"f32": np.float32, "f16": np.float16, "i8": np.int8}
KEPT = tuple(np.dtype(kind) for kind in (np.float32, np.float16, np.uint8, np.int8))
LOSSLESS = (np.dtype(np.uint8), np.dtype(np.int8), np.dtype(np.float16))  # those to try, the shortest first
PART = 1 << 21  # numbers looked at together
LARGE = 1 << 30  # bytes that are better kept in a file
MOST_INT8 = 127


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Vectors as an index keeps them: float32, float16, uint8 or int8 (n, dim); for hamming packed bits, uint8.

    Where ``scales``, float32 (n,), are given, row i is ``values[i] * scales[i]``.
    """

    values: NDArray[Any]
    dim: int
    scales: NDArray[np.float32] | None = None
    bits: bool = False

    @classmethod
    def of(
        cls, given: Any, metric: Metric, *, store: Store = "auto", allocate: Allocate = aligned, name: str = "vectors"
    ) -> Rows:
        """From anything array-like of shape (n, dim), a part at a time.

        ``store``: "auto" takes the shortest type that loses nothing; the others may round. Raises NotFiniteError,
        ShapeError, or InputError where hamming is given anything but 0 and 1.
        """
        if store not in ("auto", *TYPES):
            raise InputError(f"store is {store!r}; it must be one of auto, {', '.join(TYPES)}")
        array = _checked(given, allocate, name)
        dim = array.shape[1]
        if metric.name == "hamming":
            return cls(_bits(array, allocate, name), dim, bits=True)
        lossless = _narrowest(array) if store in ("auto", "i8") else np.dtype(TYPES[store])
        if store == "i8" and lossless.itemsize > 1:
            return cls(*_scaled(array, allocate))
        return cls(_converted(array, lossless, allocate, name), dim)

    @classmethod
    def found(cls, metric: Metric, dim: int, n_rows: int, arrays: Mapping[str, NDArray[Any]]) -> Rows:
        """The rows among the sections of a file. Raises DamagedFileError where they are missing or of another shape."""
        values, scales = arrays.get("rows"), arrays.get("rows.scales")
        bits = metric.name == "hamming"
        shape = (n_rows, -(-dim // 8) if bits else dim)
        if values is None or values.dtype not in ((np.uint8,) if bits else KEPT) or values.shape != shape:
            found = "missing" if values is None else f"{values.dtype} {values.shape}"
            raise DamagedFileError(f"section 'rows' is {found}; it must hold numbers {shape}: the file is damaged")
        if scales is not None and (scales.dtype != np.float32 or scales.shape != (n_rows,)):
            raise DamagedFileError(f"section 'rows.scales' is {scales.dtype} {scales.shape}: the file is damaged")
        return cls(values, dim, scales, bits)

    @property
    def arrays(self) -> dict[str, NDArray[Any]]:
        """As sections of a file."""
        return {"rows": self.values} if self.scales is None else {"rows": self.values, "rows.scales": self.scales}

    def floats(self, which: Any) -> NDArray[np.float32]:
        """Some of the rows, a slice or an array of row numbers, as float32 (m, dim)."""
        values = self.values[which]
        if self.bits:
            return np.unpackbits(values, axis=1, count=self.dim, bitorder="little").astype(np.float32)
        scaled = np.asarray(values, dtype=np.float32)
        return scaled if self.scales is None else scaled * self.scales[which][:, None]

    def one(self, row: int) -> NDArray[np.float32]:
        """Row ``row`` as float32 (dim,), a copy."""
        return np.array(self.floats(slice(row, row + 1))[0])

    def take(self, which: NDArray[np.int64]) -> Rows:
        """Some of the rows."""
        scales = None if self.scales is None else self.scales[which]
        return Rows(np.ascontiguousarray(self.values[which]), self.dim, scales, self.bits)

    def part(self, which: slice) -> Rows:
        """Some of the rows that lie beside each other, where they lie."""
        return Rows(self.values[which], self.dim, None if self.scales is None else self.scales[which], self.bits)

    def __len__(self) -> int:
        return len(self.values)


def sections(
    arrays: Mapping[str, NDArray[Any]], layout: Layout, optional: Collection[str] = ()
) -> dict[str, NDArray[Any]]:
    """Those arrays that the layout names, in its order. Raises DamagedFileError for what is not as it says."""
    found = {}
    for name, (dtype, axes) in layout.items():
        array = arrays.get(name)
        if array is None and name in optional:
            continue
        if array is None or array.dtype != dtype or array.ndim != axes:
            given = "missing" if array is None else f"{array.dtype} {array.shape}"
            raise DamagedFileError(f"section {name!r} is {given}; it must be {dtype.__name__} with {axes} axes")
        found[name] = array
    return found


def gathered(batches: Iterable[Any], folder: str | os.PathLike[str] | None = None) -> NDArray[Any]:
    """Batches of vectors, (m, dim) each, one after the other in an array that lies in a file without a name."""
    first: NDArray[Any] | None = None
    n_rows = 0
    with nameless(folder) as file:
        for number, batch in enumerate(batches):
            part = _checked(batch, aligned, f"vectors of batch {number}")
            first = part if first is None else first
            if part.dtype != first.dtype or part.shape[1] != first.shape[1]:
                raise ShapeError(
                    f"batch {number} holds {part.dtype} of dim {part.shape[1]}, the first one {first.dtype} of dim "
                    f"{first.shape[1]}; all must be alike"
                )
            file.write(part.data)
            n_rows += len(part)
        if first is None:
            raise InputError("there is no batch of vectors; at least one is needed, to know their dim")
        if n_rows == 0:
            return np.empty((0, first.shape[1]), first.dtype)
        file.flush()
        return np.memmap(file, first.dtype, "r", shape=(n_rows, first.shape[1]))


def stacked(tables: Iterator[NDArray[Any]]) -> NDArray[Any]:
    """Tables one after the other: in memory, or in a file without a name from a GiB on. There is at least one."""
    held: list[NDArray[Any]] = []
    size = 0
    for table in tables:
        held.append(table)
        size += table.nbytes
        if len(held) > 1 and size > LARGE:
            return gathered(chain(_emptied(held), tables))
    return held[0] if len(held) == 1 else np.concatenate(held)


def _emptied(held: list[NDArray[Any]]) -> Iterator[NDArray[Any]]:
    """The tables of a list, which lets go of them."""
    held.reverse()
    while held:
        yield held.pop()


def _parts(n_rows: int, dim: int) -> Iterator[slice]:
    step = max(1, PART // max(1, dim))
    yield slice(0, min(256, n_rows))  # what does not fit shows at once
    for start in range(256, n_rows, step):
        yield slice(start, min(n_rows, start + step))


def _checked(given: Any, allocate: Allocate, name: str) -> NDArray[Any]:
    """A C-contiguous table of finite numbers, of a type that can be kept."""
    array = given if isinstance(given, np.ndarray) else float_rows(given, name)
    if array.ndim != 2 or array.shape[1] == 0 or array.dtype.kind not in "fiub":
        return float_rows(array[:1] if array.ndim == 2 else array, name)  # which says what is wrong
    if array.dtype not in KEPT:
        return _converted(array, np.dtype(np.float32), allocate, name)
    array = np.ascontiguousarray(array)
    if array.dtype == np.float32:
        return float_rows(array, name)
    for part in _parts(*array.shape) if array.dtype == np.float16 else ():
        _require_finite(array[part], array, part.start, name)
    return array


def _narrowest(array: NDArray[Any]) -> np.dtype[Any]:
    """The shortest type that holds every number as it is."""
    able = [kind for kind in LOSSLESS if kind.itemsize < array.dtype.itemsize or kind == array.dtype]
    for part in _parts(*array.shape):
        values = array[part].astype(np.float32)
        able = [kind for kind in able if _fits(values, kind)]
        if not able:
            return array.dtype
    return able[0] if able else array.dtype


def _fits(values: NDArray[np.float32], kind: np.dtype[Any]) -> bool:
    if kind == np.float16:
        with np.errstate(over="ignore"):
            return bool((values.astype(np.float16) == values).all())
    limits = np.iinfo(kind)
    return bool(((values >= limits.min) & (values <= limits.max) & (values == np.floor(values))).all())


def _converted(array: NDArray[Any], kind: np.dtype[Any], allocate: Allocate, name: str) -> NDArray[Any]:
    if array.dtype == kind:
        return array
    made = allocate(array.shape, kind)
    for part in _parts(*array.shape):
        with np.errstate(over="ignore"):
            made[part] = array[part]
        if kind.kind == "f":
            _require_finite(made[part], array, part.start, name)
    return made


def _scaled(array: NDArray[Any], allocate: Allocate) -> tuple[NDArray[np.int8], int, NDArray[np.float32]]:
    codes, scales = allocate(array.shape, np.dtype(np.int8)), allocate((len(array),), np.dtype(np.float32))
    for part in _parts(*array.shape):
        values = array[part].astype(np.float32)
        largest = np.abs(values).max(axis=1)
        scales[part] = np.where(largest > 0, largest / MOST_INT8, 1)
        codes[part] = np.rint(values / scales[part][:, None]).clip(-MOST_INT8, MOST_INT8)
    return codes, array.shape[1], scales


def _bits(array: NDArray[Any], allocate: Allocate, name: str) -> NDArray[np.uint8]:
    packed = allocate((len(array), -(-array.shape[1] // 8)), np.dtype(np.uint8))
    for part in _parts(*array.shape):
        require_bits(array[part], name, part.start)
        packed[part] = np.packbits(array[part].astype(np.uint8), axis=1, bitorder="little")
    return packed


def require_bits(rows: NDArray[Any], name: str, start: int = 0) -> None:
    """Raises InputError where anything but 0 and 1 is among the rows."""
    bad = (rows != 0) & (rows != 1)
    if bad.any():
        row, column = (int(i[0]) for i in np.nonzero(bad))
        raise InputError(
            f"row {start + row} of the {name} holds {rows[row, column]} in column {column}; "
            "metric 'hamming' takes 0 and 1 only (np.unpackbits turns packed bits into them)"
        )


def _require_finite(part: NDArray[Any], given: NDArray[Any], start: int, name: str) -> None:
    finite = np.isfinite(part)
    if not finite.all():
        row, column = (int(i[0]) for i in np.nonzero(~finite))
        raise NotFiniteError(
            f"row {start + row} of the {name} holds {given[start + row, column]} in column {column}; every value must "
            f"be a finite {part.dtype}"
        )
