"""What a partition promises: the recall asked for, exact scores, k answers, the same bytes, no harm from any file."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from nearmost import Index, InputError
from nearmost.errors import DamagedFileError
from nearmost.kinds import packing
from nearmost.kinds.partition import SECTIONS, Partition

METRICS = ("cosine", "euclidean", "dot", "manhattan", "hamming")
N_ROWS, N_QUERIES, DIM = 12_000, 300, 24


def clustered(rng: np.random.Generator, n: int) -> NDArray[np.float32]:
    """Three hundred clusters of very different sizes."""
    centers = rng.normal(size=(300, DIM))
    chosen = np.minimum(rng.zipf(1.3, size=n) - 1, 299)
    return np.float32(centers[chosen] + 0.4 * rng.normal(size=(n, DIM)))


def hubby(rng: np.random.Generator, n: int) -> NDArray[np.float32]:
    """A large mean and lengths that differ tenfold: a few rows are near everything."""
    return np.float32((rng.normal(size=(n, DIM)) + 0.8) * np.exp(rng.normal(size=(n, 1)) * 0.5))


def uniform(rng: np.random.Generator, n: int) -> NDArray[np.float32]:
    return np.float32(rng.uniform(size=(n, DIM)))


DATA = {"clustered": clustered, "hubby": hubby, "uniform": uniform}


def fitting(metric: str, values: NDArray[Any]) -> NDArray[np.float32]:
    """The values, or for hamming whether they are above their mean and a little more or less than that."""
    if metric != "hamming":
        return np.float32(values)
    limits = values.mean() + np.array([-0.5, 0, 0.5]) * values.std()
    return np.float32(np.concatenate([values > limit for limit in limits], axis=1))


def rows_and_queries(name: str, metric: str = "cosine") -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    both = fitting(metric, DATA[name](np.random.default_rng(5), N_ROWS + N_QUERIES))
    return both[:N_ROWS], both[N_ROWS:]


def true_scores(metric: str, rows: NDArray[Any], queries: NDArray[Any]) -> NDArray[np.float64]:
    """Every query's score for every row, in float64 by NumPy."""
    x, q = rows.astype(np.float64), queries.astype(np.float64)
    if metric in ("manhattan", "hamming"):
        return -np.stack([np.abs(x - query).sum(axis=1) for query in q])
    if metric == "euclidean":
        return -np.sqrt(np.maximum(0, (x**2).sum(1) - 2 * q @ x.T + (q**2).sum(1)[:, None]))
    products: NDArray[np.float64] = q @ x.T
    if metric == "dot":
        return products
    lengths = np.linalg.norm(q, axis=1)[:, None] * np.linalg.norm(x, axis=1)
    return np.divide(products, lengths, out=np.zeros_like(products), where=lengths > 0)


def recall_of(scores: NDArray[np.float32], truth: NDArray[np.float64], k: int) -> float:
    worst = np.sort(truth, axis=1)[:, -k][:, None]
    return float((scores >= worst - 1e-5 * np.abs(worst) - 1e-6).mean())


@pytest.mark.parametrize(("metric", "name"), list(itertools.product(METRICS, DATA)))
def test_fresh_queries_reach_the_recall_that_is_asked_for(metric: str, name: str) -> None:
    rows, queries = rows_and_queries(name, metric)
    index = Index.build(rows, metric=metric, kind="partition")
    truth = true_scores(metric, rows, queries)
    for k, recall in itertools.product((1, 10, 30), (0.8, 0.9, 0.95, 0.99)):
        found = recall_of(index.search(queries, k, recall=recall).scores, truth, k)
        allowed = 0.01 + 1.5 * np.sqrt(recall * (1 - recall) / N_QUERIES / min(k, 4))  # the error of 300 queries
        assert found >= recall - allowed, f"{metric} {name} k={k}: asked {recall}, found {found:.4f}"


@pytest.mark.parametrize("metric", METRICS)
def test_a_partition_looks_at_a_small_part_of_the_rows(metric: str) -> None:
    rows, _ = rows_and_queries("clustered", metric)
    packed = Index.build(rows, metric=metric, kind="partition")._parts().packed
    assert isinstance(packed, Partition)
    step = packed.calibration.for_recall(0.9, 10)
    assert step is not None
    assert step.effort < packed.n_lists / 4


@pytest.mark.parametrize("metric", METRICS)
def test_scores_are_those_of_the_flat_index(metric: str) -> None:
    rows, queries = rows_and_queries("clustered", metric)
    every = Index.build(rows[:3000], metric=metric, kind="flat").search(queries[:20], 3000)
    found = Index.build(rows[:3000], metric=metric, kind="partition").search(queries[:20], 12, recall=0.9)
    for query in range(20):
        of = dict(zip(every.ids[query].tolist(), every.scores[query].tolist(), strict=True))
        assert [of[row] for row in found.ids[query].tolist()] == found.scores[query].tolist()
        order = sorted(found.ids[query].tolist(), key=lambda row: (-of[row], row))
        assert order == found.ids[query].tolist()


@pytest.mark.parametrize("metric", METRICS)
def test_recall_of_one_is_the_flat_answer(metric: str) -> None:
    rows, queries = rows_and_queries("hubby", metric)
    flat = Index.build(rows, metric=metric, kind="flat").search(queries, 10)
    exact = Index.build(rows, metric=metric, kind="partition").search(queries, 10, recall=1.0)
    assert (flat.ids == exact.ids).all()
    assert (flat.scores == exact.scores).all()


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize(("n", "dim"), [(1, 1), (1, 7), (2, 3), (9, 200), (40, 1), (300, 17), (1500, 200)])
def test_k_answers_come_whenever_k_rows_exist(metric: str, n: int, dim: int) -> None:
    rng = np.random.default_rng(n)
    rows = fitting(metric, rng.normal(size=(n, dim)))
    rows[n // 2] = 0
    index = Index.build(rows, metric=metric, kind="partition")
    for k, effort in itertools.product((1, n, n + 3), (1, 5, None)):
        for queries in (fitting(metric, rng.normal(size=(n_queries, dim))) for n_queries in (3, 70)):
            ids, scores = index.search(queries, k, effort=effort)
            real = min(k, n)
            assert all(len(set(row)) == real for row in ids[:, :real].tolist())
            assert (ids[:, :real] >= 0).all()
            assert (ids[:, real:] == -1).all()
            assert np.isneginf(scores[:, real:]).all()
            assert (scores[:, 1:] <= scores[:, :-1]).all()


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("value", [0.0, 1.0, 1e-30, 1e30])
def test_many_equal_rows_work(metric: str, value: float) -> None:
    rows = np.full((5000, 12), value if metric != "hamming" else value > 0.5, dtype=np.float32)
    rows[17] = 0 if metric == "hamming" else rows[17] * 2
    ids, _ = Index.build(rows, metric=metric, kind="partition").search(np.ones((2, 12)), 30)
    assert all(len(set(row)) == 30 for row in ids.tolist())
    assert (ids >= 0).all()


@pytest.mark.parametrize("metric", METRICS)
def test_no_rows_at_all_work(metric: str) -> None:
    ids, _ = Index.build(np.empty((0, 4)), metric=metric, kind="partition").search(np.ones((2, 4)), 3)
    assert (ids == -1).all()


@pytest.mark.parametrize("metric", METRICS)
def test_any_number_of_threads_gives_the_same_bytes_and_answers(metric: str, tmp_path: Path) -> None:
    rows, queries = rows_and_queries("clustered", metric)
    wide = np.concatenate([rows] * 10, axis=1)[:5000]  # turned, too
    for given, asked in ((rows, queries), (wide, np.concatenate([queries] * 10, axis=1))):
        files, answers = set(), set()
        for n_threads in (1, 2, 3, 8):
            index = Index.build(given, metric=metric, kind="partition", n_threads=n_threads)
            index.save(tmp_path / "index.nearmost")
            files.add((tmp_path / "index.nearmost").read_bytes())
            answers.add(index.search(asked, 10, n_threads=n_threads).ids.tobytes())
        assert len(files) == len(answers) == 1


def test_another_seed_gives_another_partition_and_the_same_one_the_same() -> None:
    rows, _ = rows_and_queries("uniform")
    slots = [Index.build(rows, kind="partition", seed=seed)._parts().arrays()["slots"].tobytes() for seed in (0, 0, 1)]
    assert slots[0] == slots[1] != slots[2]


def test_a_batch_finds_what_each_query_finds_alone() -> None:
    rows, queries = rows_and_queries("hubby")
    index = Index.build(rows, kind="partition")
    together = index.search(queries, 10)
    alone = [index.search(query, 10).ids.tolist() for query in queries]
    assert np.mean(np.array(alone) == together.ids) > 0.999


@pytest.mark.parametrize("metric", METRICS)
def test_a_saved_partition_answers_as_before(metric: str, tmp_path: Path) -> None:
    rows, queries = rows_and_queries("clustered", metric)
    built = Index.build(rows, metric=metric, kind="partition")
    built.save(tmp_path / "index.nearmost")
    with Index.open(tmp_path / "index.nearmost", verify="full") as opened:
        assert opened.info()["calibration"] == built.info()["calibration"]
        for asked in ({"recall": 0.9}, {"recall": 1.0}, {"effort": 7}):
            before, after = built.search(queries, 10, **asked), opened.search(queries, 10, **asked)  # type: ignore[arg-type]
            assert (before.ids == after.ids).all()
            assert (before.scores == after.scores).all()
        assert (opened.vector("5") == rows[5]).all()


def test_tuning_reaches_the_recall_for_queries_unlike_the_rows() -> None:
    rows, _ = rows_and_queries("clustered")
    asked = np.float32(np.random.default_rng(9).normal(size=(600, DIM)) * 3)
    index = Index.build(rows, kind="partition").tune(asked[:300])
    truth = true_scores("cosine", rows, asked[300:])
    assert recall_of(index.search(asked[300:], 10, recall=0.9).scores, truth, 10) >= 0.88


def test_auto_takes_a_partition_where_it_pays() -> None:
    rng = np.random.default_rng(0)
    many, few = rng.normal(size=(20_000, 8)), rng.normal(size=(19_999, 8))
    assert Index.build(many).info()["kind"] == "partition"
    assert Index.build(few).info()["kind"] == "flat"
    assert Index.build(many, metric="manhattan").info()["kind"] == "partition"
    assert Index.build(many, exact=True).info()["kind"] == "flat"


def test_what_cannot_be_is_refused_in_words() -> None:
    index = Index.build(np.eye(4), kind="partition")
    with pytest.raises(InputError, match=r"recall is 1\.5; it must be"):
        index.search([1, 0, 0, 0], recall=1.5)
    with pytest.raises(InputError, match="effort is 0; it must be"):
        index.search([1, 0, 0, 0], effort=0)
    with pytest.raises(InputError, match="exclude each other"):
        Index.build(np.eye(4), exact=True, kind="partition")
    with pytest.raises(InputError, match="takes 0 and 1 only"):
        Index.build(np.eye(4) * 2, metric="hamming", kind="partition")
    with pytest.raises(InputError, match="kind is 'tree'"):
        Index.build(np.eye(4), kind="tree")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="quality is 'good'"):
        Index.build(np.eye(4), kind="partition", quality="good")  # type: ignore[arg-type]


@pytest.mark.parametrize("metric", METRICS)
def test_whatever_the_arrays_hold_a_search_comes_to_an_end(metric: str) -> None:
    rng = np.random.default_rng(3)
    packed = Index.build(fitting(metric, rng.normal(size=(1200, 200))), metric=metric, kind="partition")._parts().packed
    assert isinstance(packed, Partition)
    queries = fitting(metric, rng.normal(size=(80, 200)))
    ordered = ("cells.first", "lists.first")
    for name in packed.arrays:
        for trial in range(6):
            array = packed.arrays[name]
            filled = [rng.bytes(array.nbytes), b"\xff" * array.nbytes, bytes(array.nbytes)][trial % 3]
            damaged = np.frombuffer(filled, dtype=array.dtype).reshape(array.shape)
            arrays = {**packed.arrays, name: damaged}
            try:
                made = Partition(
                    packed.metric, packed.dim, 1200, packed.unit, arrays, coded=packed.coded, turned=packed.turned
                )
            except DamagedFileError:
                assert name in ordered
                continue
            for asked in (queries, queries[:1]):
                ids, _ = made.search(asked, 10, effort=30)
                assert ((ids >= -1) & (ids < 1200)).all()


def test_sections_of_another_shape_are_refused() -> None:
    packed = Index.build(np.random.default_rng(3).normal(size=(1200, 200)), kind="partition")._parts().packed
    assert isinstance(packed, Partition)
    for name in SECTIONS:
        array = packed.arrays[name]
        for other in (array[:-1], array.view(np.int8), array[None]):
            with pytest.raises(DamagedFileError):
                Partition(
                    packed.metric, 200, 1200, 1.0, {**packed.arrays, name: other},
                    coded=packed.coded, turned=packed.turned,
                )  # fmt: skip


def few_words(power: float, n: int = 20_000, dim: int = 256) -> NDArray[np.float32]:
    """Rows like those of short texts: four of 256 directions each, frequent ones and rare ones."""
    rng = np.random.default_rng(0)
    chance = np.arange(1, dim + 1) ** -power
    words = rng.choice(dim, (n, 4), p=chance / chance.sum())
    rows = 0.02 * rng.normal(size=(n, dim))
    for column in words.T:
        np.add.at(rows, (np.arange(n), column), rng.uniform(0.5, 1.5, n))
    return np.float32(rows)


def test_codes_leave_nothing_out_where_neighbors_could_not_be_told_apart():
    rows = few_words(0.6)
    index = Index.build(rows, kind="partition")
    assert index._parts().packed.coded == 256
    queries = rows[::40] + np.float32(0.05) * np.random.default_rng(1).normal(size=(500, 256)).astype(np.float32)
    truth = index.search(queries, 10, recall=1.0)
    found = index.search(queries, 10, recall=0.95)
    assert index._parts().packed.calibration.is_useful
    assert (found.scores >= truth.scores[:, -1:]).mean() > 0.93


def test_a_graph_whose_walks_lose_their_way_gives_way_to_a_partition(monkeypatch):
    monkeypatch.setattr(packing, "_suited", lambda *_: "graph")
    rows = few_words(1.0)
    assert Index.build(rows, kind="graph").info()["kind"] == "graph"  # as asked
    assert Index.build(rows).info()["kind"] == "partition"
    assert Index.build(few_words(0.6)).info()["kind"] == "graph"
