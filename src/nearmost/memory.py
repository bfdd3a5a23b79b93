"""Where the arrays of an index are made: in memory, or in a file that vanishes, for builds larger than memory."""

from __future__ import annotations

import math
import mmap
import os
import tempfile
from collections.abc import Callable
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from nearmost.errors import InputError

CACHE_LINE = 64

Allocate = Callable[[tuple[int, ...], Any], NDArray[Any]]
"""(shape, dtype) -> an array to be filled."""


def aligned(shape: tuple[int, ...], dtype: Any = np.float32) -> NDArray[Any]:
    """An empty array that starts on a cache line, as the sections of a mapped file do."""
    kind = np.dtype(dtype)
    room = np.empty(math.prod(shape) * kind.itemsize + CACHE_LINE - 1, dtype=np.uint8)
    start = -room.ctypes.data % CACHE_LINE
    made: NDArray[Any] = room[start : len(room) - (CACHE_LINE - 1 - start)].view(kind).reshape(shape)
    return made


def let_go(array: NDArray[Any]) -> None:
    """Gives back the memory that the pages of a mapped array take: they are read again when they are wanted.

    Nothing for an array in memory, or in a map that can be written to.
    """
    while isinstance(array, np.ndarray) and not isinstance(array, np.memmap):
        array = array.base  # type: ignore[assignment]
    if isinstance(array, np.memmap) and array.mode == "r" and hasattr(mmap, "MADV_DONTNEED"):
        array._mmap.madvise(mmap.MADV_DONTNEED)  # type: ignore[attr-defined]


def nameless(folder: str | os.PathLike[str] | None) -> IO[bytes]:
    """A file of this folder, or of the system's own for such files, that is gone once nobody uses it."""
    try:
        return tempfile.TemporaryFile(dir=folder)
    except OSError as error:
        raise InputError(f"scratch={os.fspath(folder or tempfile.gettempdir())!r} cannot be used: {error}") from None


def on_disk(folder: str | os.PathLike[str] | None) -> Allocate:
    """Arrays of zeros in files of this folder that have no name: they are gone with the last array that uses them."""

    def allocate(shape: tuple[int, ...], dtype: Any = np.float32) -> NDArray[Any]:
        kind = np.dtype(dtype)
        size = math.prod(shape) * kind.itemsize
        with nameless(folder) as file:
            file.truncate(max(1, size))
            mapped = mmap.mmap(file.fileno(), max(1, size))
        return np.frombuffer(mapped, dtype=kind, count=math.prod(shape)).reshape(shape)

    return allocate
