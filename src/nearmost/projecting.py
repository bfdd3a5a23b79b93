"""Projections made: at random, from the rows, or by a cut; and the one that a short spec names."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nearmost.errors import InputError, NotFiniteError
from nearmost.metrics import Metric
from nearmost.projection import Projection, table
from nearmost.rows import Rows
from nearmost.values import Vectors

SAMPLE = 50_000
"""Rows that principal components are learnt from."""
PART = 4096


def GaussianProjection(dim_in: int, dim_out: int, seed: int = 0) -> Projection:  # noqa: N802
    """A random matrix of normal numbers with variance 1 / dim_out, which keeps lengths and products on the average.

    Johnson and Lindenstrauss 1984, as in Dasgupta and Gupta 2003, "An Elementary Proof of a Theorem of Johnson and
    Lindenstrauss": it needs no look at the rows, and ``min_dim`` tells how many columns a wanted error takes.
    """
    _require(dim_in, dim_out)
    weight = np.random.default_rng(seed).standard_normal((dim_in, dim_out), dtype=np.float32)
    return Projection((("gaussian", {"weight": weight / np.float32(math.sqrt(dim_out))}),))


def SparseProjection(dim_in: int, dim_out: int, seed: int = 0, density: float | None = None) -> Projection:  # noqa: N802
    """A random matrix that is mostly zero: as ``GaussianProjection``, with numbers that need no multiplication.

    ``density`` is the share of numbers that are not zero, 1 / sqrt(dim_in) unless given: Li, Hastie and Church 2006,
    "Very Sparse Random Projections"; Achlioptas 2003 has 1/3.
    """
    _require(dim_in, dim_out)
    density = 1 / math.sqrt(dim_in) if density is None else density
    if not 0 < density <= 1:
        raise InputError(f"density is {density}; it must lie above 0 and at most at 1")
    rng = np.random.default_rng(seed)
    signs = rng.choice(np.array([-1, 1], np.float32), (dim_in, dim_out))
    used = rng.random((dim_in, dim_out)) < density
    return Projection((("sparse", {"weight": signs * used * np.float32(1 / math.sqrt(density * dim_out))}),))


class PCAProjection:
    """Projections to the directions along which given rows spread most."""

    @staticmethod
    def fit(rows: ArrayLike | Rows | Vectors, dim_out: int, *, center: bool = True, seed: int = 0) -> Projection:
        """The first principal components of these rows, (n, dim), or of 50,000 of them drawn by ``seed``.

        With ``center=False`` the mean is not taken away first (a truncated SVD): what keeps products, and so cosine
        and dot, as well as so few columns can (Eckart and Young 1936). Raises InputError where dim_out exceeds dim.
        """
        given = table(rows)
        dim = given.dim if isinstance(given, Rows) else given.shape[1]
        _require(dim, dim_out)
        if dim_out > dim or not len(given):
            raise InputError(f"{len(given)} rows of dim {dim} have no {dim_out} principal components; ask for fewer")
        taken = np.arange(len(given))
        if len(taken) > SAMPLE:
            taken = np.sort(np.random.default_rng(seed).choice(len(taken), SAMPLE, replace=False))
        sums, products = np.zeros(dim), np.zeros((dim, dim))
        for start in range(0, len(taken), PART):
            which = taken[start : start + PART]
            part = (given.floats(which) if isinstance(given, Rows) else given[which]).astype(np.float64)
            sums += part.sum(axis=0)
            products += part.T @ part
        if not np.isfinite(products).all():
            raise NotFiniteError("the rows hold NaN, infinity, or numbers too large; every value must be finite")
        mean = sums / len(taken)
        if center:
            products -= len(taken) * np.outer(mean, mean)
        axes = np.linalg.eigh(products)[1][:, ::-1][:, :dim_out]
        axes *= np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(dim_out)])  # eigenvectors have no sign of their own
        arrays = {"weight": axes.astype(np.float32)}
        return Projection((("pca", {**arrays, "mean": mean.astype(np.float32)} if center else arrays),))


def truncate(dim_out: int) -> Projection:
    """The first columns alone, brought to length 1: what models that were trained as Matryoshka allow.

    Kusupati et al. 2022, "Matryoshka Representation Learning". Of other models the first columns mean little.
    """
    _require(dim_out, dim_out)
    return Projection((("truncate", {"kept": np.array([dim_out])}), ("unit", {"length": np.ones(1, np.float32)})))


def min_dim(n: int, eps: float = 0.1) -> int:
    """Columns from which on a random projection keeps all distances among n rows within a factor of 1 +- eps.

    4 ln n / (eps^2 / 2 - eps^3 / 3), of Dasgupta and Gupta 2003: a promise for the worst case, and large.
    """
    if n < 1 or not 0 < eps < 1:
        raise InputError(f"n is {n}, eps {eps}; n must be 1 at least, and eps lie between 0 and 1")
    return int(4 * math.log(n) / (eps**2 / 2 - eps**3 / 3))


def require_projection(given: Projection | str | os.PathLike[str] | int, dim: int, metric: Metric) -> None:
    """Raises, before there is any row, what projecting rows of ``dim`` columns would raise; 0 where it is not known."""
    if metric.name == "hamming":
        raise InputError("a projection makes numbers of bits, which hamming cannot compare; build without it")
    meant = _meant(given)
    if isinstance(meant, Projection):
        meant.dim_of(dim)
        return
    name, dim_out = meant
    _require(dim or 1, dim_out)
    if name in ("", "pca") and 0 < dim < dim_out:
        raise InputError(f"rows of dim {dim} have no {dim_out} principal components; ask for fewer")


def projections_for(
    given: Projection | str | os.PathLike[str] | int, rows: Rows | NDArray[Any], *, center: bool, seed: int
) -> list[Projection]:
    """What may be meant: the projection itself, one of a spec such as "gaussian:64" or of a file; of a number, two.

    A number of columns alone may be principal components or a random matrix, and which of them loses less is up to the
    rows. Raises InputError, saying what there is, for anything else.
    """
    meant = _meant(given)
    if isinstance(meant, Projection):
        return [meant]
    name, dim_out = meant
    dim = rows.dim if isinstance(rows, Rows) else rows.shape[1]
    if name == "sparse":
        return [SparseProjection(dim, dim_out, seed)]
    made = [] if name == "gaussian" else [PCAProjection.fit(rows, dim_out, center=center, seed=seed)]
    return made if name == "pca" else [*made, GaussianProjection(dim, dim_out, seed)]


def _meant(given: Projection | str | os.PathLike[str] | int) -> Projection | tuple[str, int]:
    """The projection that is given or named, or, where it takes a look at the rows, its name and columns."""
    if isinstance(given, Projection):
        return given
    if isinstance(given, str | os.PathLike) and Path(given).is_file():
        return Projection.load(given)
    name, _, number = str(given).rpartition(":")
    if not number.isascii() or not number.isdecimal() or name not in ("", "pca", "gaussian", "sparse", "truncate"):
        said = os.fspath(given) if isinstance(given, os.PathLike) else given
        raise InputError(
            f"projection is {said!r}; it must be a number of columns, pca:N, gaussian:N, sparse:N, truncate:N, "
            "a Projection, or a file that one was saved to"
        )
    return truncate(int(number)) if name == "truncate" else (name, int(number))


def _require(dim_in: int, dim_out: int) -> None:
    for dim in (dim_in, dim_out):
        if not isinstance(dim, int | np.integer):
            raise InputError(
                f"a projection to {dim!r:.40} columns, or from so many, was asked for; wanted whole numbers"
            )
    if dim_in < 1 or dim_out < 1:
        raise InputError(f"a projection from {dim_in} to {dim_out} columns was asked for; both must be 1 at least")
