"""``nearmost convert``: a file of Annoy becomes an index."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from nearmost.cli import main
from nearmost.forest import Forest
from nearmost.index import Index

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
