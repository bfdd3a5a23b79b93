"""What people search with, as rows: one vector or many, one text or several."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nearmost import _core
from nearmost.errors import InputError, ShapeError
from nearmost.strings import Names
from nearmost.values import float_rows

Encode = Callable[[Sequence[str]], NDArray[np.float32]]


def query_rows(queries: Any, dim: int, made: str, encode: Encode) -> tuple[NDArray[np.float32], bool]:
    """The queries as finite float32 (q, dim), and whether a single one was given.

    ``queries`` is a vector (dim,), vectors (q, dim), a text or a list of texts, which ``encode`` turns into vectors.
    ``made`` says in a ShapeError what the dim comes from.
    """
    if type(queries) is np.ndarray and queries.dtype == np.float32 and queries.shape == (dim,):
        one = np.ascontiguousarray(queries)
        if _core.all_finite(one):  # what comes most often takes the shortest way
            return one[None], True
    if isinstance(queries, str):
        return _fitting(encode([queries]), dim, made), True
    if not isinstance(queries, Sequence):
        queries = np.atleast_1d(np.asarray(queries))
    if len(queries) == 0:
        return np.empty((0, dim), dtype=np.float32), False
    if are_texts(queries):
        return _fitting(encode(queries), dim, made), False
    single = np.ndim(queries[0]) == 0
    return _fitting([queries] if single else queries, dim, made), single


def are_texts(queries: Any) -> bool:
    """Whether this is a text or a list of texts."""
    return isinstance(queries, str) or (
        isinstance(queries, Sequence) and len(queries) > 0 and all(isinstance(query, str) for query in queries)
    )


def own_rows(given: Any, n_queries: int, keys: Names) -> NDArray[np.int64]:
    """The row that each query is: from row numbers or keys, one for each query."""
    if isinstance(given, str) or np.ndim(given) == 0:
        given = [given]
    rows = [keys.row(own) if isinstance(own, str) else whole(own, "leave_out", 0) for own in np.asarray(given).tolist()]
    if len(rows) != n_queries:
        raise ShapeError(f"leave_out names {len(rows)} rows for {n_queries} queries; there must be one for each")
    return np.array(rows, dtype=np.int64)


def whole(number: Any, name: str, least: int) -> int:
    """``number`` as an int. Raises InputError for anything but a whole number from ``least`` to 2^31 - 1."""
    if type(number) is int and least <= number < 1 << 31:
        return number
    if isinstance(number, bool) or not isinstance(number, int | np.integer) or not least <= number < 1 << 31:
        raise InputError(f"{name} is {number!r}; it must be a whole number of at least {least}")
    return int(number)


def _fitting(queries: Any, dim: int, made: str) -> NDArray[np.float32]:
    rows = float_rows(queries, "queries")
    if rows.shape[1] != dim:
        raise ShapeError(f"queries have dim {rows.shape[1]}, the index has dim {dim}{made}")
    return rows
