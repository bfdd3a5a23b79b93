"""Tasks of several labels and of spans are supervised, counted and asked about as tasks of one label are."""

from __future__ import annotations

import numpy as np
import pytest

import nearmost
from nearmost.label import Project
from nearmost.label.supervision.multi import set_statistics
from nearmost.label.supervision.spans import SpanVote, span_statistics
from nearmost.label.votes import runs
from nearmost.label.votes.intervals import wilson

WORDS = {"sports": "coach goal striker", "money": "bank shares profit", "travel": "hotel flight beach"}


@pytest.fixture
def tagged(tmp_path):
    """120 texts about one or two of three things, and which; 60 are labelled."""
    pytest.importorskip("sklearn", reason="learners need scikit-learn")
    draw = np.random.default_rng(3)
    truth = draw.random((120, 3)) < 0.4
    texts = [
        " ".join([*(draw.choice(WORDS[name].split()) for name, on in zip(WORDS, row, strict=True) if on), "news today"])
        for row in truth
    ]
    with Project.create(tmp_path / "tags", key="id") as project:
        project.add_records([{"id": f"r{number}", "text": text} for number, text in enumerate(texts)])
        project.add_task("Tags", list(WORDS), kind="multi")
        for record in range(60):
            project.annotate("Tags", record, [name for name, on in zip(WORDS, truth[record], strict=True) if on])
        yield project, truth


def test_labels_by_hand_alone_teach_a_task_of_several_labels(tagged):
    project, truth = tagged
    made = project.supervise("Tags")
    rows = project.export(task="Tags")[60:]
    said = np.array([[name in (row["__Tags__WEAK_SUPERVISION"] or []) for name in WORDS] for row in rows])
    assert (said == truth[60:]).mean() > 0.9
    assert made.metrics["judged"] == 60
    assert made.metrics["accuracy"] > 0.9
    assert 0.8 < made.metrics["f1"] <= 1
    assert made.metrics["manual_only"]["accuracy"] > 0.9
    assert project.supervise("Tags", learner=False).metrics["manual_only"] is not None
    none = [row["__Tags__WEAK_SUPERVISION"] for row in project.export(task="Tags")[60:]]
    assert none == [None] * 60  # nobody voted, and learners were not asked
    with pytest.raises(nearmost.InputError, match="learner is 'pictures'"):
        project.supervise("Tags", learner="pictures")


def test_a_label_that_nobody_has_is_given_to_no_record(tagged):
    project, _ = tagged
    project.add_labels("Tags", ["weather"])
    assert project.supervise("Tags").metrics["manual_only"] is None
    assert all("weather" not in (row["__Tags__WEAK_SUPERVISION"] or []) for row in project.export(task="Tags"))


def test_what_is_told_of_several_labels_was_said_without_having_seen_them(tagged):
    """Labels by chance cannot be foretold: about as many are right as a guess gets, not more."""
    project, _ = tagged
    draw = np.random.default_rng(0)
    for record in range(120):
        project.annotate("Tags", record, [name for name in WORDS if draw.random() < 0.5])
    assert project.supervise("Tags").metrics["accuracy"] < 0.6


def test_votes_for_several_labels_are_counted_by_records():
    votes = [(0, 0, 0), (0, 0, 1), (1, 0, 0), (0, 1, 2), (1, 1, 2), (1, 2, 1), (0, 3, 0), (1, 3, 1)]
    who, where, what = (list(column) for column in zip(*votes, strict=True))
    manual = np.array([[1, 0, 0], [0, 0, 1], [0, 0, 0], [1, 1, 0]], dtype=bool)
    found = {
        (row.heuristic, row.label): (row.coverage, row.overlaps, row.conflicts, row.right, row.judged)
        for row in set_statistics(["a", "b"], who, where, what, manual, np.array([True, True, True, False]))
    }
    assert found == {
        ("a", 0): (2, 1, 1, 1, 1), ("a", 1): (1, 0, 1, 0, 1), ("a", 2): (1, 1, 0, 1, 1),
        ("b", 0): (1, 1, 0, 1, 1), ("b", 1): (2, 0, 1, 0, 1), ("b", 2): (1, 1, 0, 1, 1),
    }  # fmt: skip


def test_spans_are_counted_by_hits_and_right_where_most_of_them_is():
    votes = [
        SpanVote("a", 0, 0, 10, 0), SpanVote("a", 0, 20, 24, 0), SpanVote("b", 0, 8, 12, 0),
        SpanVote("b", 0, 22, 30, 1), SpanVote("a", 1, 0, 5, 1), SpanVote("b", 2, 0, 5, 1),
    ]  # fmt: skip
    manual = [(0, 0, 6, 0), (0, 22, 24, 0), (0, 20, 30, 1)]
    found = {(row.heuristic, row.label): row for row in span_statistics(["a", "b"], votes, manual, [0, 1])}
    counts = {
        each: (row.coverage, row.hits, row.overlaps, row.conflicts, row.right, row.judged)
        for each, row in found.items()
    }
    assert counts == {
        ("a", 0): (1, 2, 1, 1, 1, 2),  # six of ten characters; two of four are not most
        ("a", 1): (1, 1, 0, 0, 0, 1),
        ("b", 0): (1, 1, 1, 0, 0, 1),
        ("b", 1): (2, 2, 0, 1, 1, 1),
    }
    assert found["a", 0].interval == wilson(1, 2)
    own = span_statistics(["a", "b"], votes, manual, [0, 1], unheard={0: {(0, 10)}})
    assert [(row.right, row.judged, row.out_of_fold) for row in own if (row.heuristic, row.label) == ("a", 0)] == [
        (0, 1, True)
    ]


def test_a_word_is_not_judged_by_the_record_that_brought_it_into_the_list(project):
    title = project.record(0).values["title"]
    word = title.split()[0]
    project.annotate_span("Marks", 0, 0, len(word), "Sports")
    project.add_heuristic("Marks", "listed", {"kind": "lookup", "list": "Sports", "label": "Sports"})
    assert project.run("Marks")[0].n_votes > 0
    (row,) = project.stats("Marks")
    assert (row.judged, row.out_of_fold) == (0, True)
    project.add_terms("Sports", [word + "zzz"])
    project.add_terms("Others", [word])  # typed by hand as well: known without the record
    (row,) = project.stats("Marks")
    assert (row.right, row.judged, row.out_of_fold) == (1, 1, False)


@pytest.mark.parametrize("seed", range(3))
def test_conflicts_are_those_that_a_look_at_every_pair_finds(project, seed):
    draw = np.random.default_rng(seed)
    names = ("one", "two", "three")
    for task in ("Marks", "Tone"):
        labels = project.task(task).names
        for name in names:
            runs.register(project, task, name, "function")
            if task == "Tone":
                votes = {(int(draw.integers(6)), labels[draw.integers(3)]): 1.0 for _ in range(5)}
                project.save_votes(task, name, "a", [(*each, 1.0) for each in votes])
            else:
                starts = draw.integers(0, 6, size=5).tolist()
                votes = {(int(draw.integers(6)), labels[draw.integers(2)], 1.0, s, s + 2) for s in starts}
                project.save_votes(task, name, "a", sorted(votes))
    rows = runs.vote_rows(project, "Tone")
    sets = [
        {
            who: {rows.label[at] for at in np.flatnonzero((rows.record == r) & (rows.heuristic == who))}
            for who in range(3)
        }
        for r in range(6)
    ]
    wanted = [r for r, each in enumerate(sets) if len({frozenset(said) for said in each.values() if said}) > 1]
    assert project.matching("conflict", "Tone").tolist() == wanted
    rows = runs.vote_rows(project, "Marks")
    pairs = [
        (rows.record[a], a, b) for a in range(len(rows.record)) for b in range(a) if rows.record[a] == rows.record[b]
        and rows.heuristic[a] != rows.heuristic[b] and rows.label[a] != rows.label[b]
        and rows.start[a] < rows.end[b] and rows.start[b] < rows.end[a]
    ]  # fmt: skip
    assert project.matching("conflict", "Marks").tolist() == sorted({int(record) for record, *_ in pairs})
    left = {int(record) for record in project.queue("Marks", "conflict")}
    assert left == {int(record) for record, *_ in pairs}


def test_what_is_least_sure_comes_first_whatever_the_task(project):
    with pytest.raises(nearmost.InputError, match="supervise first"):
        project.queue("Tone", "uncertain")
    yes = np.zeros((6, 3), dtype=bool)
    yes[[1, 4, 4], [0, 0, 2]] = True
    sure = np.zeros((6, 3))
    sure[[1, 4, 4], [0, 0, 2]] = 0.7, 0.9, 0.6
    project.save_weak("Tone", yes, sure, model="majority")
    assert project.queue("Tone", "uncertain").tolist() == [4, 1, 0, 2, 3, 5]
    project.annotate("Tone", 4, "good")
    assert project.queue("Tone", "uncertain", 2).tolist() == [1, 0]
