"""Every cleaning step does what its sentence says, leaves the rest alone, and tells how many texts it changed."""

from __future__ import annotations

import unicodedata
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

import nearmost as nm
from nearmost import cleaning


@pytest.mark.parametrize(
    ("step", "text", "after"),
    [
        (cleaning.normalize_unicode, "ﬁne Ｗｏｒｄ", "fine Word"),
        (cleaning.unescape_html, "R&amp;D &#39;x&#39; &eacute; &amp;lt;", "R&D 'x' é &lt;"),
        (cleaning.fold_ascii, "Bäcker Straße Œuvre Łódź naïve – “q”", 'Backer Strasse OEuvre Lodz naive - "q"'),
        (cleaning.fold_ascii, "東京 ok", "東京 ok"),
        (cleaning.lower_case, "ÉCOLE", "école"),
        (cleaning.collapse_spaces, " a\t b\n\u00a0c ", "a b c"),
        (cleaning.STEPS["seniority"], "Senior Software Engineer II", "Software Engineer"),
        (cleaning.STEPS["seniority"], "Sr. Manager / Junior", "Manager"),
        (cleaning.STEPS["seniority"], "Entry-Level Cook", "Cook"),
        (cleaning.STEPS["seniority"], "Seniors' Nurse", "Seniors' Nurse"),
        (cleaning.STEPS["seniority"], "Intern", "Intern"),
        (cleaning.drop_gender, "Verkäufer*in (m/w/d)", "Verkäufer"),
        (cleaning.drop_gender, "Kassierer/in [f/m]", "Kassierer"),
        (cleaning.drop_gender, "Bäcker(in), KellnerInnen", "Bäcker, Kellner"),
        (cleaning.drop_gender, "LinkedIn Expert in Berlin", "LinkedIn Expert in Berlin"),
        (partial(cleaning.drop_gender, suffixes=["woman", "man"]), "Chairwoman, Woman", "Chair, Woman"),
        (partial(cleaning.cut, most=8), "hello big world", "hello"),
        (partial(cleaning.cut, most=9), "hello big world", "hello big"),
        (partial(cleaning.cut, most=3), "hello", "hel"),
        (partial(cleaning.cut, most=50), "hello", "hello"),
        (partial(cleaning.drop_words, words=["of the"]), "Head of  the Kitchen", "Head Kitchen"),
        (partial(cleaning.drop_words, words=[]), "nothing", "nothing"),
    ],
)
def test_a_step_changes_this_and_no_more(step, text, after):
    assert step(text) == after


@given(st.text())
def test_no_step_fails_and_none_leaves_nothing_of_a_word(text):
    for step in cleaning.STEPS.values():
        after = step(text)
        assert isinstance(after, str)
        if any(letter.isalnum() for letter in unicodedata.normalize("NFKC", text)):
            assert after.strip()
    assert len(cleaning.cut(text, 5)) <= 5


def test_what_was_changed_is_counted_step_by_step_in_order():
    done = nm.clean(["A &amp; B", "Café", "plain"], ["unescape", "ascii", str.lower])
    assert done.texts == ["a & b", "cafe", "plain"]
    assert done.changed == {"unescape": 1, "ascii": 1, "lower": 2}
    own = nm.clean(["x (nights)"], {"shift": lambda text: text.replace("(nights)", "").strip()})
    assert own == (["x"], {"shift": 1})
    assert nm.clean(["Sr Cook"], [partial(cleaning.drop_words, words=("sr",))]).changed == {"drop_words": 1}


def test_of_steps_of_one_name_each_is_taken_and_counted():
    steps = [lambda text: text.replace("a", "b"), lambda text: text.replace("b", "c"), "lower", "lower"]
    done = nm.clean(["a", "B"], steps)
    assert done.texts == ["c", "b"]
    assert done.changed == {"<lambda>": 1, "<lambda> 2": 1, "lower": 1, "lower 2": 0}


@pytest.mark.parametrize("missing", [None, float("nan")])
def test_a_missing_text_is_named(missing):
    for asked in (lambda texts: nm.clean(texts, ["lower"]), nm.noisify):
        with pytest.raises(nm.InputError, match=r'row 1 of the texts is .*"" where there is no text'):
            asked(["a", missing])


def test_nothing_happens_unless_asked_for():
    assert nm.clean(["  &amp; É "], []) == (["  &amp; É "], {})


@pytest.mark.parametrize(
    "wrong", [lambda: nm.clean("text", []), lambda: nm.clean([], ["upper"]), lambda: cleaning.cut("x", 0)]
)
def test_what_makes_no_sense_is_refused(wrong):
    with pytest.raises(nm.InputError):
        wrong()
