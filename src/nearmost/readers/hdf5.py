"""HDF5, the one place that needs h5py: ann-benchmarks' layout ("train"), or any file with one table of numbers."""

from __future__ import annotations

import io
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from nearmost.errors import ReadError
from nearmost.readers.blocks import whole
from nearmost.readers.sources import Source

ROWS = ("vectors", "train", "rows")
KEYS = ("keys", "labels", "words")


def hdf5_vectors(source: Source, vector: str, key: str, limit: int | None) -> tuple[NDArray[Any], list[str] | None]:
    """The rows of the dataset ``vector``, "vectors", "train" or "rows", or of the only table of numbers, and its keys.

    Only datasets that lie in the file itself are read: a link to another file is not followed.
    """
    try:
        held = source.name if source.is_plain_file() else io.BytesIO(whole(source).tobytes())
        with h5py.File(held, "r") as file:
            rows = _rows(source, file, vector)
            keys = _named(file, (key, *(KEYS if key == "key" else ())))
            if keys is None and key != "key":
                raise ReadError(f"{source.name}: there is no dataset {key!r}; it holds {', '.join(file) or 'nothing'}")
            array = np.asarray(rows[:limit])
            return array, None if keys is None else _strings(source, keys[:limit])
    except ReadError:
        raise
    except Exception as error:  # a damaged file makes h5py raise OSError, KeyError, RuntimeError, ValueError, ...
        raise ReadError(f"{source.name}: cannot be read as HDF5 ({error}); the file is damaged or cut short") from error


def _named(file: Any, names: tuple[str, ...]) -> Any:
    for name in names:
        if isinstance(file.get(name, getlink=True), h5py.HardLink) and isinstance(file[name], h5py.Dataset):
            found = file[name]
            if found.external is None and not found.is_virtual:  # else its bytes would come from another file
                return found
    return None


def _rows(source: Source, file: Any, vector: str) -> Any:
    found = _named(file, (vector, *(ROWS if vector == "vector" else ())))
    if found is None:
        tables = [name for name in file if (one := _named(file, (name,))) is not None and one.ndim == 2]
        if len(tables) != 1 or vector != "vector":
            held = ", ".join(repr(name) for name in file) or "nothing"
            raise ReadError(f"{source.name}: holds {held}; say vector= which of them has the rows")
        found = file[tables[0]]
    if found.ndim != 2 or found.dtype.kind not in "fiub" or found.shape[1] == 0:
        raise ReadError(f"{source.name}: dataset {found.name!r} holds {found.dtype} {found.shape}; wanted (n, dim)")
    return found


def _strings(source: Source, values: Any) -> list[str]:
    try:
        return [value.decode() if isinstance(value, bytes) else str(value) for value in np.asarray(values).tolist()]
    except UnicodeDecodeError as error:
        raise ReadError(f"{source.name}: a key is not UTF-8 ({error})") from error
