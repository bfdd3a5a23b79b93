"""Retrieval is counted as its definitions say: against scikit-learn, and against all orders of equal scores."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nearmost as nm
from nearmost.finetuning.movement import nearest, overlap, vote_accuracy
from nearmost.finetuning.probe import probe, probe_accuracy
from nearmost.finetuning.retrieval import _measures


def measures_of(relevant):
    """The measures of one ranking, from their definitions."""
    relevant = np.asarray(relevant, dtype=float)
    n, total = len(relevant), int(relevant.sum())
    discounts = 1 / np.log2(np.arange(n) + 2)
    found = {"r_precision": relevant[:total].mean(), "mrr": 1 / (1 + relevant.argmax())}
    for k in range(1, n + 1):
        found[f"precision@{k}"] = relevant[:k].sum() / k
        found[f"recall@{k}"] = relevant[:k].sum() / total
        found[f"ndcg@{k}"] = (relevant * discounts)[:k].sum() / discounts[: min(k, total)].sum()
    return found


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 2), st.booleans()), min_size=2, max_size=6).filter(lambda r: any(b for _, b in r))
)
def test_equal_scores_count_as_the_mean_over_all_their_orders(ranking):
    scores = np.array([score for score, _ in ranking], dtype=np.float32)
    alike = np.array([good for _, good in ranking], dtype=float)
    found = _measures(scores[None], alike[None], np.array([int(alike.sum())]), tuple(range(1, len(ranking) + 1)))
    orders = [
        measures_of(alike[list(order)])
        for order in permutations(range(len(ranking)))
        if (np.diff(scores[list(order)]) <= 0).all()
    ]
    for name, values in found.items():
        assert values[0] == pytest.approx(np.mean([each[name] for each in orders])), name


def test_measures_equal_scikit_learns():
    metrics = pytest.importorskip("sklearn.metrics", reason="scikit-learn is the referee")
    rng = np.random.default_rng(0)
    rows, groups = rng.normal(size=(300, 8)).astype(np.float32), rng.integers(0, 6, 300)
    rows[100:150] = rows[:50]  # equal rows: equal scores
    found = nm.evaluate_retrieval(rows, groups, queries=80, ks=(1, 10, 100))
    unit = rows.astype(float) / np.linalg.norm(rows, axis=1, keepdims=True)
    for place, query in enumerate(found.queries):
        others = np.delete(np.arange(300), query)
        scores = (unit[others] @ unit[query]).astype(np.float32)
        truth = (groups[others] == groups[query]).astype(int)
        for k in (10, 100):
            assert found.values[f"ndcg@{k}"][place] == pytest.approx(metrics.ndcg_score([truth], [scores], k=k))
        if len(np.unique(scores)) == len(scores):
            rank = metrics.label_ranking_average_precision_score
            first = np.zeros_like(truth)
            first[others[truth == 1].size and np.flatnonzero(truth)[scores[truth == 1].argmax()]] = 1
            assert found.values["mrr"][place] == pytest.approx(rank([first], [scores]))
            best = np.argsort(-scores)[:10]
            flags = np.isin(np.arange(299), best)
            assert found.values["precision@10"][place] == pytest.approx(metrics.precision_score(truth, flags))
            assert found.values["recall@10"][place] == pytest.approx(metrics.recall_score(truth, flags))
            total = int(truth.sum())
            assert found.values["r_precision"][place] == pytest.approx(truth[np.argsort(-scores)[:total]].mean())


def test_a_query_never_finds_itself():
    """Two rows of a group far apart: were the query its own answer, each would be right at once."""
    rows = np.array([[1, 0], [0, 1], [1, 0.1], [0.1, 1]], dtype=np.float32)
    found = nm.evaluate_retrieval(rows, ["a", "a", "b", "b"], ks=(1,))
    assert found.figures["precision@1"] == 0
    assert found.figures["mrr"] == pytest.approx(0.5, abs=0.2)


def test_rows_without_a_group_are_in_the_way_and_lonely_queries_are_counted():
    rows = np.array([[1, 0], [0.9, 0.1], [0.99, 0.05], [0, 1]], dtype=np.float32)
    found = nm.evaluate_retrieval(rows, ["a", "a", None, "b"], ks=(1, 2))
    assert (found.alone, found.queries.tolist()) == (1, [0, 1])
    assert found.figures["precision@1"] == 0
    assert found.figures["recall@2"] == 1


def test_the_same_seed_asks_the_same_queries():
    rng = np.random.default_rng(0)
    rows, groups = rng.normal(size=(200, 4)), rng.integers(0, 3, 200)
    one, two, other = (nm.evaluate_retrieval(rows, groups, queries=20, seed=seed).queries for seed in (1, 1, 2))
    assert one.tolist() == two.tolist() != other.tolist()


def test_nothing_to_find_is_an_error():
    with pytest.raises(nm.InputError, match="nothing to find"):
        nm.evaluate_retrieval(np.eye(3), ["a", "b", "c"])
    with pytest.raises(nm.ShapeError, match="one a row"):
        nm.evaluate_retrieval(np.eye(3), ["a", "a"])


def test_the_probe_is_scikit_learns_logistic_regression():
    linear = pytest.importorskip("sklearn.linear_model", reason="scikit-learn is the referee")
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 4, 600)
    rows = (rng.normal(size=(4, 10))[codes] * 0.6 + rng.normal(size=(600, 10))).astype(np.float32)
    theirs = linear.LogisticRegression(C=1.0, max_iter=1000, tol=1e-8).fit(rows[:400], codes[:400])
    ours = probe(rows[:400], codes[:400], 4)
    logits = rows[400:] @ ours[:-1] + ours[-1]
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    assert np.allclose(shares, theirs.predict_proba(rows[400:]), atol=2e-3)
    accuracy = probe_accuracy(rows[:400], codes[:400], rows[400:], codes[400:])
    assert accuracy == pytest.approx(theirs.score(rows[400:], codes[400:]), abs=0.006)


def test_the_vote_is_that_of_scikit_learns_neighbours():
    neighbors = pytest.importorskip("sklearn.neighbors", reason="scikit-learn is the referee")
    rng = np.random.default_rng(0)
    rows, codes = rng.normal(size=(200, 5)).astype(np.float32), rng.integers(0, 2, 200)
    ids, scores = nearest(rows, np.arange(200), 5)
    finder = neighbors.NearestNeighbors(metric="cosine").fit(rows)
    distances, wanted = finder.kneighbors(None, 5)  # each row's own is left out
    assert ids.tolist() == wanted.tolist()
    assert np.allclose(scores, 1 - distances, atol=1e-6)
    theirs = neighbors.KNeighborsClassifier(5, metric="precomputed")
    apart = 1 - (unit := rows / np.linalg.norm(rows, axis=1, keepdims=True)) @ unit.T
    np.fill_diagonal(apart, 3)
    assert vote_accuracy(ids, codes, codes) == pytest.approx(theirs.fit(apart, codes).score(apart, codes))
    assert overlap(ids, ids) == 1
    assert overlap(ids[:, :2], np.stack([ids[:, 1], np.full(200, -1)], axis=1)) == 0.5
