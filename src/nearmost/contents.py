"""What an index is made of, as one frozen value, and how that becomes the header and the sections of a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nearmost.encoders.recorded import RecordedEncoder
from nearmost.errors import DamagedFileError, InputError, NewerFormatError
from nearmost.kinds.flat import Flat
from nearmost.kinds.graph import Graph
from nearmost.kinds.packing import tuned
from nearmost.kinds.partition import Partition
from nearmost.metrics import METRICS, Metric
from nearmost.projected import Projected, rescored
from nearmost.strings import Keys, Strings
from nearmost.values import Neighbors, Vectors

KINDS = ("flat", "partition", "graph")


@dataclass(frozen=True, slots=True, eq=False)
class Contents:
    """Packed rows, their keys, where text was indexed the texts and the encoder, and perhaps a projection."""

    packed: Flat | Partition | Graph
    keys: Keys
    texts: Strings | None = None
    encoder: RecordedEncoder | None = None
    projected: Projected | None = None

    @property
    def dim_in(self) -> int:
        """Columns that queries have, and rows had before they were projected."""
        return self.packed.dim if self.projected is None else self.projected.dim_in

    def one(self, what: str) -> Contents:
        """Itself, as what is called ``what`` wants it; several index files would refuse."""
        return self

    def placed(self, queries: NDArray[np.float32], n_threads: int = 0) -> NDArray[np.float32]:
        """Queries as the packed rows are: through the projection, unless they come from rows that went through it."""
        if self.projected is None or queries.shape[1] != self.dim_in:
            return queries
        return self.projected.projection.apply(queries, n_threads=n_threads)

    def rescored(self, queries: NDArray[np.float32], found: Neighbors, k: int) -> Neighbors:
        """The k best of the rows found, by the scores of the full rows that were kept beside projected ones."""
        assert self.projected is not None
        assert self.projected.full is not None
        return rescored(self.packed.metric, queries, found, k, self.projected.full.floats)

    def tuned(self, queries: NDArray[np.float32], n_threads: int = 0) -> Contents:
        """The same calibrated on these queries."""
        return replace(self, packed=tuned(self.packed, self.placed(queries, n_threads), n_threads))

    def given(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Many rows as ``vector`` gives one: float32 (m, dim)."""
        full = None if self.projected is None else self.projected.full
        kept = self.packed.rows if full is None else full
        if kept is not None:
            return kept.floats(rows)
        made = [self.packed.vector(row) for row in rows.tolist()]  # bits that only a flat index's codes hold
        return np.stack(made) if made else np.empty((0, self.packed.dim), np.float32)

    def vector(self, row: int) -> NDArray[np.float32]:
        """Row ``row`` as it was given, float32; as it was projected where no more was kept."""
        full = None if self.projected is None else self.projected.full
        return self.packed.vector(row) if full is None else full.one(row)

    def text(self, row: int) -> str:
        """The text of row ``row``. Raises InputError where there are none."""
        if self.texts is None:
            raise InputError("this index keeps no texts; it was built from vectors")
        return self.texts[row]

    def header(self) -> dict[str, Any]:
        """The plain values of the file's header."""
        return {
            "kind": self.packed.kind,
            "metric": self.packed.metric.name,
            "dim": self.packed.dim,
            "n_rows": self.packed.n_rows,
            "unit": self.packed.unit,
            **self.packed.header(),
            "encoder": None if self.encoder is None else self.encoder.spec,
            "projection": None if self.projected is None else self.projected.header(),
        }

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The sections of the file, in its order."""
        arrays = dict(self.packed.arrays)
        if self.keys.strings is not None and self.keys.slots is not None:
            arrays["keys.data"], arrays["keys.offsets"] = self.keys.strings.data, self.keys.strings.offsets
            arrays["keys.slots"] = self.keys.slots
        if self.texts is not None:
            arrays["texts.data"], arrays["texts.offsets"] = self.texts.data, self.texts.offsets
        if self.projected is not None:
            arrays |= self.projected.arrays()
        return arrays if self.encoder is None else {**arrays, **self.encoder.arrays}

    def info(self) -> dict[str, Any]:
        """The header, where keys and texts come from, and how many bytes each section takes."""
        arrays = self.arrays()
        return {
            **self.header(),
            "store": "bits" if self.packed.metric.name == "hamming" else str(arrays["rows"].dtype),
            "keys": "row numbers" if self.keys.strings is None else "stored",
            "texts": "none" if self.texts is None else "stored",
            "sections": {name: array.nbytes for name, array in arrays.items()},
        }

    def vectors(self) -> Vectors:
        """The rows as float32, their keys, and their texts where there are any."""
        full = None if self.projected is None else self.projected.full
        rows, n_rows = self.packed.rows if full is None else full, self.packed.n_rows
        if rows is not None:
            return Vectors(rows.floats(slice(None)), self.keys, self.texts)
        empty = np.empty((0, self.packed.dim), dtype=np.float32)
        floats = np.stack([self.packed.vector(row) for row in range(n_rows)]) if n_rows else empty
        return Vectors(floats, self.keys, self.texts)

    @classmethod
    def of(cls, header: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Contents:
        """The contents behind a header and sections; DamagedFileError where they contradict each other.

        Only shapes and numbers that cost nothing to check are checked here; search is safe whatever the arrays hold.
        """
        kind = header.get("kind")
        if kind not in KINDS:
            raise NewerFormatError(f"it holds kind {kind!r:.40}, which this nearmost cannot read: install a newer one")
        metric, dim, n_rows, unit = (header.get(name) for name in ("metric", "dim", "n_rows", "unit"))
        if not isinstance(metric, str) or metric not in METRICS or type(dim) is not int or type(n_rows) is not int:
            raise DamagedFileError(f"the header says metric {metric!r:.40}, dim {dim!r:.40}, n_rows {n_rows!r:.40}")
        if dim < 1 or n_rows < 0 or not isinstance(unit, float | int) or not 0 < unit < float("inf"):
            raise DamagedFileError(f"the header says dim {dim}, n_rows {n_rows}, unit {unit!r:.40}")
        shape = (METRICS[metric], dim, n_rows, float(unit))
        projected = Projected.found(header, arrays, n_rows)
        return cls(
            _packed(kind, shape, header, arrays),
            _keys(arrays, n_rows),
            _strings(arrays, "texts", n_rows),
            RecordedEncoder.found(header.get("encoder"), arrays, dim if projected is None else projected.dim_in),
            projected,
        )


def _packed(
    kind: str, shape: tuple[Metric, int, int, float], header: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]
) -> Flat | Partition | Graph:
    if kind == "flat":
        return Flat(*shape, arrays)
    return (Partition if kind == "partition" else Graph).of(*shape, header, arrays)


def _keys(arrays: Mapping[str, NDArray[Any]], n_rows: int) -> Keys:
    strings, slots = _strings(arrays, "keys", n_rows), arrays.get("keys.slots")
    if strings is None:
        return Keys(n_rows)
    if slots is None or slots.dtype != np.uint32 or slots.ndim != 1:
        raise DamagedFileError("section 'keys.slots' is missing or of another kind")
    return Keys(n_rows, strings, slots)


def _strings(arrays: Mapping[str, NDArray[Any]], name: str, n_rows: int) -> Strings | None:
    data, offsets = arrays.get(f"{name}.data"), arrays.get(f"{name}.offsets")
    if data is None and offsets is None:
        return None
    if data is None or offsets is None or data.dtype != np.uint8 or data.ndim != 1:
        raise DamagedFileError(f"section '{name}.data' or '{name}.offsets' is missing or of another kind")
    if offsets.dtype != np.uint64 or offsets.shape != (n_rows + 1,):
        raise DamagedFileError(
            f"section '{name}.offsets' is {offsets.dtype} {offsets.shape}, wanted uint64 {(n_rows + 1,)}"
        )
    return Strings(data, offsets)
