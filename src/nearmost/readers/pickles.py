"""What a pickle of vectors may hold: a dictionary, vectors with their labels, or gensim's KeyedVectors and models."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nearmost.errors import ReadError
from nearmost.readers.arrays import npy_vectors, npz_vectors
from nearmost.readers.blocks import whole
from nearmost.readers.sources import Source
from nearmost.readers.stack import Made
from nearmost.readers.unpickle import plain, unpickled

ROWS = ("vectors", "embeddings", "rows", "syn0")
KEYS = ("keys", "labels", "words", "index_to_key", "index2word", "index2entity", "vocab", "tokens")
WANTED = "wanted a dictionary of words and vectors, a pair of vectors and labels, or gensim's KeyedVectors"


def pickle_vectors(source: Source, vector: str, limit: int | None) -> tuple[NDArray[Any], list[str] | None]:
    """The rows and keys of a pickle, read without unpickling: nothing in it is imported or called."""
    data = whole(source).tobytes()
    value = plain(unpickled(data, source.name))
    if isinstance(value, Made):
        rows, keys = _model(source, value, vector, source.name)
    elif isinstance(value, dict):
        rows, keys = _dictionary(source, value, len(data))
    elif isinstance(value, tuple | list) and len(value) == 2:
        rows, keys = _pair(source, plain(value[0]), plain(value[1]), len(data))
    elif isinstance(value, np.ndarray | list):
        rows, keys = _rows(source, value, len(data)), None
    else:
        raise ReadError(f"{source.name}: holds a {type(value).__name__}; {WANTED}")
    return rows[:limit], None if keys is None else keys[:limit]


def _dictionary(source: Source, found: dict[Any, Any], n_bytes: int) -> tuple[NDArray[Any], list[str]]:
    rows = next((plain(found[name]) for name in ROWS if name in found), None)
    keys = next((plain(found[name]) for name in KEYS if name in found), None)
    if rows is not None and keys is not None and np.ndim(rows) == 2 and len(found) < len(rows):
        return _pair(source, rows, keys, n_bytes)
    return _rows(source, [plain(row) for row in found.values()], n_bytes), [_key(source, key) for key in found]


def _pair(source: Source, one: Any, other: Any, n_bytes: int) -> tuple[NDArray[Any], list[str]]:
    if _is_keys(one):
        one, other = other, one
    if not _is_keys(other):
        raise ReadError(f"{source.name}: holds two values, and neither is a list of words; {WANTED}")
    return _rows(source, one, n_bytes), [_key(source, key) for key in np.asarray(other, dtype=object).tolist()]


def _is_keys(value: Any) -> bool:
    if isinstance(value, np.ndarray):
        return value.ndim == 1
    return isinstance(value, list | tuple) and all(isinstance(key, str | bytes | int) for key in value)


def _rows(source: Source, value: Any, n_bytes: int) -> NDArray[Any]:
    """Rows of one length from an array or a list of arrays or of lists of numbers."""
    if isinstance(value, np.ndarray) and value.ndim == 2 and value.dtype.kind in "fiub" and value.shape[1]:
        return value
    if not isinstance(value, list | tuple | np.ndarray) or len(value) == 0:
        raise ReadError(f"{source.name}: holds no rows of numbers; {WANTED}")
    dim = -1
    for row, given in enumerate(value, 1):
        given = plain(given)
        if not _is_row(given):
            raise ReadError(f"{source.name}: row {row} is a {type(given).__name__}, not a list of numbers; {WANTED}")
        dim = len(given) if dim < 0 else dim
        if len(given) != dim or dim == 0:
            raise ReadError(f"{source.name}: row {row} holds {len(given)} numbers, row 1 {dim}; all must be equal")
    if len(value) * dim > n_bytes:
        raise ReadError(f"{source.name}: asks for {len(value) * dim:,} numbers and has {n_bytes:,} bytes; not read")
    rows = np.empty((len(value), dim), dtype=np.float32)
    with np.errstate(over="ignore"):  # what becomes infinite is refused where Vectors are made
        for row, given in enumerate(value):
            rows[row] = plain(given)
    return rows


def _is_row(value: Any) -> bool:
    if isinstance(value, np.ndarray):
        return value.ndim == 1 and value.dtype.kind in "fiub"
    return isinstance(value, list | tuple) and all(type(number) in (float, int) for number in value)


def _key(source: Source, key: Any) -> str:
    if isinstance(key, bytes):
        try:
            return key.decode()
        except UnicodeDecodeError as error:
            raise ReadError(f"{source.name}: the key {key!r:.40} is not UTF-8") from error
    if isinstance(key, str | int) and not isinstance(key, bool):
        return str(key)
    raise ReadError(f"{source.name}: a key is a {type(key).__name__} {key!r:.40}; wanted a string or a number")


def _model(source: Source, made: Made, vector: str, path: str) -> tuple[NDArray[Any], list[str]]:
    """gensim's KeyedVectors, or those in a model: large arrays lie beside the pickle, as PATH.vectors.npy."""
    state = made.state
    if not made.name.module.startswith("gensim") or not isinstance(state, dict):
        raise ReadError(f"{source.name}: holds a {made.name.module}.{made.name.name}; {WANTED}")
    inner = vector if vector != "vector" else "wv"
    if isinstance(state.get(inner), Made):
        return _model(source, state[inner], "vector", f"{path}.{inner}")
    keys = next((plain(state[name]) for name in KEYS if state.get(name) is not None), None)
    rows = next((plain(state[name]) for name in ROWS if state.get(name) is not None), None)
    if rows is None:
        beside = plain(state.get("__numpys")) or []
        name = next((name for name in ROWS if name in beside), None)
        if name is None:
            raise ReadError(
                f"{source.name}: this {made.name.name} keeps no vector a word (fastText's are put together when it is "
                "loaded): write them out with wv.save_word2vec_format(path, binary=True)"
            )
        rows = _beside(source, f"{path}.{name}")
    if not _is_keys(keys) or not isinstance(rows, np.ndarray) or rows.ndim != 2:
        raise ReadError(f"{source.name}: this {made.name.name} holds no words and vectors; {WANTED}")
    return rows, [_key(source, key) for key in np.asarray(keys, dtype=object).tolist()]


def _beside(source: Source, path: str) -> NDArray[Any]:
    if os.path.exists(f"{path}.npy"):
        return npy_vectors(f"{path}.npy", mmap=True)
    if os.path.exists(f"{path}.npz"):
        return npz_vectors(f"{path}.npz", "val", "key")[0]
    raise ReadError(
        f"{source.name}: its vectors lie in {os.path.basename(path)}.npy, which is not beside it; gensim writes both, "
        "and both are needed"
    )
