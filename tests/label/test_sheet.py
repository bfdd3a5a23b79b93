"""A sheet of records goes out to be labelled and comes back: all of it counts or none, and one undo takes it back."""

from __future__ import annotations

import csv
import json

import pytest

import nearmost as nm
from nearmost.label import Project


def test_a_sheet_goes_out_is_filled_in_and_comes_back(project, tmp_path):
    path = tmp_path / "sheet.csv"
    assert project.write_sheet([3, 0, 1], path) == 3
    rows = list(csv.DictReader(path.open(newline="")))
    assert [row["id"] for row in rows] == ["n3", "n0", "n1"]
    assert [row["title"] for row in rows] == [project.record(number).values["title"] for number in (3, 0, 1)]
    assert {row["label"] for row in rows} == {""}
    for row, label in zip(rows, ("World", "Sports", ""), strict=True):
        row["label"] = label
    with path.open("w", newline="") as file:
        made = csv.DictWriter(file, list(rows[0]))
        made.writeheader()
        made.writerows(rows)
    assert project.annotate_from("Topic", path) == nm.label.Answered(n_new=2, n_changed=0, n_same=0, n_empty=1)
    names = project.task("Topic").names
    assert {n: names[label] for n, label in enumerate(project.manual("Topic")) if label >= 0} == {
        0: "Sports",
        3: "World",
    }
    assert project.annotate_from("Topic", path) == nm.label.Answered(n_new=0, n_changed=0, n_same=2, n_empty=1)


def test_it_labels_what_annotate_labels_one_at_a_time(project, tmp_path):
    answers = [{"id": "n1", "label": "Business"}, {"id": "n4", "label": "Sports"}, {"id": "n2", "label": "Sci/Tech"}]
    with Project.create(tmp_path / "other", key="id") as other:
        other.add_records([record.values for record in project.records()])
        other.add_task("Topic", project.task("Topic").names)
        for answer in answers:
            other.annotate("Topic", answer["id"], answer["label"])
        project.annotate_from("Topic", answers)
        assert project.manual("Topic").tolist() == other.manual("Topic").tolist()


def test_one_undo_takes_a_whole_sheet_back(project):
    project.annotate("Topic", "n0", "World")
    project.annotate("Topic", "n1", "World", author="ada")
    found = project.annotate_from("Topic", [{"id": "n0", "label": "Sports"}, {"id": "n1", "label": "Business"}])
    assert (found.n_new, found.n_changed) == (1, 1)
    assert project.manual("Topic").tolist() == [1, -1, -1, -1, -1, -1]  # ada and me differ about n1
    assert "annotate_from task Topic, labels 2" in project.undo()
    assert project.manual("Topic").tolist() == [0, 0, -1, -1, -1, -1]


def test_gold_counts_and_several_labels_are_told_with_commas_or_a_list(project):
    project.annotate("Topic", "n0", "World", author="ada")
    project.annotate_from("Topic", [{"id": "n0", "label": "Sports"}], gold=True)
    assert project.manual("Topic")[0] == 1
    project.annotate_from("Tone", [{"id": "n0", "tone": "good, odd"}, {"id": "n1", "tone": ["bad"]}], label="tone")
    labels, judged = project.manual_multi("Tone")
    assert labels[:2].tolist() == [[True, False, True], [False, True, False]]
    assert judged.tolist() == [True, True, False, False, False, False]


def test_numbered_records_are_named_by_a_column_key(tmp_path):
    with Project.create(tmp_path / "plain", key=[]) as made:
        made.add_records([{"text": "one"}, {"text": "two"}])
        made.add_task("Topic", ["a", "b"])
        made.write_sheet([1], tmp_path / "sheet.jsonl")
        row = json.loads((tmp_path / "sheet.jsonl").read_text())
        assert row == {"key": "1", "text": "two", "label": ""}
        made.annotate_from("Topic", [{**row, "label": "b"}])
        assert made.manual("Topic").tolist() == [-1, 1]


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([{"id": "n0", "label": "Sport"}], "record 1: .*Sport"),
        ([{"id": "n9", "label": "Sports"}], "record 1: no record has the key 'n9'"),
        ([{"label": "Sports"}], "record 1: has no 'id'"),
        ([{"id": "n1", "label": "World"}], "record 1: is about the record of record 0"),
        ([{"id": "n2", "topic": "World"}], None),
    ],
)
def test_a_wrong_row_is_named_and_nothing_is_kept(project, rows, says):
    sheet = [{"id": "n1", "label": "Business"}, *rows]
    if says is None:
        sheet, says = rows, "there is no column 'label' of labels; the columns are id, topic"
    with pytest.raises(nm.NearmostError, match=says):
        project.annotate_from("Topic", sheet)
    assert (project.manual("Topic") < 0).all()
    assert project.history(1)[0].action != "annotate_from"


def test_a_list_that_is_none_is_told_with_its_row(project):
    with pytest.raises(nm.InputError, match=r"record 0: '\[good, bad\]' is no list of labels"):
        project.annotate_from("Tone", [{"id": "n0", "label": "[good, bad]"}])


def test_spans_are_refused(project):
    with pytest.raises(nm.InputError, match="annotate_span"):
        project.annotate_from("Marks", [{"id": "n0", "label": "Sports"}])
