"""Figures show the report's own numbers, are written as PNG and SVG, and open no window unless asked."""

from __future__ import annotations

import subprocess
import sys
import xml.etree.ElementTree as ET

import numpy as np
import pytest

import nearmost as nm

pytest.importorskip("matplotlib", reason="figures need matplotlib: pip install 'nearmost[plot]'")

from matplotlib import image, pyplot

from nearmost import plots
from nearmost.plots.plane import plane

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture(scope="module")
def report():
    """968 classes, with scores that mean something."""
    generator = np.random.default_rng(2)
    labels = np.array([f"occupation {one:03}, and what else <is> done & said there" for one in range(968)])
    codes = generator.integers(0, 968, 5000)
    scores = generator.random(5000)
    predicted = labels[np.where(generator.random(5000) < scores, codes, (codes + 1) % 968)]
    return nm.report(labels[codes], predicted, scores, samples=0)


@pytest.fixture(scope="module")
def small():
    return nm.report(["cat", "dog", "dog", "emu", "emu"], ["cat", "cat", "dog", "dog", "emu"], [1, 0.6, 0.6, 0.2, 1])


@pytest.fixture(scope="module")
def noise():
    return nm.robustness(lambda texts: [text[:1] for text in texts], ["ab", "bc", "cd"], ["a", "b", "c"])


def figures(report, noise):
    generator = np.random.default_rng(3)
    rows = generator.standard_normal((60, 12)).astype(np.float32)
    names = [f"class {one % 9}" for one in range(60)]
    yield plots.confusion(report)
    yield plots.confusion(report, most=968)
    yield plots.reliability(report)
    yield plots.coverage(report)
    yield plots.coverage({"one": report, "other": report})
    yield plots.accuracy_by_k([1, 5, 9], {"uniform": [0.5, 0.6, 0.4], "score": [0.5, 0.5, 0.7]})
    yield plots.robustness(noise)
    yield plots.embedding_map(rows, names, {name: rows[at] for at, name in enumerate(names[:9])})


def test_figures_are_written_as_png_and_svg_the_same_each_time(report, noise, tmp_path):
    for number, pair in enumerate(zip(figures(report, noise), figures(report, noise), strict=True)):
        written = []
        for figure in pair:
            plots.save(figure, tmp_path / "figure.png", tmp_path / "figure.svg")
            written.append([(tmp_path / name).read_bytes() for name in ("figure.png", "figure.svg")])
        assert written[0] == written[1], number
        png, svg = written[0]
        assert png.startswith(PNG)
        assert len(png) > 8000
        assert ET.fromstring(svg).tag.endswith("svg")


def test_nothing_is_cut_off_at_the_edge_of_a_figure(report, noise, tmp_path):
    for number, figure in enumerate([plots.confusion(report, most=60), *figures(report, noise)]):
        plots.save(figure, tmp_path / "figure.png")
        picture = image.imread(tmp_path / "figure.png")[:, :, :3]
        edges = (picture[0], picture[-1], picture[:, 0], picture[:, -1])
        assert min(float(edge.min()) for edge in edges) > 0.98, number


def test_no_figure_opens_a_window_unless_asked(report, noise, monkeypatch):
    shown = []
    monkeypatch.setattr(pyplot, "show", lambda: shown.append(pyplot.get_fignums()))
    list(figures(report, noise))
    assert (shown, pyplot.get_fignums()) == ([], [])
    plots.reliability(report, show=True)
    assert len(shown) == 1
    pyplot.close("all")


def test_the_cells_of_a_confusion_matrix_hold_its_counts(small):
    axes = plots.confusion(small).axes[0]
    found = {(int(text.get_position()[1]), int(text.get_position()[0])): int(text.get_text()) for text in axes.texts}
    assert found == {(0, 0): 1, (1, 0): 1, (1, 1): 1, (2, 1): 1, (2, 2): 1}
    assert [text.get_text() for text in axes.get_yticklabels()] == ["cat", "dog", "emu"]


def test_of_many_classes_those_that_are_confused_are_drawn(report):
    axes = plots.confusion(report, most=10).axes[0]
    assert len(axes.get_yticklabels()) == 10
    assert "10 most confused of 968" in axes.get_title()
    dots = plots.confusion(report, most=968).axes[0].collections[0].get_offsets()
    assert {(report.labels[int(y)], report.labels[int(x)]) for x, y in dots} == {
        (each.truth, each.predicted) for each in report.confusions
    }


def test_curves_hold_the_numbers_of_the_report(report):
    above, below = plots.reliability(report).axes
    line = above.lines[1]
    np.testing.assert_array_equal(line.get_xdata(), report.reliability.confidence)
    np.testing.assert_array_equal(line.get_ydata(), report.reliability.accuracy)
    assert [bar.get_height() for bar in below.patches] == report.reliability.count.tolist()
    line = plots.coverage(report).axes[0].lines[0]
    np.testing.assert_array_equal(line.get_xdata(), report.coverage.coverage)
    np.testing.assert_array_equal(line.get_ydata(), report.coverage.precision)


def test_lines_of_one_figure_can_be_told_apart_without_colour(noise):
    axes = plots.robustness(noise).axes[0]
    looks = [(line.get_marker(), line.get_linestyle()) for line in axes.lines[1:]]
    colors = [line.get_color() for line in axes.lines[1:]]
    assert len(set(zip(looks, colors, strict=True))) == len(noise.kinds)
    assert len(set(looks)) == len(noise.kinds)


def test_the_best_k_is_named():
    figure = plots.accuracy_by_k([1, 5, 9], {"score": [0.5, 0.75, 0.5]})
    assert [text.get_text() for text in figure.axes[0].get_legend().get_texts()] == ["score: 75.0% at k = 5"]


@pytest.mark.parametrize(("rows", "dim"), [(200, 8), (8, 200), (5, 1), (1, 3)])
def test_the_plane_is_that_of_the_principal_components(rows, dim):
    decomposition = pytest.importorskip("sklearn.decomposition")
    given = np.random.default_rng(4).standard_normal((rows, dim)).astype(np.float32) + 1
    unit = given / np.linalg.norm(given.astype(np.float64), axis=1, keepdims=True)
    wanted = np.zeros((rows, 2))
    n = min(2, rows, dim)
    if rows > 1:
        wanted[:, :n] = decomposition.PCA(n, svd_solver="full").fit_transform(unit)
    np.testing.assert_allclose(np.abs(plane(given)), np.abs(wanted), atol=1e-6)


@pytest.mark.parametrize("method", ["tsne", "umap"])
def test_other_planes_keep_groups_together(method):
    pytest.importorskip({"tsne": "sklearn", "umap": "umap"}[method])
    generator = np.random.default_rng(5)
    groups = generator.standard_normal((3, 20)) * 5
    rows = (groups[np.arange(45) % 3] + generator.standard_normal((45, 20))).astype(np.float32)
    with pytest.importorskip("threadpoolctl").threadpool_limits(1):  # threads that spin are slow on a busy machine
        laid, again = (plane(rows, method, seed=1) for _ in range(2))
    distance = np.linalg.norm(laid[:, None] - laid[None], axis=2) + np.diag(np.full(45, np.inf))
    assert (distance.argmin(axis=1) % 3 == np.arange(45) % 3).mean() > 0.95
    np.testing.assert_array_equal(laid, again)


def test_a_map_shows_the_largest_classes_and_their_names():
    rows = np.random.default_rng(6).standard_normal((30, 4)).astype(np.float32)
    names = ["a"] * 12 + ["b"] * 10 + ["c"] * 8
    figure = plots.embedding_map(rows, names, {"a": rows[0], "c": rows[1]}, most=2)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["a (12)", "b (10)"]
    points = [len(each.get_offsets()) for each in figure.axes[0].collections]
    assert sorted(points) == [1, 1, 10, 12]  # a star is drawn twice, once as a white rim


def test_what_cannot_be_drawn_is_refused_with_a_sentence(small):
    plain = nm.report(["a"], ["a"])
    for draw, says in (
        (lambda: plots.reliability(plain), "scores between 0 and 1"),
        (lambda: plots.coverage(plain), "no scores"),
        (lambda: plots.coverage({}), "no scores"),
        (lambda: plots.accuracy_by_k([1, 2], [0.5]), "wanted one value for each"),
        (lambda: plots.embedding_map(np.ones((2, 3)), ["a"]), "1 labels were given for 2 vectors"),
        (lambda: plane(np.ones((9, 3)), "isomap"), "pca, tsne, umap"),
    ):
        with pytest.raises(nm.InputError, match=says):
            draw()


def test_without_matplotlib_the_error_says_what_to_install():
    say = (
        "import sys; sys.modules['matplotlib'] = None\n"
        "import nearmost\n"
        "try:\n    from nearmost import plots\n"
        "except nearmost.MissingExtraError as error:\n    print(error)"
    )
    run = subprocess.run([sys.executable, "-c", say], capture_output=True, text=True, check=True)
    assert "pip install 'nearmost[plot]'" in run.stdout
