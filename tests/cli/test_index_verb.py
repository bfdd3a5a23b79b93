"""``nearmost index`` makes what the library makes, from texts and from vectors, and refuses to guess."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import get_args, get_type_hints

import numpy as np
import pytest

from nearmost import METRICS, Index
from nearmost.cli.index import index
from nearmost.strings import OnDuplicate


def test_texts_are_encoded_and_kept(texts):
    with Index.open(texts, verify="full") as opened:
        assert len(opened) == 6
        assert opened.keys[0] == "copytree"
        assert opened.text("rmtree") == "Delete a folder and everything below it."
        assert opened.info()["encoder"] == "lsa:4"


def test_vectors_are_packed_and_found(vectors):
    with Index.open(vectors, verify="full") as opened:
        assert str(opened.metric) == "euclidean"
        assert opened.nearest("4", k=4)[0][1] == pytest.approx(-(0.5**0.5))


def test_keys_of_vectors_come_from_a_file(array, tmp_path, run):
    (tmp_path / "names.txt").write_text("sw\nnw\nse\nne\nmiddle\n")
    assert run("index", array, "-o", tmp_path / "a.nearmost", "--keys", tmp_path / "names.txt").status == 0
    assert list(Index.open(tmp_path / "a.nearmost").keys) == ["sw", "nw", "se", "ne", "middle"]


def test_npz_brings_its_own_keys(tmp_path, run):
    np.savez(tmp_path / "a.npz", vectors=np.eye(3), keys=np.array(["x", "y", "z"]))
    assert run("index", tmp_path / "a.npz", "-o", tmp_path / "a.nearmost").status == 0
    assert list(Index.open(tmp_path / "a.nearmost").keys) == ["x", "y", "z"]


def test_patterns_and_several_files_make_one_index(tmp_path, run):
    for name in ("a", "b"):
        (tmp_path / f"{name}.txt").write_text(f"the first of {name}\nthe second of {name}\n")
    output = tmp_path / "all.nearmost"
    assert run("index", tmp_path / "*.txt", "-o", output, "--encoder", "lsa:2").status == 0
    assert len(Index.open(output)) == 4


def test_texts_come_from_standard_input(tmp_path, command):
    output = tmp_path / "in.nearmost"
    ran = command("index", "-", "-o", output, "--encoder", "lsa:2", stdin="one apple\ntwo pears\nthree apples\n")
    assert (ran.status, len(Index.open(output))) == (0, 3)


def test_limit_takes_the_first_rows(table, tmp_path, run):
    output = tmp_path / "few.nearmost"
    assert run("index", table, "-o", output, "--encoder", "lsa:2", "--limit", 3, "--threads", 1).status == 0
    assert list(Index.open(output).texts)[-1] == "Return the square root of a number."


def test_json_says_what_was_made(array, tmp_path, run):
    ran = run("index", array, "-o", tmp_path / "a.nearmost", "--json")
    made = json.loads(ran.out)
    assert (made["n_rows"], made["dim"], made["metric"], made["encoder"]) == (5, 2, "cosine", None)
    assert "reading" in ran.err


def test_only_the_answer_is_on_stdout(array, tmp_path, run):
    ran = run("index", array, "-o", tmp_path / "a.nearmost")
    assert ran.out == f"{tmp_path / 'a.nearmost'}: 5 rows x 2, cosine\n"
    assert ran.err.splitlines() == ["reading ...", "packing ...", "saving ..."]


@pytest.mark.parametrize(("which", "kept"), [("first", "one apple"), ("last", "three pears")])
def test_duplicates_are_kept_as_asked(tmp_path, run, which, kept):
    table, output = tmp_path / "twice.csv", tmp_path / "twice.nearmost"
    table.write_text("id,text\na,one apple\nb,two plums\na,three pears\n")
    asked = ("index", table, "-o", output, "--key", "id", "--encoder", "lsa:2", "--on-duplicate", which)
    assert run(*asked).status == 0
    assert Index.open(output).text("a") == kept


def test_a_duplicate_key_is_an_error_that_names_both_places(tmp_path, run):
    table = tmp_path / "twice.csv"
    table.write_text("id,text\na,one apple\na,three pears\n")
    ran = run("index", table, "-o", tmp_path / "x.nearmost", "--key", "id", "--encoder", "lsa:2")
    assert ran.status == 1
    assert "twice.csv:3" in ran.err
    assert "twice.csv:2" in ran.err


@pytest.mark.parametrize(
    ("name", "content", "options", "said"),
    [
        ("a.csv", "text\none\n", ["--text", "body", "--encoder", "lsa"], "there is no column 'body'"),
        ("a.csv", "text\none\n", ["--encoder", "nonesuch"], "no encoder answers to 'nonesuch'"),
        ("a.docx", "text", ["--encoder", "lsa"], "a.docx"),
        ("a.npy", "text", [], "not a .npy file"),
    ],
)
def test_what_cannot_be_indexed_is_one_line(tmp_path, run, name, content, options, said):
    (tmp_path / name).write_text(content)
    ran = run("index", tmp_path / name, "-o", tmp_path / "x.nearmost", *options)
    errors = [line for line in ran.err.splitlines() if not line.endswith("...")]
    assert (ran.status, len(errors), ran.out) == (1, 1, "")
    assert errors[0].startswith("nearmost: ")
    assert said in errors[0]
    assert not (tmp_path / "x.nearmost").exists()


@pytest.mark.parametrize(
    "arguments",
    [["a.npy", "a.csv", "-o", "x"], ["a.csv", "--keys", "k.txt", "-o", "x"], ["a.csv", "-o", "x", "--metric", "angle"]],
)
def test_what_makes_no_sense_is_wrong_usage(array, tmp_path, run, monkeypatch, arguments):
    monkeypatch.chdir(tmp_path)
    Path("a.npy").write_bytes(array.read_bytes())
    Path("a.csv").write_text("text\none\n")
    ran = run("index", *arguments)
    assert (ran.status, len(ran.err.splitlines())) == (2, 1)


def test_a_file_that_is_no_index_is_never_replaced(table, run):
    before = table.read_bytes()
    ran = run("index", table, "-o", table, "--encoder", "lsa:2")
    assert ran.status == 1
    assert "is no index" in ran.err
    assert table.read_bytes() == before


def test_an_older_index_is_replaced(array, vectors, run):
    assert run("index", array, "-o", vectors, "--limit", 2).status == 0
    assert len(Index.open(vectors)) == 2


def test_a_missing_folder_is_found_before_the_work(array, tmp_path, run):
    ran = run("index", array, "-o", tmp_path / "nowhere" / "x.nearmost")
    assert ran.status == 1
    assert "reading" not in ran.err


def test_the_choices_are_those_of_the_library():
    hints = get_type_hints(index)
    assert set(get_args(hints["metric"])) == set(METRICS)
    assert get_args(hints["on_duplicate"]) == get_args(OnDuplicate)


def test_a_partition_is_built_searched_and_told_of(command, tmp_path):
    np.save(tmp_path / "v.npy", np.random.default_rng(0).normal(size=(2000, 8)).astype(np.float32))
    built = command(
        "index", tmp_path / "v.npy", "-o", tmp_path / "v.nearmost", "--kind", "partition", "--quality", "fast"
    )
    assert built.status == 0
    told = command("info", tmp_path / "v.nearmost")
    assert "(partition)" in told.out
    assert "recall@10" in told.out
    exact = command("search", tmp_path / "v.nearmost", "--key", "7", "--recall", "1", "--json")
    near = command("search", tmp_path / "v.nearmost", "--key", "7", "--recall", "0.9", "--json")
    assert exact.status == near.status == 0
    assert command("search", tmp_path / "v.nearmost", "--key", "7", "--recall", "2").status == 1


def test_an_interrupted_corpus_says_so_and_goes_on(table, tmp_path):
    output = tmp_path / "a.nearmost"
    texts = "".join(f"{number},a text about the {number}th thing\n" for number in range(30_000))
    table.write_text("name,text\n" + texts)
    call = [
        sys.executable,
        "-m",
        "nearmost",
        "index",
        str(table),
        "-o",
        str(output),
        "--encoder",
        "lsa:2",
        "--kind",
        "flat",
    ]
    with subprocess.Popen(call, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as child:
        for line in child.stderr:
            if line.startswith("learning"):
                child.send_signal(signal.SIGINT)
                break
        said = child.stderr.read().splitlines()
    assert child.returncode == 130
    assert said[-2:] == [
        f"nearmost: {output}.partial keeps what is done: the same command goes on from there", "nearmost: interrupted",
    ]  # fmt: skip
    table.write_text("name,text\n" + texts + "30000,one more\n")
    again = subprocess.run(call, capture_output=True, text=True, check=False)
    assert again.returncode == 1
    assert "--restart" in again.stderr
    assert subprocess.run([*call, "--restart"], capture_output=True, check=False).returncode == 0
    assert len(Index.open(output)) == 30_001
