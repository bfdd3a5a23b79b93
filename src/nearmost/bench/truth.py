"""What should be found: the score that a row must reach to be among the k nearest, and the recall of what was found."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nearmost.errors import NearmostError
from nearmost.index import Index
from nearmost.metrics import Metric
from nearmost.values import CHECK_ROWS

Rows = NDArray[np.float32]
Ids = NDArray[np.int64]
Wide = NDArray[np.float64]

SLACK = 1e-6  # relative: rows this near to the k-th score as it does
CHECKED = 16  # queries whose truth is compared with brute force in NumPy


@dataclass(frozen=True)
class Truth:
    """Rows, queries and, for each query, the float64 score of its k-th nearest row."""

    metric: Metric
    rows: Rows
    queries: Rows
    k: int
    kth: Wide

    @classmethod
    def of(cls, metric: Metric, rows: Rows, queries: Rows, k: int, n_threads: int = 0) -> Truth:
        """From an exact search with a flat index, compared with NumPy on some of the queries."""
        with Index.build(rows, metric=metric, kind="flat", n_threads=n_threads) as index:
            ids = index.search(queries, k, n_threads=n_threads).ids
        kth = scores_of(metric, rows, queries, ids).min(axis=1)
        for query in range(0, len(queries), -(-len(queries) // CHECKED)):
            exact = _kth_by_numpy(metric, rows, queries[query : query + 1], k)
            if not abs(exact - kth[query]) <= SLACK * max(abs(exact), 1e-3):
                raise NearmostError(
                    f"the exact search found {kth[query]} as the {k}-th score of query {query}, NumPy {exact}; "
                    "please report this with the data"
                )
        return cls(metric, rows, queries, k, kth)

    def recall(self, ids: Ids, first: int = 0) -> float:
        """The share of the k nearest that these ids, (q, k) for the queries from ``first`` on, hold.

        A row counts if it scores as the k-th does or better, whichever of the rows with that score it is; a row that
        is named twice counts once. -1 is no row.
        """
        ids = np.asarray(ids, dtype=np.int64)
        real = (ids >= 0) & (ids < len(self.rows))
        ordered = np.sort(np.where(real, ids, -1), axis=1)
        fresh = np.concatenate(
            [ordered[:, :1] >= 0, (ordered[:, 1:] != ordered[:, :-1]) & (ordered[:, 1:] >= 0)], axis=1
        )
        part = slice(first, first + len(ids))
        scores = scores_of(self.metric, self.rows, self.queries[part], np.maximum(ordered, 0))
        kth = self.kth[part, None]
        good = fresh & (scores >= kth - SLACK * np.maximum(np.abs(kth), 1e-3))
        return float(np.minimum(good.sum(axis=1), self.k).mean() / self.k)


def scores_of(metric: Metric, rows: Rows, queries: Rows, ids: Ids) -> Wide:
    """Float64 scores of these rows, (q, m), for each query, as the metric has them."""
    found = np.empty(ids.shape)
    for start in range(0, len(ids), 64):
        part = slice(start, start + 64)
        near = rows[ids[part]].astype(np.float64)
        query = queries[part, None].astype(np.float64)
        found[part] = _scores(metric.name, near, query)
    return found


def _kth_by_numpy(metric: Metric, rows: Rows, query: Rows, k: int) -> float:
    """The k-th best score of one query, by looking at every row."""
    parts = [np.arange(start, min(start + CHECK_ROWS, len(rows)))[None] for start in range(0, len(rows), CHECK_ROWS)]
    every = np.concatenate([scores_of(metric, rows, query, ids)[0] for ids in parts])
    return float(np.partition(every, -k)[-k])


def _scores(metric: str, near: Wide, query: Wide) -> Wide:
    if metric == "euclidean":
        scores = -np.sqrt(np.square(near - query).sum(axis=2))
    elif metric == "manhattan":
        scores = -np.abs(near - query).sum(axis=2)
    elif metric == "hamming":
        scores = -(near != query).sum(axis=2).astype(np.float64)
    else:
        scores = (near * query).sum(axis=2)
    if metric == "cosine":
        lengths = np.sqrt(np.square(near).sum(axis=2) * np.square(query).sum(axis=2))
        scores = np.divide(scores, lengths, out=np.zeros_like(scores), where=lengths > 0)
    return np.asarray(scores, dtype=np.float64)


def held_out(rows: Rows, n: int, seed: int) -> tuple[Rows, Rows]:
    """(the rest, n rows drawn with this seed), both in C order."""
    order = np.random.default_rng(seed).permutation(len(rows))
    return np.ascontiguousarray(rows[np.sort(order[n:])]), np.ascontiguousarray(rows[order[:n]])
