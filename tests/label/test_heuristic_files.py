"""Heuristics as files, and which of them may run."""

from __future__ import annotations

import pytest

from nearmost import InputError, UnknownKeyError
from nearmost.label.heuristics import approval, files

LEARNER = "import x\nclass A(learning.LearningClassifier):\n    pass\n"
LOOKUP = 'kind = "lookup"\nlist = "sports"\nlabel = "Sports"\nattributes = ["headline"]\n'


@pytest.fixture(autouse=True)
def state(tmp_path, monkeypatch):
    monkeypatch.setenv("NEARMOST_STATE", str(tmp_path / "state"))
    return tmp_path / "state"


def test_kinds_are_told_by_the_files_and_nothing_is_run(tmp_path):
    written = [
        files.write(tmp_path, "Topic", "sport", "raise SystemExit\ndef lf(record): pass", ".py"),
        files.write(tmp_path, "Topic", "learner", LEARNER, ".py"),
        files.write(tmp_path, "Topic", "list", LOOKUP, ".toml"),
        files.write(tmp_path, "Topic", "broken", "def lf(", ".py"),
    ]
    (tmp_path / "heuristics" / "Topic" / "notes.md").write_text("")
    found = files.files(tmp_path, ["Topic", "Other"])
    assert {each.name: each.kind for each in found} == {
        "sport": "function", "learner": "learner", "list": "lookup", "broken": "function",
    }  # fmt: skip
    assert sorted(found, key=lambda each: each.name) == sorted(written, key=lambda each: each.name)
    assert files.file(tmp_path, "Topic", "list").settings["label"] == "Sports"
    with pytest.raises(UnknownKeyError, match="no heuristic 'x'; it has broken"):
        files.file(tmp_path, "Topic", "x")


def test_one_name_is_one_heuristic(tmp_path):
    files.write(tmp_path, "Topic", "sport", "def lf(record): pass", ".py")
    files.write(tmp_path, "Topic", "sport", LOOKUP, ".toml")
    assert [each.kind for each in files.files(tmp_path, ["Topic"])] == ["lookup"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('kind = "magic"', "kind is 'magic'"),
        ("label = 1", "kind is None"),
        ('kind = "lookup"', "label is missing"),
        ('kind = "lookup"\nlabel = 3', "label is 3"),
        ('kind = "lookup"\nlabel = "a"\ncolour = "b"', "colour is no setting"),
        ('kind = "region"\nlabel = "a"', "either around records or a polygon"),
        ("kind = ", "Invalid value"),
    ],
)
def test_settings_that_cannot_be_used_are_told_with_the_file(tmp_path, text, said):
    with pytest.raises(InputError, match=said) as error:
        files.of(text, tmp_path / "x.toml", "Topic")
    assert "x.toml" in str(error.value)


@pytest.mark.parametrize("name", ["../x", "a/b", "", ".x"])
def test_a_heuristic_is_written_nowhere_else(tmp_path, name):
    with pytest.raises(InputError, match="a heuristic is called"):
        files.write(tmp_path, "Topic", name, "", ".py")


def test_code_is_approved_to_the_letter_and_outside_of_the_project(state):
    assert not approval.is_approved("def lf(record): pass")
    approval.approve("def lf(record): pass")
    approval.approve("def lf(record): pass")
    assert approval.is_approved("def lf(record): pass")
    assert not approval.is_approved("def lf(record): pass\n")
    assert len((state / "approved").read_text().split()) == 1
