"""What the programs in benchmarks/ promise: the page holds what was measured, and says what was not."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path

import pytest

from nearmost.bench import Comparison, Curve, Point

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
FACTS = {
    "n_rows": 20_000, "dim": 100, "metric": "cosine", "n_threads": 1, "k": 10, "n_queries": 300, "rounds": 2,
    "title": "words.bin 20,500 x 100", "machine": {"processor": "a processor"}, "versions": {"ours": "1", "annoy": "2"},
}  # fmt: skip


@pytest.fixture
def page(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(BENCHMARKS)
    for name in ("results", "page"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    page = importlib.import_module("page")
    monkeypatch.setattr(page.results, "RESULTS", tmp_path)
    monkeypatch.setattr(page.results, "PAGE", tmp_path / "benchmarks.md")
    return page


def curve(name: str, library: str, speed: float, **setting: float) -> Curve:
    points = (Point(setting, 0.951, speed, speed, speed), Point({**setting, "recall": 0.99}, 0.992, speed / 2, 1, 1))
    return Curve(name, library, "", 1.5, 3_000_000, 1, {"single": points, "batch": points})


def test_the_page_has_the_figures_of_the_results(page, tmp_path):
    curves = (curve("nearmost", "nearmost", 3000, recall=0.95), curve("annoy, 100 trees", "annoy", 1500, search_k=100))
    page.results.write("speed-words", Comparison(curves, FACTS, {"svs": "not installed"}).plain())
    page.main()
    text = (tmp_path / "benchmarks.md").read_text()
    assert "| **nearmost** | 3,000 |" in text
    assert "| annoy, 100 trees | 1,500 |" in text
    assert "| ours over the best other | 2.00 x |" in text
    assert "Left out: svs, not installed." in text
    assert "asked for, and found on these queries: 0.95: 0.951, 0.99: 0.992." in text
    assert "processor a processor. annoy 2." in text
    assert "## Growth" not in text


def test_results_are_kept_with_five_digits(page, tmp_path):
    page.results.write("some", {"a": [1.23456789, 7], "b": "x"})
    assert json.loads((tmp_path / "some.json").read_text()) == {"a": [1.2346, 7], "b": "x"}
