"""Arguments as Annoy takes them: what is accepted, and which error says that it is not."""

from __future__ import annotations

from array import array
from operator import index as whole
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nearmost.errors import ItemError

INT32 = range(-(1 << 31), 1 << 31)


def int32(number: Any) -> int:
    """An int of 32 bits, from anything with __index__. Raises TypeError or OverflowError."""
    value = whole(number)
    if value not in INT32:
        side, end = ("greater", "maximum") if value > 0 else ("less", "minimum")
        raise OverflowError(f"signed integer is {side} than {end}")
    return value


def item_number(number: Any, n_items: int | None) -> int:
    """The number of an item, below ``n_items`` if it is to be one that there is. Raises ItemError."""
    value = int32(number)
    if value < 0:
        raise ItemError("Item index can not be negative")
    if n_items is not None and value >= n_items:
        raise ItemError("Item index larger than the largest item index")
    return value


def float_vector(vector: Any, dim: int) -> NDArray[np.float32]:
    """A vector of this many numbers, float32, from anything that has a length and gives a number for each index."""
    if len(vector) != dim:
        raise ItemError(f"Vector has wrong length (expected {dim}, got {len(vector)})")
    plain = isinstance(vector, np.ndarray) and vector.ndim == 1 and vector.dtype.kind in "fiub"
    values = vector if plain else np.frombuffer(array("d", [vector[column] for column in range(dim)]))
    with np.errstate(over="ignore", invalid="ignore"):
        return np.array(values, np.float32)
