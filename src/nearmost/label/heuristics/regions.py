"""Rules drawn around records: all within a ball of some records, or inside a lasso on a map."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nearmost.errors import InputError, ShapeError
from nearmost.label.votes.arrays import Floats


def ball(vectors: NDArray[np.float32], records: ArrayLike, radius: float | None = None) -> NDArray[np.bool_]:
    """(n_records,): whether a record lies within ``radius`` of the middle of these records.

    Everything is on the unit sphere: the middle is their mean direction, the distance 1 - cosine. Without a radius it
    is that of the farthest of the records themselves.
    """
    chosen = np.unique(np.asarray(records, dtype=np.int64))
    if not len(chosen) or chosen[0] < 0 or chosen[-1] >= len(vectors):
        raise InputError(f"a ball wants at least one record, with numbers from 0 to {len(vectors) - 1}")
    lengths = np.linalg.norm(vectors, axis=1)
    units = np.divide(vectors, lengths[:, None], out=np.zeros_like(vectors), where=lengths[:, None] > 0)
    middle = units[chosen].mean(axis=0, dtype=np.float64)
    size = float(np.linalg.norm(middle))
    if size < 1e-9:
        raise InputError("these records point in opposite directions, so that they have no middle; choose others")
    distance = 1 - units @ (middle / size)
    reach = float(distance[chosen].max()) if radius is None else float(radius)
    return np.asarray((distance <= reach + 1e-9) & (lengths > 0))


def inside(points: ArrayLike, polygon: ArrayLike) -> NDArray[np.bool_]:
    """(n,): whether each point (n, 2) lies inside the polygon (m, 2), whose last corner is joined to its first.

    Even-odd: what a line that crosses itself goes round twice is outside (Shimrat 1962). A point that is not a
    number is outside.
    """
    at: Floats = np.asarray(points, dtype=np.float64)
    corners: Floats = np.asarray(polygon, dtype=np.float64)
    if at.ndim != 2 or at.shape[1] != 2:
        raise ShapeError(f"points have shape {at.shape}; they must have shape (n, 2)")
    if corners.ndim != 2 or corners.shape[1] != 2 or len(corners) < 3 or not np.isfinite(corners).all():
        raise ShapeError(f"a lasso has shape {corners.shape}; it must have at least 3 corners of 2 finite numbers")
    found = np.zeros(len(at), dtype=bool)
    x, y = at.T
    for (x0, y0), (x1, y1) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        if y0 == y1:
            continue
        crosses = (y0 > y) != (y1 > y)
        with np.errstate(invalid="ignore", over="ignore"):
            found ^= crosses & (x < (x1 - x0) * (y - y0) / (y1 - y0) + x0)
    return found & np.isfinite(at).all(axis=1)
