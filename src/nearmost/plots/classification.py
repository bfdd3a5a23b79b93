"""Figures of a report: confusions, reliability, precision against coverage, accuracy against k, and noise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter
from numpy.typing import ArrayLike

from nearmost.errors import InputError, ShapeError
from nearmost.plots import style
from nearmost.reports import Report, Robustness
from nearmost.reports.confusion import block, matrix

NAMED = 60
"""Classes whose names can stand beside a matrix and be read."""
COUNTED = 30
"""Classes whose counts can stand in its cells."""
NAME_LENGTH = 38


def confusion(report: Report, *, most: int = 25, title: str = "", show: bool = False) -> Figure:
    """The confusion matrix of all classes, or of the ``most`` that are confused the most.

    Blue is right and orange wrong; the darker, the larger the share of the rows of the true class. With more than 60
    classes every confusion is a dot, the larger the larger that share.
    """
    outcomes = report.outcomes
    classes = block(outcomes, most)
    n = len(classes)
    counts = matrix(outcomes, classes)[:, :n]
    totals = np.bincount(outcomes.truth, minlength=len(report.labels))[classes]
    shares = counts / np.maximum(totals, 1)[:, None]
    which = "" if n == len(report.labels) else f"the {n} most confused of {len(report.labels):,} classes"
    side = min(2.2 + 0.3 * n, 10.5)
    with style.drawn(side + 2.2 * (n <= NAMED), side, show=show) as figure:
        figure.set_layout_engine("compressed")  # "constrained" cuts off names beside axes whose cells are square
        axes = figure.subplots()
        if n <= NAMED:
            _cells(axes, counts, shares, [_cut(report.labels[code]) for code in classes.tolist()])
        else:
            _dots(axes, shares)
        axes.set_title(title or which, color=style.INK)
        axes.set_xlabel("predicted", color=style.INK)
        axes.set_ylabel("true", color=style.INK)
        axes.tick_params(length=0, colors=style.INK)
        for spine in axes.spines.values():
            spine.set_color(style.FAINT)
    return figure


def reliability(report: Report, *, title: str = "", show: bool = False) -> Figure:
    """How often predictions of each score are right, with the number of them below."""
    bins = report.reliability
    if bins is None:
        raise InputError("the report has no scores between 0 and 1; make it with scores=, as predict_proba gives them")
    with style.drawn(5.6, 6, show=show) as figure:
        above, below = figure.subplots(2, 1, sharex=True, height_ratios=(4, 1))
        above.plot([0, 1], [0, 1], linestyle=(0, (4, 3)), color=style.GREY, label="score = share right")
        above.plot(
            bins.confidence, bins.accuracy, color=style.PALETTE[0], marker="o", linewidth=2.2, label="predictions"
        )
        _shares(above, "share that is right", y=True)
        above.set_ylim(-0.02, 1.02)
        above.legend(loc="upper left", frameon=False)
        above.set_title(title or f"calibration error {bins.error:.3f}", color=style.INK)
        below.bar(bins.confidence, bins.count, width=0.07, color=style.PALETTE[0])
        style.bare(below)
        below.set_ylabel("rows", color=style.INK)
        below.yaxis.set_major_locator(MaxNLocator(3, integer=True))
        below.set_xlabel("score", color=style.INK)
        below.set_xlim(-0.02, 1.02)
        below.xaxis.set_major_formatter(PercentFormatter(1))
    return figure


def coverage(reports: Report | Mapping[str, Report], *, title: str = "", show: bool = False) -> Figure:
    """Precision of the predictions that a threshold keeps, against how many it keeps; a line a report."""
    named = reports if isinstance(reports, Mapping) else {"": reports}
    curves = {name: report.coverage for name, report in named.items()}
    if not curves or None in curves.values():
        raise InputError("a report has no scores; make it with scores=, one a row")
    with style.drawn(6.4, 4.8, show=show) as figure:
        axes = figure.subplots()
        for (name, curve), look in zip(curves.items(), style.looks(len(curves)), strict=True):
            assert curve is not None
            axes.plot(curve.coverage, curve.precision, **{**look, "marker": None}, linewidth=2.2, label=name)
        _shares(axes, "precision of those kept", y=True)
        _shares(axes, "share of rows kept", y=False)
        axes.set_xlim(0, 1.01)
        axes.set_ylim(None, 1.005)
        if len(curves) > 1:
            axes.legend(frameon=False, loc="best")
        axes.set_title(title, color=style.INK)
    return figure


def accuracy_by_k(
    ks: Sequence[int], accuracy: ArrayLike | Mapping[str, ArrayLike], *, title: str = "", show: bool = False
) -> Figure:
    """Accuracy against the number of neighbours that vote, a line for each name; the best k of each is marked."""
    named = accuracy if isinstance(accuracy, Mapping) else {"": accuracy}
    lines = {name: np.asarray(values, dtype=np.float64) for name, values in named.items()}
    for name, values in lines.items():
        if values.shape != (len(ks),) or not len(ks):
            raise ShapeError(f"accuracy {name} has shape {values.shape} for {len(ks)} ks; wanted one value for each")
    with style.drawn(6.8, 4.6, show=show) as figure:
        axes = figure.subplots()
        for (name, values), look in zip(lines.items(), style.looks(len(lines)), strict=True):
            best = int(np.argmax(values))
            label = f"{name}: {values[best]:.1%} at k = {ks[best]}" if name else f"{values[best]:.1%} at k = {ks[best]}"
            axes.plot(ks, values, **look, linewidth=2, markersize=4, label=label)
            axes.plot(ks[best], values[best], marker="o", markersize=11, fillstyle="none", color=look["color"])
        _shares(axes, "accuracy", y=True)
        axes.set_xlabel("k, the neighbours that vote", color=style.INK)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.legend(frameon=False, loc="best")
        axes.set_title(title, color=style.INK)
    return figure


def robustness(found: Robustness, *, title: str = "", show: bool = False) -> Figure:
    """Accuracy against the level of each kind of noise; the dashed line is that of clean texts."""
    order = np.argsort(-found.accuracy[:, -1], kind="stable").tolist()
    with style.drawn(7.6, 4.8, show=show) as figure:
        axes = figure.subplots()
        axes.axhline(found.clean, linestyle=(0, (4, 3)), color=style.GREY, label="clean")
        for row, look in zip(order, style.looks(len(order)), strict=True):
            axes.plot(found.levels, found.accuracy[row], **look, linewidth=2, label=found.kinds[row])
        _shares(axes, "accuracy", y=True)
        _shares(axes, "share of the text that is changed", y=False)
        axes.set_xticks(found.levels)
        axes.set_ylim(0, None)
        figure.legend(loc="outside right center", frameon=False)
        axes.set_title(title, color=style.INK)
    return figure


def _shares(axes: Any, name: str, *, y: bool) -> None:
    """This axis has shares, in per cent, and this name."""
    style.bare(axes)
    (axes.yaxis if y else axes.xaxis).set_major_formatter(PercentFormatter(1, decimals=None if y else 0))
    (axes.set_ylabel if y else axes.set_xlabel)(name, color=style.INK)


def _cells(axes: Any, counts: Any, shares: Any, names: list[str]) -> None:
    """A matrix with names; columns have the numbers of the rows, where their names do not fit."""
    n = len(names)
    right = np.eye(n, dtype=bool)
    for colors, hidden in (("Oranges", right | (counts == 0)), ("Blues", ~right)):
        axes.imshow(np.ma.masked_array(shares, hidden), cmap=colors, vmin=0, vmax=1.1)
    size = 9.5 if n <= COUNTED else 6
    short = max(map(len, names)) * n <= 70
    axes.set_xticks(range(n), names if short else [str(place) for place in range(1, n + 1)], fontsize=size)
    rows = names if short else [f"{name}  {place}" for place, name in enumerate(names, 1)]
    axes.set_yticks(range(n), rows, fontsize=size)
    if n <= COUNTED:
        for row, column in zip(*np.nonzero(counts), strict=True):
            ink = "white" if shares[row, column] > 0.6 else style.INK
            axes.text(column, row, f"{counts[row, column]:,}", ha="center", va="center", color=ink, fontsize=8.5)


def _dots(axes: Any, shares: Any) -> None:
    """A dot for each confusion: a cell of a matrix of hundreds of classes is smaller than a pixel."""
    n = len(shares)
    wrong = np.where(np.eye(n, dtype=bool), 0, shares)
    rows, columns = np.nonzero(wrong)
    axes.plot([0, n - 1], [0, n - 1], color=style.PALETTE[0], linewidth=0.8, zorder=1)
    axes.scatter(columns, rows, s=3 + 16 * wrong[rows, columns], color=style.OURS, linewidths=0, alpha=0.8, zorder=2)
    axes.set_xlim(-n / 100, n + n / 100)
    axes.set_ylim(n + n / 100, -n / 100)
    axes.set_aspect("equal")


def _cut(label: str) -> str:
    shown = " ".join(label.split())
    return shown if len(shown) <= NAME_LENGTH else f"{shown[: NAME_LENGTH - 1]}…"
