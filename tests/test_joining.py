"""Nearest pairs of two indexes: those that brute force finds, in batches, and written whole or not at all."""

from __future__ import annotations

import bz2
import csv
import gzip
import json
import lzma

import numpy as np
import pytest

import nearmost as nm
from nearmost import METRICS, Corpus, Index
from nearmost.errors import EncoderMismatchError, InputError, ShapeError

RANDOM = np.random.default_rng(0)
LEFT, RIGHT = RANDOM.standard_normal((50, 6)).astype(np.float32), RANDOM.standard_normal((70, 6)).astype(np.float32)
NAMES, OTHERS = [f"a{i}" for i in range(50)], [f"b{i}" for i in range(70)]
TEXTS = ['copy a "folder"', "sort\ta list", "parse, a\ndate", "remove\r", "été"]


@pytest.fixture
def left():
    return Index.build(LEFT, keys=NAMES)


@pytest.fixture
def right():
    return Index.build(RIGHT, keys=OTHERS)


@pytest.fixture
def texts():
    return Index.build(Corpus.of(TEXTS, keys=[f"key {text}" for text in TEXTS]), encoder="lsa:3")


def listed(batches):
    """(row, neighbour, score) of all pairs."""
    columns = ((each.ids.tolist(), each.neighbors.tolist(), each.scores.tolist()) for each in batches)
    return [pair for each in columns for pair in zip(*each, strict=True)]


def brute(left, right, k, itself=False):
    """By cosines in float64."""
    rows, others = (each / np.linalg.norm(each, axis=1, keepdims=True) for each in map(np.float64, (left, right)))
    scores = rows @ others.T
    if itself:
        np.fill_diagonal(scores, -np.inf)
    order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    return [(row, other, scores[row, other]) for row, best in enumerate(order.tolist()) for other in best]


def agree(found, wanted):
    assert [pair[:2] for pair in found] == [pair[:2] for pair in wanted]
    assert np.allclose([pair[2] for pair in found], [pair[2] for pair in wanted], atol=1e-6)


@pytest.mark.parametrize("batch_size", [1, 7, 1000])
def test_each_row_comes_with_its_nearest_of_the_other_index(left, right, batch_size):
    agree(listed(nm.join(left, right, 4, batch_size=batch_size)), brute(LEFT, RIGHT, 4))


def test_a_row_is_not_paired_with_itself(left, tmp_path):
    wanted = brute(LEFT, LEFT, 3, itself=True)
    agree(listed(nm.join(left, k=3)), wanted)
    left.save(tmp_path / "a.nearmost")
    agree(listed(nm.join(tmp_path / "a.nearmost", Index.open(tmp_path / "a.nearmost"), 3)), wanted)
    twins = Index.build(np.tile(LEFT[:1], (3, 1)))
    assert [pair[:2] for pair in listed(nm.join(twins, k=2))] == [(0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1)]


def test_only_pairs_that_are_near_enough(left, right):
    every = brute(LEFT, RIGHT, 70)
    agree(listed(nm.join(left, right, 70, min_score=0.5)), [pair for pair in every if pair[2] >= 0.5])
    agree(listed(nm.join(left, right, 70, radius=0.5)), [pair for pair in every if pair[2] >= 0.5])
    assert listed(nm.join(left, right, min_score=1.1)) == []


def test_workers_share_the_rows(left, right):
    parts = [listed(nm.join(left, right, 2, rows=range(start, stop))) for start, stop in ((0, 20), (20, 20), (20, 50))]
    assert [pair for part in parts for pair in part] == listed(nm.join(left, right, 2))
    for rows in (range(0, 51), range(0, 50, 2), range(-1, 4)):
        with pytest.raises(InputError, match="among the 50 rows"):
            nm.join(left, right, rows=rows)


@pytest.mark.parametrize("metric", METRICS)
def test_shards_join_as_one_index(metric, tmp_path):
    rows, others = ((each > 0) * np.float32(1) if metric == "hamming" else each for each in (LEFT, RIGHT))
    for number in range(2):
        part = slice(number * 25, number * 25 + 25)
        Index.build(rows[part], keys=NAMES[part], metric=metric).save(tmp_path / f"a{number}.nearmost")
    one, other = Index.build(rows, keys=NAMES, metric=metric), Index.build(others, keys=OTHERS, metric=metric)
    pattern = str(tmp_path / "a*.nearmost")
    assert listed(nm.join(pattern, other, 3, batch_size=10)) == listed(nm.join(one, other, 3))
    assert listed(nm.join(other, pattern, 3)) == listed(nm.join(other, one, 3))
    assert listed(nm.join(pattern, k=3)) == listed(nm.join(one, k=3))


@pytest.mark.parametrize("keep_full", [False, True])
def test_projected_rows_are_not_projected_again(keep_full):
    """By one that keeps the number of columns, which no shape would tell; ten times 7 are all rows, scored in full."""
    projection = nm.GaussianProjection(6, 6, seed=1)
    one, other = (Index.build(rows, projection=projection, keep_full=keep_full) for rows in (LEFT, RIGHT))
    rows = (LEFT, RIGHT) if keep_full else (projection.apply(LEFT), projection.apply(RIGHT))
    agree(listed(nm.join(one, other, 7)), brute(*rows, 7))
    if keep_full:
        agree(listed(nm.join(one, Index.build(RIGHT), 7)), brute(LEFT, RIGHT, 7))
    else:
        with pytest.raises(InputError, match="project both alike"):
            nm.join(one, Index.build(RIGHT))
    plain = listed(nm.join(Index.build(LEFT), other, 7))
    agree(plain, brute(*rows, 7))


def test_what_cannot_be_compared_is_refused(left, right, texts):
    with pytest.raises(ShapeError, match="dim 6, the other of dim 5"):
        nm.join(left, Index.build(RIGHT[:, :5]))
    others = Index.build(Corpus.of(["other", "texts", "altogether"]), encoder="lsa:3")
    with pytest.raises(EncoderMismatchError, match="lsa:3"):
        nm.join(texts, others)
    with pytest.raises(InputError, match="k is 0"):
        nm.join(left, right, 0)
    with pytest.raises(InputError, match="min_score"):
        nm.join(left, right, min_score=float("nan"))


def test_progress_counts_rows(left, right):
    told = []
    listed(nm.join(left, right, batch_size=20, progress=lambda done, total: told.append((done, total))))
    assert told == [(20, 50), (40, 50), (50, 50)]


def test_an_index_without_rows_has_no_pairs(left, tmp_path):
    empty = Index.build(np.empty((0, 6), np.float32))
    assert listed(nm.join(empty, left)) == []
    assert listed(nm.join(left, empty)) == []
    assert nm.write_pairs(tmp_path / "none.tsv", nm.join(empty, left)) == 0
    assert (tmp_path / "none.tsv").read_text() == "key\tneighbor\tscore\n"


# Files

OPEN = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open, "": open}


@pytest.mark.parametrize("suffix", ["", ".gz", ".bz2", ".xz"])
def test_pairs_are_read_again_as_they_were(left, right, suffix, tmp_path):
    wanted = [
        {"key": NAMES[row], "neighbor": OTHERS[other], "score": score}
        for row, other, score in listed(nm.join(left, right, 3))
    ]
    for kind in ("tsv", "csv", "jsonl"):
        path = tmp_path / f"pairs.{kind}{suffix}"
        assert nm.write_pairs(path, nm.join(left, right, 3, batch_size=20)) == 150
        with OPEN[suffix](path, "rt", newline="") as file:
            if kind == "jsonl":
                found = list(map(json.loads, file))
            else:
                found = list(csv.DictReader(file, dialect="excel-tab" if kind == "tsv" else "excel"))
        assert [{**row, "score": np.float32(row["score"])} for row in found] == wanted


def test_pairs_in_parquet(left, right, texts, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    nm.write_pairs(tmp_path / "pairs.parquet", nm.join(left, right, 3, batch_size=20))
    table = parquet.read_table(tmp_path / "pairs.parquet")
    assert table.column_names == ["key", "neighbor", "score"]
    assert list(zip(*table.to_pydict().values(), strict=True)) == [
        (NAMES[row], OTHERS[other], score) for row, other, score in listed(nm.join(left, right, 3))
    ]
    nm.write_pairs(tmp_path / "texts.parquet", nm.join(texts, k=2))
    assert parquet.read_table(tmp_path / "texts.parquet").to_pydict()["text"][::2] == TEXTS


def test_texts_stand_beside_the_keys_whatever_they_hold(texts, tmp_path):
    for kind, reader in (("csv", csv.DictReader), ("jsonl", lambda file: map(json.loads, file))):
        path = tmp_path / f"pairs.{kind}"
        nm.write_pairs(path, nm.join(texts, k=1))
        with open(path, newline="", encoding="utf-8") as file:
            rows = list(reader(file))
        assert [row["text"] for row in rows] == TEXTS
        assert [row["key"] for row in rows] == list(texts.keys)
        assert all(row["neighbor"] == f"key {row['neighbor_text']}" for row in rows)
    nm.write_pairs(tmp_path / "pairs.tsv", nm.join(texts, k=1))
    lines = (tmp_path / "pairs.tsv").read_text().split("\n")
    assert lines[0] == "key\tneighbor\tscore\ttext\tneighbor_text"
    assert {line.count("\t") for line in lines[:-1]} == {4}
    assert lines[2].split("\t")[3] == "sort a list"


def test_an_index_under_two_names_is_joined_with_itself(left, tmp_path):
    left.save(tmp_path / "a.nearmost")
    (tmp_path / "b.nearmost").symlink_to(tmp_path / "a.nearmost")
    wanted = listed(nm.join(tmp_path / "a.nearmost", k=3))
    assert listed(nm.join(tmp_path / "a.nearmost", tmp_path / "b.nearmost", k=3)) == wanted
    before = nm.open(tmp_path / "a.nearmost")
    nm.Index.build(before.vectors().rows[::-1], keys=list(before.keys)).save(tmp_path / "a.nearmost")
    for batch in nm.join(before, tmp_path / "a.nearmost", k=1):  # another file by now: each finds its like
        assert (batch.neighbors == len(before) - 1 - batch.ids).all()


def test_a_missing_folder_is_told_by_name(left, tmp_path):
    with pytest.raises(InputError, match=r"there is no folder .*nowhere' to write pairs.tsv to"):
        nm.write_pairs(tmp_path / "nowhere" / "pairs.tsv", nm.join(left, left))


def test_pairs_are_written_whole_or_not_at_all(left, right, tmp_path):
    def breaks():
        yield next(nm.join(left, right, batch_size=10))
        raise RuntimeError("no more")

    (tmp_path / "pairs.tsv").write_text("old")
    for name in ("pairs.tsv", "pairs.parquet"):
        with pytest.raises(RuntimeError, match="no more"):
            nm.write_pairs(tmp_path / name, breaks())
    assert [path.name for path in tmp_path.iterdir()] == ["pairs.tsv"]
    assert (tmp_path / "pairs.tsv").read_text() == "old"
    with pytest.raises(InputError, match=r"written to \.tsv, \.csv, \.jsonl, \.parquet"):
        nm.write_pairs(tmp_path / "pairs.txt", nm.join(left, right))
