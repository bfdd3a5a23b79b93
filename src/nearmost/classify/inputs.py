"""What a classifier is given: texts, or vectors that somebody made of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nearmost.errors import InputError, NotFiniteError, ShapeError
from nearmost.values import Corpus, Vectors, text_list

Given = list[str] | NDArray[np.float32]


def read_inputs(X: Any) -> Given:
    """A list of texts, or vectors as finite float32 (n, dim).

    Texts are strings in anything that can be iterated; one column of them will do as well. Raises InputError in words
    that scikit-learn's users know.
    """
    if isinstance(X, Corpus):
        return list(X.texts)
    if isinstance(X, Vectors):
        return X.rows
    if isinstance(X, str):
        raise InputError("X is one string; it must be a list of texts: [text]")
    if hasattr(X, "toarray"):
        raise InputError("X is a sparse matrix; dense vectors (n, dim) or texts are wanted: X.toarray()")
    given = X
    if isinstance(X, Iterable) and not hasattr(X, "__array__"):
        given = list(X)
        if not given:
            raise ShapeError("X is empty: Found array with 0 sample(s) while a minimum of 1 is required.")
        if any(isinstance(one, str) for one in given):
            return text_list(given)
    array = _array(given)
    if array.dtype.kind == "U" or (array.dtype == object and any(isinstance(one, str) for one in array.flat)):
        return _texts(array)
    return _rows(array)


def _array(X: Any) -> NDArray[Any]:
    try:
        return np.asarray(X)
    except ValueError as error:
        raise ShapeError(f"X does not form a table of shape (n, dim): {error}") from None


def _texts(array: NDArray[Any]) -> list[str]:
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1:
        raise ShapeError(f"X has texts in shape {array.shape}; wanted one text an example, (n,)")
    return text_list(array.tolist())


def _rows(array: NDArray[Any]) -> NDArray[np.float32]:
    if array.dtype.kind == "c":
        raise InputError(f"X holds {array.dtype}. Complex data not supported: texts or real vectors are wanted")
    if array.ndim != 2:
        raise ShapeError(
            f"X has shape {array.shape}; wanted texts or vectors (n, dim). Reshape your data: X.reshape(1, -1) if it "
            "is one vector"
        )
    if not len(array):
        raise ShapeError(f"Found array with 0 sample(s) (shape={array.shape}) while a minimum of 1 is required.")
    if not array.shape[1]:
        raise ShapeError(f"Found array with 0 feature(s) (shape={array.shape}) while a minimum of 1 is required.")
    try:
        with np.errstate(over="ignore"):
            rows = np.ascontiguousarray(array, dtype=np.float32)
    except (TypeError, ValueError) as error:
        raise InputError(f"X holds neither texts nor numbers: {error}") from None
    if not np.isfinite(rows).all():
        row, column = (int(place[0]) for place in np.nonzero(~np.isfinite(rows)))
        raise NotFiniteError(f"X holds NaN, infinity or too large a number in row {row}, column {column}")
    return rows
