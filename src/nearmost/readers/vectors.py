"""Vectors from files, mapped into memory where their bytes are already what an index wants."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeAlias

from numpy.typing import NDArray

from nearmost.errors import InputError, MissingExtraError, ReadError, ShapeError
from nearmost.readers.arrays import npy_vectors, npz_vectors
from nearmost.readers.lines import iter_lines
from nearmost.readers.sources import Path, Source, suffix_of
from nearmost.strings import OnDuplicate
from nearmost.values import Vectors


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the caller of ``read_vectors`` asked for."""

    vector: str
    key: str
    limit: int | None
    mmap: bool


Found: TypeAlias = tuple[NDArray[Any], list[str] | None]
"""Rows (n, dim) of numbers, and the keys if the file holds them."""


def _npy(source: Source, wanted: Wanted) -> Found:
    return npy_vectors(source.name, wanted.mmap)[: wanted.limit], None


def _npz(source: Source, wanted: Wanted) -> Found:
    rows, keys = npz_vectors(source.name, wanted.vector, wanted.key)
    return rows[: wanted.limit], None if keys is None else keys[: wanted.limit]


def _parquet(source: Source, wanted: Wanted) -> Found:
    try:
        from nearmost.readers.parquet import parquet_vectors
    except ImportError as error:
        raise MissingExtraError("reading Parquet needs pyarrow: pip install 'nearmost[parquet]'") from error
    return parquet_vectors(source, wanted.vector, wanted.key, wanted.limit)


FORMATS: dict[str, Callable[[Source, Wanted], Found]] = {
    ".npy": _npy,
    ".npz": _npz,
    ".parquet": _parquet,
    ".pq": _parquet,
}
"""Who reads what, by suffix: a new format is a function in a file of its own, and a line here."""


def read_vectors(
    path: Path,
    *,
    keys: Path | Iterable[str] | None = None,
    vector: str = "vector",
    key: str = "key",
    on_duplicate: OnDuplicate = "error",
    limit: int | None = None,
    mmap: bool = True,
) -> Vectors:
    """The vectors of a file with their keys, float32 (n, dim).

    * .npy: a 2-D array of numbers. A float32 one in C order is mapped, not loaded (unless ``mmap=False``).
    * .npz: the array called ``vector``, "vectors" or "rows", or the only 2-D one; keys from the array
      called ``key``, "keys" or "labels".
    * Parquet: the column called ``vector``, or the only one that holds lists of numbers; keys from the
      column called ``key``.

    ``keys``, the path of a text file with a key a line (which may be compressed) or the keys themselves,
    overrules the file's own; without any, row i is called ``str(i)``. ``limit`` takes the first rows only.
    Nothing is ever unpickled. Raises ReadError for what cannot be read, NotFiniteError for NaN.
    """
    if limit is not None and limit < 1:
        raise InputError(f"limit is {limit}; it must be at least 1, or None for all rows")
    reader = FORMATS.get(suffix_of(path))
    if reader is None:
        known = ", ".join(FORMATS)
        raise ReadError(f"{path}: the name does not tell a format of vectors; they are read from {known}")
    source = Source(path)
    rows, own_keys = reader(source, Wanted(vector, key, limit, mmap))
    named = own_keys if keys is None else _keys(keys, limit)
    if named is not None and len(named) != len(rows):
        raise ShapeError(f"{source.name}: {len(named)} keys were given for {len(rows)} rows; there must be one a row")
    try:
        return Vectors.of(rows, named, on_duplicate=on_duplicate)
    except InputError as error:
        raise type(error)(f"{source.name}: {error}") from error


def is_vectors(path: Path) -> bool:
    """Whether ``read_vectors`` is the door for this file, and not ``read_corpus``.

    .npy and .npz are vectors by name. Parquet is looked into: it is, where a column holds lists of numbers
    and no column is called as texts are (text, title, headline, sentence, description, content).
    """
    suffix = suffix_of(path)
    if suffix not in (".parquet", ".pq"):
        return suffix in FORMATS
    source = Source(path)
    try:
        from nearmost.readers.parquet import parquet_holds_vectors
    except ImportError as error:
        raise MissingExtraError("reading Parquet needs pyarrow: pip install 'nearmost[parquet]'") from error
    return parquet_holds_vectors(source)


def _keys(keys: Path | Iterable[str], limit: int | None) -> list[str]:
    """Keys from a list, or from the lines of a file: a blank line is a key, so that rows stay in step."""
    if isinstance(keys, str) or hasattr(keys, "__fspath__"):
        found = [line.rstrip("\r\n") for _, line in iter_lines(Source(keys))]  # type: ignore[arg-type]
    else:
        found = list(keys)
    return found[:limit]
