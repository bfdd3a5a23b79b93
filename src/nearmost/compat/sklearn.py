"""scikit-learn's neighbours over our index: a look-alike of NearestNeighbors, and the step before t-SNE and others.

Both follow scikit-learn's rules (its words for things, ``n_jobs`` and ``random_state`` too; clone, pickle, joblib,
pipelines), and both are near-exact from 20,000 rows on: ``recall`` says how near, and 1 is exact. Distances are those
of the rows in float32, computed in float64.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nearmost.errors import InputError, MissingExtraError
from nearmost.index import Index
from nearmost.kinds.packing import Kind
from nearmost.kinds.partitioning import Quality
from nearmost.queries import whole

try:
    from joblib import effective_n_jobs
    from scipy.sparse import csr_matrix
    from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
    from sklearn.utils import check_random_state
    from sklearn.utils.validation import check_is_fitted, validate_data
except ImportError as error:
    raise MissingExtraError(
        f"nearmost.compat.sklearn needs scikit-learn 1.6 or later ({error}): pip install 'nearmost[sklearn]'"
    ) from error

Mode = Literal["connectivity", "distance"]

METRICS = {
    "euclidean": "euclidean",
    "l2": "euclidean",
    "minkowski": "euclidean",
    "cosine": "cosine",
    "manhattan": "manhattan",
    "cityblock": "manhattan",
    "l1": "manhattan",
    "hamming": "hamming",
}
"""scikit-learn's names for the metrics (minkowski with its default p=2), and ours."""

FIRST_LOOK = 32  # neighbours looked at first, to find those within a radius; four times as many where that falls short
TOGETHER = 4096  # rows whose neighbours within a radius are held at once


class NearmostNeighbors(BaseEstimator):  # type: ignore[misc]
    """The nearest of the rows that it was fitted on, as ``sklearn.neighbors.NearestNeighbors`` finds them, but faster.

    ``metric``: euclidean (also l2, minkowski), cosine, manhattan (l1, cityblock), or hamming on 0 and 1. ``recall`` is
    the share of the nearest to find; ``kind`` and ``quality`` are those of ``Index.build``. ``index_`` is the index.
    """

    def __init__(
        self,
        *,
        n_neighbors: int = 5,
        radius: float = 1.0,
        metric: str = "euclidean",
        recall: float = 0.95,
        kind: Kind = "auto",
        quality: Quality = "default",
        random_state: Any = 0,
        n_jobs: int | None = None,
    ) -> None:
        self.n_neighbors = n_neighbors
        self.radius = radius
        self.metric = metric
        self.recall = recall
        self.kind = kind
        self.quality = quality
        self.random_state = random_state
        self.n_jobs = n_jobs

    def fit(self, X: ArrayLike, y: Any = None) -> Any:
        """Builds the index of these rows, (n_samples, n_features)."""
        rows = validate_data(self, X, dtype=np.float64 if self.metric == "hamming" else [np.float64, np.float32])
        if self.metric not in METRICS:
            raise InputError(f"metric is {self.metric!r}; it must be one of {', '.join(METRICS)}")
        self.index_ = Index.build(
            _single(rows),
            metric=METRICS[self.metric],
            kind=self.kind,
            quality=self.quality,
            seed=int(check_random_state(self.random_state).randint(1 << 31)),
            n_threads=self._threads(),
        )
        self.n_samples_fit_ = len(self.index_)
        return self

    def kneighbors(
        self, X: ArrayLike | None = None, n_neighbors: int | None = None, return_distance: bool = True
    ) -> Any:
        """(distances, row numbers) of the nearest, (n_queries, n_neighbors), nearest first; or the row numbers alone.

        Without X, those of the rows it was fitted on, where no row is its own neighbour.
        """
        check_is_fitted(self)
        k = whole(self.n_neighbors if n_neighbors is None else n_neighbors, "n_neighbors", 1)
        queries = self._queries(X)
        if k + (X is None) > self.n_samples_fit_:
            raise InputError(
                f"n_neighbors is {k}, and there are {self.n_samples_fit_} rows"
                f"{' of which each has one fewer neighbors' if X is None else ''}; "
                f"it must hold that n_neighbors <= {'n_samples_fit - 1' if X is None else 'n_samples_fit'}"
            )
        ids, distances = self._search(queries, k, leave_out=np.arange(len(queries)) if X is None else None)
        return (distances, ids) if return_distance else ids

    def radius_neighbors(
        self,
        X: ArrayLike | None = None,
        radius: float | None = None,
        return_distance: bool = True,
        sort_results: bool = False,
    ) -> Any:
        """(distances, row numbers) within the radius, an array of arrays each; or the row numbers alone.

        They come sorted, nearest first, whatever ``sort_results`` says. Without X, no row is its own neighbour.
        """
        check_is_fitted(self)
        radius = self.radius if radius is None else radius
        queries = self._queries(X)
        distances, ids = np.empty((2, len(queries)), dtype=object)
        for start in range(0, len(queries), TOGETHER):
            part = slice(start, start + TOGETHER)
            for query, (near, rows) in enumerate(self._within(queries[part], radius), start):
                kept = slice(None) if X is not None else rows != query
                distances[query], ids[query] = near[kept], rows[kept]
        return (distances, ids) if return_distance else ids

    def kneighbors_graph(
        self,
        X: ArrayLike | None = None,
        n_neighbors: int | None = None,
        mode: Mode = "connectivity",
    ) -> Any:
        """The graph of the nearest, CSR (n_queries, n_samples_fit), rows sorted: 1 for a neighbour, or distances."""
        _require(mode)
        distances, ids = self.kneighbors(X, n_neighbors)
        return self._graph(distances if mode == "distance" else np.ones(ids.shape), ids)

    def radius_neighbors_graph(
        self,
        X: ArrayLike | None = None,
        radius: float | None = None,
        mode: Mode = "connectivity",
        sort_results: bool = False,
    ) -> Any:
        """The graph of those within the radius, CSR (n_queries, n_samples_fit): 1 for a neighbour, or distances."""
        _require(mode)
        distances, ids = self.radius_neighbors(X, radius)
        ends = np.cumsum([0, *map(len, ids)])
        flat_ids = np.concatenate([np.empty(0, np.int64), *ids])
        flat = np.concatenate([np.empty(0), *distances]) if mode == "distance" else np.ones(len(flat_ids))
        return csr_matrix((flat, flat_ids, ends), shape=(len(ids), self.n_samples_fit_))

    def _queries(self, X: ArrayLike | None) -> NDArray[np.float32]:
        if X is None:
            return self.index_.vectors().rows
        return _single(validate_data(self, X, reset=False, dtype=[np.float64, np.float32]))

    def _search(
        self, queries: NDArray[np.float32], k: int, leave_out: NDArray[np.int64] | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        found = self.index_.search(queries, k, recall=self.recall, leave_out=leave_out, n_threads=self._threads())
        distances = np.maximum(found.distances.astype(np.float64), 0)  # cosine's may be -1e-7 by rounding
        return found.ids, distances / self.index_.dim if self.metric == "hamming" else distances

    def _within(
        self, queries: NDArray[np.float32], radius: float
    ) -> list[tuple[NDArray[np.float64], NDArray[np.int64]]]:
        """(distances, row numbers) within the radius for each query, nearest first."""
        within: list[Any] = [None] * len(queries)
        left, k = np.arange(len(queries)), min(FIRST_LOOK, self.n_samples_fit_)
        while len(left):
            ids, distances = self._search(queries[left], k)
            counts = np.count_nonzero(distances <= radius, axis=1)
            for query, count, row, near in zip(left, counts, ids, distances, strict=True):
                within[query] = near[:count].copy(), row[:count].copy()
            left = left[(counts == k) & (k < self.n_samples_fit_)]
            k = min(4 * k, self.n_samples_fit_)
        return within

    def _graph(self, values: NDArray[np.float64], ids: NDArray[np.int64]) -> Any:
        starts = np.arange(0, ids.size + 1, ids.shape[1])
        return csr_matrix((values.ravel(), ids.ravel(), starts), shape=(len(ids), self.n_samples_fit_))

    def _threads(self) -> int:
        return int(effective_n_jobs(self.n_jobs))


class NearmostTransformer(ClassNamePrefixFeaturesOutMixin, TransformerMixin, NearmostNeighbors):  # type: ignore[misc]
    """Rows in, their graph of nearest neighbours out: as ``sklearn.neighbors.KNeighborsTransformer``, but faster.

    For pipelines before TSNE, Isomap, SpectralClustering, KNeighborsClassifier and others with
    ``metric="precomputed"`` or ``affinity="precomputed_nearest_neighbors"``. ``mode="distance"`` gives
    ``n_neighbors + 1`` a row, since a row of its own fit counts as its own neighbour, at 0. The other parameters are
    those of NearmostNeighbors.
    """

    def __init__(
        self,
        *,
        mode: Mode = "distance",
        n_neighbors: int = 5,
        metric: str = "euclidean",
        recall: float = 0.95,
        kind: Kind = "auto",
        quality: Quality = "default",
        random_state: Any = 0,
        n_jobs: int | None = None,
    ) -> None:
        super().__init__(
            n_neighbors=n_neighbors,
            metric=metric,
            recall=recall,
            kind=kind,
            quality=quality,
            random_state=random_state,
            n_jobs=n_jobs,
        )
        self.mode = mode

    def fit(self, X: ArrayLike, y: Any = None) -> NearmostTransformer:
        """Builds the index of these rows, (n_samples, n_features)."""
        _require(self.mode)
        super().fit(X)
        self._n_features_out = self.n_samples_fit_
        return self

    def transform(self, X: ArrayLike) -> Any:
        """The graph from these rows to those that it was fitted on: CSR (n_queries, n_samples_fit), each row sorted."""
        check_is_fitted(self)
        return self.kneighbors_graph(X, self.n_neighbors + (self.mode == "distance"), self.mode)

    def fit_transform(self, X: ArrayLike, y: Any = None) -> Any:
        """The graph among these rows, where each row itself comes first, even where many others are equal to it."""
        self.fit(X)
        k = whole(self.n_neighbors, "n_neighbors", 1) + (self.mode == "distance")
        if k == 1:
            ids, distances = np.arange(self.n_samples_fit_)[:, None], np.zeros((self.n_samples_fit_, 1))
            return self._graph(distances if self.mode == "distance" else distances + 1, ids)
        distances, ids = self.kneighbors(n_neighbors=k - 1)
        ids = np.column_stack([np.arange(len(ids)), ids])
        distances = np.column_stack([np.zeros(len(ids)), distances])
        return self._graph(distances if self.mode == "distance" else np.ones(ids.shape), ids)


def _single(rows: Any) -> NDArray[np.float32]:
    """The rows in float32; what is too large for it becomes infinite, and is refused where it is looked at."""
    with np.errstate(over="ignore"):
        return np.ascontiguousarray(rows, dtype=np.float32)


def _require(mode: object) -> None:
    if mode not in ("connectivity", "distance"):
        raise InputError(f'mode is {mode!r}; it must be "connectivity" or "distance"')
