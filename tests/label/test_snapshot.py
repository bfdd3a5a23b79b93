"""Zips from strangers are refused where they are hostile, and whatever is refused leaves nothing behind."""

from __future__ import annotations

import json
import stat
import zipfile

import numpy as np
import pytest

import nearmost
from nearmost.label import Project
from nearmost.label.votes.runs import register


def packed(path, members, **options):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return path


def link(name, mode=stat.S_IFLNK):
    info = zipfile.ZipInfo(name)
    info.external_attr = (mode | 0o777) << 16
    return info


@pytest.fixture
def whole(project, tmp_path):
    pytest.importorskip("sklearn")
    project.annotate("Topic", 0, "Sports")
    project.annotate_span("Marks", 1, 0, 7, "Money")
    project.comment("record:n3", "a note")
    project.save_slice("late", "year>2004", static=True)
    (project.folder / "lookups" / "goals.txt").write_text("goal\n\\'];import os#\n")
    (project.folder / "heuristics" / "Topic").mkdir()
    (project.folder / "heuristics" / "Topic" / "goals.py").write_text("raise SystemExit('was run')\n")
    project.embed("lsa:4")
    project.snapshot(tmp_path / "whole.zip")
    return tmp_path / "whole.zip"


def members_of(path):
    with zipfile.ZipFile(path) as archive:
        return [(name, archive.read(name)) for name in archive.namelist()]


def test_a_project_comes_back_as_it_was_and_its_code_is_not_run(project, whole, tmp_path):
    with Project.from_snapshot(whole, tmp_path / "copy") as copy:
        assert copy.records() == project.records()
        assert copy.annotations(0) == project.annotations(0)
        assert copy.manual_spans("Marks") == project.manual_spans("Marks")
        assert copy.comments() == project.comments()
        assert copy.browse("slice:late goal* ").ids == project.browse("slice:late goal*").ids
        assert np.array_equal(copy.vectors(), project.vectors())
        assert not copy.vectors_are_old()
        assert (copy.folder / "lookups" / "goals.txt").read_text() == "goal\n\\'];import os#\n"
        assert "was run" in (copy.folder / "heuristics" / "Topic" / "goals.py").read_text()
        copy.annotate("Topic", 1, "World")
        copy.undo()
        copy.embed()


def test_what_learners_said_comes_back_and_so_do_snapshots_of_the_first_version(project, whole, tmp_path):
    copies = np.full((5, 6, 4), 0.25)
    register(project, "Topic", "near", "learner")
    project.save_votes("Topic", "near", "f", [(0, "Sports", 0.9)], soft=copies[0], copies=copies)
    project.snapshot(tmp_path / "two.zip")
    with Project.from_snapshot(tmp_path / "two.zip", tmp_path / "copy") as copy:
        assert np.array_equal(copy.vote_rows("Topic").copies["near"], copies)
    first = []
    for name, content in members_of(tmp_path / "two.zip"):
        if name == "nearmost-project.json":
            content = content.replace(b'"version": 2', b'"version": 1')
        if name == "tables/run.jsonl":
            content = json.dumps(json.loads(content)[:-1]).encode()
        first.append((name, content))
    with Project.from_snapshot(packed(tmp_path / "first.zip", first), tmp_path / "old") as old:
        assert old.vote_rows("Topic").copies == {}
        assert old.vote_rows("Topic").label.tolist() == project.vote_rows("Topic").label.tolist()


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        ([("../x", "evil")], "outside of the folder"),
        ([("/etc/x", "evil")], "outside of the folder"),
        ([("lookups/..\\..\\x.txt", "evil")], "outside of the folder"),
        ([("C:/x", "evil")], "outside of the folder"),
        ([(link("lookups/x.txt"), "/etc/passwd")], "is a link"),
        ([(link("lookups/x.txt", stat.S_IFIFO), "")], "is a link or a device"),
        ([("lookups/x.txt", b"0" * (8 << 20))], "times its size"),
        ([("project.toml", "name = 'x'")], "two members"),
    ],
)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_hostile_zips_are_refused_whole(whole, tmp_path, extra, message):
    bad = packed(tmp_path / "bad.zip", [*members_of(whole), *extra])
    with pytest.raises(nearmost.InputError, match=message):
        Project.from_snapshot(bad, tmp_path / "p")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.zip", "news", "whole.zip"]


def test_a_member_that_is_larger_than_it_says_is_refused(whole, tmp_path):
    name = b"lookups/goals.txt"
    raw = bytearray(whole.read_bytes())
    at = raw.rindex(name) - 46  # the directory's entry, whose size stands 24 bytes in
    raw[at + 24 : at + 28] = (3).to_bytes(4, "little")
    (tmp_path / "bad.zip").write_bytes(raw)
    with pytest.raises(nearmost.InputError, match=r"more than it says|cannot be unpacked"):
        Project.from_snapshot(tmp_path / "bad.zip", tmp_path / "p")
    assert not (tmp_path / "p").exists()


@pytest.mark.parametrize(
    ("member", "content"),
    [
        ("nearmost-project.json", b"[]"),
        ("nearmost-project.json", b'{"version": 0}'),
        ("project.toml", b"name = 1"),
        ("tables/record.jsonl", b'[0, "a", "{", 0, "now"]'),
        ("tables/record.jsonl", b'[5, "a", "{}", 0, "now"]'),
        ("tables/record.jsonl", b'{"id": 0}'),
        ("tables/record.jsonl", b'[0, "a", "[1]", 0, "now"]'),
        ("tables/record.jsonl", b'[0, "a", "{\\"title\\": [1]}", 0, "now"]'),
        ("tables/record.jsonl", b'[0, "a", "{\\"year\\": 1e999}", 0, "now"]'),
        ("project.toml", b"name = 'x'\n[attributes]\n" + b"".join(b"a%d = 'text'\n" % n for n in range(2500))),
        ("project.toml", b"name = 'x'\n[attributes]\n[[tasks]]\nname = '../..'\nkind = 'class'\nlabels = ['a']\n"),
        ("tables/record.jsonl", b"[0]"),
        ("tables/record.jsonl", b'[0, "a", "{}", 0, "\\ud800"]'),
        ("tables/record.jsonl", b'[99999999999999999999, "a", "{}", 0, ""]'),
        ("tables/annotation.jsonl", b'[99, 1, 1, null, null, "me", 0, "now"]'),
        ("tables/manual.jsonl", b"[1, 99, 1]"),
        ("tables/label.jsonl", b"not json"),
        ("tables/run.jsonl", b'[1, 1, "f", "s", 1, "done", 0, null, null, {"base64": "="}, null]'),
        ("vectors.nearmost", b"no index"),
    ],
)
def test_tables_that_cannot_be_are_told_and_leave_nothing(whole, tmp_path, member, content):
    members = [(name, content if name == member else held) for name, held in members_of(whole)]
    (tmp_path / "p").mkdir()
    with pytest.raises((nearmost.InputError, nearmost.FormatError)):
        Project.from_snapshot(packed(tmp_path / "bad.zip", members), tmp_path / "p")
    assert list((tmp_path / "p").iterdir()) == []


@pytest.mark.parametrize("members", [[], [("a.txt", "x")], [("a.json", "[1]")], [("a.json", "{")], [("a.json", "{}")]])
def test_other_zips_are_told(tmp_path, members):
    with pytest.raises(nearmost.InputError, match=r"snapshot of|is not JSON"):
        Project.from_snapshot(packed(tmp_path / "x.zip", members), tmp_path / "p")
    (tmp_path / "y.zip").write_text("no zip")
    with pytest.raises(nearmost.InputError, match="is no zip file"):
        Project.from_snapshot(tmp_path / "y.zip", tmp_path / "p")


def test_a_later_version_is_told(whole, tmp_path):
    manifest = json.dumps({"version": 9})
    members = [(n, manifest if n == "nearmost-project.json" else held) for n, held in members_of(whole)]
    with pytest.raises(nearmost.NewerFormatError, match="update it"):
        Project.from_snapshot(packed(tmp_path / "new.zip", members), tmp_path / "p")
