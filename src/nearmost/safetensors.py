"""Reads and writes safetensors files: named arrays, mapped, every bound checked before an array is made.

The format (https://github.com/huggingface/safetensors): 8 bytes little-endian length of the header, a
JSON header ``{name: {dtype, shape, data_offsets: [begin, end]}}``, then the bytes, without holes.
"""

from __future__ import annotations

import json
import math
import mmap
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nearmost.errors import EncoderError, InputError

MAX_HEADER = 100_000_000  # the format's own limit
DTYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "i1", "U8": "u1"}
NAMES = {np.dtype(dtype): name for name, dtype in DTYPES.items()}


def read_safetensors(path: Path) -> dict[str, NDArray[Any]]:
    """The arrays of the file by name, read-only and memory-mapped.

    Raises EncoderError, saying what is wrong, for a truncated, inconsistent or foreign file.
    """
    with path.open("rb") as file:
        if path.stat().st_size == 0:
            raise EncoderError(f"{path} has 0 bytes: not a safetensors file")
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    return parse_safetensors(str(path), memoryview(mapped))[0]


def parse_safetensors(path: str, whole: memoryview) -> tuple[dict[str, NDArray[Any]], list[str] | None]:
    """The arrays of a file's bytes, as views of them, and the keys of the rows, where its metadata lists any.

    The metadata's "keys" is a JSON list of strings, as ``write_vectors`` leaves it there.
    """
    size = len(whole)
    length = int.from_bytes(whole[:8], "little")
    if size < 8 or length > min(size - 8, MAX_HEADER):
        raise EncoderError(f"{path} has {size} bytes and says its header has {length}: not a safetensors file")
    try:
        header = json.loads(whole[8 : 8 + length].tobytes())
    except (ValueError, RecursionError):
        raise EncoderError(f"{path}: the header is not JSON: not a safetensors file") from None
    if not isinstance(header, dict):
        raise EncoderError(f"{path}: the header is not a JSON object: not a safetensors file")
    keys = _keys(path, header.pop("__metadata__", None))
    start = 8 + length
    _check_layout(path, header, size - start)
    arrays: dict[str, NDArray[Any]] = {
        name: np.ndarray(entry["shape"], DTYPES[entry["dtype"]], buffer=whole, offset=start + entry["data_offsets"][0])
        for name, entry in header.items()
    }
    return arrays, keys


def _keys(path: str, metadata: Any) -> list[str] | None:
    listed = metadata.get("keys") if isinstance(metadata, dict) else None
    if not isinstance(listed, str):
        return None
    try:
        keys = json.loads(listed)
    except (ValueError, RecursionError):
        keys = None
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        raise EncoderError(f"{path}: the metadata's keys are not a JSON list of strings")
    return keys


def _check_layout(path: str, header: dict[str, Any], n_bytes: int) -> None:
    """Raises EncoderError unless the arrays fill the ``n_bytes`` after the header exactly."""
    spans = []
    for name, entry in header.items():
        if not isinstance(entry, dict) or str(entry.get("dtype")) not in DTYPES:
            raise EncoderError(f"{path}: array {name!r:.80} has a dtype that nearmost does not read")
        shape, offsets = _counts(entry.get("shape")), _counts(entry.get("data_offsets"))
        if shape is None or offsets is None or len(offsets) != 2 or len(shape) > 8:
            raise EncoderError(f"{path}: array {name!r:.80} has a damaged shape or place")
        begin, end = offsets
        if end - begin != math.prod(shape) * np.dtype(DTYPES[entry["dtype"]]).itemsize or end > n_bytes:
            raise EncoderError(f"{path}: array {name!r:.80} of shape {shape} does not fit its place {begin}:{end}")
        spans.append((begin, end))
    at = 0
    for begin, end in sorted(spans):
        if begin != at:
            raise EncoderError(f"{path}: the arrays leave a hole or overlap at byte {min(at, begin)}")
        at = end
    if at != n_bytes:
        raise EncoderError(f"{path}: the arrays end at byte {at} of {n_bytes}: the file is truncated or too long")


def _counts(value: Any) -> list[int] | None:
    """``value`` where it is a list of whole numbers of at least 0."""
    good = isinstance(value, list) and all(type(number) is int and 0 <= number < 1 << 62 for number in value)
    return value if good else None


def write_safetensors(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Writes the arrays, in their order, whole or not at all. Raises InputError for a dtype that it has no name for."""
    header, at = {}, 0
    for name, array in arrays.items():
        if array.dtype not in NAMES:
            raise InputError(f"array {name!r} is {array.dtype}; safetensors as written here holds {', '.join(DTYPES)}")
        header[name] = {
            "dtype": NAMES[array.dtype], "shape": list(array.shape), "data_offsets": [at, at + array.nbytes]
        }  # fmt: skip
        at += array.nbytes
    packed = json.dumps(header).encode()
    packed += b" " * (-len(packed) % 8)
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with beside.open("wb") as file:
            file.write(len(packed).to_bytes(8, "little") + packed)
            for array in arrays.values():
                file.write(np.ascontiguousarray(array, array.dtype.newbyteorder("<")).tobytes())
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
