"""Lookup lists as files, and their terms found in texts."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nearmost import InputError, ReadError, UnknownKeyError
from nearmost.label.lookups import lists
from nearmost.label.lookups.lists import Lookup, Term
from nearmost.label.lookups.matching import Matcher

visible = st.text(min_size=1, max_size=12).filter(lambda text: text.strip())
keys = st.text(min_size=1, max_size=8).filter(lambda key: key.strip() == key and key != "")
terms = st.builds(
    Term,
    visible,
    excluded=st.booleans(),
    sources=st.lists(keys, max_size=3, unique=True).map(tuple),
    remark=st.sampled_from(["", "too broad", "see 7, 8", "# odd"]),
)


@given(st.lists(terms, max_size=8, unique_by=lambda term: term.value))
@settings(max_examples=300, deadline=None)
def test_a_list_is_read_as_it_was_written(tmp_path_factory, chosen):
    lookup = Lookup("sports", tuple(chosen))
    path = lists.write(lookup, tmp_path_factory.mktemp("lists"))
    back = lists.read(path)
    assert back == lookup
    assert back.text() == path.read_text()


def test_a_file_of_a_persons_keeps_its_remarks_and_empty_lines():
    text = '# ball\ngoal\n\n-match  # also of fire\npenalty kick  # from 12, "a, b"\n\\-minus\nC # and F#\n\n# end\n'
    found = lists.parse("sports", text)
    assert found.text() == text
    assert found.values == ("goal", "penalty kick", "-minus", "C # and F#")
    assert found.term("match") == Term("match", excluded=True, remark="also of fire", above=("",))
    assert found.term("penalty kick").sources == ("12", "a, b")


def test_a_hostile_term_is_only_a_term():
    nasty = "\\'];import os#"
    found = lists.parse("x", Lookup("x", (Term(nasty),)).text())
    assert found.values == (nasty,)


def test_a_term_that_stands_there_twice_counts_once():
    found = lists.parse("x", "goal  # from 1\ngoal  # from 2\n-goal\n")
    assert found.terms == (Term("goal", excluded=True, sources=()),)


def test_a_term_of_a_persons_is_not_made_one_that_was_harvested():
    lookup = Lookup("x", (Term("goal"),)).added(["goal", "team"], source="7").added(["team"], source="8")
    assert lookup.term("goal").sources == ()
    assert lookup.term("team").sources == ("7", "8")


def test_striking_a_term_keeps_it_in_the_file():
    lookup = Lookup("x", (Term("goal"), Term("fire"))).struck("fire")
    assert lookup.values == ("goal",)
    assert lookup.text() == "goal\n-fire\n"
    assert lookup.struck("fire", excluded=False).text() == "goal\nfire\n"
    with pytest.raises(UnknownKeyError, match="no term 'water'"):
        lookup.struck("water")


def test_what_is_no_text_or_no_name_is_refused(tmp_path):
    (tmp_path / "bad.txt").write_bytes(b"goal\n\xff\n")
    with pytest.raises(ReadError, match="line 2"):
        lists.read(tmp_path / "bad.txt")
    for name in ("../x", "", " a", "a/b", "a\\b", ".hidden", "c:d"):
        with pytest.raises(InputError, match="called"):
            lists.write(Lookup(name), tmp_path)


@given(
    st.text(alphabet="ab AB.-_1é", max_size=40),
    st.lists(st.text(alphabet="ab A.-é", min_size=1, max_size=4).filter(lambda text: text.strip()), max_size=6),
)
@settings(max_examples=500, deadline=None)
def test_terms_are_found_where_a_regular_expression_finds_them(text, wanted):
    found = {(each.term, each.start, each.end) for each in Matcher({"x": wanted}).find(text)}
    expected = set()
    for term in set(wanted):
        bare = term.strip()
        before = r"(?<!\w)" if re.match(r"\w", bare) else ""
        after = r"(?!\w)" if re.search(r"\w$", bare) else ""
        pattern = re.compile(f"(?={before}({re.escape(bare)}){after})", re.IGNORECASE)
        expected |= {(term, *place.span(1)) for place in pattern.finditer(text)}
    assert found == expected


@given(st.text(max_size=30), st.lists(visible, max_size=4))
@settings(max_examples=300, deadline=None)
def test_without_whole_words_terms_are_found_wherever_they_stand(text, wanted):
    matcher = Matcher({"x": wanted}, whole_words=False, case_sensitive=True)
    assert set(matcher.lists_in(text).get("x", ())) == {term for term in wanted if term.strip() in text}


def test_lists_overlap_and_places_are_of_the_text_as_it_is_written():
    matcher = Matcher({"places": ["İstanbul", "New York"], "papers": ["New York Times", "times"]})
    text = "İSTANBUL: the NEW YORK TIMES"
    assert [(each.list, each.term, text[each.start : each.end]) for each in matcher.find(text)] == [
        ("places", "İstanbul", "İSTANBUL"),
        ("papers", "New York Times", "NEW YORK TIMES"),
        ("places", "New York", "NEW YORK"),
        ("papers", "times", "TIMES"),
    ]
    assert matcher.lists_in("a New-York minute") == {}
