"""The LMDB door: a pair as the recipe writes it is read, and a pair that we write answers the recipe's own script."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from nearmost import DuplicateKeyError, Index, InputError, ReadError, Vectors

lmdb = pytest.importorskip("lmdb", reason="lmdb is not installed: pip install 'nearmost[lmdb]'")
annoy = pytest.importorskip("annoy", reason="annoy is not installed: pip install 'nearmost[lmdb]'")
from nearmost.compat.lmdb import read_pair, read_words, write_pair, write_words  # noqa: E402

WORDS = ["king", "queen", "naïve", "東京", "i7", "w", "", "two words", *(f"word{row}" for row in range(500))]
ROWS = np.random.default_rng(0).standard_normal((len(WORDS), 10)).astype(np.float32)

RECIPE = """
import sys, annoy, lmdb
stem, word1 = sys.argv[1:]
a = annoy.AnnoyIndex(10, "angular")
a.load(stem + ".annoy")
env = lmdb.open(stem + ".lmdb", map_size=int(1e9))
with env.begin() as txn:
    item = int(txn.get(b"w" + word1.encode())[1:])
    for item2 in a.get_nns_by_item(item, 10, 5000):
        print(txn.get(b"i%d" % item2)[1:].decode())
"""


def recipe_pair(stem, words, rows, metric="angular"):
    """A pair as people made it: item by item, in the order of the file."""
    forest = annoy.AnnoyIndex(rows.shape[1], metric)
    environment = lmdb.open(f"{stem}.lmdb", map_size=int(1e8))
    with environment.begin(write=True) as transaction:
        for number, (word, row) in enumerate(zip(words, rows, strict=True)):
            forest.add_item(number, row)
            transaction.put(b"i%d" % number, b"w" + word.encode())
            transaction.put(b"w" + word.encode(), b"i%d" % number)
    environment.close()
    forest.build(10)
    forest.save(f"{stem}.annoy")
    return f"{stem}.annoy", f"{stem}.lmdb"


def map_of(path, entries):
    with lmdb.open(str(path), map_size=int(1e7)) as environment, environment.begin(write=True) as transaction:
        for key, value in entries.items():
            transaction.put(key, value)
    return path


def test_a_pair_of_the_recipe_is_read_word_by_word(tmp_path):
    vectors = read_pair(*recipe_pair(tmp_path / "words", WORDS, ROWS), 10)
    assert list(vectors.keys) == WORDS
    np.testing.assert_array_equal(vectors.rows, ROWS)


@pytest.mark.parametrize(("ours", "theirs"), [("euclidean", "euclidean"), ("dot", "dot"), ("manhattan", "manhattan")])
def test_a_pair_of_another_metric_is_read_too(tmp_path, ours, theirs):
    vectors = read_pair(*recipe_pair(tmp_path / "words", WORDS, ROWS, theirs), 10, ours)
    np.testing.assert_array_equal(vectors.rows, ROWS)


def test_what_we_write_answers_the_recipes_own_script(tmp_path):
    write_pair(Vectors.of(ROWS, WORDS), tmp_path / "words.annoy", tmp_path / "words.lmdb")
    index = Index.build(ROWS, keys=WORDS)
    for word in ("queen", "東京", "two words"):
        command = [sys.executable, "-c", RECIPE, str(tmp_path / "words"), word]
        done = subprocess.run(command, capture_output=True, encoding="utf-8", check=True, env={"PYTHONUTF8": "1"})
        wanted = [word, *(key for key, _ in index.nearest(word, k=9))]
        assert done.stdout.split("\n")[:-1] == wanted


def test_there_and_back_nothing_is_lost(tmp_path):
    there = tmp_path / "words.annoy", tmp_path / "words.lmdb"
    write_pair(Vectors.of(ROWS, WORDS), *there, n_trees=5)
    back = read_pair(*there, 10)
    assert list(back.keys) == WORDS
    np.testing.assert_array_equal(back.rows, ROWS)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["words.annoy", "words.lmdb"]


def test_a_map_is_replaced_and_a_folder_of_something_else_is_not(tmp_path):
    write_words(tmp_path / "map", ["old", "older"])
    write_words(tmp_path / "map", ["new"])
    assert read_words(tmp_path / "map") == {0: "new"}
    (tmp_path / "map" / "letter.txt").write_text("dear")
    with pytest.raises(InputError, match="no LMDB map"):
        write_words(tmp_path / "map", ["newer"])
    with pytest.raises(InputError, match="no LMDB map"):
        write_words(tmp_path / "map" / "letter.txt", ["newer"])
    assert (tmp_path / "map" / "letter.txt").read_text() == "dear"


def test_a_map_without_a_folder_is_read(tmp_path):
    path = tmp_path / "words.mdb"
    with lmdb.open(str(path), subdir=False, map_size=int(1e7)) as opened, opened.begin(write=True) as transaction:
        transaction.put(b"i0", b"wking")
    assert read_words(tmp_path / "words.mdb") == {0: "king"}


def test_of_a_word_that_comes_twice_the_last_is_kept_as_the_map_does(tmp_path):
    pair = recipe_pair(tmp_path / "words", ["a", "b", "a"], ROWS[:3])
    vectors = read_pair(*pair, 10)
    assert list(vectors.keys) == ["b", "a"]
    np.testing.assert_array_equal(vectors.rows, ROWS[1:3])
    with pytest.raises(DuplicateKeyError, match="'a'"):
        read_pair(*pair, 10, on_duplicate="error")


def test_files_that_are_no_pair_are_refused(tmp_path):
    annoy_path, _ = recipe_pair(tmp_path / "words", WORDS[:5], ROWS[:5])
    write_words(tmp_path / "fewer", WORDS[:4])
    write_words(tmp_path / "more", WORDS[:6])
    with pytest.raises(ReadError, match="no word i4"):
        read_pair(annoy_path, tmp_path / "fewer", 10)
    with pytest.raises(ReadError, match="no item 5"):
        read_pair(annoy_path, tmp_path / "more", 10)


def test_a_map_that_is_none_of_the_recipes_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"data\.mdb"):
        read_words(tmp_path)
    with pytest.raises(ReadError, match="no entries"):
        read_words(map_of(tmp_path / "empty", {b"x": b"y", b"india": b"wx"}))
    with pytest.raises(ReadError, match="w and a word"):
        read_words(map_of(tmp_path / "other", {b"i0": b"king"}))
    with pytest.raises(ReadError, match="not UTF-8"):
        read_words(map_of(tmp_path / "latin", {b"i0": b"w\xff\xfe"}))
    (tmp_path / "text").write_text("not at all a map " * 1000)
    with pytest.raises(ReadError, match="no LMDB map"):
        read_words(tmp_path / "text")


def test_a_truncated_map_is_an_error_and_no_signal(tmp_path):
    write_words(tmp_path / "map", WORDS)
    data = tmp_path / "map" / "data.mdb"
    whole = data.read_bytes()
    for length in range(8192, len(whole), 4096):
        data.write_bytes(whole[:length])
        with pytest.raises(ReadError, match="truncated"):
            read_words(tmp_path / "map")


def test_a_word_too_long_for_lmdb_is_named(tmp_path):
    write_words(tmp_path / "map", ["x" * 510])
    with pytest.raises(InputError, match="has 511 bytes"):
        write_words(tmp_path / "map", ["x" * 511])
    assert read_words(tmp_path / "map") == {0: "x" * 510}
