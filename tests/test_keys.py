"""Strings and keys: many at once as one by one, whatever was asked for, and after pickling."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nearmost import DamagedFileError, InputError, Keys, Strings, UnknownKeyError

TEXTS = st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=8), max_size=40, unique=True)


@given(TEXTS, st.lists(st.text(max_size=3), max_size=5))
def test_many_look_ups_answer_as_a_dictionary_does(texts, strangers):
    keys = Keys.of(texts)
    wanted = [*texts[::-1], *strangers]
    table = {text: row for row, text in enumerate(texts)}
    assert keys.rows(wanted).tolist() == [table.get(key, -1) for key in wanted]
    assert [key in keys for key in wanted] == [key in table for key in wanted]
    backwards = np.arange(len(texts))[::-1]
    assert keys.take(backwards) == Strings.of(texts).take(backwards) == texts[::-1]
    assert list(keys) == list(Strings.of(texts)) == texts


def test_unnamed_rows_have_their_numbers_as_keys():
    keys = Keys(12)
    assert keys.rows(["3", "11", "12", "03", "x"]).tolist() == [3, 11, -1, -1, -1]
    assert keys.take([11, 0]) == ["11", "0"]


def test_a_row_that_is_not_there_is_named():
    strings = Strings.of(["a", "b"])
    assert strings[-1] == "b"
    with pytest.raises(IndexError, match="row 2 of 2"):
        strings[2]
    with pytest.raises(IndexError, match="row 7 of 2"):
        strings.take([0, 7])


@pytest.mark.parametrize("key", [1, None, b"a"])
def test_a_key_that_is_no_text_is_refused(key):
    for keys in (Keys.of(["a"]), Keys(1)):
        with pytest.raises(InputError, match="keys are strings"):
            keys.row(key)
        with pytest.raises(InputError, match="keys are strings"):
            keys.rows([key])
        with pytest.raises(InputError, match="list of keys"):
            keys.rows("a")


def test_half_a_character_is_no_key():
    with pytest.raises(UnknownKeyError):
        Keys.of(["a"]).row("\ud800")
    assert Keys.of(["a"]).rows(["\ud800", "a"]).tolist() == [-1, 0]


@pytest.mark.parametrize(
    ("offsets", "data"), [([0, 9, 2], b"ab"), ([0, 1, 2**63], b"ab"), ([2, 1, 2], b"ab"), ([0, 1, 2], b"a\xff")]
)
def test_damaged_strings_are_named_not_read(offsets, data):
    strings = Strings(np.frombuffer(data, np.uint8), np.array(offsets, np.uint64))
    with pytest.raises(DamagedFileError, match="damaged"):
        strings.take([0, 1])
    with pytest.raises(DamagedFileError, match="damaged"):
        list(strings)


@pytest.mark.parametrize("twin", [lambda value: pickle.loads(pickle.dumps(value)), copy.deepcopy])
def test_keys_outlive_a_pickle(twin):
    keys = twin(Keys.of(["north", "süd"]))
    assert list(keys) == ["north", "süd"]
    assert keys.row("süd") == 1
