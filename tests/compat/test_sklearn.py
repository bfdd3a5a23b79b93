"""The scikit-learn door: its own checks pass, its answers are those of its own estimators, its pipelines take them."""

from __future__ import annotations

import pickle
import warnings

import numpy as np
import pytest

sklearn = pytest.importorskip("sklearn", minversion="1.6", reason="scikit-learn 1.6 is not installed")
from joblib import Parallel, delayed  # noqa: E402
from sklearn.base import clone  # noqa: E402
from sklearn.cluster import DBSCAN, SpectralClustering  # noqa: E402
from sklearn.datasets import load_digits, make_blobs  # noqa: E402
from sklearn.manifold import TSNE, Isomap, trustworthiness  # noqa: E402
from sklearn.metrics import adjusted_rand_score  # noqa: E402
from sklearn.neighbors import KNeighborsClassifier, KNeighborsTransformer, NearestNeighbors  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.utils.estimator_checks import check_estimator  # noqa: E402
from threadpoolctl import threadpool_limits  # noqa: E402

from nearmost.compat.sklearn import NearmostNeighbors, NearmostTransformer  # noqa: E402

ROWS, OTHERS = (
    np.random.default_rng(seed).standard_normal((n, 6), dtype=np.float32).astype(np.float64)
    for seed, n in ((0, 300), (1, 20))
)
METRICS = ("euclidean", "minkowski", "cosine", "manhattan", "cityblock")


@pytest.mark.parametrize(
    "estimator", [NearmostNeighbors(), NearmostTransformer(), NearmostTransformer(mode="connectivity")], ids=repr
)
def test_every_check_of_scikit_learn_passes(estimator):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        done = check_estimator(estimator, on_fail=None)
    assert [(each["check_name"], each["exception"]) for each in done if each["status"] == "failed"] == []
    assert len(done) > 30


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("queries", [OTHERS, None], ids=["others", "itself"])
def test_the_nearest_are_those_of_scikit_learn(metric, queries):
    ours = NearmostNeighbors(n_neighbors=7, metric=metric).fit(ROWS)
    theirs = NearestNeighbors(n_neighbors=7, metric=metric).fit(ROWS)
    distances, rows = ours.kneighbors(queries)
    true_distances, true_rows = theirs.kneighbors(queries)
    np.testing.assert_array_equal(rows, true_rows)
    np.testing.assert_allclose(distances, true_distances, rtol=2e-6, atol=2e-7)
    np.testing.assert_array_equal(ours.kneighbors(queries, 3, return_distance=False), true_rows[:, :3])
    for mode in ("connectivity", "distance"):
        found, true = ours.kneighbors_graph(queries, mode=mode), theirs.kneighbors_graph(queries, mode=mode)
        np.testing.assert_allclose(found.toarray(), true.toarray(), rtol=2e-6, atol=2e-7)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("queries", [OTHERS, None], ids=["others", "itself"])
def test_all_within_a_radius_are_found(metric, queries):
    radius = {"cosine": 0.7, "manhattan": 6.0, "cityblock": 6.0}.get(metric, 2.9)
    ours = NearmostNeighbors(radius=radius, metric=metric).fit(ROWS)
    theirs = NearestNeighbors(radius=radius, metric=metric).fit(ROWS)
    distances, rows = ours.radius_neighbors(queries)
    true_distances, true_rows = theirs.radius_neighbors(queries, sort_results=True)
    assert max(len(each) for each in rows) > 40
    for one, other, near, truly in zip(rows, true_rows, distances, true_distances, strict=True):
        np.testing.assert_array_equal(one, other)
        np.testing.assert_allclose(near, truly, rtol=2e-6, atol=2e-7)
    for mode in ("connectivity", "distance"):
        found, true = ours.radius_neighbors_graph(queries, mode=mode), theirs.radius_neighbors_graph(queries, mode=mode)
        np.testing.assert_allclose(found.toarray(), true.toarray(), rtol=2e-6, atol=2e-7)
    none = ours.radius_neighbors(queries, 0, return_distance=False)
    assert [len(each) for each in none] == [0] * len(none)


def test_hamming_is_a_share_as_in_scikit_learn():
    bits = (ROWS > 0).astype(float)
    asked = (OTHERS > 0).astype(float)
    found = NearmostNeighbors(metric="hamming").fit(bits).kneighbors(asked)[0]
    np.testing.assert_allclose(found, NearestNeighbors(metric="hamming").fit(bits).kneighbors(asked)[0], rtol=1e-6)


@pytest.mark.parametrize("mode", ["distance", "connectivity"])
@pytest.mark.parametrize("n_neighbors", [1, 5])
def test_the_transformer_keeps_the_contract_of_kneighbors_transformer(mode, n_neighbors):
    ours = NearmostTransformer(n_neighbors=n_neighbors, mode=mode)
    theirs = KNeighborsTransformer(n_neighbors=n_neighbors, mode=mode)
    for found, true in (
        (ours.fit_transform(ROWS), theirs.fit_transform(ROWS)),
        (ours.transform(ROWS), theirs.transform(ROWS)),
        (ours.transform(OTHERS), theirs.transform(OTHERS)),
    ):
        assert type(found) is type(true)
        np.testing.assert_array_equal(found.indptr, true.indptr)
        np.testing.assert_array_equal(found.indices, true.indices)
        np.testing.assert_allclose(found.data, true.data, rtol=2e-6, atol=2e-7)
    np.testing.assert_array_equal(
        [name.removeprefix("nearmost") for name in ours.get_feature_names_out()],
        [name.removeprefix("kneighbors") for name in theirs.get_feature_names_out()],
    )


def test_each_row_is_its_own_first_neighbor_even_among_equals():
    graph = NearmostTransformer(n_neighbors=3).fit_transform(np.zeros((40, 2)))
    np.testing.assert_array_equal(graph.indices.reshape(40, 4)[:, 0], np.arange(40))
    assert graph.nnz == 160


def test_partitions_give_the_same_graph_but_for_the_odd_neighbor():
    rows = make_blobs(4000, 16, centers=40, random_state=0)[0].astype(np.float32)
    found = NearmostTransformer(n_neighbors=10, kind="partition", recall=0.95, mode="connectivity").fit_transform(rows)
    true = KNeighborsTransformer(n_neighbors=10, mode="connectivity").fit_transform(rows)
    assert found.multiply(true).sum() / true.sum() >= 0.95
    assert set(np.diff(found.indptr)) == {10}


# Pipelines


@pytest.fixture(scope="module")
def digits():
    rows, labels = load_digits(return_X_y=True)
    return rows[:500], labels[:500]


def test_before_tsne(digits):
    rows, knobs = digits[0][:150], {"perplexity": 10, "init": "random", "max_iter": 250, "random_state": 0}
    made = make_pipeline(NearmostTransformer(n_neighbors=31), TSNE(metric="precomputed", **knobs))
    with threadpool_limits(1):  # its threads wait by spinning, which takes long where the machine is busy
        plain, found = TSNE(**knobs).fit_transform(rows), made.fit_transform(rows)
    assert trustworthiness(rows, found) > trustworthiness(rows, plain) - 0.03


def test_before_isomap():
    made = make_pipeline(NearmostTransformer(n_neighbors=10), Isomap(n_neighbors=10, metric="precomputed"))
    plain = Isomap(n_neighbors=10)
    np.testing.assert_allclose(abs(made.fit_transform(ROWS)), abs(plain.fit_transform(ROWS)), atol=1e-3)


def test_before_dbscan():
    rows, labels = make_blobs(600, 8, centers=6, random_state=3)
    graph = NearmostNeighbors(radius=6.0).fit(rows).radius_neighbors_graph(mode="distance")
    found = DBSCAN(eps=6.0, metric="precomputed").fit_predict(graph)
    np.testing.assert_array_equal(found, DBSCAN(eps=6.0).fit_predict(rows))
    made = make_pipeline(NearmostTransformer(n_neighbors=30), DBSCAN(eps=6.0, metric="precomputed"))
    assert adjusted_rand_score(labels, made.fit_predict(rows)) > 0.98


def test_before_spectral_clustering():
    rows, labels = make_blobs(300, 5, centers=4, random_state=1)
    made = make_pipeline(
        NearmostTransformer(n_neighbors=10, mode="connectivity"),
        SpectralClustering(4, affinity="precomputed_nearest_neighbors", n_neighbors=10, random_state=0),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # four blobs are four components
        assert adjusted_rand_score(labels, made.fit_predict(rows)) == 1


def test_before_a_classifier(digits):
    rows, labels = digits
    made = make_pipeline(NearmostTransformer(n_neighbors=5), KNeighborsClassifier(n_neighbors=5, metric="precomputed"))
    made.fit(rows[:400], labels[:400])
    plain = KNeighborsClassifier(n_neighbors=5).fit(rows[:400], labels[:400])
    assert made.score(rows[400:], labels[400:]) == plain.score(rows[400:], labels[400:])


# Life


def test_it_is_cloned_pickled_and_used_by_several_processes():
    fitted = NearmostTransformer(n_neighbors=3).fit(ROWS)
    assert not hasattr(clone(fitted), "index_")
    wanted = fitted.kneighbors(OTHERS)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(fitted)).kneighbors(OTHERS), wanted)
    for found in Parallel(n_jobs=2)(delayed(fitted.kneighbors)(OTHERS) for _ in range(2)):
        np.testing.assert_array_equal(found, wanted)


def test_what_cannot_be_is_refused_with_a_sentence():
    with pytest.raises(ValueError, match="one of euclidean"):
        NearmostNeighbors(metric="jaccard").fit(ROWS)
    with pytest.raises(ValueError, match="n_neighbors <= n_samples_fit"):
        NearmostNeighbors(n_neighbors=301).fit(ROWS).kneighbors(OTHERS)
    with pytest.raises(ValueError, match="one fewer"):
        NearmostNeighbors(n_neighbors=300).fit(ROWS).kneighbors()
    with pytest.raises(ValueError, match="mode"):
        NearmostTransformer(mode="both").fit(ROWS)
    with pytest.raises(ValueError, match="finite float32"):
        NearmostNeighbors().fit([[1e300], [1.0]])
