"""``nearmost index`` and ``nearmost convert`` with TFRecord files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from runs import Run

from nearmost import Index, Vectors, read_vectors, write_vectors

ROWS = np.random.default_rng(0).normal(size=(6, 3)).astype(np.float32)
KEYS = ["a", "b", "c", "d", "e", "f"]
TEXTS = [f"the text of {key}" for key in KEYS]


@pytest.fixture
def shards(tmp_path: Path) -> str:
    """A pattern of two files."""
    for number, some in enumerate((slice(0, 4), slice(4, 6))):
        vectors = Vectors.of(ROWS[some], KEYS[some], texts=TEXTS[some])
        write_vectors(tmp_path / f"emb-{number:05}-of-00002.tfrecords", vectors)
    return str(tmp_path / "emb-*.tfrecords")


def test_many_files_make_one_index_with_their_texts(shards: str, tmp_path: Path, run: Run) -> None:
    ran = run("index", shards, "-o", tmp_path / "emb.nearmost")
    assert (ran.status, ran.out) == (0, f"{tmp_path}/emb.nearmost: 6 rows x 3, cosine\n")
    with Index.open(tmp_path / "emb.nearmost", verify="full") as index:
        np.testing.assert_array_equal(index.vectors().rows, ROWS)
        assert (list(index.keys), list(index.texts)) == (KEYS, TEXTS)
    assert "the text of b" in run("search", tmp_path / "emb.nearmost", "--key", "a").out


def test_features_are_named_on_the_command_line(shards: str, tmp_path: Path, run: Run) -> None:
    options = ("--vector", "vector", "--key", "text", "--text", "key", "-o", tmp_path / "emb.nearmost")
    assert run("index", shards, *options).status == 0
    assert Index.open(tmp_path / "emb.nearmost").text("the text of b") == "b"
    ran = run("index", shards, "-o", tmp_path / "other.nearmost", "--vector", "emb")
    assert (ran.status, "has no feature 'emb'; it has 'key' (strings)" in ran.err) == (1, True)


def test_texts_and_vectors_do_not_mix(shards: str, tmp_path: Path, run: Run) -> None:
    (tmp_path / "a.txt").write_text("one line\n")
    ran = run("index", shards, tmp_path / "a.txt", "-o", tmp_path / "emb.nearmost")
    assert (ran.status, "holds vectors, and 1 of 3 files do not; all must, or none." in ran.err) == (2, True)


def test_convert_goes_both_ways(shards: str, tmp_path: Path, run: Run) -> None:
    np.save(tmp_path / "emb.npy", ROWS)
    for source, target in (("emb.npy", "there.tfrecord.gz"), ("there.tfrecord.gz", "back.npy")):
        assert run("convert", tmp_path / source, tmp_path / target).status == 0
    np.testing.assert_array_equal(np.load(tmp_path / "back.npy"), ROWS)
    for source, target in ((shards, "all.nearmost"), (tmp_path / "all.nearmost", "all.tfrecord")):
        ran = run("convert", source, tmp_path / target)
        assert (ran.status, "texts" in ran.err) == (0, False)
    assert list(read_vectors(tmp_path / "all.tfrecord").texts) == TEXTS
    ran = run("convert", shards, tmp_path / "all.npz")
    assert (ran.status, "there are texts, which npz has no room for" in ran.err) == (0, True)


def test_a_damaged_record_is_told_with_its_place(shards: str, tmp_path: Path, run: Run) -> None:
    path = tmp_path / "emb-00001-of-00002.tfrecords"
    damaged = bytearray(path.read_bytes())
    damaged[-5] ^= 1
    path.write_bytes(damaged)
    ran = run("index", shards, "-o", tmp_path / "emb.nearmost")
    assert (ran.status, f"{path}:2: the record at byte {len(damaged) // 2} does not fit" in ran.err) == (1, True)
    assert not (tmp_path / "emb.nearmost").exists()


def test_parquet_with_texts_and_vectors_is_indexed_by_either(tmp_path: Path, run: Run) -> None:
    arrow = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    pytest.importorskip("pyarrow.parquet")
    table = arrow.table({"id": KEYS, "text": TEXTS, "embedding": ROWS.tolist()})
    arrow.parquet.write_table(table, tmp_path / "emb.parquet")
    options = ("--vector", "embedding", "--text", "text", "--key", "id")
    assert run("index", tmp_path / "emb.parquet", "-o", tmp_path / "emb.nearmost", *options).status == 0
    with Index.open(tmp_path / "emb.nearmost") as index:
        np.testing.assert_array_equal(index.vectors().rows, ROWS)
        assert (list(index.keys), list(index.texts), index.info()["encoder"]) == (KEYS, TEXTS, None)
    ran = run("index", tmp_path / "emb.parquet", "-o", tmp_path / "lsa.nearmost", "--encoder", "lsa:2")
    assert (ran.status, Index.open(tmp_path / "lsa.nearmost").info()["encoder"]) == (0, "lsa:2")
    ran = run("index", tmp_path / "emb.parquet", "-o", tmp_path / "x.nearmost", "--vector", "embedding", "--text", "no")
    assert (ran.status, "there is no column 'no'" in ran.err) == (1, True)
