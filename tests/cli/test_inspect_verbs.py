"""``nearmost info`` tells what is inside, ``nearmost verify`` whether all of it is sound."""

from __future__ import annotations

import json

import pytest


def test_info_names_what_is_inside(texts, run):
    ran = run("info", texts)
    facts = dict(line.split(None, 1) for line in ran.out.splitlines() if line[0] != " ")
    assert ran.status == 0
    assert facts["rows"].startswith("6 x 4")
    assert (facts["metric"], facts["encoder"], facts["texts"]) == ("cosine", "lsa:4", "stored")


def test_info_as_json_is_the_librarys(texts, run):
    inside = json.loads(run("info", texts, "--json").out)
    assert inside["path"] == str(texts)
    assert inside["n_bytes"] == texts.stat().st_size
    assert sum(inside["sections"].values()) < inside["n_bytes"]


def test_info_says_that_vectors_have_no_encoder(vectors, run):
    assert "none: built from vectors" in run("info", vectors).out


def test_sound_files_are_called_sound(texts, vectors, run):
    ran = run("verify", texts, vectors)
    assert (ran.status, ran.out) == (0, f"{texts}: sound\n{vectors}: sound\n")


def test_one_flipped_bit_fails_the_check_and_names_the_file(texts, vectors, run):
    data = bytearray(texts.read_bytes())
    data[-5] ^= 1
    texts.write_bytes(data)
    ran = run("verify", texts, vectors)
    assert (ran.status, ran.out) == (1, f"{vectors}: sound\n")
    assert len(ran.err.splitlines()) == 1
    assert str(texts) in ran.err


def test_verify_as_json_is_one_document_a_file(texts, tmp_path, run):
    ran = run("verify", texts, tmp_path / "missing", "--json")
    sound, missing = map(json.loads, ran.out.splitlines())
    assert (ran.status, ran.err) == (1, "")
    assert sound == {"path": str(texts), "sound": True, "error": None}
    assert missing["sound"] is False
    assert "no such file" in missing["error"]


@pytest.mark.parametrize("verb", [["info"], ["search", "--key", "0"], ["verify"]])
@pytest.mark.parametrize("content", [None, b"", b"PK\x03\x04" + bytes(200), b"text\none\n", "cut", "folder"])
def test_what_is_no_index_is_refused_in_one_line(vectors, tmp_path, run, verb, content):
    path = tmp_path / "given"
    if content == "folder":
        path.mkdir()
    elif content is not None:
        path.write_bytes(vectors.read_bytes()[:-64] if content == "cut" else content)
    ran = run(verb[0], path, *verb[1:])
    assert (ran.status, ran.out, len(ran.err.splitlines())) == (1, "", 1)
    assert ran.err.startswith("nearmost: ")
    assert "given" in ran.err
