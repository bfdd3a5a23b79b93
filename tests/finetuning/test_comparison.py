"""Before beside after is the same queries on the same rows, and says what became worse."""

from __future__ import annotations

import json

import numpy as np
import pytest

import nearmost as nm


@pytest.fixture(scope="module")
def sides():
    """Rows before, and after something that helps groups a and b and scatters c."""
    rng = np.random.default_rng(0)
    groups = np.array(list("abc"))[rng.integers(0, 3, 600)]
    means = {"a": [1, 0, 0.5, 0], "b": [0, 1, 0.5, 0], "c": [0, 0, 0, 2]}
    before = np.stack([means[group] for group in groups]) + rng.normal(size=(600, 4)) * 0.5
    after = np.zeros((600, 64))
    after[:, :2] = before[:, :2]
    after[groups == "c"] = np.concatenate([np.zeros((600, 4)), rng.normal(size=(600, 60))], axis=1)[groups == "c"]
    return before.astype(np.float32), after.astype(np.float32), groups


@pytest.fixture(scope="module")
def compared(sides):
    texts = [f"text {row} <b>" for row in range(600)]
    return nm.compare_retrieval(*sides, texts=texts, queries=200, ks=(5, 50), unseen=["c"])


def test_both_sides_are_measured_on_the_same_queries(sides, compared):
    before, after, groups = sides
    assert compared.before.queries.tolist() == compared.after.queries.tolist()
    for side, rows in ((compared.before, before), (compared.after, after)):
        alone = nm.evaluate_retrieval(rows, groups, queries=side.queries, ks=(5, 50)).figures
        assert {name: side.figures[name] for name in alone} == pytest.approx(alone)


def test_the_limits_are_those_of_scipys_bootstrap(compared):
    stats = pytest.importorskip("scipy.stats", reason="scipy is the referee")
    change = compared.after.values["r_precision"] - compared.before.values["r_precision"]
    wanted = stats.bootstrap((change,), np.mean, n_resamples=4000, method="percentile").confidence_interval
    assert compared.changes["r_precision"] == pytest.approx((wanted.low, wanted.high), abs=0.01)


def test_what_became_worse_is_told(compared):
    assert any("'c', which was not in training," in one for one in compared.warnings)
    assert not any("'a'" in one for one in compared.warnings)
    assert compared.class_changes["a"][0] > 0 > compared.class_changes["c"][1]
    assert "warning: " in str(compared)


def test_a_head_that_throws_information_away_is_told_by_the_probe(sides):
    before, _, groups = sides
    blind = np.random.default_rng(0).normal(size=before.shape)
    found = nm.compare_retrieval(before, blind, groups)
    assert found.probe[0] > found.probe[1] + 0.2
    assert any("linear classifier" in one for one in found.warnings)
    taught = nm.compare_retrieval(before, before * 2, groups, taught=(before, before * 2, groups))
    assert taught.probe[0] == taught.probe[1]
    assert taught.warnings == []
    assert taught.overlap == {10: 1.0, 100: 1.0}


def test_the_queries_that_moved_most_are_shown_with_their_neighbours(sides, compared):
    groups = sides[2]
    measure = "precision@5"
    gain = compared.after.values[measure] - compared.before.values[measure]
    place = {row: number for number, row in enumerate(compared.before.queries.tolist())}
    assert [gain[place[each.row]] for each in compared.gained] == sorted(gain, reverse=True)[: len(compared.gained)]
    assert [gain[place[each.row]] for each in compared.lost] == sorted(gain)[: len(compared.lost)]
    one = compared.gained[0]
    assert np.mean([same for _, _, same in one.neighbors_after[:5]]) == one.after
    for row, _, same in one.neighbors_after:
        assert row != one.row
        assert same == (groups[row] == groups[one.row])


def test_it_is_written_as_text_json_and_a_page_that_is_safe_with_any_text(compared, tmp_path):
    for name in ("made.txt", "made.json", "made.html"):
        compared.save(tmp_path / name)
    document = json.loads((tmp_path / "made.json").read_text())
    assert document["figures"]["r_precision"]["before"] == pytest.approx(compared.figures["r_precision"][0])
    assert document["warnings"] == compared.warnings
    assert all(len(line) <= 80 for line in compared.text().splitlines() if not line.startswith("warning"))
    page = (tmp_path / "made.html").read_text()
    assert "text 1" in page
    assert "<b>" not in page.replace("<b>", "", page.count("<details>"))  # none but the shares that it marks itself
    assert "default-src 'none'" in page
    assert "script" not in page.split("</head>")[1]
    with pytest.raises(nm.InputError, match="suffix"):
        compared.save(tmp_path / "made.pdf")


def test_sides_of_other_rows_are_refused(sides):
    before, after, groups = sides
    with pytest.raises(nm.ShapeError, match="the same ones"):
        nm.compare_retrieval(before, after[:-1], groups)
