"""The figure of recall against speed."""

from __future__ import annotations

from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from nearmost.bench.curve import Comparison, Mode, by_speed
from nearmost.errors import InputError
from nearmost.plots import style

TICKS = (0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999)
MOST = 0.9995  # where the axis of what is missed ends: exact methods stand there
TITLES: dict[Mode, str] = {"single": "queries one at a time", "batch": "all queries at once"}


def recall_speed(comparison: Comparison, *, title: str = "", show: bool = False) -> Figure:
    """Recall against queries per second, a line a method: up and right is better. The legend has the fastest first."""
    modes = comparison.modes
    if not modes:
        raise InputError("the comparison holds no point to draw")
    order = by_speed(comparison.curves, modes[-1])
    others = iter(style.looks(len(order)))
    ways = {curve.name: _ours(number) if curve.ours else next(others) for number, curve in enumerate(order)}
    with style.drawn(3 + 4.9 * len(modes), 5.4, show=show) as figure:
        panels = figure.subplots(1, len(modes), sharey=True, squeeze=False)[0]
        lines: dict[str, Any] = {}
        for axes, mode in zip(panels, modes, strict=True):
            for curve in reversed(order):
                front = curve.front(mode)
                recalls = [_place(point.recall) for point in front]
                if front:
                    lines[curve.name] = axes.plot(recalls, [point.speed for point in front], **ways[curve.name])[0]
            _axes(axes, comparison, mode)
        panels[0].set_ylabel("queries per second", color=style.INK)
        figure.suptitle(title or _told(comparison), color=style.INK, fontsize=13)
        shown = [curve.name for curve in order if curve.name in lines]
        figure.legend([lines[name] for name in shown], shown, loc="outside right center", frameon=False)
    return figure


def _ours(number: int) -> dict[str, Any]:
    dashes = ("-", (0, (5, 2)), (0, (1.5, 1.5)))[number % 3]
    return {
        "color": style.OURS, "marker": "o", "linewidth": 2.8, "markersize": 7, "linestyle": dashes, "zorder": 5
    }  # fmt: skip


def _place(recall: float) -> float:
    """Where this recall stands: the axis is logarithmic in what is missed."""
    return 1 - min(recall, MOST)


def _axes(axes: Any, comparison: Comparison, mode: Mode) -> None:
    style.bare(axes)
    axes.set_yscale("log")
    axes.set_xscale("log")
    least = min((p.recall for c in comparison.curves for p in c.front(mode)), default=0.7)
    left = max(0.7, min(least, 0.9) - 0.02)
    axes.set_xlim(1 - left, (1 - MOST) / 1.25)
    axes.set_xticks([1 - tick for tick in TICKS if tick >= left])
    axes.xaxis.set_major_formatter(FuncFormatter(lambda missed, _: f"{1 - missed:.3g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda speed, _: f"{speed:,.0f}"))
    axes.set_xlabel(f"recall@{comparison.facts.get('k', 'k')}", color=style.INK)
    axes.set_title(TITLES[mode], color=style.INK)


def _told(comparison: Comparison) -> str:
    facts = comparison.facts
    threads = f"{facts['n_threads']} thread{'s' * (facts['n_threads'] != 1)}"
    return f"{facts['n_rows']:,} x {facts['dim']}, {facts['metric']}, {threads}"
