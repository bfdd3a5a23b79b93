"""Vectors, Corpus, Neighbors, Strings and Keys: checked once, where they are made, and as they were given."""

from __future__ import annotations

import copy
import dataclasses
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nearmost import METRICS, Corpus, Keys, Neighbors, Strings, Vectors
from nearmost.errors import (
    DamagedFileError,
    DuplicateKeyError,
    InputError,
    NearmostError,
    NotFiniteError,
    ShapeError,
    UnknownKeyError,
)
from nearmost.metrics import metric_named

GENERATED = settings(deadline=None, max_examples=100)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
ROWS = np.arange(12, dtype=np.float32).reshape(4, 3)


# Vectors


def test_good_float32_rows_are_not_copied():
    assert np.shares_memory(Vectors.of(ROWS).rows, ROWS)


@pytest.mark.parametrize("dtype", ["f2", ">f4", "f8", "i1", "u8", "?"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_other_numbers_become_float32_and_stay_as_they_were(dtype, order):
    given_rows = np.array([[0, 1, 1], [1, 0, 1]], dtype=dtype, order=order)
    before = given_rows.copy()
    rows = Vectors.of(given_rows).rows
    assert (rows.dtype, rows.flags.c_contiguous) == (np.float32, True)
    np.testing.assert_array_equal(rows, before)
    np.testing.assert_array_equal(given_rows, before)


def test_lists_and_slices_are_taken():
    assert Vectors.of([[1, 2], [3, 4]]).rows.tolist() == [[1, 2], [3, 4]]
    assert Vectors.of(ROWS[::-2, ::2]).rows.tolist() == ROWS[::-2, ::2].tolist()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e300])
@pytest.mark.parametrize("row", [0, 65_535, 65_536, 70_000])
def test_a_row_that_is_not_finite_is_named(value, row):
    rows = np.ones((70_001, 3))
    rows[row, 2] = value
    with pytest.raises(NotFiniteError) as refused:
        Vectors.of(rows)
    assert str(refused.value).startswith(f"row {row} of the vectors holds {value} in column 2; every value must be")


def test_the_largest_and_smallest_float32_are_numbers_like_others():
    f32 = np.finfo(np.float32)
    extreme = np.array([[f32.max, f32.min], [f32.tiny, f32.smallest_subnormal]] * 40_000, dtype=np.float32)
    np.testing.assert_array_equal(Vectors.of(extreme).rows, extreme)


@pytest.mark.parametrize("shape", [(), (3,), (2, 3, 4), (3, 0)])
def test_only_two_axes_and_a_column_will_do(shape):
    with pytest.raises(ShapeError) as refused:
        Vectors.of(np.ones(shape))
    assert str(refused.value) == f"vectors have shape {shape}; they must have shape (n, dim) with dim of at least 1"


def test_no_rows_are_rows_too():
    assert (len(Vectors.of(np.empty((0, 5)))), Vectors.of(np.empty((0, 5))).dim) == (0, 5)


@pytest.mark.parametrize("rows", [[["a", "b"]], [[1j, 2]], [[None, 1]], [[2**70]]])
def test_what_is_no_number_is_refused(rows):
    with pytest.raises(InputError, match=r"^vectors hold .*; they must hold numbers$"):
        Vectors.of(rows)


def test_rows_of_unequal_length_are_refused():
    with pytest.raises(NearmostError):
        Vectors.of([[1, 2], [3]])


def test_keys_and_rows_have_to_be_as_many():
    with pytest.raises(ShapeError, match=r"^3 keys were given for 4 vectors; there must be one a row$"):
        Vectors.of(ROWS, ["a", "b", "c"])
    with pytest.raises(ShapeError, match=r"^5 keys"):
        Vectors.of(ROWS, list("abcde"), on_duplicate="last")


def test_two_rows_with_one_key_are_both_named():
    with pytest.raises(DuplicateKeyError, match=r"^rows 1 and 3 have the same key 'b'; keys must be unique \(or say"):
        Vectors.of(ROWS, ["a", "b", "c", "b"])


@pytest.mark.parametrize(("which", "kept"), [("first", [0, 1]), ("last", [2, 3])])
@pytest.mark.parametrize("gathered", [list, iter, np.array])
def test_of_rows_with_one_key_the_first_or_the_last_is_kept(which, kept, gathered):
    vectors = Vectors.of(ROWS, gathered(["a", "b", "a", "b"]), on_duplicate=which)
    assert (list(vectors.keys), vectors.rows.tolist()) == (["a", "b"], ROWS[kept].tolist())


def test_an_unknown_rule_for_duplicates_is_refused():
    with pytest.raises(InputError, match="on_duplicate is 'middle'; it must be"):
        Vectors.of(ROWS, list("abcd"), on_duplicate="middle")


def test_rows_without_keys_are_called_by_their_number():
    keys = Vectors.of(ROWS).keys
    assert (list(keys), keys.row("3"), keys[-1], keys[1:3], keys.strings) == (list("0123"), 3, "3", ["1", "2"], None)
    assert not any(other in keys for other in ("4", "-1", "01", "1.0", "", "²", "١", "9" * 30))


def test_rows_cannot_be_written_through_the_value():
    with pytest.raises(ValueError, match="read-only"):
        Vectors.of(ROWS.copy()).rows[0, 0] = np.nan


def test_keys_given_twice_are_refused():
    with pytest.raises(InputError):
        Vectors.of(Vectors.of(ROWS, list("abcd")), list("efgh"))


# Corpus


def test_a_corpus_keeps_texts_keys_labels_and_columns_together():
    corpus = Corpus.of(
        ["one", "two", "uno"],
        ["a", "b", "a"],
        labels=["en", "en", "it"],
        columns={"year": [1, 2, 3]},
        on_duplicate="last",
    )
    assert (list(corpus.texts), list(corpus.keys), list(corpus.labels)) == (["two", "uno"], ["b", "a"], ["en", "it"])
    assert (corpus.columns, len(corpus)) == ({"year": [2, 3]}, 2)


def test_a_corpus_takes_any_iterable_and_counts_rows():
    corpus = Corpus.of(text for text in ("x", "", "z"))
    assert (list(corpus.texts), list(corpus.keys)) == (["x", "", "z"], ["0", "1", "2"])
    assert len(Corpus.of([])) == 0


@pytest.mark.parametrize(
    ("name", "more"), [("labels", {"labels": ["x"]}), ("year", {"columns": {"year": [1]}}), ("keys", {"keys": ["k"]})]
)
def test_every_column_has_a_value_for_every_text(name, more):
    with pytest.raises(ShapeError, match=f"^{name} has 1 rows and texts has 2; they must be equal$"):
        Corpus.of(["a", "b"], **more)


def test_no_column_hides_another():
    with pytest.raises(InputError):
        Corpus.of(["a", "b"], labels=["x"], columns={"labels": [1, 2]})


def test_one_string_is_not_a_corpus():
    with pytest.raises(InputError, match=r"texts is one string; it must be a list of strings"):
        Corpus.of("hello")


# Neighbors


def test_neighbors_unpack_and_know_their_distances():
    ids, scores = np.array([[1, -1]]), np.array([[0.75, -np.inf]], dtype=np.float32)
    for metric, distance in (("cosine", 0.25), ("dot", -0.75), ("euclidean", -0.75)):
        found = Neighbors(ids, scores, METRICS[metric])
        assert [part is whole for part, whole in zip(found, (ids, scores), strict=True)] == [True, True]
        np.testing.assert_array_equal(found.distances, np.array([[distance, np.inf]], dtype=np.float32))


@pytest.mark.parametrize(
    ("ids", "scores", "why"),
    [
        (np.zeros((1, 2), int), np.zeros((2, 1), np.float32), r"ids have shape \(1, 2\), scores \(2, 1\)"),
        (np.zeros((1, 1, 1), int), np.zeros((1, 1, 1), np.float32), r"must be \(q, k\) or \(k,\)"),
        (np.zeros(1, np.int32), np.zeros(1, np.float32), "ids are int32"),
        (np.zeros(1, int), np.zeros(1), "scores float64; they must be int64 and float32"),
    ],
)
def test_neighbors_of_another_shape_or_type_are_refused(ids, scores, why):
    with pytest.raises(InputError, match=why):
        Neighbors(ids, scores)


def test_a_metric_has_one_of_five_names():
    assert metric_named(METRICS["dot"]) is metric_named("dot")
    with pytest.raises(
        InputError, match=r"^metric is 'l2'; it must be one of cosine, euclidean, dot, manhattan, hamming"
    ):
        metric_named("l2")


@pytest.mark.parametrize(
    "value", [Vectors.of(ROWS), Corpus.of(["a"]), Neighbors(np.zeros(1, int), np.zeros(1, np.float32))]
)
def test_values_are_frozen(value):
    for field in dataclasses.fields(value):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(value, field.name, None)
    assert repr(value)


# Strings and Keys


@GENERATED
@given(st.lists(TEXT, max_size=60))
def test_strings_come_back_as_they_went_in(texts):
    strings = Strings.of(texts)
    assert list(strings) == texts
    assert [strings[row] for row in range(-len(texts), len(texts))] == texts * 2
    assert strings[1::2] == texts[1::2]
    assert list(pickle.loads(pickle.dumps(strings))) == list(copy.copy(strings)) == texts
    assert Strings.of(strings) is strings


@GENERATED
@given(st.lists(TEXT, max_size=60, unique=True), TEXT)
def test_every_key_leads_to_its_row_and_no_other_does(texts, other):
    keys = Keys.of(iter(texts))
    assert list(keys) == texts
    assert [keys.row(key) for key in texts] == list(range(len(texts)))
    assert (other in keys) == (other in texts)
    assert pickle.loads(pickle.dumps(keys)).row(texts[-1]) == len(texts) - 1 if texts else len(keys) == 0


@GENERATED
@given(st.lists(st.sampled_from("abcdefgh"), min_size=1), st.sampled_from(["first", "last"]))
def test_unique_keys_are_left_in_order(texts, which):
    rows = np.arange(len(texts))[:, None]
    vectors = Vectors.of(rows, texts, on_duplicate=which)
    kept = {key: row for row, key in (enumerate(texts) if which == "last" else reversed(list(enumerate(texts))))}
    assert dict(zip(vectors.keys, vectors.rows[:, 0], strict=True)) == kept
    assert sorted(kept.values()) == vectors.rows[:, 0].tolist()


def test_ten_thousand_keys_are_found():
    texts = [f"https://example.org/{row * 7919 % 10_007}/ä" for row in range(10_000)]
    keys = Keys.of(texts)
    assert [keys.row(key) for key in texts] == list(range(10_000))
    assert not any(key + "/" in keys for key in texts)


def test_an_unknown_key_is_named_without_quotes_around_the_sentence():
    with pytest.raises(UnknownKeyError) as missed:
        Keys.of(["a"]).row("b")
    assert str(missed.value) == "no row has the key 'b'; did you mean 'a'?"
    assert isinstance(missed.value, KeyError)
    assert 5 not in Keys.of(["5"])
    assert "\ud800" not in Keys.of(["a"])


@pytest.mark.parametrize("keys", [Keys(3), Keys.of(["0", "1", "2"])])
def test_a_number_is_no_key(keys):
    with pytest.raises(NearmostError):
        keys.row(1)


@pytest.mark.parametrize("make", [Strings.of, Keys.of])
@pytest.mark.parametrize("other", [None, 3, b"x", ["y"], np.nan])
def test_what_is_no_text_is_refused_with_its_row(make, other):
    with pytest.raises(InputError, match=rf"^row 1 is {type(other).__name__} .*; it must be a str$"):
        make(["a", other])


@pytest.mark.parametrize("make", [Strings.of, Keys.of, Corpus.of])
def test_half_a_character_is_refused_with_its_row(make):
    with pytest.raises(InputError, match=r"^row 2, 'a\\ud800', holds half a character \(a lone surrogate\); decode"):
        make(["a", "b", "a\ud800"])


def test_a_row_beyond_the_last_is_an_index_error():
    for strings in (Strings.of(["a"]), Keys.of(["a"]), Keys(1)):
        for row in (1, -2):
            with pytest.raises(IndexError):
                strings[row]


def test_a_damaged_string_table_is_refused_when_it_is_read():
    data = np.frombuffer(b"a\xffbc", dtype=np.uint8)
    for offsets, why in (([0, 9], "lies at 0:9 of 4 bytes"), ([3, 1], "lies at 3:1"), ([0, 2], "is not UTF-8")):
        with pytest.raises(DamagedFileError, match=f"string 0 {why}"):
            Strings(data, np.array(offsets, dtype=np.uint64))[0]
