"""What a curve promises: speeds are read off between points, and nothing is said of where it never got."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nearmost.bench import Comparison, Curve, Point


def curve(name: str, *points: tuple[float, float], library: str = "other") -> Curve:
    """A curve through (recall, queries per second)."""
    made = tuple(Point({"ef": 10 * i}, recall, speed, speed, speed) for i, (recall, speed) in enumerate(points))
    return Curve(name, library, name, 1.5, 1000, 2000, {"single": made})


def test_between_two_points_the_speed_is_on_the_line_of_the_logarithms():
    assert curve("a", (0.9, 1000.0), (0.99, 10.0)).speed_at(1 - 10**-1.5, "single") == pytest.approx(100)


def test_at_a_point_the_speed_is_that_of_the_point():
    assert curve("a", (0.9, 1000.0), (0.99, 10.0)).speed_at(0.99, "single") == pytest.approx(10)


def test_below_the_first_point_the_speed_is_that_of_the_first():
    assert curve("a", (0.9, 1000.0), (0.99, 10.0)).speed_at(0.5, "single") == 1000


def test_a_recall_that_was_never_reached_has_no_speed():
    assert curve("a", (0.9, 1000.0)).speed_at(0.95, "single") is None
    assert curve("a", (0.9, 1000.0)).speed_at(0.5, "batch") is None


def test_a_point_that_another_beats_does_not_count():
    slow_and_worse = curve("a", (0.9, 50.0), (0.95, 100.0), (0.99, 10.0))
    assert [point.recall for point in slow_and_worse.front("single")] == [0.95, 0.99]
    assert slow_and_worse.speed_at(0.9, "single") == 100


@given(
    st.lists(st.tuples(st.floats(0, 1), st.floats(1, 1e6)), min_size=1, max_size=8), st.floats(0, 1), st.floats(0, 1)
)
def test_more_recall_is_never_faster(points: list[tuple[float, float]], one: float, other: float) -> None:
    low, high = (curve("a", *points).speed_at(recall, "single") for recall in sorted((one, other)))
    assert high is None or (low is not None and high <= low * (1 + 1e-9))


def test_ahead_is_ours_over_the_best_other():
    ours = curve("nearmost", (0.95, 300.0), library="nearmost")
    run = Comparison((ours, curve("a", (0.95, 100.0)), curve("b", (0.96, 150.0))), {})
    assert run.ahead(0.95, "single") == pytest.approx(2)
    assert run.best(0.95, "single", ours=False) == ("b", 150)
    assert run.ahead(0.99, "single") is None


def test_a_comparison_survives_json():
    run = Comparison((curve("a", (0.95, 100.0), (0.99, 7.0)),), {"k": 10}, {"b": "not installed"})
    assert Comparison.of(json.loads(json.dumps(run.plain()))) == run
