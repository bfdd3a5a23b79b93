"""``nearmost evaluate --robustness``: the table of noise for a file of labels and a file of texts."""

from __future__ import annotations

import json

import numpy as np
import pytest

from nearmost.cli import main
from nearmost.noise import KINDS

pytest.importorskip("sklearn", reason="the encoder lsa needs scikit-learn")


@pytest.fixture
def files(tmp_path):
    labels, texts = tmp_path / "labels.csv", tmp_path / "titles.tsv"
    labels.write_text("code,name\n1,registered nurse\n2,truck driver\n3,pastry cook\n")
    texts.write_text("title\tcode\nnight nurse\t1\ntruck loader\t2\ntruck loader\t3\npastry chef\t3\npastry nurse\t2\n")
    columns = ["--label-text", "name", "--label", "code", "--text", "title", "--truth", "code", "--encoder", "lsa:2"]
    return [str(labels), "--robustness", str(texts), *columns]


def test_accuracy_is_told_for_each_kind_and_level_of_noise(files, capsys):
    assert main(["evaluate", *files, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["n_rows"], found["clean"]) == (4, 0.75)  # the loader may be 2 or 3; "pastry nurse" is no 2
    assert list(found["accuracy"]) == list(KINDS)
    assert found["accuracy"]["upper"] == [0.75] * 3  # lsa reads capitals as small letters
    assert found["accuracy"]["reversed"] == [0.75] * 3


def test_the_table_is_printed(files, capsys):
    assert main(["evaluate", *files]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("4 texts, accuracy when clean: 0.7500\n")
    assert [line.split()[0] for line in out.splitlines()[3:]] == list(KINDS)
    assert "3 labels" in err


def test_robustness_stands_alone(files, capsys):
    assert main(["evaluate", *files, "--pairs", "pairs.tsv"]) == 2
    assert "--robustness" in capsys.readouterr().err


def test_several_true_labels_may_stand_in_one_cell(files, tmp_path, capsys):
    rows = [line.split("\t") for line in (tmp_path / "titles.tsv").read_text().splitlines()]
    merged = [*rows[:2], ["truck loader", "2|3"], *rows[4:], ["night cook", ""]]
    (tmp_path / "titles.tsv").write_text("".join("\t".join(row) + "\n" for row in merged))
    assert main(["evaluate", *files, "--any-of", "|", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["n_rows"], found["clean"]) == (4, 0.75)
    assert main(["evaluate", *files, "--any-of", ""]) == 2
    assert main(["evaluate", "x.nearmost", "--pairs", "pairs.tsv", "--any-of", "|"]) == 2
    (tmp_path / "titles.tsv").write_text("title\tcode\nnight cook\t\n")
    assert main(["evaluate", *files]) == 1
    assert "no row has a true label" in capsys.readouterr().err


def test_vectors_of_noisy_texts_may_be_kept(files, tmp_path, capsys, monkeypatch):
    class Letters:
        spec, dim, n_texts = "test-letters", 128, 0

        def encode(self, texts, *, progress=None, n_threads=0):
            Letters.n_texts += len(texts)
            return np.array([[text.lower().count(chr(code)) for code in range(128)] for text in texts], np.float32)

    cached = [*files, "--cache", str(tmp_path / "cache"), "--json"]
    assert main(["evaluate", *cached]) == 1
    assert "encoders that do not learn" in capsys.readouterr().err
    monkeypatch.setattr("nearmost.encoders.load_encoder", lambda spec: Letters())
    assert main(["evaluate", *cached]) == 0
    first, n_texts = capsys.readouterr().out, Letters.n_texts
    assert main(["evaluate", *cached]) == 0
    assert capsys.readouterr().out == first
    assert Letters.n_texts == n_texts + 3  # the texts that a fingerprint is made of
