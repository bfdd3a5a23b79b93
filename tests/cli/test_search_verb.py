"""``nearmost search`` prints what ``Index.search`` and ``Index.nearest`` answer."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from nearmost import Index


def test_words_make_one_query(texts, run):
    ran = run("search", texts, "recursively", "copy", "a", "directory", "-k", 2)
    rank, score, key, *text = ran.out.splitlines()[0].split()
    assert (ran.status, rank, key, ran.err) == (0, "1", "copytree", "")
    assert float(score) == pytest.approx(
        Index.open(texts).search("recursively copy a directory", 1).scores[0], abs=1e-4
    )
    assert " ".join(text).startswith("Recursively copy")


def test_json_holds_the_whole_answer(texts, run):
    answer = json.loads(run("search", texts, "recursively copy a directory", "-k", 3, "--json").out)
    ids, scores = Index.open(texts).search("recursively copy a directory", 3)
    assert answer["query"] == "recursively copy a directory"
    assert [found["rank"] for found in answer["neighbors"]] == [1, 2, 3]
    assert [found["score"] for found in answer["neighbors"]] == scores.tolist()
    assert [found["key"] for found in answer["neighbors"]] == [Index.open(texts).keys[row] for row in ids.tolist()]
    assert answer["neighbors"][0]["text"].endswith("return the destination directory.")


def test_a_key_in_place_of_a_query_gives_its_neighbours(vectors, run):
    answer = json.loads(run("search", vectors, "--key", 4, "-k", 2, "--json").out)
    assert answer["key"] == "4"
    assert [(found["key"], found["text"]) for found in answer["neighbors"]] == [("0", None), ("1", None)]


def test_asking_for_more_than_there_is_gives_what_there_is(vectors, run):
    assert len(run("search", vectors, "--key", 0, "-k", 99).out.splitlines()) == 4


def test_queries_come_line_by_line_from_standard_input(texts, command):
    ran = command("search", texts, "-", "-k", 1, "--json", stdin="recursively copy a directory\n\nsquare root\n")
    answers = [json.loads(line) for line in ran.out.splitlines()]
    assert [answer["query"] for answer in answers] == ["recursively copy a directory", "square root"]
    assert [answer["neighbors"][0]["key"] for answer in answers] == ["copytree", "sqrt"]


def test_several_answers_stand_below_their_queries(texts, command):
    ran = command("search", texts, "-k", 1, "-", stdin="recursively copy a directory\nsquare root\n")
    assert [line for line in ran.out.splitlines() if not line.startswith(" ")][::2] == [
        "recursively copy a directory",
        "square root",
    ]


def test_a_query_that_is_not_utf8_is_named_by_line(texts, command):
    ran = command("search", texts, "-", stdin=b"fine\n\xff\n")
    assert ran.status == 1
    assert "<stdin>:2" in ran.err


@pytest.mark.parametrize("width", [40, 80])
def test_lines_fit_the_terminal(texts, command, width):
    ran = command("search", texts, "recursively copy a directory", COLUMNS=str(width))
    assert max(map(len, ran.out.splitlines())) <= width
    assert ("…" in ran.out) == (width == 40)


def test_no_colour_and_no_bar_where_nobody_looks(texts, command):
    ran = command("search", texts, "recursively copy a directory")
    assert "\x1b" not in ran.out + ran.err


def test_no_color_is_honoured_where_colour_is_forced(texts, command):
    forced = command("search", texts, "-", stdin="copy", FORCE_COLOR="1", TERM="xterm-256color")
    plain = command("search", texts, "-", stdin="copy", FORCE_COLOR="1", TERM="xterm-256color", NO_COLOR="1")
    assert "\x1b[1;36m" in forced.out
    assert "36m" not in plain.out


def test_a_text_cannot_command_the_terminal(tmp_path, run):
    (tmp_path / "a.txt").write_text("red \x1b[31malert\x07 text\nanother plain text\n")
    run("index", tmp_path / "a.txt", "-o", tmp_path / "a.nearmost", "--encoder", "lsa:2")
    assert not {"\x1b", "\x07"} & set(run("search", tmp_path / "a.nearmost", "red alert").out)


def test_vectors_without_an_encoder_cannot_be_asked_in_words(vectors, run):
    ran = run("search", vectors, "copy")
    assert (ran.status, len(ran.err.splitlines())) == (1, 1)
    assert "--encoder SPEC, or --key KEY" in ran.err


def test_another_encoder_than_the_index_was_built_with_is_refused(texts, run):
    ran = run("search", texts, "copy", "--encoder", "lsa:3")
    assert (ran.status, len(ran.err.splitlines())) == (1, 1)
    assert "lsa:4" in ran.err
    assert "lsa:3" in ran.err


def test_an_unknown_key_is_one_line(texts, run):
    assert run("search", texts, "--key", "nonesuch").err == "nearmost: no row has the key 'nonesuch'\n"


@pytest.mark.parametrize(
    "rest", [[], ["copy", "--key", "sort"], ["copy", "--nonesuch"], ["copy", "-k", "many"], ["  "]]
)
def test_wrong_usage_is_one_line_and_status_two(texts, run, rest):
    ran = run("search", texts, *rest)
    assert (ran.status, ran.out, len(ran.err.splitlines())) == (2, "", 1)


def test_k_below_one_is_refused(texts, run):
    assert run("search", texts, "copy", "-k", 0).status == 1


def test_a_reader_that_has_seen_enough_is_no_error_to_speak_of(texts):
    many = "recursively copy a directory\n" * 5000
    asking = subprocess.Popen(
        [sys.executable, "-m", "nearmost", "search", str(texts), "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert asking.stdin is not None
    assert asking.stdout is not None
    assert asking.stderr is not None
    asking.stdout.close()
    try:
        asking.stdin.write(many)
        asking.stdin.close()
    except BrokenPipeError:
        pass
    assert asking.stderr.read() == ""
    assert asking.wait(60) == 1
