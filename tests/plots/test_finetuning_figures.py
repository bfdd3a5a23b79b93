"""Figures of fine-tuning show the numbers of what they are made from."""

from __future__ import annotations

import numpy as np
import pytest

import nearmost as nm
from nearmost.finetuning import Epoch

plots = pytest.importorskip("nearmost.plots", reason="figures need matplotlib")


def test_precision_by_k_draws_each_comparison_beside_what_was_before():
    rng = np.random.default_rng(0)
    groups = rng.integers(0, 3, 300)
    before = np.eye(3)[groups] + rng.normal(size=(300, 3))
    compared = {
        name: nm.compare_retrieval(before, np.eye(3)[groups] * times + before, groups, queries=50, ks=(5, 20))
        for name, times in (("some", 1), ("more", 3))
    }
    axes = plots.precision_by_k(compared, title="three groups").axes[0]
    lines = {line.get_label(): line for line in axes.get_lines()}
    assert list(lines) == ["before", "some", "more"]
    for name, figures in (("before", compared["some"].before), ("more", compared["more"].after)):
        assert lines[name].get_xdata().tolist() == list(figures.ks)
        assert lines[name].get_ydata().tolist() == [figures.figures[f"precision@{k}"] for k in figures.ks]
    with pytest.raises(nm.InputError, match="no comparison"):
        plots.precision_by_k({})


def test_training_draws_the_measure_and_the_loss():
    history = [Epoch(0, float("nan"), 0.4), Epoch(1, 2.0, 0.5), Epoch(2, 1.0, 0.6)]
    figure = plots.training(history)
    assert figure.axes[0].get_lines()[0].get_ydata().tolist() == [0.4, 0.5, 0.6]
    assert figure.axes[1].get_lines()[0].get_ydata().tolist() == [2.0, 1.0]
    with pytest.raises(nm.InputError, match="fewer than two"):
        plots.training(history[:1])
