"""Figures of fine-tuning: whether rows of a group find each other, and how training went."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullLocator

from nearmost.errors import InputError
from nearmost.finetuning import Epoch, RetrievalComparison
from nearmost.plots import style


def precision_by_k(comparisons: Mapping[str, RetrievalComparison], *, title: str = "", show: bool = False) -> Figure:
    """Precision at k before, in grey, and after, a line a name; all comparisons ask the same queries."""
    if not comparisons:
        raise InputError("there is no comparison to draw")
    with style.drawn(7.6, 4.8, show=show) as figure:
        axes = figure.subplots()
        first = next(iter(comparisons.values()))
        _line(
            axes, first.before.figures, first.before.ks, "before", color=style.GREY, linestyle=(0, (4, 3)), marker="o"
        )
        for (name, each), look in zip(comparisons.items(), _looks(len(comparisons)), strict=True):
            _line(axes, each.after.figures, each.after.ks, name, **look)
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(FuncFormatter(lambda k, _: f"{k:,.0f}"))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set_xlabel("k, the nearest rows looked at", color=style.INK)
        axes.set_ylabel("share of the query's own group", color=style.INK)
        axes.set_ylim(top=1)
        style.bare(axes)
        axes.legend(frameon=False, loc="lower left")
        if title:
            axes.set_title(title, color=style.INK)
    return figure


def training(history: Sequence[Epoch], *, measure: str = "R-precision", show: bool = False) -> Figure:
    """The measure that training stops on and the loss, epoch by epoch: what ``finetune(watch=...)`` saw."""
    if len(history) < 2:
        raise InputError("the history holds fewer than two epochs; there is no line to draw")
    with style.drawn(7.6, 4.4, show=show) as figure:
        axes = figure.subplots()
        numbers = [epoch.number for epoch in history]
        values = axes.plot(
            numbers, [epoch.value for epoch in history], color=style.OURS, marker="o", linewidth=2.4, label=measure
        )
        axes.set_xlabel("epoch", color=style.INK)
        axes.set_ylabel(f"{measure} of what was held out", color=style.INK)
        style.bare(axes)
        beside = axes.twinx()
        losses = beside.plot(
            numbers[1:],
            [epoch.loss for epoch in history[1:]],
            color=style.PALETTE[0],
            linestyle=(0, (4, 3)),
            label="loss",
        )
        beside.set_ylabel("loss", color=style.INK)
        beside.spines[["top", "left"]].set_visible(False)
        axes.legend(handles=[*values, *losses], frameon=False, loc="center right")
    return figure


def _looks(n: int) -> list[dict[str, Any]]:
    ours = {"color": style.OURS, "marker": "o", "linewidth": 2.6}
    return [ours, *style.looks(n - 1)]


def _line(axes: Any, figures: Mapping[str, float], ks: Sequence[int], name: str, **look: Any) -> None:
    axes.plot(ks, [figures[f"precision@{k}"] for k in ks], label=name, markersize=5, **look)
