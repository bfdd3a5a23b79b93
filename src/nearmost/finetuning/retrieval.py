"""How many of the nearest rows are of the same group, counted for fixed queries.

Rows are ranked by cosine. A query is never among its own answers. Rows with equal scores have no order of their own, so
every measure is the mean over all orders that they could have (McSherry and Najork, ECIR 2008), as scikit-learn's
``ndcg_score`` has it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nearmost.errors import InputError, ShapeError
from nearmost.values import float_rows

KS = (10, 100, 1000)
QUERIES = 500
AT_ONCE = 8_000_000
"""Scores in memory together."""
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Retrieval:
    """Measures of each query, by name: ``precision@10``, ``recall@10``, ``ndcg@10``, ``r_precision``, ``mrr``.

    A query with no other row of its group has nothing to find; it is left out, and counted in ``alone``.
    """

    queries: NDArray[np.int64]
    """Rows that were asked with."""
    groups: NDArray[np.int64]
    """The group of each of these queries."""
    values: Mapping[str, Floats]
    """Name of a measure -> its value for each query."""
    ks: tuple[int, ...]
    alone: int

    @property
    def figures(self) -> dict[str, float]:
        """The mean over the queries, by name."""
        return {name: float(values.mean()) for name, values in self.values.items()}


def codes_of(groups: Any) -> tuple[NDArray[np.int64], list[str]]:
    """The number of each row's group and the groups' names, sorted; -1 for rows whose group is None or ""."""
    if isinstance(groups, str):
        raise InputError("groups is one string; it must be a list of labels, one a row")
    given = groups.tolist() if isinstance(groups, np.ndarray) else list(groups)
    names = ["" if one is None or one != one else str(one) for one in given]
    known = sorted({*names} - {""})
    place = {name: code for code, name in enumerate(known)} | {"": -1}
    return np.array([place[name] for name in names], dtype=np.int64), known


def chosen_queries(codes: NDArray[np.int64], n: int, seed: int) -> NDArray[np.int64]:
    """n rows that have a group, drawn without replacement, in their order; all where there are not more."""
    known = np.flatnonzero(codes >= 0)
    if len(known) <= n:
        return known
    return np.sort(np.random.default_rng(seed).choice(known, n, replace=False))


def evaluate_retrieval(
    rows: ArrayLike, groups: Any, *, queries: int | ArrayLike = QUERIES, ks: Sequence[int] = KS, seed: int = 0
) -> Retrieval:
    """How well the rows of a group find each other: each query against all other rows, exactly.

    ``groups`` has a label a row; rows whose label is None or "" are found but never right. ``queries`` are row numbers,
    or how many to draw with ``seed``. ks larger than the rows that there are beside a query are left out.
    """
    array = float_rows(rows, "rows")
    codes = codes_of(groups)[0]
    if len(codes) != len(array):
        raise ShapeError(f"{len(codes)} groups were given for {len(array)} rows; there must be one a row")
    asked = chosen_queries(codes, queries, seed) if isinstance(queries, int) else np.asarray(queries, dtype=np.int64)
    return measured(array, codes, asked, ks)


def measured(
    rows: NDArray[np.float32], codes: NDArray[np.int64], asked: NDArray[np.int64], ks: Sequence[int] = KS
) -> Retrieval:
    """What ``evaluate_retrieval`` gives, of rows whose groups are numbers already; -1 is no group."""
    if len(asked) and (asked.min() < 0 or asked.max() >= len(rows)):
        raise InputError(f"queries name row {int(asked.max())} or {int(asked.min())}, and there are {len(rows)} rows")
    if any(k < 1 for k in ks):
        raise InputError(f"ks is {list(ks)}; every k must be at least 1")
    same = np.bincount(codes[codes >= 0], minlength=1)
    findable = np.where(codes[asked] >= 0, same[codes[asked]] - 1, 0)
    alone = int(np.count_nonzero(findable == 0))
    asked, findable = asked[findable > 0], findable[findable > 0]
    if len(asked) == 0:
        raise InputError("no query shares its group with another row; there is nothing to find")
    kept = tuple(sorted({k for k in ks if k < len(rows)}))
    parts: list[dict[str, Floats]] = []
    for part, scores in _scores(rows, asked):
        alike = (codes[None, :] == codes[asked[part], None]).astype(np.float64)
        scores[np.arange(len(scores)), asked[part]] = -np.inf  # its own row comes last and counts for nothing
        alike[np.arange(len(scores)), asked[part]] = 0
        parts.append(_measures(scores, alike, findable[part], kept))
    values = {name: np.concatenate([each[name] for each in parts]) for name in parts[0]}
    return Retrieval(asked, codes[asked], values, kept, alone)


def _scores(rows: NDArray[np.float32], asked: NDArray[np.int64]) -> Iterator[tuple[slice, NDArray[np.float32]]]:
    """Cosines of some queries at a time with all rows; those that differ in a float64's last bits alone are equal."""
    wide = rows.astype(np.float64)
    lengths = np.sqrt(np.einsum("ij,ij->i", wide, wide))[:, None]
    wide /= np.where(lengths > 0, lengths, 1)
    step = max(1, AT_ONCE // len(rows))
    for start in range(0, len(asked), step):
        part = slice(start, start + step)
        yield part, (wide[asked[part]] @ wide.T).astype(np.float32)


def _measures(
    scores: NDArray[np.float32], alike: Floats, findable: NDArray[np.int64], ks: tuple[int, ...]
) -> dict[str, Floats]:
    """Each measure of each query: ``alike`` (q, n) is 1 where a row is of the query's group."""
    q, n = scores.shape
    order = np.argsort(-scores, axis=1)
    ranked = np.take_along_axis(scores, order, axis=1)
    found = np.take_along_axis(alike, order, axis=1)
    first = np.ones((q, n), dtype=bool)  # of rows with equal scores
    first[:, 1:] = ranked[:, 1:] != ranked[:, :-1]
    starts = np.flatnonzero(first)
    sizes = np.diff(np.append(starts, q * n))
    shares = np.add.reduceat(found.ravel(), starts) / sizes
    expected = np.repeat(shares, sizes).reshape(q, n)
    sums = np.cumsum(expected, axis=1)
    at = np.arange(q)
    discounts = 1 / np.log2(np.arange(n) + 2)
    ideal = np.cumsum(discounts)
    values: dict[str, Floats] = {}
    for k in ks:
        values[f"precision@{k}"] = sums[:, k - 1] / k
        values[f"recall@{k}"] = sums[:, k - 1] / findable
        values[f"ndcg@{k}"] = expected[:, :k] @ discounts[:k] / ideal[np.minimum(findable, k) - 1]
    values["r_precision"] = sums[at, findable - 1] / findable
    values["mrr"] = _reciprocal_ranks(expected, sums, first)
    return values


def _reciprocal_ranks(expected: Floats, sums: Floats, first: NDArray[np.bool_]) -> Floats:
    """The mean of 1 / (place of the first right row) over the orders of rows with equal scores."""
    hit = (expected > 0).argmax(axis=1)
    ranks: Floats = 1 / (hit + 1.0)
    for query in np.flatnonzero(expected[np.arange(len(hit)), hit] < 1):
        start = hit[query]
        later = np.flatnonzero(first[query, start + 1 :])
        size = int(later[0]) + 1 if len(later) else first.shape[1] - start
        right = round(float(expected[query, start] * size))
        left, mean = 1.0, 0.0
        for place in range(size - right + 1):  # left: the chance that none of the places before was right
            chance = right / (size - place)
            mean += left * chance / (start + place + 1)
            left *= 1 - chance
        ranks[query] = mean
    return ranks
