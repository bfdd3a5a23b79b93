"""``nearmost classify`` writes what ``LabelClassifier`` says, tells how good it is, and can be stopped at any time."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pytest

import nearmost as nm

OCCUPATIONS = {
    "11-1": "Restaurant cooks and chefs",
    "22-2": "Software developers and programmers",
    "33-3": "Hospital nurses",
    "44-4": "Heavy truck drivers",
}
TITLES = [
    ("chef in a restaurant", "11-1"),
    ("software programmer", "22-2|44-4"),
    ("nurses at the hospital", "33-3"),
    ("drivers of a heavy truck", "11-1"),
]


@pytest.fixture(autouse=True)
def needs_lsa():
    pytest.importorskip("sklearn", reason="these tests use the encoder lsa, which needs scikit-learn")


@pytest.fixture
def labels(tmp_path):
    path = tmp_path / "occupations.csv"
    path.write_text("code,title\n" + "".join(f"{code},{title}\n" for code, title in OCCUPATIONS.items()))
    return path


@pytest.fixture
def titles(tmp_path):
    path = tmp_path / "titles.tsv"
    path.write_text("title\tcode\n" + "".join(f"{title}\t{code}\n" for title, code in TITLES))
    return path


def rows_of(path):
    return [line.split("\t") for line in path.read_text().splitlines()]


def test_labels_are_codes_or_the_names_themselves(run, labels, titles, tmp_path):
    out = tmp_path / "out.tsv"
    ran = run("classify", titles, "--labels", labels, "--label", "code", "--encoder", "lsa", "-o", out)
    assert (ran.status, ran.out) == (0, f"{out}: 4 rows, 4 labels, encoder lsa\n")
    head, *rows = rows_of(out)
    assert head == ["key", "text", "label", "score", "runner_up", "margin", "abstained"]
    assert [row[:3] for row in rows] == [
        [str(number), title, code]
        for number, (title, code) in enumerate(zip((t for t, _ in TITLES), OCCUPATIONS, strict=True))
    ]
    assert run("classify", titles, "--labels", labels, "--encoder", "lsa", "-o", out, "--key", "title").status == 0
    assert [row[2] for row in rows_of(out)[1:]] == list(OCCUPATIONS.values())
    assert [row[0] for row in rows_of(out)[1:]] == [title for title, _ in TITLES]


def test_it_says_how_good_it_is(run, labels, titles, tmp_path):
    out = tmp_path / "out.csv"
    arguments = ["classify", titles, "--labels", labels, "--label", "code", "--encoder", "lsa", "-o", out]
    plain = json.loads(run(*arguments, "--evaluate", "code", "--json").out)
    assert plain["accuracy"] == 0.5
    either = run(*arguments, "--evaluate", "code", "--any-of", "|")
    assert "accuracy                      0.7500" in either.out
    page = tmp_path / "report.html"
    assert run(*arguments, "--evaluate", "code", "--report", page).status == 0
    assert "drivers of a heavy truck" in page.read_text()
    assert run(*arguments, "--report", page).status == 2
    assert run(*arguments, "--evaluate", "code", "--report", tmp_path / "report.xls").status == 2
    assert run(*arguments, "--any-of", "|").status == 2
    assert "no column 'colour'" in run(*arguments, "--evaluate", "colour").err


def test_cleaning_is_counted_and_abstentions_are_marked(run, labels, tmp_path):
    (tmp_path / "loud.txt").write_text("HOSPITAL &amp; NURSES\nzzz\n")
    out = tmp_path / "out.jsonl"
    ran = run(
        "classify", tmp_path / "loud.txt", "--labels", labels, "--encoder", "lsa", "-o", out,
        "--clean", "unescape,lower", "--reject-below", 0.9, "--json",
    )  # fmt: skip
    assert json.loads(ran.out)["cleaned"] == {"unescape": 1, "lower": 1}
    first, second = map(json.loads, out.read_text().splitlines())
    assert (first["label"], first["abstained"], second["abstained"]) == ("Hospital nurses", False, True)
    assert first["text"] == "HOSPITAL &amp; NURSES"
    ran = run("classify", tmp_path / "loud.txt", "--labels", labels, "-o", out, "--clean", "shout")
    assert (ran.status, "no cleaning step 'shout'" in ran.err) == (1, True)


def test_texts_may_come_from_standard_input(command, labels, tmp_path):
    out = tmp_path / "out.tsv"
    ran = command(
        "classify", "-", "--labels", labels, "--encoder", "lsa", "-o", out, stdin="a nurse\nhospital nurses\n"
    )
    assert (ran.status, len(rows_of(out))) == (0, 3)


def test_an_input_is_never_written_over(run, labels, titles):
    before = titles.read_text()
    ran = run("classify", titles, "--labels", labels, "--encoder", "lsa", "-o", titles)
    assert (ran.status, titles.read_text()) == (2, before)
    ran = run("classify", titles, "--labels", labels, "--encoder", "lsa", "-o", labels.with_name("out.xlsx"))
    assert (ran.status, "the suffix says which" in ran.err) == (1, True)


INTERRUPTED = """
import os, signal, sys
from nearmost.cli import main
from nearmost.encoders.lsa import FittedLSA
def encode(self, texts, **how):
    if os.path.exists(sys.argv[1]):
        os.kill(os.getpid(), signal.SIGINT)
    return encoded(self, texts, **how)
encoded, FittedLSA.encode = FittedLSA.encode, encode
sys.exit(main(sys.argv[2:]))
"""


def test_ctrl_c_leaves_a_run_that_can_be_continued(run, labels, tmp_path, patience):
    source, out = tmp_path / "many.txt", tmp_path / "out.tsv"
    words = ["chef", "software", "nurses", "truck", "heavy", "hospital", "and"]
    source.write_text("".join(f"{words[row % 7]} {words[row // 7 % 7]} number {row}\n" for row in range(120_000)))
    arguments = ["classify", source, "--labels", labels, "--encoder", "lsa", "-o"]
    assert run(*arguments, tmp_path / "whole.tsv").status == 0
    state = tmp_path / "out.tsv.resume"
    command = [sys.executable, "-c", INTERRUPTED, str(state), *map(str, [*arguments, out])]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as child:
        assert child.communicate(timeout=patience)[1].endswith("nearmost: interrupted\n")
        assert child.returncode == 130
    assert not out.exists()
    assert state.exists()
    ran = run(*arguments, out, "-k", 2)
    assert (ran.status, "another k" in ran.err, "--restart" in ran.err) == (1, True, True)
    assert run(*arguments, out).status == 0
    assert out.read_bytes() == (tmp_path / "whole.tsv").read_bytes()
    assert not [name for name in os.listdir(tmp_path) if "resume" in name or "part" in name]


def test_tables_that_are_not_utf_8_and_tables_from_standard_input_are_read(run, command, labels, titles, tmp_path):
    out = tmp_path / "out.jsonl"
    arguments = ["--labels", labels, "--label", "code", "--encoder", "lsa", "-o", out, "--text", "title"]
    (tmp_path / "old.csv").write_bytes("title;code\r\nnurses in a caf\u00e9;33-3\r\n".encode("cp1252"))
    ran = run("classify", tmp_path / "old.csv", *arguments)
    assert (ran.status, 'say encoding="cp1252"' in ran.err) == (1, True)
    assert run("classify", tmp_path / "old.csv", *arguments, "--encoding", "cp1252").status == 0
    found = json.loads(out.read_text())
    assert (found["text"], found["label"]) == ("nurses in a caf\u00e9", "33-3")
    table = titles.read_text()
    reading, writing = os.pipe()  # as the shell makes of <(zcat titles.tsv.gz)
    os.write(writing, table.encode())
    os.close(writing)
    assert run("classify", f"/dev/fd/{reading}", *arguments, "--format", "tsv").status == 0
    os.close(reading)
    assert [json.loads(line)["label"] for line in out.read_text().splitlines()] == list(OCCUPATIONS)
    assert command("classify", "-", *arguments, "--format", "tsv", "--evaluate", "code", stdin=table).status == 0
    assert [json.loads(line)["label"] for line in out.read_text().splitlines()] == list(OCCUPATIONS)
    labels.write_bytes("title,code\nnurses in a caf\u00e9,\u00e9\n".encode("latin-1"))
    assert run("classify", titles, *arguments).status == 1
    assert run("classify", titles, *arguments, "--label-encoding", "latin-1").status == 0
    assert {json.loads(line)["label"] for line in out.read_text().splitlines()} == {"\u00e9"}


def test_what_cannot_come_to_a_good_end_is_refused_before_the_labels_are_encoded(run, labels, titles, tmp_path):
    out = tmp_path / "out.tsv"
    arguments = ["classify", titles, "--labels", labels, "--label", "code", "--encoder", "lsa", "-o", out]
    before = titles.read_text()
    for more, status, says in (
        (["--evaluate", "code", "--report", tmp_path / "absent" / "r.html"], 2, "lies in none that is there"),
        (["--evaluate", "code", "--any-of", ""], 2, "SEP is empty"),
        (["--evaluate", "colour"], 1, "no column 'colour'"),
        (["--text", "colour"], 1, "no column 'colour'"),
        (["--limit", 0], 1, "limit is 0"),
        (["--calibrate", tmp_path / "absent.tsv"], 1, "no such file"),
        (["--calibrate", out], 2, "one of the inputs"),
        (["--reject-below", 70], 2, "between 0 and 1"),
        (["-k", 0], 1, "k is 0"),
    ):
        ran = run(*arguments, *more)
        assert (ran.status, says in ran.err, "labels" in ran.err.split("\n")[0].split()) == (status, True, False), more
    ran = run("classify", tmp_path / "absent.tsv", *arguments[2:])
    assert (ran.status, ran.err.count("no such file"), ran.err.count("\n")) == (1, 1, 1)
    ran = run("classify", tmp_path / "t*.tsv", "--labels", labels, "--encoder", "lsa", "-o", titles)
    assert (ran.status, titles.read_text()) == (2, before)
    page = tmp_path / "page.csv"
    ran = run(*arguments[:-2], "-o", page, "--evaluate", "code", "--report", page)
    assert (ran.status, "name another file" in ran.err) == (2, True)


def test_examples_without_a_label_are_left_out_and_labels_that_look_alike_are_told(run, titles, tmp_path):
    out, labels = tmp_path / "out.tsv", tmp_path / "labels.csv"
    labels.write_text("title,label\nchef in a restaurant,Cook\nthe chef, cook\nsoftware programmer,\nnurse,Nurse\n")
    ran = run("classify", titles, "--labels", labels, "--label", "label", "--encoder", "lsa", "-o", out)
    assert ran.out == f"{out}: 4 rows, 3 labels, encoder lsa\n"
    assert "1 of 4 rows left out, for want of a label" in ran.err
    assert "'Cook' and ' cook' are labels of their own" in ran.err
    assert {row[2] for row in rows_of(out)[1:]} <= {"Cook", " cook", "Nurse"}
    labels.write_text("title,label\nchef in a restaurant,\n")
    ran = run("classify", titles, "--labels", labels, "--label", "label", "--encoder", "lsa", "-o", out)
    assert (ran.status, "no row has a label" in ran.err) == (1, True)


def test_rows_whose_truth_nobody_knows_are_left_out_of_the_report(run, tmp_path):
    out, labels, texts = tmp_path / "out.tsv", tmp_path / "labels.jsonl", tmp_path / "texts.jsonl"
    labels.write_text('{"text": "chef cook", "label": true}\n{"text": "nurse", "label": 7}\n')
    rows = [("chef", True), ("cook", None), ("nurse", 7), ("nurse", [True, 7]), ("nurse", ""), ("nurse", [])]
    texts.write_text("".join(json.dumps({"text": text, "label": truth}) + "\n" for text, truth in rows))
    arguments = ["classify", texts, "--labels", labels, "--label", "label", "--encoder", "lsa", "-o", out]
    ran = run(*arguments, "--evaluate", "label")
    assert "3 rows, 2 classes" in ran.out
    assert "accuracy                      1.0000" in ran.out
    assert "left out of the report: 3 rows without a true label in the column 'label'" in ran.err
    assert len(rows_of(out)) == 7
    texts.write_text('{"text": "chef", "label": null}\n')
    ran = run(*arguments, "--evaluate", "label")
    assert (ran.status, "no row has a true label" in ran.err, len(rows_of(out))) == (1, True, 2)


def test_scores_become_chances_by_texts_held_out_and_answers_as_precise_as_asked(run, labels, tmp_path):
    rows = [(f"{'a good ' * (row % 3)}{text}", code) for row, (text, code) in enumerate(TITLES * 12)]
    held_out, out = tmp_path / "held_out.csv", tmp_path / "out.jsonl"
    held_out.write_text("title,code\n" + "".join(f"{text},{code}\n" for text, code in [*rows, ("no truth", "")]))
    arguments = ["classify", held_out, "--labels", labels, "--label", "code", "--encoder", "lsa", "-o", out]
    arguments += ["--calibrate", held_out, "--any-of", "|", "--clean", "lower"]
    ran = run(*arguments, "--truth", "code", "--precision", 0.9)
    classifier = nm.LabelClassifier("lsa").fit([title.lower() for title in OCCUPATIONS.values()], list(OCCUPATIONS))
    texts, truths = [text for text, _ in rows], [code.split("|") for _, code in rows]
    classifier.calibrate(texts, truths)
    chosen = classifier.choose_threshold(texts, truths, 0.9)
    assert 0 < chosen.coverage < 1
    assert f"precision {chosen.precision:.1%} on {chosen.coverage:.1%} of 48 texts" in ran.err
    found = [json.loads(line) for line in out.read_text().splitlines()][:-1]
    assert [row["score"] for row in found] == pytest.approx(classifier.confidence(texts).tolist(), abs=2e-6)
    answered = [row["abstained"] is False for row in found]
    assert np.mean(answered) == chosen.coverage
    plain = json.loads(run(*arguments, "--evaluate", "code", "--json").out)
    assert plain["accuracy"] == 0.75  # the truths are found in the column of --evaluate
    for wrong, status in (
        (["--evaluate", "code", "--precision", 1.5], 2),
        (["--evaluate", "code", "--precision", 0.9, "--reject-below", 0.5], 2),
        (["--truth", "colour"], 1),
    ):
        assert run(*arguments, *wrong).status == status, wrong
    assert run(*arguments[:9], "--precision", 0.9).status == 2
    held_out.write_text("title,code\n" + "chef,none of these\n" * 30)
    ran = run(*arguments, "--truth", "code", "--precision", 0.5)
    assert (ran.status, "no score reaches a precision of 0.5" in ran.err) == (1, True)
    held_out.write_text("title,code\nchef,\n")
    ran = run(*arguments, "--truth", "code")
    assert (ran.status, "no row of the texts to calibrate by" in ran.err) == (1, True)


def test_every_answer_is_the_librarys(run, labels, titles, tmp_path):
    out = tmp_path / "out.tsv"
    run("classify", titles, "--labels", labels, "--encoder", "lsa", "-o", out, "--weights", "uniform", "-k", 3)
    classifier = nm.LabelClassifier("lsa", k=3, weights="uniform").fit(list(OCCUPATIONS.values()))
    best, shares = classifier.top([title for title, _ in TITLES], 2)
    assert [[row[2], row[4]] for row in rows_of(out)[1:]] == best.tolist()
    assert [float(row[3]) for row in rows_of(out)[1:]] == pytest.approx(shares[:, 0], abs=1e-6)


def test_a_cache_keeps_the_vectors(run, labels, titles, tmp_path, monkeypatch):
    class Letters:
        spec, dim, n_texts = "test-letters", 128, 0

        def encode(self, texts, *, progress=None, n_threads=0):
            Letters.n_texts += len(texts)
            return np.array([[text.lower().count(chr(code)) for code in range(128)] for text in texts], np.float32)

    monkeypatch.setattr("nearmost.encoders.load_encoder", lambda spec: Letters())
    for name in ("one.tsv", "two.tsv"):
        out = tmp_path / name
        assert run("classify", titles, "--labels", labels, "-o", out, "--cache", tmp_path / "cache").status == 0
    assert Letters.n_texts == 3 + 4 + 4 + 3  # the fingerprint twice, the labels and the titles once
    assert (tmp_path / "one.tsv").read_bytes() == (tmp_path / "two.tsv").read_bytes()
