"""NumPy's own files, .npy and .npz, without ever unpickling."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nearmost.errors import ReadError

PICKLED = ("Object arrays cannot be loaded", "Python objects in dtype")  # how np.load says it


def npy_vectors(name: str, mmap: bool, held: io.BytesIO | None = None) -> NDArray[Any]:
    """The array of a .npy file, mapped read-only if ``mmap``; anything but 2-D numbers is a ReadError.

    ``held`` are its bytes, where the file itself is compressed.
    """
    with open(name, "rb") if held is None else contextlib.nullcontext(held) as file:
        head = file.read(6)
    if head != b"\x93NUMPY":
        raise ReadError(f"{name}: is not a .npy file (it starts with {head!r}); wanted what np.save writes")
    with _refusing(name, "the array"):
        # an empty array cannot be mapped, and a small one need not be
        if held is None:
            array = np.load(name, mmap_mode="r" if mmap else None, allow_pickle=False)
        else:
            held.seek(0)
            array = np.load(held, allow_pickle=False)
    return _numbers(array, name, "the array")


def npz_vectors(name: str, vector: str, key: str) -> tuple[NDArray[Any], list[str] | None]:
    """The rows and, if there are any, the keys of a .npz file."""
    with _refusing(name, "the file"), open(name, "rb") as file:
        arrays = np.load(file, allow_pickle=False)
        if not isinstance(arrays, np.lib.npyio.NpzFile):
            raise ReadError(f"{name}: is not a .npz file; wanted what np.savez writes")
        with arrays:
            rows = matrix_among(arrays, name, vector)
            keys = _named(arrays, name, (key, "keys", "labels"))
            if keys is None and key != "key":
                raise ReadError(f"{name}: there is no array {key!r}; it holds {', '.join(arrays.files)}")
    return rows, None if keys is None else _strings(keys, name)


def matrix_among(arrays: Mapping[str, Any], name: str, vector: str) -> NDArray[Any]:
    """The array called ``vector``, "vectors" or "rows", or the only one of shape (n, dim)."""
    rows = _named(arrays, name, (vector, "vectors", "rows"))
    if rows is None:
        rows = _only_matrix(arrays, name)
    return _numbers(rows, name, "the array of vectors")


def _named(arrays: Mapping[str, Any], name: str, wanted: tuple[str, ...]) -> NDArray[Any] | None:
    """The first array with one of these names."""
    for array_name in wanted:
        if array_name in arrays:
            with _refusing(name, f"the array {array_name!r}"):
                array: NDArray[Any] = arrays[array_name]
                return array
    return None


def _only_matrix(arrays: Mapping[str, Any], name: str) -> NDArray[Any]:
    shapes = {}
    for array_name in arrays:
        with _refusing(name, f"the array {array_name!r}"):
            shapes[array_name] = arrays[array_name].shape
    matrices = [array_name for array_name, shape in shapes.items() if len(shape) == 2]
    if len(matrices) != 1:
        held = ", ".join(f"{array_name!r} {shape}" for array_name, shape in shapes.items()) or "no array"
        raise ReadError(f"{name}: holds {held}; wanted one of shape (n, dim), or say vector= which of them")
    matrix: NDArray[Any] = arrays[matrices[0]]
    return matrix


def _numbers(array: NDArray[Any], name: str, what: str) -> NDArray[Any]:
    if array.dtype.kind not in "fiub":
        raise ReadError(f"{name}: {what} holds {array.dtype}; wanted numbers")
    if array.ndim != 2 or array.shape[1] == 0:
        raise ReadError(f"{name}: {what} has shape {array.shape}; wanted (n, dim) with dim of at least 1")
    return array


def _strings(keys: NDArray[Any], name: str) -> list[str]:
    if keys.ndim != 1:
        raise ReadError(f"{name}: the array of keys has shape {keys.shape}; wanted (n,)")
    if keys.dtype.kind in "Uiu":
        return [str(key) for key in keys.tolist()]
    if keys.dtype.kind == "S":
        try:
            return [key.decode() for key in keys.tolist()]
        except UnicodeDecodeError as error:
            raise ReadError(f"{name}: a key is not UTF-8 ({error}); save keys as str") from error
    raise ReadError(f"{name}: the array of keys holds {keys.dtype}; wanted strings or whole numbers")


@contextmanager
def _refusing(name: str, what: str) -> Iterator[None]:
    """What NumPy says about a file that it cannot read, as a ReadError."""
    try:
        yield
    except ReadError:
        raise
    except (
        Exception
    ) as error:  # a damaged file makes np.load raise a dozen kinds, MemoryError and TokenError among them
        if any(said in str(error) for said in PICKLED):
            raise ReadError(
                f"{name}: {what} holds pickled Python objects, and nearmost never unpickles, since that can run code; "
                "save it as numbers or strings: array.astype(np.float32), or np.array(keys, dtype=str)"
            ) from error
        raise ReadError(f"{name}: {what} cannot be read ({error}); the file is damaged or cut short") from error
