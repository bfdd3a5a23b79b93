"""The formats of large benchmarks: .fvecs and .bvecs (each row begins with its dim), .fbin and .u8bin (n, dim, rows).

TEXMEX's corpora (http://corpus-texmex.irisa.fr) and the Big ANN Benchmarks (https://big-ann-benchmarks.com).
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nearmost.errors import ReadError
from nearmost.readers.blocks import whole
from nearmost.readers.sources import Source, suffix_of

MOST_DIM = 65536
EACH_ROW = {".fvecs": "<f4", ".bvecs": "u1", ".ivecs": "<i4"}
ONE_HEADER = {".fbin": "<f4", ".u8bin": "u1", ".i8bin": "i1", ".hbin": "<f2", ".ibin": "<i4"}
IDS = {".ivecs", ".ibin"}


def bigann_of(source: Source, first: bytes) -> str | None:
    """The suffix whose layout a file has, by its name or by what its first bytes and its length say."""
    suffix = suffix_of(source.name)
    if suffix in EACH_ROW or suffix in ONE_HEADER:
        return suffix
    if len(first) < 12 or not source.is_plain_file():
        return None
    one, other = (int(number) for number in np.frombuffer(first[:8], dtype="<u4"))
    size = os.path.getsize(source.name)
    for name in (".fbin", ".u8bin"):
        if 0 < other <= MOST_DIM and size == 8 + one * other * np.dtype(ONE_HEADER[name]).itemsize:
            return name
    for name in (".fvecs", ".bvecs"):
        stride = 4 + one * np.dtype(EACH_ROW[name]).itemsize
        if 0 < one <= MOST_DIM and size % stride == 0 and _dims_agree(source, stride, one):
            return name
    return None


def bigann_vectors(source: Source, limit: int | None) -> NDArray[Any]:
    """The rows. Raises ReadError, naming the row, where one has another dim, or where the last is cut short."""
    data = whole(source)
    suffix = bigann_of(source, data[:16].tobytes())
    if suffix is None:
        raise ReadError(f"{source.name}: is none of .fvecs .bvecs .fbin .u8bin .i8bin .hbin, by name or by bytes")
    if suffix in IDS:
        raise ReadError(f"{source.name}: {suffix} files hold row numbers of neighbours, not vectors")
    if len(data) < 8:
        raise ReadError(f"{source.name}: holds {len(data)} bytes; wanted at least one row")
    return _each_row(source, data, suffix, limit) if suffix in EACH_ROW else _one_header(source, data, suffix, limit)


def _each_row(source: Source, data: NDArray[np.uint8], suffix: str, limit: int | None) -> NDArray[Any]:
    dtype = np.dtype(EACH_ROW[suffix])
    dim = int(data[:4].view("<u4")[0])
    if not 0 < dim <= MOST_DIM:
        raise ReadError(f"{source.name}: row 1 says that it has dim {dim}; wanted 1 to {MOST_DIM}")
    stride = 4 + dim * dtype.itemsize
    n_rows = len(data) // stride if limit is None else min(limit, len(data) // stride)
    table = data[: n_rows * stride].reshape(n_rows, stride)
    dims = np.ascontiguousarray(table[:, :4]).view("<u4")[:, 0]
    if (dims != dim).any():
        row = int(np.argmax(dims != dim))
        raise ReadError(f"{source.name}: row {row + 1} says that it has dim {dims[row]}, row 1 has {dim}")
    if (limit is None or n_rows < limit) and len(data) % stride:
        raise ReadError(
            f"{source.name}: row {n_rows + 1} has {len(data) % stride} of {stride} bytes; the file is cut short: "
            f"get it again, or say limit={max(1, n_rows)}"
        )
    return np.ascontiguousarray(table[:, 4:]).view(dtype)


def _one_header(source: Source, data: NDArray[np.uint8], suffix: str, limit: int | None) -> NDArray[Any]:
    dtype = np.dtype(ONE_HEADER[suffix])
    n_rows, dim = (int(number) for number in data[:8].view("<u4"))
    if not 0 < dim <= MOST_DIM or n_rows == 0:
        raise ReadError(f"{source.name}: says that it holds {n_rows} rows of dim {dim}; wanted dim 1 to {MOST_DIM}")
    there = (len(data) - 8) // (dim * dtype.itemsize)
    wanted = n_rows if limit is None else min(limit, n_rows)
    if there < wanted or (limit is None and len(data) != 8 + n_rows * dim * dtype.itemsize):
        raise ReadError(
            f"{source.name}: says that it holds {n_rows:,} rows, and has room for {there:,}; it is damaged or cut "
            f"short: get it again, or say limit={max(1, min(there, n_rows))}"
        )
    return data[8 : 8 + wanted * dim * dtype.itemsize].view(dtype).reshape(wanted, dim)


def _dims_agree(source: Source, stride: int, dim: int) -> bool:
    """Whether each row begins with this dim and, for floats, row 1 does not look like whole numbers."""
    data = whole(source)
    table = data.reshape(-1, stride)
    if not (np.ascontiguousarray(table[:1000, :4]).view("<u4") == dim).all():
        return False
    if stride != 4 + 4 * dim:
        return True
    numbers = np.ascontiguousarray(table[0, 4:]).view("<f4")
    return bool(np.isfinite(numbers).all() and ((np.abs(numbers) > 1e-30) | (numbers == 0)).all())
