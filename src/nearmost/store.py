"""The one file of an index: named arrays behind a checked header. docs/format.md is the norm that this mirrors.

Only this module knows the bytes. Writing is all or nothing; reading maps the file and copies nothing.
"""

from __future__ import annotations

import contextlib
import fcntl
import glob
import io
import json
import math
import mmap
import os
import secrets
import stat
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from nearmost import _core
from nearmost.errors import DamagedFileError, InputError, NewerFormatError, NotAnIndexError

MAGIC = b"\x89NEARM\r\n\x1a\n\0\1"
"""A high byte, a CR LF, a Ctrl-Z and a lone LF: a copy in text mode breaks at least one of them."""
MAJOR, MINOR = 1, 0
PREAMBLE = struct.Struct("<12sHHQQII")
"""magic, major, minor, file length, JSON length, CRC32C of the JSON, CRC32C of the 36 bytes before it."""
ALIGNMENT = 64
MOST_JSON = 1 << 24
MOST_SECTIONS = 1024
CHUNK = 1 << 24  # bytes written or checksummed at a time
NUMBERS = ("uint8", "int8", "uint32", "uint64", "int64", "float16", "float32", "float64")
DTYPES = {name: np.dtype(name).newbyteorder("<") for name in NUMBERS}

Arrays = Mapping[str, NDArray[Any]]
Verify = Literal["header", "full"]


@dataclass(frozen=True, slots=True)
class Stored:
    """What a file holds: the caller's header, the arrays (read-only views of the map), and its length in bytes."""

    header: dict[str, Any]
    arrays: dict[str, NDArray[Any]]
    n_bytes: int
    checksum: int
    """CRC32C of the header, which holds every section's checksum: equal checksums, equal files."""


def write(path: str | os.PathLike[str], header: Mapping[str, Any], arrays: Arrays) -> int:
    """Writes the file whole or not at all, and returns its header checksum.

    The bytes go to a temporary file in the same folder, which is synced and then renamed over ``path``, and the
    folder is synced: at any moment a reader finds the old file or the new one, with the old one's permissions. Raises
    OSError where the disk says no: the old file is then untouched and the temporary one is removed, unless it was the
    very last step, syncing the folder, that failed; then the new file is there and may not survive a power cut.
    """
    layout, sections = _layout(header, arrays)
    with replacing(path) as file:
        _write_all(file.fileno(), layout)
        position = len(layout)
        for offset, array in sections:
            _write_all(file.fileno(), bytes(offset - position))
            _write_all(file.fileno(), array.reshape(-1).view(np.uint8).data)
            position = offset + array.nbytes
    return int(PREAMBLE.unpack_from(layout)[5])


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[io.FileIO]:
    """A new file that takes this path's place when the block ends, and is gone where the block fails; see ``write``."""
    target = Path(os.path.realpath(path))
    if target.is_dir():
        raise InputError(f"{target} is a folder; an index is one file, such as {target / 'index.nearmost'}")
    if target.exists() and not target.is_file():
        raise InputError(f"{target} is a device or a pipe; wanted a plain file")
    if not target.parent.is_dir():
        raise InputError(f"there is no folder {str(target.parent)!r} to write {target.name} to; make it first")
    sweep(target)
    handle, temporary = _claim(target)
    try:
        with open(handle, "wb", buffering=0) as file:
            if target.exists():
                os.fchmod(handle, stat.S_IMODE(target.stat().st_mode))
            yield file
            os.fsync(handle)
            os.rename(temporary, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    _sync_folder(target.parent)


def read(path: str | os.PathLike[str], verify: Verify = "header") -> Stored:
    """Maps the file and checks its header; with ``verify="full"`` every section's checksum too.

    The arrays are views of the map, so opening costs the same whatever the size, and processes that read one file
    share its pages. Raises FormatError, saying what was found, for anything but a sound nearmost file.
    """
    if verify not in ("header", "full"):
        raise InputError(f'verify is {verify!r}; it must be "header" or "full"')
    with open(path, "rb", opener=_open_at_once) as file:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode):
            raise NotAnIndexError(f"{path} is a device or a pipe, not a file")
        length = found.st_size
        if length < PREAMBLE.size:
            raise NotAnIndexError(f"{path} is {length} bytes long; a nearmost file has at least {PREAMBLE.size}")
        mapped = mmap.mmap(file.fileno(), length, access=mmap.ACCESS_READ)
    whole: NDArray[np.uint8] = np.frombuffer(mapped, dtype=np.uint8)
    header, checksum = _read_header(str(path), whole)
    sections = header.pop("sections")
    arrays: dict[str, NDArray[Any]] = {}
    for name, dtype, shape, offset, crc, start in sections:
        stop = offset + _n_bytes(dtype, shape)
        if verify == "full":
            if whole[start:offset].any():
                raise DamagedFileError(f"{path}: the padding before section {name!r} is not zero: the file was altered")
            if _crc(whole[offset:stop]) != crc:
                raise DamagedFileError(f"{path}: section {name!r} does not match its checksum: the file was altered")
        arrays[name] = whole[offset:stop].view(DTYPES[dtype]).reshape(shape)
    return Stored(header, arrays, length, checksum)


def sweep(target: Path) -> None:
    """Removes what killed saves of this very file left behind: a save under way holds a lock on its own."""
    for leftover in target.parent.glob(f".{glob.escape(target.name)}.*.partial"):
        with contextlib.suppress(OSError), open(leftover, "rb", opener=_open_at_once) as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            leftover.unlink()


def _claim(target: Path) -> tuple[int, Path]:
    """A new locked file beside the target: its handle and its path."""
    while True:
        path = target.parent / f".{target.name}.{secrets.token_hex(8)}.partial"
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            if os.fstat(handle).st_nlink > 0:  # else another save swept it away before the lock was ours
                return handle, path
        except BaseException:
            os.close(handle)
            with contextlib.suppress(OSError):
                os.unlink(path)
            raise
        os.close(handle)


def _layout(header: Mapping[str, Any], arrays: Arrays) -> tuple[bytes, list[tuple[int, NDArray[Any]]]]:
    """The bytes up to the first section, and the sections with their offsets."""
    ready: list[NDArray[Any]] = []
    table: list[dict[str, Any]] = []
    for name, array in arrays.items():
        array = np.asarray(array, order="C")  # np.ascontiguousarray would give a bare number an axis
        if array.dtype.name not in DTYPES:
            raise InputError(f"section {name!r} holds {array.dtype}; a file can hold {', '.join(DTYPES)}")
        array = array.astype(DTYPES[array.dtype.name], copy=False)
        ready.append(array)
        crc = _crc(array.reshape(-1).view(np.uint8))
        table.append({"name": name, "dtype": array.dtype.name, "shape": list(array.shape), "crc32c": crc})
    relative = 0  # offsets count from the end of the header, so that its own length does not depend on them
    for entry, array in zip(table, ready, strict=True):
        entry["offset"] = relative
        relative = _aligned(relative + array.nbytes)
    text = json.dumps({**header, "sections": table}, ensure_ascii=False, sort_keys=True, allow_nan=False).encode()
    if len(text) > MOST_JSON or len(table) > MOST_SECTIONS:
        raise InputError(f"the header takes {len(text)} bytes for {len(table)} sections; a file cannot have that many")
    base = _aligned(PREAMBLE.size + len(text))
    total = base + (table[-1]["offset"] + ready[-1].nbytes if ready else 0)
    start = PREAMBLE.pack(MAGIC, MAJOR, MINOR, total, len(text), _crc_bytes(text), 0)[:-4]
    layout = start + struct.pack("<I", _crc_bytes(start)) + text
    layout += b"\0" * (base - len(layout))
    return layout, [(base + entry["offset"], array) for entry, array in zip(table, ready, strict=True)]


def _read_header(path: str, whole: NDArray[np.uint8]) -> tuple[dict[str, Any], int]:
    raw = whole[: PREAMBLE.size].tobytes()
    magic, major, minor, length, json_length, json_crc, crc = PREAMBLE.unpack(raw)
    if magic != MAGIC:
        mangled = magic[1:6] == MAGIC[1:6]
        why = "it was altered, perhaps by a copy in text mode" if mangled else f"it starts with {magic[:8]!r}"
        raise NotAnIndexError(f"{path} is not a nearmost file: {why}")
    if crc != _crc_bytes(raw[:-4]):
        raise DamagedFileError(f"{path}: the first {PREAMBLE.size} bytes do not match their checksum: it was altered")
    if major > MAJOR:
        raise NewerFormatError(
            f"{path} has format {major}.{minor}; this nearmost reads up to {MAJOR}.{MINOR}: install a newer one"
        )
    if length != len(whole):
        raise DamagedFileError(f"{path} is {len(whole)} bytes long and should be {length}: it was cut or added to")
    if json_length > min(MOST_JSON, length - PREAMBLE.size):
        raise DamagedFileError(f"{path}: its header claims {json_length} bytes: the file was altered")
    text = whole[PREAMBLE.size : PREAMBLE.size + json_length].tobytes()
    if _crc_bytes(text) != json_crc:
        raise DamagedFileError(f"{path}: the header does not match its checksum: the file was altered")
    try:
        header = json.loads(text.decode(), parse_int=_int64)
        json.dumps(header, ensure_ascii=False, allow_nan=False).encode()  # refuses what write would refuse
        sections = _check_sections(header["sections"], PREAMBLE.size + json_length, length)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise DamagedFileError(f"{path}: the header is not what it must be ({error}): the file was altered") from None
    header["sections"] = sections
    return header, json_crc


def _check_sections(table: Any, header_end: int, length: int) -> list[tuple[str, str, list[int], int, int, int]]:
    """(name, dtype, shape, offset, crc32c, where its padding starts) of each section, which must tile the file."""
    if not isinstance(table, list) or len(table) > MOST_SECTIONS:
        raise ValueError("sections is not a list of at most 1024")
    base = position = _aligned(header_end)
    start, names, checked = header_end, set(), []
    for entry in table:
        name, dtype, shape = entry["name"], entry["dtype"], entry["shape"]
        offset, crc = entry["offset"], entry["crc32c"]
        if not isinstance(name, str) or name in names or dtype not in DTYPES or not isinstance(shape, list):
            raise ValueError(f"section {name!r:.50} has no good name, dtype or shape")
        if len(shape) > 8 or any(type(n) is not int or n < 0 for n in (*shape, offset, crc)):
            raise ValueError(f"section {name!r:.50} has a number out of range")
        if math.prod(max(1, n) for n in shape) * DTYPES[dtype].itemsize >= 1 << 63:  # NumPy's limit, empty or not
            raise ValueError(f"section {name!r:.50} has a shape out of range")
        if base + offset != position or position + _n_bytes(dtype, shape) > length:
            raise ValueError(f"section {name!r:.50} leaves a hole, overlaps another or ends past the file")
        names.add(name)
        checked.append((name, dtype, shape, position, crc, start))
        start = position + _n_bytes(dtype, shape)
        position = _aligned(start)
    end = start if table else base
    if end != length:
        raise ValueError(f"the last section ends at {end} and the file at {length}")
    return checked


def _n_bytes(dtype: str, shape: list[int]) -> int:
    return math.prod(shape) * DTYPES[dtype].itemsize


def _int64(digits: str) -> int:
    number = int(digits)
    if not -(1 << 63) <= number < 1 << 63:
        raise ValueError(f"{digits:.30} does not fit into 64 bits")
    return number


def _aligned(position: int) -> int:
    return -(-position // ALIGNMENT) * ALIGNMENT


def _crc(array: NDArray[np.uint8]) -> int:
    crc = 0
    for start in range(0, len(array), CHUNK):
        crc = _core.crc32c(array[start : start + CHUNK], crc)
    return crc


def _crc_bytes(data: bytes) -> int:
    return _core.crc32c(np.frombuffer(data, dtype=np.uint8), 0)


def _open_at_once(path: str, flags: int) -> int:
    """Opens without waiting for a writer, as a pipe of this name would make us."""
    return os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC)


def _write_all(handle: int, data: bytes | memoryview) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(handle, view[:CHUNK]) :]


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
