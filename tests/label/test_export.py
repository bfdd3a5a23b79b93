"""Exports have refinery's columns, so that scripts written for it go on working."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest

import nearmost
from nearmost.label import Project
from nearmost.label.votes.weak import WeakSpan


@pytest.fixture
def labelled(project):
    project.annotate("Topic", 0, "Sports")
    project.annotate("Topic", 1, "World", author="ada")
    project.annotate("Topic", 1, "Business", author="bob")
    project.annotate("Tone", 2, ["good", "odd"])
    project.annotate("Tone", 3, [])
    project.annotate_span("Marks", 0, 4, 9, "Sports")
    labels, sure = np.array([1, 2, -1, 0, -1, 2]), np.array([0.99995, 0.71, 0, 0.25, 0, 0.5])
    project.save_weak("Topic", labels, sure, model="x")
    project.save_weak("Marks", labels, sure, model="x", spans=[WeakSpan(1, 0, 7, "Money", 0.5)])
    return project


def test_columns_and_values_are_those_of_refinery(labelled):
    rows = labelled.export()
    assert list(rows[0]) == [
        "id", "title", "body", "year", "desk", "long",
        "__Topic__MANUAL", "__Topic__WEAK_SUPERVISION", "__Topic__WEAK_SUPERVISION__confidence",
        "title__Marks__MANUAL", "title__Marks__WEAK_SUPERVISION", "title__Marks__WEAK_SUPERVISION__confidence",
        "__Tone__MANUAL", "__Tone__WEAK_SUPERVISION", "__Tone__WEAK_SUPERVISION__confidence",
    ]  # fmt: skip
    assert [row["__Topic__MANUAL"] for row in rows] == ["Sports", None, None, None, None, None]
    assert [row["__Topic__WEAK_SUPERVISION"] for row in rows] == ["Sports", "Business", None, "World", None, "Business"]
    confidence = [row["__Topic__WEAK_SUPERVISION__confidence"] for row in rows]
    assert confidence == ["1.0000", "0.7100", None, "0.2500", None, "0.5000"]
    assert rows[0]["title__Marks__MANUAL"] == [{"start": 4, "end": 9, "label": "Sports"}]
    assert rows[1]["title__Marks__WEAK_SUPERVISION__confidence"] == ["0.5000"]
    assert [row["__Tone__MANUAL"] for row in rows] == [None, None, ["good", "odd"], [], None, None]


def test_votes_have_the_columns_that_refinery_gives_them(labelled):
    labelled.add_heuristic("Topic", "oil_words", "def oil_words(record):\n    pass\n")
    labelled.save_votes("Topic", "oil_words", "1", [(1, "Business", 1.0), (3, "Business", 1.0)])
    rows = labelled.export(task="Topic", votes=True)
    assert list(rows[0])[-1] == "__Topic__INFORMATION_SOURCE__oil_words"
    assert [row["__Topic__INFORMATION_SOURCE__oil_words"] for row in rows[:4]] == [None, "Business", None, "Business"]


def test_spans_may_be_told_token_by_token(labelled):
    rows = labelled.export(task="Marks", spans="tokens")
    assert rows[0]["title__Marks__MANUAL"] == ["OUTSIDE", "B-Sports", "OUTSIDE", "OUTSIDE", "OUTSIDE", "OUTSIDE"]
    assert rows[1]["title__Marks__WEAK_SUPERVISION"][:2] == ["B-Money", "OUTSIDE"]


def test_only_what_the_line_finds_is_exported(labelled):
    assert [row["id"] for row in labelled.export(query="weak:Business", task="Topic")] == ["n1", "n5"]
    assert "__Tone__MANUAL" not in labelled.export(task=["Topic"])[0]
    with pytest.raises(nearmost.InputError, match="the tasks are Topic, Marks, Tone"):
        labelled.export(task="Topics")


@pytest.mark.parametrize("suffix", [".json", ".jsonl", ".csv", ".parquet"])
def test_every_format_holds_the_same_rows(labelled, tmp_path, suffix):
    path = tmp_path / f"out{suffix}"
    rows = labelled.export(path)
    if suffix == ".csv":
        with open(path, newline="", encoding="utf-8") as stream:
            found = [*csv.DictReader(stream)]
        assert json.loads(found[2]["__Tone__MANUAL"]) == ["good", "odd"]
        assert [row["__Topic__MANUAL"] or None for row in found] == [row["__Topic__MANUAL"] for row in rows]
        assert [row["long"] for row in found] == ["false"] * 3 + ["true"] * 3
    elif suffix == ".parquet":
        assert pytest.importorskip("pyarrow.parquet").read_table(path).to_pylist() == rows
    else:
        text = path.read_text(encoding="utf-8")
        assert (json.loads(text) if suffix == ".json" else [json.loads(line) for line in text.splitlines()]) == rows
    with Project.create(tmp_path / "again") as again:
        again.add_records(path, key="id")
        assert again.n_records == 6


def test_an_export_is_written_whole_or_not_at_all(labelled, tmp_path):
    (tmp_path / "out.xls").write_text("old")
    with pytest.raises(nearmost.InputError, match="must be one of json, jsonl, csv, parquet"):
        labelled.export(tmp_path / "out.xls")
    assert (tmp_path / "out.xls").read_text() == "old"


def test_a_script_for_refinery_runs_on_refinerys_own_project(refinery, tmp_path):
    pytest.importorskip("pandas")
    with Project.from_snapshot(refinery, tmp_path / "news") as project:
        frame = project.data_frame(task="topic")
    manual, weak = "__topic__MANUAL", "__topic__WEAK_SUPERVISION"
    sure = frame[f"{weak}__confidence"].astype(float)
    kept = frame[frame[manual].notnull() | (sure > 0.45)].reset_index(drop=True)
    kept["label"] = kept.apply(lambda row: row[manual] if row[manual] is not None else row[weak], axis=1)
    assert len(frame) == 3000
    assert set(kept["label"]) == {"business", "sci_tech", "sports", "world"}
    assert frame[manual].notnull().sum() == 123
    assert frame[weak].notnull().sum() == 2818
    assert kept["label"].notnull().all()
