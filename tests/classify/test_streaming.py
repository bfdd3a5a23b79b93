"""Files through a classifier: what is written, what memory does, and what survives a kill."""

from __future__ import annotations

import csv
import itertools
import json
import os
import random
import signal
import subprocess
import sys

import numpy as np
import pytest

import nearmost as nm
from nearmost.classify import streaming
from nearmost.classify.sheet import COLUMNS

LABELS = ["plumber", "baker", "teacher", "nurse", "driver"]


class Letters:
    """An encoder without weights that remembers which texts it was asked about."""

    spec = "test-letters"
    dim = 32

    def __init__(self):
        self.asked = []

    def encode(self, texts, *, progress=None, n_threads=0):
        self.asked.append(list(texts))
        rows = np.zeros((len(texts), self.dim), dtype=np.float32)
        for row, text in enumerate(texts):
            for letter in text.lower():
                rows[row, ord(letter) % self.dim] += 1
        # as real models do, let the last bits of a vector depend on the batch that it is in
        return rows + np.float32(1e-3 * (len(texts) % 7))


def records(n=400):
    rng = random.Random(0)
    texts = [f"{rng.choice(['senior ', 'good ', ''])}{rng.choice(LABELS)} {rng.randrange(60)}" for _ in range(n)]
    return [(f"key {row}", text) for row, text in enumerate(texts)]


@pytest.fixture
def classifier():
    return nm.LabelClassifier(Letters()).fit(LABELS)


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(streaming, "ROWS", 32)
    monkeypatch.setattr(streaming, "REMEMBERED", 50)


class CutError(Exception):
    """What stops a run in these tests."""


def cut_after(rows, n):
    yield from itertools.islice(rows, n)
    raise CutError


@pytest.mark.parametrize("suffix", [".tsv", ".csv", ".jsonl"])
def test_every_row_gets_what_the_classifier_says(classifier, tmp_path, suffix):
    path = tmp_path / f"out{suffix}"
    given = [("a", "baker"), ("b", 'a "nurse", perhaps'), ("c", "two\nlines\tand a tab\r\n"), ("d", ""), ("e", "x\ry")]
    assert nm.classify_stream(classifier, given, path) == 5
    if suffix == ".jsonl":
        rows = [tuple(json.loads(line).values()) for line in path.read_text().splitlines()]
    elif suffix == ".csv":
        with path.open(newline="") as file:
            rows = [tuple(row) for row in csv.reader(file)]
        assert rows.pop(0) == COLUMNS
    else:
        rows = [tuple(line.split("\t")) for line in path.read_text().splitlines()]
        assert rows.pop(0) == COLUMNS
    texts = [text for _, text in given]
    assert [row[0] for row in rows] == list("abcde")
    plain = [text.replace("\r\n", "").replace("\n", " ").replace("\t", " ").replace("\r", " ") for text in texts]
    assert [row[1] for row in rows] == (plain if suffix == ".tsv" else texts)
    assert [row[2] for row in rows] == classifier.predict(texts).tolist()
    labels, shares = classifier.top(texts, 2)
    assert [row[4] for row in rows] == labels[:, 1].tolist()
    np.testing.assert_allclose([float(row[3]) for row in rows], shares[:, 0], atol=2e-3)
    np.testing.assert_allclose([float(row[5]) for row in rows], shares[:, 0] - shares[:, 1], atol=2e-3)
    assert {row[6] for row in rows} == ({False} if suffix == ".jsonl" else {"false"})
    assert os.listdir(tmp_path) == [path.name]


def test_abstentions_are_marked_and_the_best_label_is_still_told(classifier, tmp_path):
    classifier.set_params(reject_below=0.9)
    nm.classify_stream(classifier, records(50), tmp_path / "out.tsv")
    rows = [line.split("\t") for line in (tmp_path / "out.tsv").read_text().splitlines()[1:]]
    assert {row[6] for row in rows} == {"true", "false"}
    assert all((float(row[3]) < 0.9) == (row[6] == "true") and row[2] in LABELS for row in rows)


@pytest.mark.parametrize("suffix", [".tsv", ".csv", ".jsonl"])
@pytest.mark.parametrize("cuts", [(1,), (33, 34, 200), (32, 64, 399), (400,)])
def test_an_interrupted_run_goes_on_and_ends_in_the_same_bytes(tmp_path, suffix, cuts):
    given = [*records(), ("odd", "a\tb\r\nc"), ("odder", 'x"\r')]
    whole = tmp_path / f"whole{suffix}"
    nm.classify_stream(nm.LabelClassifier(Letters()).fit(LABELS), given, whole)
    path = tmp_path / f"out{suffix}"
    for cut in cuts:
        with pytest.raises(CutError):
            nm.classify_stream(nm.LabelClassifier(Letters()).fit(LABELS), cut_after(given, cut), path)
        assert not path.exists()
    seen = []
    last = nm.LabelClassifier(Letters()).fit(LABELS)
    assert nm.classify_stream(last, given, path, watch=seen.extend) == len(given)
    assert path.read_bytes() == whole.read_bytes()
    assert [row.key for row in seen] == [key for key, _ in given]
    done = max(cuts) // 32 * 32
    assert sum(map(len, last.encoder_.asked[1:])) <= len(given) - done


def test_what_a_crash_left_behind_the_checkpoint_is_cut_off(classifier, tmp_path):
    whole, path = tmp_path / "whole.tsv", tmp_path / "out.tsv"
    nm.classify_stream(classifier, records(), whole)
    with pytest.raises(CutError):
        nm.classify_stream(classifier, cut_after(records(), 100), path)
    with open(f"{path}.part", "ab") as part:
        part.write(b"key 96\thalf a ro")
    nm.classify_stream(classifier, records(), path)
    assert path.read_bytes() == whole.read_bytes()


def test_a_run_is_not_continued_with_other_settings_or_another_input(classifier, tmp_path):
    path = tmp_path / "out.tsv"

    def begin():
        with pytest.raises(CutError):
            nm.classify_stream(classifier, cut_after(records(), 100), path, made_of={"colour": "red"}, restart=True)

    begin()
    for other, made_of, says in (
        (nm.LabelClassifier(Letters(), k=2).fit(LABELS), {"colour": "red"}, "another k;"),
        (nm.LabelClassifier(Letters()).fit([*LABELS, "cook"]), {"colour": "red"}, "another set of labels;"),
        (classifier, {"colour": "blue"}, "another colour;"),
    ):
        with pytest.raises(nm.InputError, match=says):
            nm.classify_stream(other, records(), path, made_of=made_of)
    with pytest.raises(nm.InputError, match="the input has changed"):
        nm.classify_stream(classifier, records()[1:], path, made_of={"colour": "red"})
    assert nm.classify_stream(classifier, records()[1:], path, made_of={"colour": "blue"}, restart=True) == 399


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"n_rows": -1}', b'{"n_rows": 3, "n_bytes": 9, "made_of": 1}'])
def test_a_damaged_checkpoint_means_beginning_anew(classifier, tmp_path, damage):
    path = tmp_path / "out.tsv"
    with pytest.raises(CutError):
        nm.classify_stream(classifier, cut_after(records(), 100), path)
    (tmp_path / "out.tsv.resume").write_bytes(damage)
    assert nm.classify_stream(classifier, records(), path) == 400
    assert len(path.read_text().splitlines()) == 401


def test_a_part_file_that_lost_rows_is_refused(classifier, tmp_path):
    path = tmp_path / "out.tsv"
    with pytest.raises(CutError):
        nm.classify_stream(classifier, cut_after(records(), 100), path)
    with open(f"{path}.part", "r+b") as part:
        part.truncate(50)
    with pytest.raises(nm.DamagedFileError, match="shorter"):
        nm.classify_stream(classifier, records(), path)


def test_two_runs_do_not_write_one_file(classifier, tmp_path):
    path = tmp_path / "out.tsv"

    def second():
        with pytest.raises(nm.InputError, match="another process"):
            nm.classify_stream(classifier, records(), path)
        yield "a", "baker"

    assert nm.classify_stream(classifier, second(), path) == 1


def test_keys_may_be_numbers_and_texts_alone_are_refused(classifier, tmp_path):
    texts = ["baker", "nurse", "at"]
    nm.classify_stream(classifier, enumerate(texts), tmp_path / "numbers.csv")
    nm.classify_stream(classifier, zip("012", texts, strict=True), tmp_path / "strings.csv")
    assert (tmp_path / "numbers.csv").read_bytes() == (tmp_path / "strings.csv").read_bytes()
    with pytest.raises(nm.InputError, match=r"enumerate\(texts\)"):
        nm.classify_stream(classifier, ["at", *texts], tmp_path / "out.csv")


def test_a_text_that_comes_again_is_not_encoded_again(classifier, tmp_path):
    rows = [(str(row), LABELS[row % 5]) for row in range(1000)]
    nm.classify_stream(classifier, rows, tmp_path / "out.tsv")
    assert [len(asked) for asked in classifier.encoder_.asked] == [5, 5]  # the labels themselves, and then once


def test_cleaning_is_for_the_encoder_and_not_for_the_file(classifier, tmp_path):
    nm.classify_stream(classifier, [("a", "BAKER")], tmp_path / "out.tsv", clean=str.lower)
    assert classifier.encoder_.asked[-1] == ["baker"]
    assert "BAKER" in (tmp_path / "out.tsv").read_text()


def test_what_cannot_be_written_is_refused_before_the_work(classifier, tmp_path):
    for path in (tmp_path / "out.xls", tmp_path / "absent" / "out.tsv", tmp_path / "out.tsv" / "x.tsv"):
        with pytest.raises(nm.InputError):
            nm.classify_stream(classifier, records(), path)
    several = nm.LabelClassifier(Letters()).fit(["a", "b"], [["x"], ["x", "y"]])
    with pytest.raises(nm.InputError, match="one label a text"):
        nm.classify_stream(several, records(), tmp_path / "out.tsv")
    assert os.listdir(tmp_path) == []


KILLED = """
import os, signal, sys
sys.path.insert(0, {tests!r})
from test_streaming import LABELS, Letters, records
import nearmost as nm
from nearmost.classify import streaming
streaming.ROWS, streaming.REMEMBERED = 32, 50
left = int(sys.argv[1])
def deadly(step):
    def taken(*given):
        global left
        left -= 1
        if left == 0 or sys.argv[1] == "-1" and given[-1] == nm_path:
            os.kill(os.getpid(), signal.SIGKILL)
        return step(*given)
    return taken
os.fsync, os.replace = deadly(os.fsync), deadly(os.replace)
from pathlib import Path
nm_path = Path({path!r})
nm.classify_stream(nm.LabelClassifier(Letters()).fit(LABELS), records(2500), nm_path)
"""


def test_killed_at_any_step_of_writing_the_file_comes_out_the_same(tmp_path):
    """A checkpoint is three steps; -1 is the last of all, which gives the file its name."""
    whole, path = tmp_path / "whole.csv", tmp_path / "out.csv"
    nm.classify_stream(nm.LabelClassifier(Letters()).fit(LABELS), records(2500), whole)
    code = KILLED.format(tests=os.path.dirname(__file__), path=str(path))
    for step in (1, 2, 3, 4, 5, 6, 60, 61, -1):
        ended = subprocess.run([sys.executable, "-c", code, str(step)], check=False)
        assert ended.returncode == -signal.SIGKILL
        assert not path.exists()
    subprocess.run([sys.executable, "-c", code, "0"], check=True)
    assert path.read_bytes() == whole.read_bytes()
    assert sorted(os.listdir(tmp_path)) == ["out.csv", "whole.csv"]
