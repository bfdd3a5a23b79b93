"""``nearmost convert``: files of Annoy, and the pairs with LMDB maps of their words, become an index and come back."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from nearmost.cli import main
from nearmost.forest import Forest
from nearmost.index import Index

ROWS = np.random.default_rng(0).standard_normal((60, 10)).astype(np.float32)
WORDS = [f"word{row}" for row in range(len(ROWS))]
GOLDEN = Path(__file__).parents[1] / "golden"


@pytest.mark.parametrize("metric", ["angular", "euclidean", "manhattan", "hamming", "dot"])
def test_a_file_of_annoy_becomes_an_index(metric, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    shutil.copy(GOLDEN / f"{metric}.ann", "old.ann")
    Path("words.txt").write_text("".join(f"word {number}\n" for number in range(60)))
    forest = Forest.open("old.ann", metric, 6)
    assert main(["convert", "old.ann", "new.nearmost", "--dim", "6", "--metric", metric, "--keys", "words.txt"]) == 0
    assert main(["convert", "old.ann", "bare.nearmost", "--dim", "6", "--metric", metric]) == 0
    with Index.open("new.nearmost") as named, Index.open("bare.nearmost") as bare:
        assert len(named) == len(bare) == 51  # every seventh of 60 was left out
        assert named.metric.name == {"angular": "cosine"}.get(metric, metric)
        for number in np.flatnonzero(forest.held).tolist():
            np.testing.assert_array_equal(named.vector(f"word {number}"), forest.vector(number))
            np.testing.assert_array_equal(bare.vector(str(number)), forest.vector(number))
    capsys.readouterr()
    assert main(["convert", "old.ann", "no.nearmost", "--dim", "70", "--metric", metric]) == 1
    assert "looks like" in capsys.readouterr().err


@pytest.fixture
def pair(tmp_path, monkeypatch):
    """words.annoy and words.lmdb, made by the real packages as the recipe makes them."""
    annoy = pytest.importorskip("annoy", reason="annoy is not installed: pip install 'nearmost[lmdb]'")
    lmdb = pytest.importorskip("lmdb", reason="lmdb is not installed: pip install 'nearmost[lmdb]'")
    monkeypatch.chdir(tmp_path)
    forest = annoy.AnnoyIndex(10, "angular")
    for row, vector in enumerate(ROWS):
        forest.add_item(row, vector)
    forest.build(5)
    forest.save("words.annoy")
    with lmdb.open("words.lmdb", map_size=int(1e8)) as environment, environment.begin(write=True) as transaction:
        for row, word in enumerate(WORDS):
            transaction.put(b"i%d" % row, b"w" + word.encode())
            transaction.put(b"w" + word.encode(), b"i%d" % row)
    return tmp_path


def test_a_pair_becomes_one_index(run, pair):
    ran = run("convert", "words.annoy", "--lmdb", "words.lmdb", "--dim", "10", "words.nearmost")
    assert (ran.status, ran.out) == (0, "words.nearmost: 60 rows x 10\n")
    with Index.open("words.nearmost") as index:
        assert list(index.keys) == WORDS
        np.testing.assert_array_equal(index.vectors().rows, ROWS)
    ran = run("convert", "words.annoy", "few.txt", "--lmdb", "words.lmdb", "--dim", "10", "--limit", "3", "--json")
    assert json.loads(ran.out) == {"path": "few.txt", "n_rows": 3, "dim": 10}


def test_a_pair_that_is_none_is_refused(run, pair):
    (pair / "keys.txt").write_text("\n".join(WORDS) + "\n")
    both = run("convert", "words.annoy", "no.nearmost", "--lmdb", "words.lmdb", "--dim", "10", "--keys", "keys.txt")
    assert (both.status, "--keys and --lmdb" in both.err) == (1, True)
    unsaid = run("convert", "words.annoy", "no.nearmost", "--lmdb", "words.lmdb")
    assert (unsaid.status, "--dim" in unsaid.err) == (1, True)
    shutil.copy(GOLDEN / "angular.ann", "other.ann")
    other = run("convert", "other.ann", "no.nearmost", "--lmdb", "words.lmdb", "--dim", "6")
    assert (other.status, "are they a pair?" in other.err) == (1, True)
    assert not (pair / "no.nearmost").exists()


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_an_index_becomes_a_pair_of_its_own_metric_and_comes_back_the_same(metric, run, pair):
    Index.build(ROWS, keys=WORDS, metric=metric).save("index.nearmost")
    ran = run("convert", "index.nearmost", "again", "--to-annoy-lmdb")
    assert (ran.status, ran.out) == (0, "again.annoy and again.lmdb: 60 rows x 10\n")
    back = ["convert", "again.annoy", "back.nearmost", "--lmdb", "again.lmdb", "--dim", "10"]
    assert run(*back, "--metric", metric).status == 0
    with Index.open("index.nearmost") as index, Index.open("back.nearmost") as other:
        assert list(other.keys) == WORDS
        assert other.nearest("word7", k=9) == index.nearest("word7", k=9)
    assert run(*back, "--metric", "euclidean" if metric == "cosine" else "angular", "--force").status == 1


def test_a_pair_that_exists_is_left_alone_unless_forced(run, pair):
    Index.build(ROWS[:5], keys=WORDS[:5]).save("index.nearmost")
    refused = run("convert", "index.nearmost", "words.annoy", "--to-annoy-lmdb")
    assert (refused.status, "--force" in refused.err) == (1, True)
    assert run("convert", "index.nearmost", "words.annoy", "--to-annoy-lmdb", "--format", "glove").status == 2
    assert run("convert", "index.nearmost", "words.annoy", "--to-annoy-lmdb", "--force").status == 0
    ran = run("convert", "words.annoy", "words.nearmost", "--lmdb", "words.lmdb", "--dim", "10")
    assert ran.out == "words.nearmost: 5 rows x 10\n"


def test_an_index_keeps_its_metric_through_a_conversion(run, pair):
    Index.build(ROWS, metric="manhattan").save("index.nearmost")
    assert run("convert", "index.nearmost", "half.nearmost", "--limit", "30").status == 0
    with Index.open("half.nearmost") as index:
        assert (index.metric.name, len(index)) == ("manhattan", 30)


def test_what_an_annoy_file_does_not_say_is_asked_for(run, tmp_path):
    ran = run("convert", GOLDEN / "angular.ann", tmp_path / "words.nearmost")
    assert (ran.status, "--dim" in ran.err) == (1, True)
