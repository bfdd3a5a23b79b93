"""What partitions that are searched together promise: the answers of one, whatever the cut, metric, filter or file."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nearmost import METRICS
from nearmost.allowed import Allowed
from nearmost.errors import DamagedFileError
from nearmost.kinds.flat import Flat
from nearmost.kinds.partition import Partition
from nearmost.kinds.partitioning import partition
from nearmost.kinds.partitions import Partitions
from nearmost.rows import Rows
from nearmost.union import Union

DIM = 16


def drawn(metric, n, seed=0, dim=DIM):
    """Rows in clusters, of lengths that differ, with a mean that is not 0."""
    random = np.random.default_rng(seed)
    rows = random.standard_normal((60, dim))[random.integers(0, 60, n)] + 0.6 * random.standard_normal((n, dim)) + 0.3
    rows *= np.exp(0.4 * random.standard_normal((n, 1)))
    return np.float32(rows > 0.3) if metric == "hamming" else np.float32(rows)


def orders(rows):
    """At random, by the direction in which rows differ most, and by their lengths: then units differ too."""
    lengths = np.linalg.norm(rows, axis=1)
    return {
        "at random": np.arange(len(rows)),
        "by likeness": np.argsort(rows @ np.linalg.svd(rows[::10], full_matrices=False)[2][0], kind="stable"),
        "by length": np.argsort(lengths, kind="stable"),
    }


def cut(rows, metric, lengths):
    firsts = np.cumsum([0, *lengths])
    return Union([partition(METRICS[metric], Rows.of(rows[a:b], METRICS[metric])) for a, b in pairwise(firsts)])


def share_found(found, truth):
    k = truth.scores.shape[1]
    return np.minimum(k, (found.scores >= truth.scores[:, -1:]).sum(axis=1)).mean() / k


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.lists(st.integers(1, 12), min_size=2, max_size=4),
    st.integers(1, 50),
    st.sampled_from(list(METRICS)),
    st.sampled_from([4, 130]),
    st.booleans(),
)
def test_all_lists_of_any_cut_hold_the_exact_answer(seed, lengths, k, metric, dim, many):
    """With many ties, duplicates and zero rows; turned rows too, and as a batch."""
    random = np.random.default_rng(seed)
    rows = random.integers(0, 2 if metric == "hamming" else 3, (sum(lengths), dim)).astype(np.float32)
    queries = random.integers(0, 2, (70 if many else 3, dim)).astype(np.float32)
    union = cut(rows, metric, lengths)
    found = union.pool(1).look(queries, k, lists=10**6, rows=len(rows), n_threads=1)
    exact = Flat.pack(METRICS[metric], Rows.of(rows, METRICS[metric])).search(queries, k)
    assert np.array_equal(found.ids, exact.ids)
    assert np.array_equal(found.scores, exact.scores)


@pytest.fixture(scope="module")
def made():
    """(rows in their order, queries, the union of five parts, all rows packed flat), for a metric and a cut."""
    kept = {}

    def made(metric, how):
        if (metric, how) not in kept:
            every = drawn(metric, 6300)
            rows, queries = every[:6000], every[6000:]
            rows = rows[orders(rows)[how]]
            flat = Flat.pack(METRICS[metric], Rows.of(rows, METRICS[metric]))
            kept[metric, how] = queries, cut(rows, metric, [2000, 1500, 1000, 1000, 500]), flat
        return kept[metric, how]

    return made


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("how", ["at random", "by likeness", "by length"])
def test_the_recall_asked_for_holds_whatever_the_metric_and_the_cut(metric, how, made):
    queries, union, flat = made(metric, how)
    for k in (1, 10, 50):
        truth = flat.search(queries, k)
        for recall in (0.8, 0.9, 0.95):
            found = union.search(queries, k, recall=recall)
            assert share_found(found, truth) > recall - 0.025, (k, recall)


def test_they_are_searched_together_and_not_one_by_one(made):
    _, union, _ = made("cosine", "at random")
    plan = union._plan(10, {"recall": 0.9, "effort": None, "n_threads": 1}, None, 1)
    assert plan.pool is not None
    alone = [part.reach(0.9, None, 2) for part in union.parts if part.n_rows >= 1000]
    assert plan.pool.step.effort < plan.pool.whole.n_lists / 4
    assert all(alone)


@pytest.mark.parametrize("metric", METRICS)
def test_one_query_finds_as_much_as_it_finds_in_a_batch(metric, made):
    queries, union, flat = made(metric, "by length")
    together, truth = union.search(queries[:100], 5), flat.search(queries[:100], 5)
    alone = np.concatenate([union.search(query[None], 5).scores for query in queries[:100]])
    assert (together.scores == alone).mean() > 0.9  # thresholds rise in another order: a candidate more or less
    for scores in (together.scores, alone):
        assert (scores >= truth.scores[:, -1:]).mean() > 0.925
    threads = union.search(queries[:100], 5, n_threads=2)
    assert np.array_equal(together.ids, threads.ids)


@pytest.mark.parametrize("metric", METRICS)
def test_what_may_be_found_is_found_evenly_spread_or_not(metric, made):
    queries, union, flat = made(metric, "at random")
    random = np.random.default_rng(7)
    n = union.n_rows
    marks = {
        "half of all": random.random(n) < 0.5,
        "one in ten": random.random(n) < 0.1,
        "one part": np.arange(n) < 2000,
        "one part and a little": (np.arange(n) < 2000) | (random.random(n) < 0.02),
        "three rows": np.isin(np.arange(n), [5, 2500, 5999]),
        "none": np.zeros(n, bool),
    }
    for name, mask in marks.items():
        allowed = Allowed(mask.view(np.uint8), int(mask.sum()))
        for some in (queries, queries[:20]):
            found, truth = (each.search(some, 10, allowed=allowed) for each in (union, flat))
            assert mask[found.ids[found.ids >= 0]].all(), name
            assert ((found.ids >= 0) == (truth.ids >= 0)).all(), name
            hits = (found.scores >= truth.scores[:, [min(10, max(1, mask.sum())) - 1]]) & (found.ids >= 0)
            assert hits.sum() >= 0.92 * (truth.ids >= 0).sum(), name


def test_partitions_beside_other_kinds_are_one(made):
    queries, union, flat = made("euclidean", "at random")
    rows = flat.rows.floats(np.arange(flat.n_rows))
    parts = list(union.parts)
    parts[1] = Flat.pack(METRICS["euclidean"], Rows.of(rows[2000:3500], METRICS["euclidean"]))
    mixed, truth = Union(parts), flat.search(queries, 10)
    assert share_found(mixed.search(queries, 10, recall=0.95), truth) > 0.93
    exact = mixed.search(queries, 10, recall=1)
    assert np.array_equal(exact.ids, truth.ids)
    assert np.array_equal(exact.scores, truth.scores)


def test_ctrl_c_and_progress_reach_a_search_of_many(made):
    queries, union, _ = made("cosine", "at random")

    def stop(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        union.search(np.tile(queries, (800, 1)), 50, effort=100, n_threads=1, progress=stop)


def test_lists_that_lack_rows_leave_no_answer_empty():
    """A damaged file: what its lists do not hold is found among its rows."""
    rows = drawn("cosine", 200)
    good, bad = (
        partition(METRICS["cosine"], Rows.of(rows[at], METRICS["cosine"])) for at in (slice(90), slice(90, 200))
    )
    slots = np.full_like(bad.arrays["slots"], 0xFFFFFFFF)
    lacking = Partition(
        bad.metric, DIM, 110, bad.unit, {**bad.arrays, "slots": slots}, coded=bad.coded, turned=bad.turned
    )
    found = Union([good, lacking]).search(rows[:5], 150, effort=500)
    assert (found.ids >= 0).all()
    assert all(len(set(row)) == 150 for row in found.ids.tolist())


@pytest.mark.parametrize("metric", METRICS)
def test_whatever_one_file_holds_a_search_of_all_comes_to_an_end(metric):
    random = np.random.default_rng(3)
    good, packed = (partition(METRICS[metric], Rows.of(drawn(metric, 400, s, 130), METRICS[metric])) for s in (1, 2))
    queries = drawn(metric, 70, 4, 130)
    for name, array in packed.arrays.items():
        for trial in range(6):
            filled = [random.bytes(array.nbytes), b"\xff" * array.nbytes, bytes(array.nbytes)][trial % 3]
            arrays = {**packed.arrays, name: np.frombuffer(filled, dtype=array.dtype).reshape(array.shape)}
            unit = [packed.unit, 1e-300, 1e300][trial % 3]
            try:
                bad = Partition(packed.metric, 130, 400, unit, arrays, coded=packed.coded, turned=packed.turned)
            except DamagedFileError:
                continue
            for asked in (queries, queries[:1]):
                with np.errstate(all="ignore"):
                    ids = Union([good, bad, good]).search(asked, 10, effort=30).ids
                assert ((ids >= -1) & (ids < 1200)).all()


def test_firsts_may_leave_room_between():
    """Another part may lie between two partitions: rows are numbered as in the whole."""
    rows = drawn("dot", 120)
    parts = [partition(METRICS["dot"], Rows.of(rows[at], METRICS["dot"])) for at in (slice(60), slice(60, 120))]
    found = Partitions(parts, [1000, 5000]).look(rows[:4], 3, lists=100, rows=120)
    exact = Flat.pack(METRICS["dot"], Rows.of(rows, METRICS["dot"])).search(rows[:4], 3)
    assert np.array_equal(np.where(found.ids >= 5000, found.ids - 4940, found.ids - 1000), exact.ids)
