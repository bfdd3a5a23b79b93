"""What a graph promises: the recall asked for, exact scores, k answers, the same bytes, no harm from any file."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from test_partition import METRICS, fitting, recall_of, rows_and_queries, true_scores

from nearmost import Index, InputError
from nearmost.errors import DamagedFileError
from nearmost.kinds.digits import Digits
from nearmost.kinds.graph import SECTIONS, Graph

CASES = [
    ("cosine", "clustered"), ("cosine", "hubby"), ("euclidean", "clustered"), ("euclidean", "uniform"),
    ("dot", "hubby"), ("manhattan", "clustered"), ("hamming", "uniform"),
]  # fmt: skip


@pytest.mark.parametrize(("metric", "name"), CASES)
def test_fresh_queries_reach_the_recall_that_is_asked_for(metric: str, name: str) -> None:
    rows, queries = rows_and_queries(name, metric)
    rows, queries = rows[:6000], queries[:200]
    index = Index.build(rows, metric=metric, kind="graph")
    truth = true_scores(metric, rows, queries)
    for k, recall in itertools.product((1, 10, 30), (0.8, 0.95, 0.99)):
        found = recall_of(index.search(queries, k, recall=recall).scores, truth, k)
        allowed = 0.01 + 1.5 * np.sqrt(recall * (1 - recall) / len(queries) / min(k, 4))  # the error of the queries
        assert found >= recall - allowed, f"{metric} {name} k={k}: asked {recall}, found {found:.4f}"


def test_a_walk_misses_little_though_it_meets_few_rows() -> None:
    rows, queries = rows_and_queries("clustered")
    packed = Index.build(rows, kind="graph")._parts().packed
    assert isinstance(packed, Graph)
    met = packed.promising(queries, 10, effort=60, rows=len(rows) // 4)
    assert (met[:, -1] == -1).all()  # not a quarter of them
    truth = true_scores("cosine", rows, queries)
    assert recall_of(packed.look(queries, 10, effort=60, rows=40).scores, truth, 10) > 0.9


@pytest.mark.parametrize("metric", METRICS)
def test_scores_are_those_of_the_flat_index(metric: str) -> None:
    rows, queries = rows_and_queries("clustered", metric)
    every = Index.build(rows[:2000], metric=metric, kind="flat").search(queries[:20], 2000)
    found = Index.build(rows[:2000], metric=metric, kind="graph").search(queries[:20], 12, recall=0.9)
    for query in range(20):
        of = dict(zip(every.ids[query].tolist(), every.scores[query].tolist(), strict=True))
        assert [of[row] for row in found.ids[query].tolist()] == found.scores[query].tolist()
        assert found.ids[query].tolist() == sorted(found.ids[query].tolist(), key=lambda row: (-of[row], row))


def test_recall_of_one_is_the_flat_answer() -> None:
    rows, queries = rows_and_queries("hubby")
    flat = Index.build(rows[:3000], kind="flat").search(queries, 10)
    exact = Index.build(rows[:3000], kind="graph").search(queries, 10, recall=1.0)
    assert (flat.ids == exact.ids).all()
    assert (flat.scores == exact.scores).all()


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize(("n", "dim"), [(0, 4), (0, 80), (1, 1), (2, 3), (9, 200), (40, 1), (300, 17), (1100, 70)])
def test_k_answers_come_whenever_k_rows_exist(metric: str, n: int, dim: int) -> None:
    rng = np.random.default_rng(n)
    rows = fitting(metric, rng.normal(size=(n, dim))) if n else np.empty((0, dim))
    rows[n // 2 :][:1] = 0
    index = Index.build(rows, metric=metric, kind="graph")
    for k, effort in itertools.product((1, n + 3), (1, 50, None)):
        for count in (1, 9):
            queries = (rng.normal(size=(count, rows.shape[1])) > 0).astype(np.float32)
            ids, scores = index.search(queries, k, effort=effort)
            real = min(k, n)
            assert all(len(set(row)) == real for row in ids[:, :real].tolist())
            assert (ids[:, :real] >= 0).all()
            assert (ids[:, real:] == -1).all()
            assert np.isneginf(scores[:, real:]).all()
            assert (scores[:, 1:] <= scores[:, :-1]).all()


@pytest.mark.parametrize("metric", ["cosine", "euclidean", "dot"])
@pytest.mark.parametrize("value", [0.0, 1.0, 1e-30, 1e30])
def test_many_equal_rows_work(metric: str, value: float) -> None:
    rows = np.full((20_000 if value == 1 else 3000, 12), value, dtype=np.float32)
    rows[17] *= 2
    ids, _ = Index.build(rows, metric=metric, kind="graph").search(np.ones((2, 12)), 30)
    assert all(len(set(row)) == 30 for row in ids.tolist())
    assert (ids >= 0).all()


@pytest.mark.parametrize("metric", ["cosine", "euclidean", "dot"])
def test_any_number_of_threads_gives_the_same_bytes_and_answers(metric: str, tmp_path: Path) -> None:
    rows, queries = rows_and_queries("clustered", metric)
    wide = np.concatenate([rows[:3000]] * 4, axis=1)  # turned, too
    for given, asked in ((rows[:4000], queries), (wide, np.concatenate([queries] * 4, axis=1))):
        files, answers = set(), set()
        for n_threads in (1, 2, 3, 8):
            index = Index.build(given, metric=metric, kind="graph", n_threads=n_threads)
            index.save(tmp_path / "index.nearmost")
            files.add((tmp_path / "index.nearmost").read_bytes())
            answers.add(index.search(asked, 10, n_threads=n_threads).ids.tobytes())
        assert len(files) == len(answers) == 1


def test_a_batch_finds_what_each_query_finds_alone() -> None:
    rows, queries = rows_and_queries("hubby")
    index = Index.build(rows[:4000], kind="graph")
    together = index.search(queries, 10)
    assert [index.search(query, 10).ids.tolist() for query in queries] == together.ids.tolist()


@pytest.mark.parametrize("metric", METRICS)
def test_a_saved_graph_answers_as_before(metric: str, tmp_path: Path) -> None:
    rows, queries = rows_and_queries("clustered", metric)
    built = Index.build(rows[:3000], metric=metric, kind="graph")
    built.save(tmp_path / "index.nearmost")
    with Index.open(tmp_path / "index.nearmost", verify="full") as opened:
        assert opened.info()["kind"] == "graph"
        assert opened.info()["calibration"] == built.info()["calibration"]
        for asked in ({"recall": 0.9}, {"recall": 1.0}, {"effort": 7}):
            before, after = built.search(queries, 10, **asked), opened.search(queries, 10, **asked)  # type: ignore[arg-type]
            assert (before.ids == after.ids).all()
            assert (before.scores == after.scores).all()
        assert (opened.vector("5") == rows[5]).all()


@pytest.mark.parametrize("share", [0.9, 0.3, 0.002])
def test_only_allowed_rows_are_found_and_as_many_as_asked_for(share: float) -> None:
    rng = np.random.default_rng(1)
    rows, queries = np.float32(rng.normal(size=(40_000, 8))), np.float32(rng.normal(size=(100, 8)))
    mask = rng.uniform(size=len(rows)) < share
    found = Index.build(rows, kind="graph", quality="fast").search(queries, 10, allow=mask)
    assert mask[found.ids].all()
    truth = true_scores("cosine", rows[mask], queries)
    assert recall_of(found.scores, truth, 10) > 0.93


def test_tuning_reaches_the_recall_for_queries_unlike_the_rows() -> None:
    rows, _ = rows_and_queries("clustered")
    asked = np.float32(np.random.default_rng(9).normal(size=(600, rows.shape[1])) * 3)
    index = Index.build(rows[:6000], kind="graph").tune(asked[:300])
    truth = true_scores("cosine", rows[:6000], asked[300:])
    assert recall_of(index.search(asked[300:], 10, recall=0.9).scores, truth, 10) >= 0.88


def test_auto_takes_a_graph_where_a_line_of_digits_does_not_tell_the_rows_apart() -> None:
    rng = np.random.default_rng(0)
    broad, narrow = rng.normal(size=(20_000, 160)), rng.normal(size=(20_000, 160)) * 0.8 ** np.arange(160)
    assert Index.build(broad, quality="fast").info()["kind"] == "graph"
    assert Index.build(narrow, quality="fast").info()["kind"] == "partition"
    assert Index.build(broad[:19_999], quality="fast").info()["kind"] == "flat"


def test_every_row_can_be_reached() -> None:
    rng = np.random.default_rng(2)
    rows = np.concatenate([rng.normal(size=(1500, 16)), 40 + rng.normal(size=(40, 16)), np.eye(16) * 900])
    arrays = Index.build(rows, metric="euclidean", kind="graph")._parts().arrays()
    reached, left = set(arrays["entries"].tolist()), arrays["entries"].tolist()
    while left:
        new = set(arrays["links"][left.pop()].tolist()) - reached
        reached |= new
        left += new
    assert reached == set(range(len(rows)))


def test_digits_lose_what_the_rows_hardly_vary_in() -> None:
    sample = np.float32(np.random.default_rng(0).normal(size=(3000, 300)) * 0.97 ** np.arange(300))
    one, two = Digits.fit(sample, lines=1, offset=False), Digits.fit(sample, lines=2, offset=False)
    assert len(one.used) < len(two.used) < 300
    assert two.lost < one.lost < 0.01
    levels = np.where(np.bincount(one.places[one.places < 2 * len(one.used)] >> 1) == 2, 256, 16)
    coded = np.clip(np.rint((sample[:, one.used] - one.lows) / one.steps), 0, levels - 1) * one.steps + one.lows
    queries = np.random.default_rng(1).normal(size=(50, 300)) * 0.97 ** np.arange(300)
    errors = queries @ sample.T - queries[:, one.used] @ coded.T
    assert errors.std() < 0.1 * (queries @ sample.T).std()


def test_what_cannot_be_is_refused_in_words() -> None:
    with pytest.raises(InputError, match="quality is 'good'"):
        Index.build(np.eye(4), kind="graph", quality="good")  # type: ignore[arg-type]


@pytest.mark.parametrize("metric", ["cosine", "euclidean", "dot"])
def test_whatever_the_arrays_hold_a_search_comes_to_an_end(metric: str) -> None:
    rng = np.random.default_rng(3)
    packed = Index.build(rng.normal(size=(1200, 100)), metric=metric, kind="graph")._parts().packed
    assert isinstance(packed, Graph)
    queries = np.float32(rng.normal(size=(9, 100)))
    for name, array in packed.arrays.items():
        for trial in range(3):
            filled = [rng.bytes(array.nbytes), b"\xff" * array.nbytes, bytes(array.nbytes)][trial]
            damaged = np.frombuffer(filled, dtype=array.dtype).reshape(array.shape)
            made = Graph(packed.metric, 100, 1200, packed.unit, {**packed.arrays, name: damaged})
            for asked in (queries, queries[:1]):
                ids, _ = made.search(asked, 10, effort=30)
                assert ((ids >= -1) & (ids < 1200)).all()


def test_sections_of_another_shape_are_refused() -> None:
    packed = Index.build(np.random.default_rng(3).normal(size=(1200, 100)), kind="graph")._parts().packed
    assert isinstance(packed, Graph)
    for name in SECTIONS:
        array = packed.arrays[name]
        others = (array.view(np.int8), array[None]) if name == "entries" else (array[:-1], array.view(np.int8))
        for other in others:
            with pytest.raises(DamagedFileError):
                Graph(packed.metric, 100, 1200, 1.0, {**packed.arrays, name: other})
