"""Projections: the same numbers as NumPy's, kept in the file, applied to both sides, and what they cost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

import nearmost as nm
from nearmost import Index, PCAProjection, Projection, min_dim, truncate
from nearmost.errors import DamagedFileError, InputError, ShapeError


def numbers(*shape: int, seed: int = 5) -> NDArray[np.float32]:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


ROWS = numbers(1500, 8, seed=0) @ numbers(8, 24, seed=1)
QUERIES = ROWS[:40] + np.float32(0.01)


def sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x.astype(np.float64)))


W, B, V, C, G = numbers(24, 24), numbers(24), numbers(24, 10), numbers(10), numbers(24)
M, B1, W2 = numbers(24), numbers(30), numbers(30, 24)
W1 = numbers(24, 30)
STEPS: dict[str, tuple[tuple[str, dict[str, Any]], Any]] = {
    "linear": (("linear", {"weight": V, "bias": C, "mean": M}), lambda x: (x - M) @ V + C),
    "skip": (("skip", {"weight": W, "bias": B, "gate": G}), lambda x: x + sigmoid(G) * (x @ W + B)),
    "gated": (("gated", {"gate": G}), lambda x: x * np.tanh(G)),
    "mlp": (
        ("mlp", {"weight1": W1, "bias1": B1, "weight2": W2, "bias2": B, "gate": G[:1]}),
        lambda x: x + sigmoid(G[:1]) * (np.maximum(x @ W1 + B1, 0) @ W2 + B),
    ),
    "truncate": (("truncate", {"kept": np.array([7])}), lambda x: x[:, :7]),
    "unit": (("unit", {"length": np.ones(1, np.float32)}), lambda x: x / np.linalg.norm(x, axis=1, keepdims=True)),
}


@pytest.mark.parametrize("name", STEPS)
def test_every_kind_of_step_does_what_its_formula_says(name: str, tmp_path: Path) -> None:
    step, formula = STEPS[name]
    projection = Projection((step,))
    made = projection.apply(ROWS)
    np.testing.assert_allclose(made, formula(ROWS.astype(np.float64)), rtol=2e-4, atol=2e-4)
    assert made.dtype == np.float32
    assert made.shape[1] == projection.dim_of(24)
    projection.save(tmp_path / "head")
    assert (Projection.load(tmp_path / "head").apply(ROWS) == made).all()


@given(st.integers(0, 1400), st.integers(1, 90), st.sampled_from(["linear", "skip", "mlp", "unit"]))
def test_a_row_gives_the_same_numbers_whatever_stands_beside_it(start: int, count: int, name: str) -> None:
    projection = Projection((STEPS[name][0],))
    alone = projection.apply(ROWS[start : start + 1], n_threads=1)
    assert (projection.apply(ROWS[start : start + count], n_threads=2)[0] == alone[0]).all()


def test_steps_follow_each_other_and_must_fit() -> None:
    both = Projection((STEPS["skip"][0],)).then(Projection((STEPS["linear"][0],))).then(truncate(4))
    assert (both.dim_in, both.dim_out) == (24, 4)
    wanted = truncate(4).apply(Projection((STEPS["linear"][0],)).apply(Projection((STEPS["skip"][0],)).apply(ROWS)))
    assert (both.apply(ROWS) == wanted).all()
    with pytest.raises(ShapeError, match="takes rows of dim 24, these have dim 10"):
        Projection((STEPS["linear"][0], STEPS["skip"][0]))
    with pytest.raises(ShapeError, match="keeps 30 columns, the rows have 24"):
        truncate(30).apply(ROWS)
    with pytest.raises(ShapeError, match="takes rows of dim 24, these have dim 23"):
        both.apply(ROWS[:, :23])


@pytest.mark.parametrize(
    ("kind", "arrays", "said"),
    [
        ("round", {}, "must be one of"),
        ("linear", {}, "it wants weight"),
        ("linear", {"weight": V, "other": V}, "it wants weight"),
        ("linear", {"weight": V.astype(np.float64)}, "it must be float32"),
        ("linear", {"weight": V, "bias": B}, "it must have"),
        ("linear", {"weight": V * np.float32(np.nan)}, "not finite"),
        ("skip", {"weight": V, "bias": C, "gate": G}, "as many columns"),
        ("truncate", {"kept": np.array([0])}, "one at least"),
    ],
)
def test_arrays_that_are_no_step_are_refused(kind: str, arrays: dict[str, Any], said: str) -> None:
    with pytest.raises((InputError, ShapeError), match=said):
        Projection(((kind, arrays),))


def test_random_projections_keep_lengths_as_those_of_scikit_learn_do() -> None:
    sk = pytest.importorskip("sklearn.random_projection")
    rows = numbers(300, 2000)
    theirs = (sk.GaussianRandomProjection(256, random_state=0), sk.SparseRandomProjection(256, random_state=0))
    for make, peer in zip((nm.GaussianProjection, nm.SparseProjection), theirs, strict=True):
        ours = np.linalg.norm(make(2000, 256, seed=1).apply(rows), axis=1) / np.linalg.norm(rows, axis=1)
        reference = np.linalg.norm(peer.fit_transform(rows), axis=1) / np.linalg.norm(rows, axis=1)
        assert abs(ours.mean() - 1) < 0.02
        assert 0.8 < ours.std() / reference.std() < 1.25
        assert (make(2000, 256, seed=1).apply(rows[:3]) == make(2000, 256, seed=1).apply(rows[:3])).all()
    zero = (nm.SparseProjection(2000, 256).steps[0][1]["weight"] == 0).mean()
    assert abs(zero - (1 - 1 / np.sqrt(2000))) < 0.002
    assert [min_dim(n, eps) for n, eps in ((1000, 0.1), (10**6, 0.5))] == [
        sk.johnson_lindenstrauss_min_dim(1000, eps=0.1), sk.johnson_lindenstrauss_min_dim(10**6, eps=0.5)
    ]  # fmt: skip


def test_principal_components_are_those_of_scikit_learn() -> None:
    decomposition = pytest.importorskip("sklearn.decomposition")
    reference = decomposition.PCA(5, svd_solver="full").fit(ROWS)
    ours = PCAProjection.fit(ROWS, 5)
    signs = np.sign((ours.steps[0][1]["weight"].T * reference.components_).sum(axis=1))
    np.testing.assert_allclose(ours.apply(ROWS) * signs, reference.transform(ROWS), atol=1e-3)
    plain = PCAProjection.fit(ROWS, 5, center=False).steps[0][1]["weight"]
    wide = ROWS.astype(np.float64)
    best = np.linalg.svd(wide, full_matrices=False)[2][:5]
    np.testing.assert_allclose(np.abs(plain.T @ best.T), np.eye(5), atol=1e-4)


@pytest.mark.parametrize("metric", ["cosine", "euclidean", "dot", "manhattan"])
@pytest.mark.parametrize("kind", ["flat", "partition", "graph"])
def test_an_index_applies_its_projection_to_rows_and_queries(tmp_path: Path, metric: str, kind: Any) -> None:
    projection = nm.GaussianProjection(24, 6, seed=3)
    index = Index.build(ROWS, metric=metric, kind=kind, projection=projection)
    index.save(tmp_path / "small.nearmost")
    by_hand = Index.build(projection.apply(ROWS), metric=metric, kind="flat").search(projection.apply(QUERIES), 5)
    with Index.open(tmp_path / "small.nearmost", verify="full") as opened:
        ids, scores = opened.search(QUERIES, 5, recall=1)
        assert (ids == by_hand.ids).all()
        assert (scores == by_hand.scores).all()
        assert opened.dim == 6
        assert opened.info()["projection"]["dim_in"] == 24
        assert (opened.search(opened.vector("7"), 4).ids == opened.search(ROWS[7], 4).ids).all()
        assert opened.nearest("7", k=1) == [near for near in opened.nearest(vector=ROWS[7], k=2) if near[0] != "7"][:1]
        with pytest.raises(ShapeError, match=r"queries have dim 9, the index has dim 24.*applied to queries by itself"):
            opened.search(numbers(9))
        with pytest.raises(InputError, match="what they were before is lost"):
            opened.refit(None)


def test_full_rows_kept_beside_projected_ones_score_what_is_found(tmp_path: Path) -> None:
    index = Index.build(ROWS, projection="gaussian:6", keep_full=True)
    index.save(tmp_path / "both.nearmost")
    truth = Index.build(ROWS, kind="flat").search(QUERIES, 5)
    with Index.open(tmp_path / "both.nearmost", verify="full") as opened:
        shares = [
            np.mean([np.isin(a, b).mean() for a, b in zip(truth.ids, opened.search(QUERIES, 5, rescore=n).ids)])  # noqa: B905
            for n in (0, 50, 1500)
        ]
        assert shares[0] < shares[1] <= shares[2] == 1
        ids, scores = opened.search(QUERIES, 5, rescore=1500)
        np.testing.assert_allclose(scores, truth.scores, rtol=1e-6)
        assert (ids == truth.ids).all()
        assert (opened.vector("3") == ROWS[3]).all()
        own = opened.search(ROWS[:9], 3, leave_out=np.arange(9), rescore=1500).ids
        assert (own == Index.build(ROWS, kind="flat").search(ROWS[:9], 3, leave_out=np.arange(9)).ids).all()
        plain = opened.refit(None)
        assert plain.info()["projection"] is None
        assert (plain.search(QUERIES, 5).ids == truth.ids).all()
        again = opened.refit("pca:8").refit("gaussian:6")
        assert again._parts().header() == opened._parts().header()


def test_what_a_projection_costs_is_measured_when_it_is_built() -> None:
    noise = numbers(3000, 40)
    cost = Index.build(noise, projection=10, keep_full=True).info()["projection"]["cost"]
    index = Index.build(noise, projection=10)
    own = np.arange(0, 3000, 10)
    truth = Index.build(noise).search(noise[own], 10, leave_out=own).ids
    found = index.search(noise[own], 10, leave_out=own).ids
    share = np.mean([np.isin(a, b).mean() for a, b in zip(truth, found, strict=True)])
    assert abs(cost["recall@10"] - share) < 0.05
    assert cost["recall@10"] < cost["recall@10 in 100"] < 1
    assert Index.build(ROWS, projection=8).info()["projection"]["cost"]["recall@10"] > 0.99  # they have rank 8
    assert Index.build(ROWS[:50], projection=8).info()["projection"]["cost"] == {}


def test_a_number_of_columns_takes_what_loses_less_on_these_rows() -> None:
    heavy = numbers(3000, 60)
    heavy[:, :4] *= 30
    heavy /= np.linalg.norm(heavy, axis=1, keepdims=True)
    assert Index.build(heavy, projection=10).info()["projection"]["steps"] == "pca 60 -> 10"
    groups = np.repeat(numbers(300, 60, seed=2) * np.float32(0.2), 10, axis=0) + np.float32(0.01) * numbers(3000, 60)
    steps = [Index.build(rows, projection=10).info()["projection"] for rows in (heavy, groups)]
    for rows, said in zip((heavy, groups), steps, strict=True):
        other = "gaussian:10" if said["steps"].startswith("pca") else "pca:10"
        assert (
            said["cost"]["recall@10"] >= Index.build(rows, projection=other).info()["projection"]["cost"]["recall@10"]
        )


def test_a_projection_travels_with_the_encoder_of_the_index(tmp_path: Path) -> None:
    pytest.importorskip("sklearn")
    texts = [f"{colour} {animal}" for colour in ("red", "blue", "green") for animal in ("cat", "dog", "owl", "fox")]
    index = Index.build(nm.Corpus.of(texts), encoder="lsa", projection=4)
    index.save(tmp_path / "texts.nearmost")
    with Index.open(tmp_path / "texts.nearmost") as opened:
        assert opened.encoder.dim == opened.info()["projection"]["dim_in"] > opened.dim == 4
        assert (opened.search("red cat", 3).ids == index.search("red cat", 3).ids).all()
        assert opened.texts is not None
        assert opened.texts[opened.search("red cat", 1).ids[0]] == "red cat"
        for n in (1, 4, 5):  # four texts, too, are texts and no row of the four columns that are left
            together = opened.search(texts[:n], 3)
            assert (together.ids == np.stack([opened.search(text, 3).ids for text in texts[:n]])).all()


@pytest.mark.parametrize(
    ("given", "said"),
    [("pca", "must be a number of columns"), ("round:3", "must be a number"), (0, "must be 1 at least"), (25, "fewer")],
)
def test_a_projection_that_makes_no_sense_is_refused(given: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        Index.build(ROWS, projection=given)


def test_vectors_and_paths_are_taken_where_arrays_and_names_are(tmp_path: Path) -> None:
    vectors = nm.Vectors.of(ROWS)
    fitted = nm.PCAProjection.fit(vectors, 3)
    assert (fitted.apply(vectors) == nm.PCAProjection.fit(ROWS, 3).apply(ROWS)).all()
    fitted.save(tmp_path / "head")
    index = Index.build(ROWS, projection=tmp_path / "head")
    assert (index.vectors().rows == fitted.apply(ROWS)).all()


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: nm.PCAProjection.fit(ROWS[0], 1), r"have shape \(24,\)"),
        (lambda: nm.PCAProjection.fit(np.where(ROWS[0, 0] == ROWS, np.nan, ROWS), 1), "must be finite"),
        (lambda: nm.PCAProjection.fit(ROWS, "3"), "'3' columns"),
        (lambda: nm.GaussianProjection(24.0, 3), "24.0 columns"),
        (lambda: nm.truncate(1.5), "1.5 columns"),
    ],
)
def test_what_is_no_table_or_no_number_of_columns_is_refused(make: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        make()


def test_bits_are_not_projected_and_full_rows_need_a_projection() -> None:
    with pytest.raises(InputError, match="hamming"):
        Index.build(ROWS > 0, metric="hamming", projection=3)
    with pytest.raises(InputError, match="rows are full as they are"):
        Index.build(ROWS, keep_full=True)


def test_a_damaged_head_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "head"
    nm.GaussianProjection(5, 2).save(path)
    whole = path.read_bytes()
    for at in (0, 20, len(whole) - 1):
        path.write_bytes(whole[:at])
        with pytest.raises(DamagedFileError, match="head"):
            Projection.load(path)
    from nearmost.safetensors import write_safetensors

    write_safetensors(path, {"0.round.weight": V})
    with pytest.raises(DamagedFileError, match="no step of a projection"):
        Projection.load(path)
    write_safetensors(path, {"1.linear.weight": V})
    with pytest.raises(DamagedFileError, match="one is missing"):
        Projection.load(path)
