"""Many texts through a model a few at a time: nothing lost, nothing done twice, nothing unstoppable."""

from __future__ import annotations

import _thread
import threading
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nearmost.encoders import batching
from nearmost.encoders.batching import batches, distinct, encode_in_batches, n_workers, padded
from nearmost.errors import InputError


def tokenize(texts):
    return [np.array([ord(letter) for letter in text] or [1], dtype=np.int64) for text in texts]


def run(ids, mask):
    """A row's sum and length, which no padding and no neighbour may change."""
    return np.stack([(ids * mask).sum(axis=1), mask.sum(axis=1)], axis=1).astype(np.float32)


def one_by_one(texts):
    return np.array([[tokens.sum(), len(tokens)] for tokens in tokenize(texts)], np.float32).reshape(-1, 2)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.text(st.characters(codec="utf-8"), max_size=30), max_size=300), st.sampled_from([1, 3]))
def test_batches_change_nothing(texts, n_threads):
    found = encode_in_batches(texts, 2, tokenize, run, n_threads=n_threads)
    np.testing.assert_array_equal(found, one_by_one(texts))
    assert found.dtype == np.float32


@pytest.mark.parametrize("n_threads", [1, 4])
def test_several_windows_change_nothing(monkeypatch, n_threads):
    monkeypatch.setattr(batching, "WINDOW", 100)
    texts = [str(number) * (number % 7 + 1) for number in range(1050)]
    found = encode_in_batches(texts, 2, tokenize, run, n_threads=n_threads)
    np.testing.assert_array_equal(found, one_by_one(texts))


def test_each_distinct_text_is_run_once():
    seen = []
    texts = ["b", "a", "b", "c", "b"] * 100
    encode_in_batches(texts, 2, tokenize, lambda ids, mask: (seen.extend(ids[:, 0]), run(ids, mask))[1])
    assert sorted(seen) == [ord("a"), ord("b"), ord("c")]


@pytest.mark.parametrize("n_threads", [1, 3])
def test_progress_counts_every_text_and_comes_from_the_calling_thread(n_threads):
    calls = []
    texts = [str(number % 300) for number in range(1000)]
    encode_in_batches(
        texts,
        2,
        tokenize,
        run,
        n_threads=n_threads,
        progress=lambda done, total: calls.append((done, total, threading.get_ident())),
    )
    dones = [done for done, _, _ in calls]
    assert dones == sorted(dones)
    assert dones[-1] == 1000
    assert {call[1:] for call in calls} == {(1000, threading.get_ident())}
    assert len(calls) > 2


def test_batches_are_alike_in_length_and_bounded():
    rng = np.random.default_rng(0)
    tokens = [np.ones(length, np.int64) for length in rng.integers(1, 257, 3000)]
    seen = []
    for rows in batches(tokens):
        lengths = [len(tokens[row]) for row in rows]
        assert len(rows) <= batching.BATCH_ROWS
        assert len(rows) * max(lengths) <= batching.BATCH_TOKENS
        seen.extend(rows)
    assert sorted(seen) == list(range(3000))
    padding = sum(len(rows) * max(len(tokens[r]) for r in rows) for rows in batches(tokens)) / sum(map(len, tokens))
    assert padding < 1.02


def test_padding_is_masked():
    ids, mask = padded([np.array([5, 6, 7]), np.array([8])], np.array([1, 0]))
    assert ids.tolist() == [[8, 0, 0], [5, 6, 7]]
    assert mask.tolist() == [[1, 0, 0], [1, 1, 1]]


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["a", b"b"], "row 1 of the texts is bytes"),
        (["a", "b", None], "row 2 of the texts is NoneType"),
        (["a", ["b"]], "row 1 of the texts is list"),
        (["a", "\ud800"], "row 1 of the texts.*lone surrogate"),
        ("abc", "texts is one string"),
    ],
)
def test_what_is_not_text_is_refused_with_its_row(texts, message):
    with pytest.raises(InputError, match=message):
        distinct(texts)


@pytest.mark.parametrize("n_threads", [1, 2])
def test_ctrl_c_stops_long_before_the_last_batch(n_threads):
    runs = []

    def slow(ids, mask):
        runs.append(1)
        if len(runs) == 3:
            _thread.interrupt_main()
        time.sleep(0.05)
        return run(ids, mask)

    texts = [str(number) for number in range(64 * 200)]
    with pytest.raises(KeyboardInterrupt):
        encode_in_batches(texts, 2, tokenize, slow, n_threads=n_threads)
    assert 3 <= len(runs) < 200


@pytest.mark.parametrize("n_threads", [1, 2])
def test_an_error_in_progress_stops_the_threads(n_threads):
    runs = []

    def failing(done, total):
        told.set()
        raise RuntimeError("no")

    def running(ids, mask):
        runs.append(1)
        if len(runs) > 20:  # no batch runs through before the error, and few do while it is told
            told.wait(60)
            time.sleep(0.05)
        return run(ids, mask)

    told, texts = threading.Event(), [str(number) for number in range(64 * 200)]
    with pytest.raises(RuntimeError, match="no"):
        encode_in_batches(texts, 2, tokenize, running, n_threads=n_threads, progress=failing)
    n_runs = len(runs)
    time.sleep(0.1)
    assert len(runs) == n_runs < 200


def test_an_error_in_a_thread_reaches_the_caller():
    def failing(ids, mask):
        raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        encode_in_batches([str(number) for number in range(1000)], 2, tokenize, failing, n_threads=2)


def test_n_threads():
    assert n_workers(3) == 3
    assert n_workers(0) >= 1
    with pytest.raises(InputError, match="n_threads is -1"):
        n_workers(-1)
