"""What the truth promises: recall is that of brute force, ties count, and doubles do not."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import pairwise_distances

from nearmost import METRICS
from nearmost.bench import truth as truths
from nearmost.bench.truth import Truth, held_out
from nearmost.errors import NearmostError

K = 5


def data(metric: str) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    rows, queries = rng.normal(size=(300, 8)), rng.normal(size=(20, 8))
    if metric == "hamming":
        rows, queries = rows > 0, queries > 0
    return np.float32(rows), np.float32(queries)


@pytest.mark.parametrize("metric", METRICS)
def test_recall_is_that_of_brute_force(metric):
    rows, queries = data(metric)
    if metric == "dot":
        distances = -np.float64(queries) @ np.float64(rows).T
    else:
        distances = pairwise_distances(np.float64(queries), np.float64(rows), metric=metric)
    order = np.argsort(distances, axis=1, kind="stable")
    truth = Truth.of(METRICS[metric], rows, queries, K)
    assert truth.recall(order[:, :K]) == 1
    wrong = order[:, :K].copy()
    wrong[:, 0] = order[:, -1]  # the farthest instead of the nearest
    assert truth.recall(wrong) == pytest.approx(1 - 1 / K)
    assert truth.recall(order[:10, -K:], first=5) == 0


def test_any_of_the_rows_that_score_as_the_kth_does_will_do():
    rows = np.float32([[1, 0]] + [[0.6, 0.8], [0.6, -0.8]] * 4)
    truth = Truth.of(METRICS["cosine"], rows, np.float32([[1, 0]]), 3)
    assert truth.recall(np.array([[0, 8, 3]])) == 1


def test_a_row_that_is_named_twice_counts_once_and_no_row_not_at_all():
    rows, queries = data("euclidean")
    truth = Truth.of(METRICS["euclidean"], rows, queries[:1], K)
    nearest = np.argsort(np.linalg.norm(rows - queries[0], axis=1))[:K]
    assert truth.recall(np.array([[nearest[0]] * K])) == pytest.approx(1 / K)
    assert truth.recall(np.array([[nearest[0], -1, -1, 10**9, -1]])) == pytest.approx(1 / K)
    assert truth.recall(nearest[None, :2]) == pytest.approx(2 / K)


def test_a_truth_that_numpy_does_not_find_is_refused(monkeypatch):
    rows, queries = data("cosine")
    monkeypatch.setattr(truths, "_kth_by_numpy", lambda *_: 0.123)
    with pytest.raises(NearmostError, match=r"as the 5-th score of query 0, NumPy 0\.123"):
        Truth.of(METRICS["cosine"], rows, queries, K)


def test_held_out_queries_are_not_among_the_rows():
    rows = np.float32(np.arange(100)[:, None] * [1, 1])
    rest, queries = held_out(rows, 30, seed=1)
    assert sorted(np.concatenate([rest, queries])[:, 0].tolist()) == list(range(100))
    assert (held_out(rows, 30, seed=1)[1] == queries).all()
    assert (held_out(rows, 30, seed=2)[1] != queries).any()
