"""``nearmost evaluate --robustness``: the table of noise for a file of labels and a file of texts."""

from __future__ import annotations

import json

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
