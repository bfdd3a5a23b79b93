"""The browse line finds what it says; whatever stands in it is a value, never a piece of SQL."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import nearmost
from nearmost.label.browsing.query_line import terms


@pytest.mark.parametrize(
    ("line", "ids"),
    [
        ("", [0, 1, 2, 3, 4, 5]),
        ("the", [0, 2, 3, 4]),
        ("THE goal", [0]),
        ('"the border"', [3]),
        ('"border the"', []),
        ("title:the", [3, 4]),
        ("-title:the", [0, 1, 2, 5]),
        ("the -goal -title:border", [2, 4]),
        ("fore*", [5]),
        ("year:2004", [1, 2]),
        ("year>=2005", [3, 4, 5]),
        ("year<2004", [0]),
        ("year:2004..2005", [1, 2, 3, 4]),
        ("year:..2003", [0]),
        ("year:2003,2006", [0, 5]),
        ("desk:sports", [0, 4]),
        ("desk:Sports,world", [0, 3, 4]),
        ("long:true", [3, 4, 5]),
        ("key:n2", [2]),
        ("id:2", [2]),
        ('"id":n2', [2]),
        ("label:sports", [0]),
        ("label:Sports,Business", [0, 1]),
        ('label:"Sci/Tech"', [2]),
        ("label:Sci/Tech", [2]),
        ("label:none", [3, 4, 5]),
        ("none year>2005", [5]),
        ("-none", [0, 1, 2]),
        ("has:label the", [0, 2]),
        ("slice:old", [0, 1, 2]),
        ("slice:older", [0]),
        ("slice:fixed", [4, 5]),
        ("-slice:old the", [3, 4]),
        ("task:Marks label:any", [3]),
        ("author:ada", [1]),
        ("has:comment", [5]),
        ('title="Bank lifts its forecast"', [5]),
        ("- , ; the", [0, 2, 3, 4]),
    ],
)
def test_a_line_finds_what_it_says(project, line, ids):
    project.annotate("Topic", 0, "Sports")
    project.annotate("Topic", 1, "Business", author="ada")
    project.annotate("Topic", 2, "Sci/Tech")
    project.annotate_span("Marks", 3, 0, 5, "Money")
    project.save_slice("old", "year<2005")
    project.save_slice("older", "slice:old label:Sports")
    project.save_slice("fixed", "id>3", static=True)
    project.comment("record:n5", "look again")
    assert project.browse(line).ids == ids
    assert project.matching(line).tolist() == ids


def test_pages_follow_each_other(project):
    assert [project.browse("", offset=offset, limit=2).ids for offset in (0, 2, 4, 6)] == [[0, 1], [2, 3], [4, 5], []]
    assert project.browse("the", limit=1).total == 4


@pytest.mark.parametrize(
    ("order", "ids"),
    [
        ("-id", [5, 4, 3, 2, 1, 0]),
        ("-year", [5, 3, 4, 1, 2, 0]),
        ("title", [5, 0, 1, 2, 4, 3]),
        ("conf", [3, 1, 0, 2, 4, 5]),
        ("-conf", [0, 1, 3, 2, 4, 5]),
    ],
)
def test_records_come_in_the_order_asked_for(project, order, ids):
    import numpy as np

    labels = np.array([0, 0, -1, 0, -1, -1])
    project.save_weak("Topic", labels, np.array([0.9, 0.5, 0, 0.1, 0, 0]), model="x")
    assert project.browse("", order=order).ids == ids


def test_relevant_records_come_first_and_a_random_order_stays(project):
    assert project.browse("club OR the", order="relevance").total == 0  # OR is a word like any other
    assert project.browse("torn knee", order="relevance").ids == [4]
    first = project.browse("", order="random").ids
    assert sorted(first) == [0, 1, 2, 3, 4, 5]
    assert first == project.browse("", order="random").ids != [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('"open', "opens a quote and never closes it"),
        ("colour:red", "To look for the text itself, put it in quotes"),
        ("label:Sport", "its labels are World, Sports"),
        ("conf<high", "compared with 'high'; wanted a number"),
        ("title<3", "is text and cannot be compared"),
        ("desk>a", "is a category and cannot be compared"),
        ("slice:none", "there is no slice 'none'"),
        ("hit:nobody", "no heuristic is called 'nobody'"),
        ("has:fun", "has:comment, has:label"),
        ("is:fun", "is:conflict, is:wrong"),
        ("task:Nothing", "the tasks are Topic"),
    ],
)
def test_a_line_that_means_nothing_is_told(project, line, message):
    with pytest.raises(nearmost.NearmostError, match=message):
        project.browse(line)


def test_a_slice_made_of_itself_is_told(project):
    project.save_slice("one", "year>2000")
    project.save_slice("two", "slice:one")
    with pytest.raises(nearmost.InputError, match="made of itself"):
        project.save_slice("one", 'slice:"one"')
    project.save_slice("one", "slice:two")
    with pytest.raises(nearmost.InputError, match="write its query out"):
        project.browse("slice:one")
    project.undo()
    assert project.browse("slice:two").total == 6


nasty = st.one_of(
    st.text(max_size=20),
    st.text(alphabet="\"'-:<>=,.;*()[]{}^+ \\%_0aT", max_size=20),
    st.sampled_from(
        ["'; DROP TABLE record; --", 'title:"x" OR 1=1', "NEAR(a b)", "c0:the", "{c0}: the", "a AND", "^the"]
    ),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200, deadline=None)
@given(line=nasty)
def test_any_line_at_all_finds_records_or_is_told(project, line):
    try:
        page = project.browse(line)
    except (nearmost.InputError, nearmost.UnknownKeyError):
        return
    assert set(page.ids) <= set(range(6))
    assert project.n_records == 6


@given(st.lists(st.text(alphabet="abcxyz", min_size=1), max_size=5))
def test_words_are_terms_of_their_own(found):
    assert [term.values[0] for term in terms(" ".join(found))] == found
