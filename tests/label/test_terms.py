"""Lookup lists of a project, and what their terms do there."""

from __future__ import annotations

import math

import pytest

from nearmost import InputError, UnknownKeyError


def test_lists_are_files_that_a_project_reads_as_they_are_now(project):
    assert project.lookups == {}
    project.add_terms("sports", ["cup", " striker ", ""])
    path = project.folder / "lookups" / "sports.txt"
    assert path.read_text() == "cup\nstriker\n"
    path.write_text("cup\n-out\n")
    assert project.lookups["sports"].values == ("cup",)
    assert project.strike("sports", "cup").values == ()
    assert project.strike("sports", "cup", excluded=False).values == ("cup",)
    project.save_lookup(project.lookup("sports").without("out"))
    assert path.read_text() == "cup\n"
    project.remove_lookup("sports")
    assert project.lookups == {}
    with pytest.raises(UnknownKeyError, match="no lookup list 'sports'"):
        project.strike("sports", "cup")
    with pytest.raises(InputError, match="called"):
        project.add_terms("../x", ["a"])


def test_a_marked_text_remembers_its_record_and_is_not_judged_by_it(project):
    for key, label in (("n0", "Sports"), ("n3", "World"), ("n4", "Sports")):
        project.annotate("Topic", key, label)
    project.harvest("sports", "cup", "n0")
    project.harvest("sports", "the", "n4")
    project.add_terms("sports", ["resume", "none"])
    project.strike("sports", "resume")
    assert project.lookup("sports").text() == "cup  # from n0\nthe  # from n4\n-resume\nnone\n"
    rows = {each.term: each for each in project.term_statistics("Topic", "sports")}
    assert {term: (row.n_records, row.judged, row.right) for term, row in rows.items()} == {
        "cup": (1, 0, 0),
        "the": (4, 2, 1),
        "resume": (1, 1, 0),
        "none": (0, 0, 0),
    }
    assert rows["the"].labels == {"Sports": 1, "World": 1}
    assert rows["the"].precision == 0.5
    assert 0 < rows["the"].interval.low < 0.5 < rows["the"].interval.high < 1
    assert math.isnan(rows["cup"].precision)
    assert rows["resume"].excluded


def test_terms_are_looked_for_as_the_heuristic_of_their_list_does(project):
    project.add_terms("tech", ["chi", "CHIP"])
    project.annotate("Topic", "n2", "Sci/Tech")

    def counted():
        rows = project.term_statistics("Topic", "tech")
        return [(row.n_records, row.right) for row in rows]

    assert counted() == [(0, 0), (1, 0)]
    settings = {"kind": "lookup", "list": "tech", "label": "Sci/Tech", "attributes": ["title"], "whole_words": False}
    project.add_heuristic("Topic", "tech", settings)
    assert counted() == [(1, 1), (1, 1)]
    project.add_heuristic("Topic", "tech", settings | {"case_sensitive": True})
    assert counted() == [(1, 1), (0, 0)]
    with pytest.raises(UnknownKeyError, match="no label 'Tech'"):
        project.term_statistics("Topic", "tech", label="Tech")


def test_several_labels_and_spans_judge_terms_too(project):
    project.add_terms("good", ["goal", "final"])
    project.annotate("Tone", "n0", ["good", "odd"])
    (goal, final) = project.term_statistics("Tone", "good")
    assert (goal.judged, goal.right, goal.labels) == (1, 1, {"good": 1, "odd": 1})
    project.annotate_span("Marks", "n0", 4, 9, "Sports")
    (goal, final) = project.term_statistics("Marks", "good", label="Sports")
    assert (goal.n_records, final.n_records, final.judged, final.right) == (0, 1, 1, 1)


def test_highlights_show_every_list(project):
    project.add_terms("sports", ["cup final"])
    project.add_terms("end", ["final"])
    assert project.highlights("n0", "title") == [(0, 9, "sports", "cup final"), (4, 9, "end", "final")]
    assert project.highlights("n0", "year") == []
