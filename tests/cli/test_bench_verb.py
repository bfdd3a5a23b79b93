"""``nearmost bench``: a table or JSON, a folder of results, and a note for each library that is not there."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

QUICK = ("--rounds", 1, "--seconds-per-point", 0.01, "--n-queries", 40)


@pytest.fixture
def vectors(tmp_path: Path) -> Path:
    path = tmp_path / "vectors.npy"
    np.save(path, np.float32(np.random.default_rng(0).normal(size=(1500, 8))))
    return path


def test_a_table_with_a_row_a_method_and_what_was_asked_and_found(run, vectors):
    pytest.importorskip("sklearn")
    ran = run("bench", vectors, "--against", "sklearn", "--kind", "partition", "--metric", "euclidean", *QUICK)
    assert ran.status == 0
    lines = ran.out.splitlines()
    assert lines[0] == "1,460 x 8, euclidean, k=10, 40 queries held out, 1 thread, time of the processor"
    assert "single 0.95" in lines[1]
    assert "batch 0.99" in lines[1]
    assert lines[2].startswith("nearmost partition ")
    assert lines[3].startswith("scikit-learn (exact) ")
    assert lines[4].startswith("ours over the best other ")
    assert re.search(r"nearmost partition, [a-z ]*batch, recall asked and found: .*0\.9: [01]\.\d{3}", ran.out)


def test_a_folder_with_results_and_a_figure(run, vectors, tmp_path):
    pytest.importorskip("matplotlib", reason="the figure needs matplotlib")
    ran = run(
        "bench", vectors, "--against", "none", "--mode", "batch", "-o", tmp_path / "out" / "here", "--json", *QUICK
    )
    assert ran.status == 0
    kept = json.loads((tmp_path / "out" / "here" / "results.json").read_text())
    assert kept == json.loads(ran.out)
    assert kept["curves"][0]["points"].keys() == {"batch"}
    assert (tmp_path / "out" / "here" / "recall-speed.png").read_bytes().startswith(b"\x89PNG")
    assert "</svg>" in (tmp_path / "out" / "here" / "recall-speed.svg").read_text()


def test_given_queries_are_used(run, vectors, tmp_path):
    np.save(tmp_path / "queries.npy", np.ones((7, 8), dtype=np.float32))
    ran = run("bench", vectors, "--against", "none", "--queries", tmp_path / "queries.npy", "--json", *QUICK)
    assert (json.loads(ran.out)["facts"]["n_queries"], json.loads(ran.out)["facts"]["n_rows"]) == (7, 1500)


def test_what_is_not_known_is_refused(run, vectors):
    ran = run("bench", vectors, "--against", "nmslib")
    assert (ran.status, ran.out) == (1, "")
    assert "no library 'nmslib' is known to measure" in ran.err
    assert run("bench", vectors, "-o", vectors).status == 2
