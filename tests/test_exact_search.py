"""The flat index answers with exactly the k best of the float64 scores, on every instruction set and thread count."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from multiprocessing import get_context

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.metrics import pairwise_distances

from nearmost import METRICS, Index, _core
from nearmost.kinds.flat import Flat
from nearmost.rows import Rows

ISAS = ("generic", "avx2", "avx512", "amx")
MOST = float(np.finfo(np.float32).max)
EDGES = st.sampled_from([1, 3, 4, 5, 15, 16, 17, 31, 32, 33, 63, 64, 65, 128])
SPREAD = 10 ** np.linspace(-5, 5, 41)
GENERATED = settings(
    deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


# What the answer has to be: NumPy, in float64, adding in the order that core/exact.inl states.


def added(terms):
    """The sum of each row, added as 32 numbers side by side."""
    lanes = np.zeros((len(terms), 32))
    for start in range(0, terms.shape[1], 32):
        part = terms[:, start : start + 32]
        lanes[:, : part.shape[1]] += part
    a, b, c, d = lanes.reshape(-1, 4, 8).transpose(1, 0, 2)
    s = ((a + b) + (c + d)).T
    return ((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7]))


def brute_scores(metric, rows, query):
    rows, query = rows.astype(np.float64), query.astype(np.float64)
    if metric == "cosine":
        lengths = np.sqrt(added(query[None] ** 2)) * np.sqrt(added(rows**2))
        return np.where(lengths > 0, added(query * rows) / np.where(lengths > 0, lengths, 1), 0)
    if metric == "dot":
        return added(query * rows)
    if metric == "euclidean":
        return -np.sqrt(added((query - rows) ** 2))
    return -added(np.abs(query - rows)) if metric == "manhattan" else -added((query != rows) * 1.0)


def brute(metric, rows, queries, k):
    """ids and scores (q, k): score descending, id ascending, -1 and -inf beyond the last row."""
    ids, scores = np.full((len(queries), k), -1), np.full((len(queries), k), -np.inf, dtype=np.float32)
    for i, query in enumerate(queries):
        exact = brute_scores(metric, rows, query)
        best = np.lexsort((np.arange(len(rows)), -exact))[:k]
        ids[i, : len(best)] = best
        scores[i, : len(best)] = np.clip(exact[best], -MOST, MOST).astype(np.float32)
    return ids, scores


def assert_exact(metric, rows, queries, k, found):
    for answer, expected in zip(found, brute(metric, rows, queries, k), strict=True):
        np.testing.assert_array_equal(answer, expected)


def same_bytes(ids, scores):
    return ids.tobytes() + scores.tobytes()


# A process for each instruction set, since it is chosen once, when the program starts.


def isa_here():
    return _core.isa()


def packed_and_searched(metric, rows, queries, k, threads=(1,)):
    """Name -> bytes of what is packed, and for each number of threads ids and scores."""
    flat = Flat.pack(METRICS[metric], Rows.of(rows, METRICS[metric]), n_threads=threads[-1])
    found = [tuple(flat.search(queries, k, n_threads=n)) for n in threads]
    packed = {name: array.tobytes() for name, array in flat.arrays.items()}
    return {**packed, "unit": flat.unit}, found


@pytest.fixture(scope="module")
def processors():
    """Name -> packed_and_searched as that instruction set does it, for those that this processor has."""
    with ExitStack() as stack, pytest.MonkeyPatch.context() as patch:
        asks = {}
        for name in ISAS:
            patch.setenv("NEARMOST_ISA", name)
            pool = stack.enter_context(ProcessPoolExecutor(1, mp_context=get_context("spawn")))
            if pool.submit(isa_here).result(timeout=300) == name:
                asks[name] = lambda *asked, pool=pool: pool.submit(packed_and_searched, *asked).result(timeout=300)
        patch.undo()
        yield asks


@pytest.fixture(scope="module", params=ISAS)
def ask(request, processors):
    if request.param not in processors:
        pytest.skip(f"this processor has no {request.param}")
    return processors[request.param]


# Rows that make trouble: ties, copies, heavy tails, zeros, and sizes far apart.

KINDS = {
    "normal": lambda rng, n, dim: rng.standard_normal((n, dim)),
    "integers": lambda rng, n, dim: rng.integers(-3, 4, (n, dim)).astype(float),
    "copies": lambda rng, n, dim: rng.standard_normal((3, dim))[rng.integers(0, 3, n)],
    "cauchy": lambda rng, n, dim: np.clip(rng.standard_cauchy((n, dim)), -1e6, 1e6),
    "spike": lambda rng, n, dim: rng.standard_normal((n, dim)) * np.where(np.arange(dim) == dim // 2, 1e5, 1),
    "sparse": lambda rng, n, dim: (
        rng.standard_normal((n, dim)) * (rng.random((n, dim)) < 0.3 * (rng.random((n, 1)) < 0.7))
    ),
    "uneven": lambda rng, n, dim: rng.standard_normal((n, dim)) * rng.choice(SPREAD, (n, 1)),
    "alike": lambda rng, n, dim: 1 + rng.standard_normal((n, dim)) * 1e-6,
}


def drawn(kind, metric, rng, n, dim, scale=1.0):
    if metric == "hamming":
        return rng.integers(0, 2, (n, dim)).astype(np.float32)
    return (KINDS[kind](rng, n, dim) * scale).astype(np.float32)


@st.composite
def cases(draw, metric):
    """rows, queries, k."""
    n = draw(st.one_of(st.just(0), EDGES, st.integers(0, 300)))
    dim = draw(st.one_of(EDGES, st.integers(1, 150)))
    kind = draw(st.sampled_from(sorted(KINDS)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    tens = st.sampled_from([-30, -8, -1, 0, 0, 0, 2, 10, 30])
    rows = drawn(kind, metric, rng, n, dim, 10.0 ** draw(tens))
    queries = drawn(kind, metric, rng, draw(st.integers(1, 14)), dim, 10.0 ** draw(tens))
    if n and draw(st.booleans()):
        queries[0] = rows[-1]
    k = draw(st.one_of(st.integers(1, 12), st.integers(31, 100), st.integers(1, n + 3)))
    return rows, queries, k


@pytest.mark.parametrize("metric", METRICS)
@GENERATED
@given(data=st.data())
def test_the_answer_is_the_float64_brute_force_one(metric, ask, data):
    rows, queries, k = data.draw(cases(metric))
    _, [found] = ask(metric, rows, queries, k)
    assert_exact(metric, rows, queries, k, found)


@pytest.mark.parametrize("metric", METRICS)
@GENERATED
@given(data=st.data())
def test_every_instruction_set_packs_and_answers_the_same_bytes(metric, processors, data):
    case = data.draw(cases(metric))
    answers = [ask(metric, *case, (1, 2)) for ask in processors.values()]
    assert all(packed == answers[0][0] for packed, _ in answers)
    assert len({same_bytes(*found) for _, answer in answers for found in answer}) == 1


@pytest.mark.parametrize("metric", METRICS)
@GENERATED
@given(data=st.data())
def test_one_query_alone_and_any_number_of_threads_change_nothing(metric, data):
    rows, queries, k = data.draw(cases(metric))
    flat = Flat.pack(METRICS[metric], Rows.of(rows, METRICS[metric]))
    assert len({same_bytes(*flat.search(queries, k, n_threads=n)) for n in (1, 2, 3, 8)}) == 1
    alone = [flat.search(query[None], k) for query in queries]
    for part, whole in zip(zip(*alone, strict=True), flat.search(queries, k), strict=True):
        assert np.concatenate(part).tobytes() == whole.tobytes()


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("k", [32, 33, 100])
def test_no_row_is_lost_whatever_the_codes_lose(metric, kind, k):
    """Thousands of rows, so that the bound decides; more than 32 neighbours take another threshold."""
    rng = np.random.default_rng(len(kind) * k)
    for dim in (7, 64):
        rows, queries = drawn(kind, metric, rng, 3000, dim), drawn(kind, metric, rng, 7, dim)
        flat = Flat.pack(METRICS[metric], Rows.of(rows, METRICS[metric]))
        assert_exact(metric, rows, queries, k, flat.search(queries, k))


@pytest.mark.parametrize("metric", METRICS)
def test_many_rows(metric, ask):
    rng = np.random.default_rng(20)
    rows, queries = drawn("normal", metric, rng, 20_000, 24), drawn("normal", metric, rng, 20, 24)
    _, [found, alone] = ask(metric, rows, queries, 10, (1, 2))
    assert_exact(metric, rows, queries, 10, found)
    assert_exact(metric, rows, queries, 10, alone)


@pytest.mark.parametrize("metric", METRICS)
def test_rows_shared_out_among_threads_give_the_same_bytes(metric):
    """Megabytes of codes: only then does one query's scan go to several threads."""
    rng = np.random.default_rng(8)
    dim = 1024 if metric == "hamming" else 128
    rows, queries = drawn("copies", metric, rng, 60_000, dim), drawn("normal", metric, rng, 2, dim)
    flat = Flat.pack(METRICS[metric], Rows.of(rows, METRICS[metric]))
    assert_exact(metric, rows, queries, 50, flat.search(queries, 50))
    for q in (1, 2):
        assert len({same_bytes(*flat.search(queries[:q], 50, n_threads=n)) for n in (1, 2, 3, 8)}) == 1


@pytest.mark.parametrize("metric", ["cosine", "dot", "manhattan", "euclidean"])
@pytest.mark.parametrize("scale", [1e-30, 1e-16, 1e16, 1e30])
def test_a_query_of_another_size_than_the_rows(metric, scale):
    rng = np.random.default_rng(1)
    rows, queries = drawn("normal", metric, rng, 1000, 20), drawn("normal", metric, rng, 8, 20, scale)
    assert_exact(
        metric, rows, queries, 5, Flat.pack(METRICS[metric], Rows.of(rows, METRICS[metric])).search(queries, 5)
    )


@pytest.mark.parametrize("metric", METRICS)
def test_scores_are_those_of_scikit_learn(metric):
    rng = np.random.default_rng(3)
    rows, queries = drawn("normal", metric, rng, 200, 37), drawn("normal", metric, rng, 5, 37)
    found = Index.build(rows, metric=metric).search(queries, k=200)
    wide = rows.astype(float), queries.astype(float)
    expected = -wide[1] @ wide[0].T if metric == "dot" else pairwise_distances(wide[1], wide[0], metric)
    expected = expected * 37 if metric == "hamming" else expected
    np.testing.assert_allclose(found.distances, np.take_along_axis(expected, found.ids, 1), rtol=3e-7, atol=1e-7)


# Long work tells how far it is and lets other threads run; tests/test_house.py stops it.


@pytest.fixture(scope="module")
def long_search():
    """About a second of work for one thread; takes ``progress``."""
    rows = np.random.default_rng(0).standard_normal((50_000, 64)).astype(np.float32)
    flat = Flat.pack(METRICS["cosine"], Rows.of(rows, METRICS["cosine"]))
    start = time.monotonic()
    flat.search(rows[:1000], 10, n_threads=1)
    queries = np.resize(rows, (max(5000, int(1000 / (time.monotonic() - start))), 64))
    return lambda progress=None, n_threads=1: flat.search(queries, 10, n_threads=n_threads, progress=progress)


@pytest.mark.parametrize("n_threads", [1, 2])
def test_progress_is_told_from_the_calling_thread(long_search, n_threads):
    calls = []
    long_search(lambda done, total: calls.append((done, total, threading.get_ident())), n_threads)
    assert len(calls) > 1
    assert calls == sorted(calls)
    assert all(0 <= done <= total and ident == threading.get_ident() for done, total, ident in calls)


@pytest.mark.parametrize("n_threads", [1, 2])
def test_an_exception_raised_by_progress_comes_out(long_search, n_threads):
    def enough(done, total):
        raise LookupError("enough")

    with pytest.raises(LookupError, match="enough"):
        long_search(enough, n_threads)


def test_other_threads_run_during_a_search(long_search):
    search = threading.Thread(target=long_search)
    search.start()
    ticks = 0
    while search.is_alive():
        time.sleep(0.005)
        ticks += 1
    assert ticks > 3  # a search that held the interpreter would let one pass before it, and one behind it
