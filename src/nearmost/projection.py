"""Projection: what an encoder's rows go through before they are indexed, and queries before they are searched with.

A projection is a few named arrays and nothing else: steps, one after the other, each of a kind that ``KINDS`` lists.
Random ones, principal components, a cut for Matryoshka models and heads that fine-tuning trained are all of them, so
that one noun lies in an index file, in a safetensors file and in memory. Nothing of it is code, and nothing is pickled.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nearmost import _core
from nearmost.errors import DamagedFileError, EncoderError, InputError, ShapeError
from nearmost.memory import Allocate, aligned
from nearmost.rows import Rows
from nearmost.safetensors import read_safetensors, write_safetensors
from nearmost.values import Vectors, float_rows

Floats = NDArray[np.float32]
Progress = Callable[[int, int], Any]
Arrays = Mapping[str, NDArray[Any]]
EUCLIDEAN = 1  # the metric whose rows the core turns as they are
PART = 1 << 20  # numbers turned at a time: what one step makes is still near when the next one wants it


@dataclass(frozen=True, slots=True)
class _Kind:
    """A kind of step: the arrays that it has, those that it may have, what it does, and how many columns it makes."""

    required: tuple[str, ...]
    optional: tuple[str, ...]
    apply: Callable[[Floats, Arrays, int], Floats]
    dims: Callable[[Arrays], tuple[int, int]]
    """(columns in, columns out); 0 in: any number of at least those out; 0 both: whatever comes."""


@dataclass(frozen=True, slots=True, eq=False)
class Projection:
    """Rows of ``dim_in`` columns in, float32 rows of ``dim_out`` out: ``projection.apply(rows)``.

    Made by ``GaussianProjection``, ``SparseProjection``, ``PCAProjection.fit``, ``truncate``, by fine-tuning, or from
    ``steps``, (kind, arrays) each: "linear" (and "gaussian", "sparse", "pca", which say where it comes from) with
    ``weight`` (dim_in, dim_out), perhaps ``mean`` (dim_in,), which is taken away first, and ``bias`` (dim_out,);
    "skip", x + sigmoid(gate) * (x weight + bias); "gated", x * tanh(gate); "mlp", relu(x weight1 + bias1) weight2 +
    bias2, and with ``gate`` that much of it added to x; "truncate", the first ``kept`` columns; "unit", brought to
    ``length``. Arrays are float32 (``kept`` int64). Raises ShapeError where steps do not fit each other.
    """

    steps: tuple[tuple[str, Arrays], ...]

    def __post_init__(self) -> None:
        if not self.steps:
            raise InputError("a projection has no step; it must have one at least")
        object.__setattr__(self, "steps", tuple((kind, _checked(kind, arrays)) for kind, arrays in self.steps))
        self.dim_of(0)  # raises where one does not fit the next

    @property
    def dim_in(self) -> int:
        """Columns of the rows that it takes; 0 where any number will do."""
        for kind, arrays in self.steps:
            dim_in, dim_out = KINDS[kind].dims(arrays)
            if dim_in or dim_out:
                return dim_in
        return 0

    @property
    def dim_out(self) -> int:
        """Columns of the rows that it gives; 0 where it gives as many as it takes."""
        return self.dim_of(0)

    @property
    def learned(self) -> bool:
        """Whether a step was trained: it says anew what is near, and does not stand in for full rows, as others do."""
        return any(kind in LEARNED for kind, _ in self.steps)

    def dim_of(self, dim: int) -> int:
        """Columns that come of rows with ``dim``, 0 where that is not known. Raises ShapeError where it takes none."""
        for kind, arrays in self.steps:
            dim_in, dim_out = KINDS[kind].dims(arrays)
            if dim and dim_in and dim != dim_in:
                raise ShapeError(f"step {kind!r} of the projection takes rows of dim {dim_in}, these have dim {dim}")
            if dim and dim_out > dim and not dim_in:
                raise ShapeError(f"step {kind!r} of the projection keeps {dim_out} columns, the rows have {dim}")
            dim = dim_out or dim_in or dim
        return dim

    def apply(
        self,
        rows: ArrayLike | Rows | Vectors,
        *,
        allocate: Allocate = aligned,
        n_threads: int = 0,
        progress: Progress | None = None,
    ) -> Floats:
        """The rows projected, float32 (n, dim_out): the same numbers for a row whatever the rows and threads beside it.

        ``rows`` (n, dim_in) of any type of number, mapped ones too: they are read a part at a time.
        """
        given = table(rows)
        n_rows, dim = len(given), given.dim if isinstance(given, Rows) else given.shape[1]
        made = allocate((n_rows, self.dim_of(dim)), np.float32)
        step = max(1, PART // max(dim, 1))
        for start in range(0, n_rows, step):
            part = slice(start, min(n_rows, start + step))
            values = given.floats(part) if isinstance(given, Rows) else np.asarray(given[part], dtype=np.float32)
            for kind, arrays in self.steps:
                values = KINDS[kind].apply(np.ascontiguousarray(values), arrays, n_threads)
            made[part] = values
            if progress is not None:
                progress(part.stop, n_rows)
        return made

    def then(self, following: Projection) -> Projection:
        """This one and the following one as one."""
        return Projection(self.steps + following.steps)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """All arrays by name: number of the step, its kind, name in it, as "0.pca.weight"."""
        return {
            f"{number}.{kind}.{name}": array
            for number, (kind, arrays) in enumerate(self.steps)
            for name, array in arrays.items()
        }

    @classmethod
    def of_arrays(cls, arrays: Arrays) -> Projection:
        """The projection of which ``arrays()`` gave these. Raises DamagedFileError where they are no such thing."""
        steps: dict[int, tuple[str, dict[str, NDArray[Any]]]] = {}
        for name, array in arrays.items():
            number, _, rest = name.partition(".")
            kind, _, field = rest.partition(".")
            if not (number.isascii() and number.isdecimal()) or len(number) > 3 or kind not in KINDS:
                raise DamagedFileError(f"array {name!r:.60} belongs to no step of a projection that nearmost knows")
            if steps.setdefault(int(number), (kind, {}))[0] != kind:
                raise DamagedFileError(f"step {number} of the projection is said to be of two kinds")
            steps[int(number)][1][field] = array
        if sorted(steps) != list(range(len(steps))):
            raise DamagedFileError(f"the projection has steps {sorted(steps)}; one is missing")
        try:
            return cls(tuple(steps[number] for number in range(len(steps))))
        except (InputError, ShapeError) as error:
            raise DamagedFileError(f"the projection is damaged: {error}") from None

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the arrays to a safetensors file."""
        write_safetensors(Path(path), self.arrays())

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Projection:
        """The projection in a file that ``save`` wrote. Raises DamagedFileError for any other."""
        try:
            return cls.of_arrays({name: np.array(array) for name, array in read_safetensors(Path(path)).items()})
        except EncoderError as error:  # which names the file
            raise DamagedFileError(str(error)) from None
        except DamagedFileError as error:
            raise DamagedFileError(f"{os.fspath(path)}: {error}") from None

    def __str__(self) -> str:
        return ", ".join(_said(kind, arrays) for kind, arrays in self.steps)


def table(rows: ArrayLike | Rows | Vectors) -> Rows | NDArray[Any]:
    """The rows as a table (n, dim), of any type of number; an array is taken as it is."""
    given = rows.rows if isinstance(rows, Vectors) else rows
    made = given if isinstance(given, Rows | np.ndarray) else float_rows(given, "vectors")
    if isinstance(made, np.ndarray) and made.ndim != 2:
        raise ShapeError(f"the rows have shape {made.shape}; a projection takes (n, dim)")
    return made


def product(rows: Floats, weight: Floats, mean: Floats | None = None, n_threads: int = 0) -> Floats:
    """(rows - mean) weight, float32 (n, dim_out), each row's sums in one fixed order."""
    out, columns = aligned((len(rows), weight.shape[1])), np.ascontiguousarray(weight.T)
    mean = np.zeros(weight.shape[0], np.float32) if mean is None else mean
    shift = np.empty(weight.shape[1], np.float32)
    _core.turn(EUCLIDEAN, rows.shape[1], rows, None, 1.0, mean, columns, out, shift, None, n_threads, None)
    return out


def _linear(rows: Floats, arrays: Arrays, n_threads: int) -> Floats:
    made = product(rows, arrays["weight"], arrays.get("mean"), n_threads)
    if "bias" in arrays:
        made += arrays["bias"]
    return made


def _skip(rows: Floats, arrays: Arrays, n_threads: int) -> Floats:
    gate = _sigmoid(arrays["gate"])
    whole = arrays["weight"] * gate
    whole[np.diag_indices_from(whole)] += np.float32(1)  # the rows as they came
    made = product(rows, whole, None, n_threads)
    made += arrays["bias"] * gate
    return made


def _gated(rows: Floats, arrays: Arrays, n_threads: int) -> Floats:
    gated: Floats = rows * np.tanh(arrays["gate"])
    return gated


def _mlp(rows: Floats, arrays: Arrays, n_threads: int) -> Floats:
    hidden = np.maximum(product(rows, arrays["weight1"], None, n_threads) + arrays["bias1"], np.float32(0))
    made: Floats = product(hidden, arrays["weight2"], None, n_threads) + arrays["bias2"]
    return rows + _sigmoid(arrays["gate"]) * made if "gate" in arrays else made


def _truncate(rows: Floats, arrays: Arrays, n_threads: int) -> Floats:
    return rows[:, : int(arrays["kept"][0])]


def _unit(rows: Floats, arrays: Arrays, n_threads: int) -> Floats:
    lengths = np.empty(len(rows), np.float64)
    _core.lengths(rows.shape[1], rows, None, lengths, n_threads, None)
    scaled: Floats = rows * (arrays["length"][0] / np.where(lengths > 0, lengths, 1)).astype(np.float32)[:, None]
    return scaled


def _sigmoid(gate: Floats) -> Floats:
    half: Floats = np.float32(0.5) * (np.float32(1) + np.tanh(gate * np.float32(0.5)))
    return half


def _square(arrays: Arrays) -> tuple[int, int]:
    return arrays["gate"].shape[0], arrays["gate"].shape[0]


def _of_mlp(arrays: Arrays) -> tuple[int, int]:
    return arrays["weight1"].shape[0], arrays["weight2"].shape[1]


def _of_weight(arrays: Arrays) -> tuple[int, int]:
    return arrays["weight"].shape[0], arrays["weight"].shape[1]


_LINEAR = _Kind(("weight",), ("mean", "bias"), _linear, _of_weight)
KINDS = {
    "linear": _LINEAR,
    "gaussian": _LINEAR,
    "sparse": _LINEAR,
    "pca": _LINEAR,
    "skip": _Kind(("weight", "bias", "gate"), (), _skip, _of_weight),
    "gated": _Kind(("gate",), (), _gated, _square),
    "mlp": _Kind(("weight1", "bias1", "weight2", "bias2"), ("gate",), _mlp, _of_mlp),
    "truncate": _Kind(("kept",), (), _truncate, lambda arrays: (0, int(arrays["kept"][0]))),
    "unit": _Kind(("length",), (), _unit, lambda arrays: (0, 0)),
}
"""What a step may be."""
LEARNED = ("linear", "skip", "gated", "mlp")
"""Those that training makes."""


def _checked(kind: str, arrays: Arrays) -> dict[str, NDArray[Any]]:
    """The arrays of a step, contiguous; InputError or ShapeError where they are not what its kind needs."""
    if kind not in KINDS:
        raise InputError(f"a step of the projection is {kind!r:.40}; it must be one of {', '.join(KINDS)}")
    known = KINDS[kind]
    missing, strange = set(known.required) - set(arrays), set(arrays) - {*known.required, *known.optional}
    if missing or strange:
        raise InputError(f"step {kind!r} has arrays {sorted(arrays)}; it wants {', '.join(known.required)}")
    kept = {name: np.ascontiguousarray(arrays[name]) for name in sorted(arrays)}
    for name, array in kept.items():
        wanted = np.dtype(np.int64 if name == "kept" else np.float32)
        if array.dtype != wanted or array.size == 0 or array.ndim != (2 if name.startswith("weight") else 1):
            raise ShapeError(f"{name} of step {kind!r} is {array.dtype} {array.shape}; it must be {wanted}")
        if not np.isfinite(array).all():
            raise InputError(f"{name} of step {kind!r} holds a number that is not finite")
    _require_shapes(kind, kept)
    return kept


def _require_shapes(kind: str, arrays: Arrays) -> None:
    dim_in, dim_out = KINDS[kind].dims(arrays)
    hidden = arrays["weight1"].shape[1] if "weight1" in arrays else 0
    wanted = {
        "weight": (dim_in, dim_out), "mean": (dim_in,), "bias": (dim_out,), "weight2": (hidden, dim_out),
        "bias1": (hidden,), "bias2": (dim_out,), "kept": (1,), "length": (1,),
    }  # fmt: skip
    for name, array in arrays.items():
        if array.shape != wanted.get(name, array.shape):
            raise ShapeError(f"{name} of step {kind!r} has shape {array.shape}; it must have {wanted[name]}")
    gate = arrays.get("gate")
    if gate is not None and (dim_in != dim_out or len(gate) not in (1, dim_out)):
        raise ShapeError(f"step {kind!r} adds to what comes in, so it must give as many columns: {dim_in}, {dim_out}")
    if kind == "truncate" and not 0 < dim_out < 1 << 31:
        raise ShapeError(f"step 'truncate' keeps {dim_out} columns; it must keep one at least")


def _said(kind: str, arrays: Arrays) -> str:
    dim_in, dim_out = KINDS[kind].dims(arrays)
    return kind if not dim_out else f"{kind} {dim_in} -> {dim_out}" if dim_in else f"{kind} to {dim_out}"
