"""What another model says of the records comes in by a table, all of it or none."""

from __future__ import annotations

import pytest

import nearmost

TABLE = "id,label,confidence,note\nn0,Sports,0.9,x\nn1,,,y\nn2,Business,,z\n"


def said(project, task, name):
    rows = project.vote_rows(task)
    mine = rows.heuristic == rows.names.index(name)
    labels = project.task(task).names
    columns = (rows.record[mine], rows.label[mine], rows.confidence[mine], rows.start[mine], rows.end[mine])
    return [(r, labels[n], sure, s, e) for r, n, sure, s, e in zip(*(each.tolist() for each in columns), strict=True)]


def test_a_table_of_predictions_becomes_votes(project, tmp_path):
    (tmp_path / "model.csv").write_text(TABLE)
    assert project.add_predictions("Topic", "model", tmp_path / "model.csv") == 2
    assert said(project, "Topic", "model") == [(0, "Sports", 0.9, -1, -1), (2, "Business", 1.0, -1, -1)]
    assert project.add_predictions("Topic", "model", [{"id": "n3", "label": "World"}]) == 1
    assert said(project, "Topic", "model") == [(3, "World", 1.0, -1, -1)]
    (info,) = project.heuristics("Topic")
    assert (info.kind, info.enabled, info.stale) == ("import", True, False)
    project.annotate("Topic", 3, "World")
    (row,) = project.stats("Topic")
    assert (row.coverage, row.right, row.judged) == (1, 1, 1)
    assert project.run("Topic") == []


def test_spans_and_several_labels_are_predicted_too(project):
    title = project.record(0).values["title"]
    spans = [
        {"id": "n0", "label": "Sports", "start": 0, "end": 3},
        {"id": "n0", "label": "Money", "start": 4, "end": 7},
    ]
    assert project.add_predictions("Marks", "model", spans) == 2
    assert said(project, "Marks", "model") == [(0, "Sports", 1.0, 0, 3), (0, "Money", 1.0, 4, 7)]
    assert project.add_predictions("Tone", "model", [{"id": "n1", "label": "good, odd", "confidence": "0.5"}]) == 2
    assert said(project, "Tone", "model") == [(1, "good", 0.5, -1, -1), (1, "odd", 0.5, -1, -1)]
    beyond = [{"id": "n0", "label": "Sports", "start": 0, "end": len(title) + 1}]
    with pytest.raises(nearmost.InputError, match=f"which has {len(title)} characters"):
        project.add_predictions("Marks", "model", beyond)
    assert len(said(project, "Marks", "model")) == 2


@pytest.mark.parametrize(
    ("rows", "error", "message"),
    [
        ([{"id": "n0", "label": "Weather"}], nearmost.UnknownKeyError, "record 0: task 'Topic' has no label 'Weather'"),
        ([{"id": "n99", "label": "Sports"}], nearmost.UnknownKeyError, "record 0: no record has the key 'n99'"),
        (
            [{"id": "n0", "topic": "Sports"}],
            nearmost.InputError,
            "no column 'label' of labels; the columns are id, topic",
        ),
        ([{"id": "n0", "label": "Sports", "confidence": 1.5}], nearmost.InputError, "confidence is 1.5"),
        ([{"id": "n0", "label": "Sports", "confidence": "high"}], nearmost.InputError, "confidence is 'high'"),
        (
            [{"id": "n0", "label": "Sports"}, {"id": "n0", "label": "World"}],
            nearmost.DuplicateKeyError,
            "record 1: .* record 0",
        ),
    ],
)
def test_a_bad_row_is_named_and_nothing_is_taken(project, rows, error, message):
    project.add_predictions("Topic", "model", [{"id": "n5", "label": "World"}])
    with pytest.raises(error, match=message):
        project.add_predictions("Topic", "model", rows)
    assert said(project, "Topic", "model") == [(5, "World", 1.0, -1, -1)]


def test_predictions_do_not_take_the_place_of_other_heuristics(project):
    project.add_heuristic("Topic", "model", "def model(record):\n    return None\n")
    with pytest.raises(nearmost.InputError, match="is of kind function"):
        project.add_predictions("Topic", "model", [{"id": "n0", "label": "Sports"}])
