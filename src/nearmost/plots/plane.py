"""Points of many dimensions laid in a plane."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nearmost.errors import InputError, MissingExtraError
from nearmost.values import float_rows

METHODS = {"pca": "", "tsne": "scikit-learn", "umap": "umap-learn"}
"""Ways of laying points in a plane -> the package that each needs."""


def plane(rows: ArrayLike, method: str = "pca", *, seed: int = 0) -> NDArray[np.float64]:
    """A point (x, y) for each row, float64 (n, 2).

    "pca" is the plane in which the rows, at length 1, vary most: far points are far, near ones may only seem so.
    "tsne" and "umap" keep neighbours together and tell nothing by large distances.
    """
    if method not in METHODS:
        raise InputError(f"method is {method!r}; it must be one of {', '.join(METHODS)}")
    given = float_rows(rows, "vectors").astype(np.float64)
    lengths = np.linalg.norm(given, axis=1, keepdims=True)
    unit = np.divide(given, lengths, out=np.zeros_like(given), where=lengths > 0)
    if method == "pca" or len(unit) < 4:
        return principal_plane(unit)
    try:
        if method == "tsne":
            from nearmost.plots.tsne import lay
        else:
            from nearmost.plots.umap import lay
    except ImportError as error:
        raise MissingExtraError(
            f"method {method!r} needs {METHODS[method]}, which is not installed: pip install {METHODS[method]}"
        ) from error
    return lay(unit, seed)


def principal_plane(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """The two principal components (Hotelling 1933), signs chosen so that the largest weight of each is positive."""
    centred = rows - rows.mean(axis=0)
    small = centred.T @ centred if rows.shape[0] > rows.shape[1] else centred
    axes = np.linalg.svd(small, full_matrices=False)[2][:2]
    axes *= np.sign(axes[np.arange(len(axes)), np.abs(axes).argmax(axis=1)])[:, None]
    found = np.zeros((len(rows), 2))
    found[:, : len(axes)] = centred @ axes.T
    return found
