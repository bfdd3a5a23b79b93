"""``nearmost analogy``, ``evaluate`` and ``convert``: word vectors from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from runs import Run

from nearmost import Index, Vectors, read_vectors, write_vectors

WORDS = ["man", "woman", "king", "queen", "boy", "girl"]
ROWS = np.array([[1, 0, 0], [0, 1, 0], [1, 0, 2], [0, 1, 2], [1, 0, -2], [0, 1, -2]], dtype=np.float32)


@pytest.fixture
def words(tmp_path: Path) -> Path:
    """A GloVe file."""
    path = tmp_path / "words.txt"
    write_vectors(path, Vectors.of(ROWS, WORDS))
    return path


@pytest.fixture
def glove(words: Path, run: Run) -> Path:
    """An index of it."""
    path = words.with_name("words.nearmost")
    assert run("index", words, "-o", path).status == 0
    return path


def test_analogy_prints_the_fourth_word(glove: Path, run: Run) -> None:
    ran = run("analogy", glove, "king", "woman", "--minus", "man", "-k", 2)
    assert (ran.status, ran.out.split()[2]) == (0, "queen")
    answer = json.loads(run("analogy", glove, "king", "woman", "--minus", "man", "--json").out)
    assert (answer["positive"], answer["negative"]) == (["king", "woman"], ["man"])
    assert answer["neighbors"][0]["key"] == "queen"
    assert len(answer["neighbors"]) == 3


@pytest.mark.parametrize("verb", [("analogy",), ("search", "--key")])
def test_unknown_word_is_told_what_it_was_perhaps_meant_to_be(glove: Path, run: Run, verb: tuple[str, ...]) -> None:
    ran = run(verb[0], glove, *verb[1:], "qeen")
    assert ran.status == 1
    assert ran.err == "nearmost: no row has the key 'qeen'; did you mean 'queen'?\n"


def test_search_by_key_finds_neighbours_of_a_word(glove: Path, run: Run) -> None:
    assert run("search", glove, "--key", "king", "-k", 30).out.split()[2] in ("queen", "man")


def test_evaluate_prints_accuracy_and_correlations(glove: Path, run: Run, tmp_path: Path) -> None:
    questions, pairs = tmp_path / "questions.txt", tmp_path / "pairs.tsv"
    questions.write_text(
        ": royal\nman king woman queen\nman king woman girl\nman king woman nobody\n: gram\nman boy woman girl\n"
    )
    pairs.write_text("King\tqueen\t9\nman\tgirl\t1\nman\tboy\t5\n")
    ran = run("evaluate", glove, "--analogies", questions, "--pairs", pairs)
    assert ran.status == 0
    assert ran.out.splitlines()[:2] == ["royal      1 of 2   50.0 %", "gram       1 of 1  100.0 %"]
    assert ran.out.splitlines()[4] == "total      2 of 3   66.7 %"
    assert "1 questions hold a word that is no key" in ran.err
    assert "Spearman" in ran.out
    found, correlations = map(
        json.loads, run("evaluate", glove, "--analogies", questions, "--pairs", pairs, "--json").out.splitlines()
    )
    assert (found["total"]["correct"], found["unknown"], correlations["pairs"]) == (2, 1, 3)
    assert run("evaluate", glove, "--pairs", pairs, "--case-sensitive").err.startswith("2 pairs; 1 hold")
    assert run("evaluate", glove).status == 2


def test_evaluate_takes_only_the_first_rows_where_told(glove: Path, run: Run, tmp_path: Path) -> None:
    (tmp_path / "q").write_text(": all\nman king woman queen\nman boy woman girl\n")
    found = json.loads(run("evaluate", glove, "--analogies", tmp_path / "q", "--restrict-vocab", 4, "--json").out)
    assert (found["total"]["total"], found["unknown"]) == (1, 1)


FORMATS = [
    "a.bin",
    "a.vec",
    "a.txt",
    "a.npz",
    "a.safetensors",
    "a.parquet",
    "a.nearmost",
    "a.txt.gz",
    "a.bin.xz",
    "a.npy",
]


@pytest.mark.parametrize("first", FORMATS)
def test_convert_goes_from_every_format_to_every_other(words: Path, run: Run, tmp_path: Path, first: str) -> None:
    pytest.importorskip("pyarrow", reason="needs the extra 'parquet'")
    assert run("convert", words, tmp_path / first).status == 0
    keys = ["--keys", tmp_path / "a.keys.txt"] if first == "a.npy" else []
    for second in FORMATS:
        target = tmp_path / f"b{second}"
        ran = run("convert", tmp_path / first, target, *keys)
        assert (ran.status, ran.out) == (0, f"{target}: 6 rows x 3\n")
        if second == "a.nearmost":
            found = Index.open(target).vectors()
        else:
            found = read_vectors(target, keys=tmp_path / "ba.keys.txt" if second == "a.npy" else None)
        np.testing.assert_array_equal(found.rows, ROWS)
        assert list(found.keys) == WORDS


def test_convert_takes_limit_lowercase_keys_and_format(words: Path, run: Run, tmp_path: Path) -> None:
    names = tmp_path / "names.txt"
    names.write_text("A\na\nB\nC\nD\nE\n")
    ran = run("convert", words, tmp_path / "out", "--format", "word2vec", "--keys", names, "--lowercase", "--json")
    assert json.loads(ran.out) == {"path": str(tmp_path / "out"), "n_rows": 5, "dim": 3}
    assert list(read_vectors(tmp_path / "out").keys) == ["a", "b", "c", "d", "e"]
    assert run("convert", words, tmp_path / "two.nearmost", "--limit", 2, "--metric", "dot").status == 0
    assert str(Index.open(tmp_path / "two.nearmost").metric) == "dot"
    assert run("convert", tmp_path / "two.nearmost", tmp_path / "one.txt", "--limit", 1).status == 0
    assert list(read_vectors(tmp_path / "one.txt", format="glove").keys) == ["man"]


def test_convert_leaves_existing_files_and_says_what_is_lost(
    words: Path, texts: Path, run: Run, tmp_path: Path
) -> None:
    (tmp_path / "there.bin").write_bytes(b"mine")
    ran = run("convert", words, tmp_path / "there.bin")
    assert (ran.status, (tmp_path / "there.bin").read_bytes()) == (1, b"mine")
    assert "exists and is left as it is" in ran.err
    assert run("convert", words, tmp_path / "there.bin", "--force").status == 0
    assert "is the file that is read" in run("convert", words, words).err
    assert "the name does not tell a format" in run("convert", words, tmp_path / "a.doc").err
    assert "no folder" in run("convert", words, tmp_path / "nowhere" / "a.bin").err
    assert "npz has no room for" in run("convert", texts, tmp_path / "texts.npz").err


def test_index_takes_word_vectors_by_what_they_hold(words: Path, run: Run, tmp_path: Path) -> None:
    ran = run("index", words, "-o", tmp_path / "b.nearmost", "--lowercase", "--limit", 3)
    assert ran.out == f"{tmp_path / 'b.nearmost'}: 3 rows x 3, cosine\n"
