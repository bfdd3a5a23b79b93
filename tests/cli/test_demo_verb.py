"""``nearmost demo`` builds its index once, answers at once from then on, and says what to try next."""

from __future__ import annotations

import json

import pytest

import nearmost.stdlib_docs
from nearmost import Index


@pytest.fixture
def here(tmp_path, monkeypatch, docs):
    """An empty working folder, and a standard library of six docstrings."""

    def gather(progress):
        progress(1, 1)
        return docs

    monkeypatch.setattr(nearmost.stdlib_docs, "gather_docstrings", gather)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def built(here, run):
    assert run("demo", "--encoder", "lsa:4").status == 0
    return here / "stdlib.nearmost"


def test_the_first_run_builds_and_answers_three_questions(here, run):
    ran = run("demo", "--encoder", "lsa:4")
    headings = [line for line in ran.out.splitlines() if line and not line.startswith(" ")]
    assert (ran.status, len(headings)) == (0, 3)
    assert "  1  " in ran.out
    assert [line for line in ran.err.splitlines() if line.endswith("...")] == [
        "gathering ...",
        "encoding ...",
        "saving ...",
    ]
    assert len(Index.open(here / "stdlib.nearmost", verify="full")) == 6


def test_it_says_what_to_try_next_and_that_works(built, run):
    ran = run("demo", "recursively copy a directory")
    assert "nearmost search stdlib.nearmost" in ran.err
    assert "nearmost info stdlib.nearmost" in ran.err
    assert run("info", "stdlib.nearmost").status == 0


def test_the_second_run_neither_gathers_nor_encodes_documents(built, run, monkeypatch):
    def never(*_, **__):
        raise AssertionError("built again")

    monkeypatch.setattr(nearmost.stdlib_docs, "gather_docstrings", never)
    monkeypatch.setattr(Index, "build", never)
    before = built.stat().st_mtime_ns
    ran = run("demo", "square", "root", "--json", "-k", 1)
    answer = json.loads(ran.out)
    assert (answer["query"], answer["neighbors"][0]["key"]) == ("square root", "sqrt")
    assert built.stat().st_mtime_ns == before


def test_another_encoder_than_the_files_is_refused_with_a_way_out(built, run):
    ran = run("demo", "--encoder", "lsa:3")
    assert (ran.status, len(ran.err.splitlines())) == (1, 1)
    assert "-o" in ran.err


def test_an_unknown_encoder_is_refused_before_the_work(here, run):
    ran = run("demo", "--encoder", "nonesuch")
    assert (ran.status, len(ran.err.splitlines())) == (1, 1)
    assert list(here.iterdir()) == []


def test_a_foreign_file_of_that_name_is_left_alone(here, run):
    (here / "stdlib.nearmost").write_text("my notes about the standard library, which nobody may lose")
    assert run("demo", "--encoder", "lsa:4").status == 1
    assert (here / "stdlib.nearmost").read_text().startswith("my notes")
