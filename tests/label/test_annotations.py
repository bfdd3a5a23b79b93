"""What people say about records is kept, counts when it should, and can be taken back."""

from __future__ import annotations

import numpy as np
import pytest

import nearmost
from nearmost.label import ABSTAIN, Span


def test_a_label_replaces_the_one_before_and_none_takes_it_back(project):
    project.annotate("Topic", "n0", "Sports")
    project.annotate("Topic", 0, "World")
    assert project.manual("Topic").tolist() == [0] + [ABSTAIN] * 5
    project.annotate("Topic", 0, None)
    assert (project.manual("Topic") == ABSTAIN).all()


def test_labels_of_several_authors_count_where_they_agree_or_one_is_starred(project):
    project.annotate("Topic", 0, "Sports", author="ada")
    project.annotate("Topic", 0, "Sports", author="bob")
    project.annotate("Topic", 1, "World", author="ada")
    project.annotate("Topic", 1, "Business", author="bob")
    assert project.manual("Topic").tolist() == [1, -1, -1, -1, -1, -1]
    assert project.browse("is:disputed", task="Topic").ids == [1]
    project.annotate("Topic", 1, "Business", author="bob", gold=True)
    assert project.manual("Topic")[1] == 2
    project.annotate("Topic", 1, "World", author="ada", gold=True)
    assert project.manual("Topic")[1] == 0
    assert [(each.author, each.gold) for each in project.annotations(1)] == [("bob", False), ("ada", True)]


def test_none_of_several_labels_is_an_answer(project):
    project.annotate("Tone", 0, ["good", "odd"])
    project.annotate("Tone", 1, [])
    labels, judged = project.manual_multi("Tone")
    assert labels[0].tolist() == [True, False, True]
    assert not labels[1:].any()
    assert judged.tolist() == [True, True, False, False, False, False]
    assert project.browse("label:none", task="Tone").ids == [2, 3, 4, 5]
    assert project.browse("label:odd", task="Tone").ids == [0]


def test_spans_are_stretches_of_the_text(project):
    assert project.annotate_span("Marks", 0, 0, 9, "Sports") == "Cup final"
    assert project.annotate_span("Marks", "n1", 16, 19, "Money") == "oil"
    assert project.manual_spans("Marks") == [Span(0, 0, 9, "Sports"), Span(1, 16, 19, "Money")]
    project.annotate_span("Marks", 0, 4, 14, "Money")  # overlaps: takes the place
    assert project.manual_spans("Marks")[0] == Span(0, 4, 14, "Money")
    project.annotate_span("Marks", 0, 4, 5, None)
    assert project.manual_spans("Marks") == [Span(1, 16, 19, "Money")]
    with pytest.raises(nearmost.InputError, match="not within 'title', which has 28 characters"):
        project.annotate_span("Marks", 0, 3, 29, "Sports")


def test_a_span_whose_text_changes_is_dropped_and_others_stay(project):
    project.annotate_span("Marks", 0, 0, 3, "Sports")
    project.annotate_span("Marks", 0, 18, 28, "Sports")
    project.add_records([{"id": "n0", "title": "Cup final goes to penalties"}])
    assert project.manual_spans("Marks") == [Span(0, 0, 3, "Sports")]
    assert project.history(1)[0].action == "add_records"
    assert [event.action for event in project.history(3) if event.undoable] == ["annotate_span"]


def test_no_spans_is_an_answer_and_the_same_answer_twice_is_one_change(project):
    project.annotate_span("Marks", 0, 0, 3, "Sports")
    project.annotate_span("Marks", 0, 0, 3, "Sports")
    project.annotate("Marks", 0, [])
    project.annotate("Marks", 1, [])
    assert project.manual_spans("Marks") == []
    assert project.browse("label:any", task="Marks").ids == [0, 1]
    assert not (project.folder / "lookups" / "Sports.txt").read_text()
    project.annotate_span("Marks", 1, 16, 19, "Money")
    assert project.annotations(1)[0].label == "Money"
    project.annotate("Marks", 1, None)
    project.undo()
    project.undo()
    assert project.annotations(1)[0].label is None
    project.undo()
    project.undo()
    assert project.manual_spans("Marks") == [Span(0, 0, 3, "Sports")]
    project.undo()
    with pytest.raises(nearmost.InputError, match="nothing to undo"):
        project.undo()


def test_spans_feed_the_lookup_list_of_their_label_and_undo_takes_that_back(project):
    path = project.folder / "lookups" / "Money.txt"
    project.annotate_span("Marks", 1, 16, 19, "Money")
    project.annotate_span("Marks", 5, 0, 4, "Money")
    assert path.read_text() == "oil  # from n1\nBank  # from n5\n"
    path.write_text("bond\n" + path.read_text())
    project.undo()
    assert path.read_text() == "bond\noil  # from n1\n"
    project.annotate_span("Marks", 1, 16, 25, "Sports")
    assert path.read_text() == "bond\n"
    assert (project.folder / "lookups" / "Sports.txt").read_text() == "oil rises  # from n1\n"


def test_changes_of_lists_are_taken_back_term_by_term(project):
    path = project.folder / "lookups" / "goals.txt"
    project.add_terms("goals", ["goal", "striker", "match"])
    project.strike("goals", "match")
    path.write_text(path.read_text() + "cup\n")  # by hand, meanwhile
    assert project.undo() == "save_lookup list goals, terms match"
    assert path.read_text() == "goal\nstriker\nmatch\ncup\n"
    project.undo()
    assert path.read_text() == "cup\n"
    project.remove_lookup("goals")
    project.undo()
    assert path.read_text() == "cup\n"


def test_undo_takes_back_changes_one_by_one(project):
    project.annotate("Topic", 0, "Sports")
    project.annotate("Topic", 0, "World", author="ada", gold=True)
    project.annotate_span("Marks", 1, 0, 7, "Money")
    project.comment("record:n2", "which desk?")
    assert project.undo() == "comment on record:n2"
    assert project.comments() == []
    assert "annotate_span record n1" in project.undo()
    assert project.manual_spans("Marks") == []
    project.undo()
    assert project.manual("Topic")[0] == 1
    project.undo()
    assert project.manual("Topic")[0] == ABSTAIN
    with pytest.raises(nearmost.InputError, match="nothing to undo"):
        project.undo()
    assert [event.undone for event in project.history(4)] == [True] * 4


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda p: p.annotate("Topic", 0, "Sport"), nearmost.UnknownKeyError, "its labels are World, Sports, Business"),
        (lambda p: p.annotate("Topics", 0, "Sports"), nearmost.UnknownKeyError, "the tasks are Topic, Marks, Tone"),
        (lambda p: p.annotate("Topic", 0, ["World", "Sports"]), nearmost.InputError, "wants one label, and got 2"),
        (lambda p: p.annotate("Marks", 0, "Sports"), nearmost.InputError, "annotate_span"),
        (lambda p: p.annotate_span("Topic", 0, 0, 1, "Sports"), nearmost.InputError, "labels whole records"),
        (lambda p: p.manual("Tone"), nearmost.InputError, "manual_multi"),
        (lambda p: p.add_task("topic", ["a"]), nearmost.InputError, "already"),
        (lambda p: p.add_task("a/b", ["a"]), nearmost.InputError, "slash"),
        (lambda p: p.add_task("x", []), nearmost.InputError, "no labels"),
        (lambda p: p.add_task("x", ["a", "a"]), nearmost.InputError, "two labels are called 'a'"),
        (lambda p: p.add_task("x", ["a"], kind="odd"), nearmost.InputError, "one of class, multi, span"),
        (lambda p: p.add_task("x", ["a"], kind="span"), nearmost.InputError, "say attribute="),
        (lambda p: p.comment("nobody", "x"), nearmost.InputError, "target is 'nobody'"),
    ],
)
def test_what_cannot_be_is_told(project, call, error, message):
    with pytest.raises(error, match=message):
        call(project)


def test_labels_can_be_added_and_keep_their_numbers(project):
    project.annotate("Topic", 0, "Sci/Tech")
    task = project.add_labels("Topic", ["Health", {"name": "Law", "hotkey": "l", "colour": "#123456"}])
    assert task.names == ("World", "Sports", "Business", "Sci/Tech", "Health", "Law")
    assert (task.labels[5].hotkey, task.labels[5].colour) == ("l", "#123456")
    assert len({label.hotkey for label in task.labels}) == 6
    assert project.manual("Topic")[0] == 3


def test_votes_take_the_place_of_those_before_unless_the_run_failed(project):
    from nearmost.label.votes import runs

    for name in ("goals", "banks"):
        runs.register(project, "Topic", name, "function")
    soft = np.full((6, 4), 0.25)
    project.save_votes("Topic", "goals", "f1", [(0, "Sports", 1.0), (4, "Sports", 0.5)], soft=soft)
    project.save_votes("Topic", "banks", "f1", [(0, "Business", 1.0), (5, "Business", 1.0)])
    assert project.browse("conflict").ids == [0]
    project.save_votes("Topic", "goals", "f2", [], status="failed", error="it broke", log="line 3")
    with pytest.raises(nearmost.UnknownKeyError, match="no label 'Sport'"):
        project.save_votes("Topic", "goals", "f3", [(1, "Sport", 1.0)])
    rows = project.vote_rows("Topic")
    assert rows.names == ("goals", "banks")
    assert rows.record.tolist() == [0, 4, 0, 5]
    assert rows.label.tolist() == [1, 1, 2, 2]
    assert rows.confidence.tolist() == [1.0, 0.5, 1.0, 1.0]
    assert (rows.soft["goals"] == 0.25).all()
    assert [(run.status, bool(run.current)) for run in project.runs("Topic", "goals")] == [
        ("failed", False),
        ("done", True),
    ]
    runs.enable(project, "Topic", "banks", False)
    assert project.browse("conflict").total == 0
    assert project.vote_rows("Topic", enabled=True).names == ("goals",)


def test_weak_labels_come_back_as_they_were_saved(project):
    labels = np.array([1, ABSTAIN, 3, 0, ABSTAIN, 2])
    confidence = np.array([0.9, 0, 0.1 + 0.2, 0.5, 0, 1 / 3])
    posteriors = np.full((6, 4), 0.25, np.float32)
    run = project.save_weak(
        "Topic", labels, confidence, model="bayes", posteriors=posteriors, metrics={"kept": np.int64(4)}
    )
    assert (run.n_labelled, run.metrics) == (4, {"kept": 4})
    from nearmost.label.votes.weak import weak_rows

    rows = weak_rows(project, "Topic")
    assert rows.labels.tolist() == labels.tolist()
    assert rows.confidence.tolist() == confidence.tolist()
    assert np.array_equal(rows.posteriors, posteriors)
    assert project.browse("weak:Sports,World conf>.6").ids == [0]
    project.annotate("Topic", 0, "World")
    assert project.browse("is:wrong").ids == [0]
    project.save_weak("Topic", labels, confidence, model="majority")
    assert [each.model for each in project.weak_runs("Topic")] == ["majority", "bayes"]
