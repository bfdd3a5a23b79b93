"""Patterns in the place of files, and the verbs that make one of many: merge, join."""

from __future__ import annotations

import json

import numpy as np
import pytest

from nearmost import Corpus, Index

ROWS = np.random.default_rng(0).standard_normal((30, 4)).astype(np.float32)
NAMES = [f"row {i}" for i in range(30)]


@pytest.fixture
def pattern(tmp_path):
    for number in range(3):
        part = slice(10 * number, 10 * number + 10)
        Index.build(ROWS[part], keys=NAMES[part]).save(tmp_path / f"r-{number}-of-3.nearmost")
    return f"{tmp_path}/r-*.nearmost"


def test_a_pattern_stands_where_a_file_would(run, pattern):
    own = [json.loads(run("search", pattern, "--key", "row 17", "-k", "3", "--json").out)["neighbors"]]
    wanted = Index.build(ROWS, keys=NAMES).nearest("row 17", k=3)
    assert [(each["key"], each["score"]) for each in own[0]] == wanted
    analogy = json.loads(run("analogy", pattern, "row 3", "row 14", "--minus", "row 25", "--json").out)
    assert analogy["neighbors"][0]["key"] == Index.build(ROWS, keys=NAMES).analogy(["row 3", "row 14"], "row 25")[0][0]
    info = run("info", pattern).out
    assert "30 x 4 (shards)" in info
    assert "3 (flat) of 10 to 10 rows" in info
    assert json.loads(run("info", pattern, "--json").out)["n_bytes"] > 3 * ROWS.nbytes / 3
    assert run("verify", pattern).out.count(": sound\n") == 3


def test_a_pattern_of_texts_is_asked_in_words(run, tmp_path):
    texts = ["copy a folder", "sort a list", "remove a folder"]
    Index.build(Corpus.of(texts, keys=list("abc")), encoder="lsa:2").save(tmp_path / "t-0-of-1.nearmost")
    assert json.loads(run("search", tmp_path / "t-*.nearmost", "sort", "--json").out)["neighbors"][0]["key"] == "b"


def test_a_missing_shard_is_one_line_on_stderr(run, pattern, tmp_path):
    (tmp_path / "r-1-of-3.nearmost").unlink()
    for verb in (("info", pattern), ("search", pattern, "--key", "row 1"), ("merge", pattern, "-o", tmp_path / "all")):
        ran = run(*verb)
        assert ran.status == 1
        assert ran.out == ""
        assert "r-1-of-3.nearmost" in ran.err
    assert not (tmp_path / "all").exists()


def test_a_pattern_that_the_shell_has_expanded_is_explained(run, pattern, tmp_path):
    files = sorted(tmp_path.iterdir())
    ran = run("search", *files, "copy a folder")
    assert ran.status == 2
    assert "quote" in ran.err
    ran = run("join", *files, "-o", tmp_path / "pairs.tsv")
    assert ran.status == 2
    assert f"no place for '{files[2]}'. To name many files as one, quote the pattern" in ran.err


def test_merged_files_are_the_index_of_all_rows(run, pattern, tmp_path):
    ran = run("merge", pattern, "-o", tmp_path / "all.nearmost")
    assert ran.out == f"{tmp_path / 'all.nearmost'}: 30 rows x 4, cosine\n"
    Index.build(ROWS, keys=NAMES).save(tmp_path / "whole.nearmost")
    assert (tmp_path / "all.nearmost").read_bytes() == (tmp_path / "whole.nearmost").read_bytes()
    files = sorted(tmp_path.glob("r-*"))
    told = json.loads(run("merge", *files, "-o", tmp_path / "again.nearmost", "--json").out)
    assert told["n_rows"] == 30
    Index.build(ROWS[:10], keys=NAMES[:10]).save(tmp_path / "twice.nearmost")
    twice = ("merge", files[0], tmp_path / "twice.nearmost", "-o", tmp_path / "one.nearmost")
    assert "same key 'row 0'" in run(*twice).err
    assert run(*twice, "--on-duplicate", "last").out.startswith(f"{tmp_path / 'one.nearmost'}: 10 rows")


def test_join_writes_pairs(run, pattern, tmp_path):
    Index.build(ROWS[:5], keys=[f"other {i}" for i in range(5)]).save(tmp_path / "other.nearmost")
    ran = run("join", tmp_path / "other.nearmost", pattern, "-k", "1", "-o", tmp_path / "pairs.tsv")
    assert ran.out == f"{tmp_path / 'pairs.tsv'}: 5 pairs of 5 rows\n"
    lines = (tmp_path / "pairs.tsv").read_text().splitlines()
    assert lines[0] == "key\tneighbor\tscore"
    assert [line.split("\t")[:2] for line in lines[1:]] == [[f"other {i}", f"row {i}"] for i in range(5)]
    told = json.loads(run("join", pattern, "-k", "2", "-o", tmp_path / "self.jsonl", "--json").out)
    assert (told["n_rows"], told["n_pairs"]) == (30, 60)
    again = run("join", pattern, "-o", tmp_path / "pairs.tsv")
    assert again.status == 1
    assert "--force" in again.err
    assert run("join", pattern, "-k", "2", "-o", tmp_path / "pairs.tsv", "--force", "--min-score", "2").status == 0
    assert (tmp_path / "pairs.tsv").read_text() == "key\tneighbor\tscore\n"
    assert run("join", pattern, "-o", tmp_path / "pairs.txt").status == 1
