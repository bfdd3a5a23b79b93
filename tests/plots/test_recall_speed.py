"""What the figure of recall against speed promises: every curve in it, ours apart, the same bytes each time."""

from __future__ import annotations

import pytest

from nearmost.bench import Comparison, Curve, Point
from nearmost.errors import InputError

pytest.importorskip("matplotlib", reason="figures need matplotlib")
from nearmost import plots

FACTS = {"n_rows": 71_290, "dim": 100, "metric": "cosine", "n_threads": 1, "k": 10}


def comparison(n: int) -> Comparison:
    """Ours and n others, each slower than the one before."""
    curves = []
    for number in range(n + 1):
        speeds = [(recall, 1e5 / (1 + number) * (1 - recall)) for recall in (0.8, 0.9, 0.99, 0.9999)]
        points = tuple(Point({"ef": 1}, recall, speed, speed, speed) for recall, speed in speeds)
        library = "other" if number else "nearmost"
        curves.append(Curve(f"{library} {number}", library, "", 1, 1, 1, {"single": points, "batch": points}))
    return Comparison(tuple(curves[::-1]), FACTS)


def test_every_curve_stands_in_both_panels_and_in_the_legend_ours_first():
    figure = plots.recall_speed(comparison(18))
    assert [len(axes.lines) for axes in figure.axes] == [19, 19]
    assert [text.get_text() for text in figure.legends[0].get_texts()][:3] == ["nearmost 0", "other 1", "other 2"]
    assert figure.get_suptitle() == "71,290 x 100, cosine, 1 thread"


def test_no_two_curves_look_alike_and_none_as_ours():
    lines = plots.recall_speed(comparison(18)).axes[0].lines
    looks = {(line.get_color(), line.get_marker(), str(line._dash_pattern)) for line in lines}
    assert len(looks) == 19
    widest = max(lines, key=lambda line: line.get_linewidth())
    assert [line.get_color() for line in lines].count(widest.get_color()) == 1


def test_a_figure_drawn_again_has_the_same_bytes(tmp_path):
    for number in range(2):
        plots.save(plots.recall_speed(comparison(3)), tmp_path / f"{number}.svg", tmp_path / f"{number}.png")
    assert (tmp_path / "0.svg").read_bytes() == (tmp_path / "1.svg").read_bytes()
    assert (tmp_path / "0.png").read_bytes() == (tmp_path / "1.png").read_bytes()


def test_drawing_leaves_no_window_behind():
    pyplot = pytest.importorskip("matplotlib.pyplot", reason="figures need matplotlib")
    plots.recall_speed(comparison(2))
    assert pyplot.get_fignums() == []


def test_nothing_to_draw_is_an_error():
    with pytest.raises(InputError, match="no point to draw"):
        plots.recall_speed(Comparison((), FACTS))
