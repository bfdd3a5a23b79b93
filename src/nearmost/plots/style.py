"""How every figure looks: colours that colour-blind readers can tell apart, sizes, and how a file is written."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from typing import Any

from matplotlib import pyplot, rc_context
from matplotlib.figure import Figure

INK, GREY, FAINT = "#1f2933", "#6b7785", "#d9dee4"
OURS = "#d55e00"
PALETTE = ("#0072b2", "#009e73", "#cc79a7", "#56b4e9", "#8a6d00", "#5b3a8e", "#444444")
"""After Okabe and Ito's set (2008), darkened where it would be faint on white; ours keeps a colour of its own."""
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
SIZES = {"font.size": 10.5, "axes.titlesize": 12, "axes.labelsize": 11, "legend.fontsize": 10, "svg.fonttype": "path"}


def looks(n: int) -> list[dict[str, Any]]:
    """Colour, marker and dashes for n lines, all different."""
    ways = [
        {"color": color, "linestyle": dashes} for dashes, color in product(("-", (0, (5, 2)), (0, (1.5, 1.5))), PALETTE)
    ]
    return [{**ways[i % len(ways)], "marker": MARKERS[(i + i // len(PALETTE)) % len(MARKERS)]} for i in range(n)]


def figure(width: float, height: float) -> Figure:
    """An empty white figure of so many inches, which no window shows."""
    made = Figure(figsize=(width, height), layout="constrained")
    made.patch.set_facecolor("white")
    return made


@contextmanager
def drawn(width: float, height: float, *, show: bool = False) -> Iterator[Figure]:
    """An empty figure to draw on in the block; ``show`` opens a window with it afterwards, where there can be one."""
    with sizes():
        made = figure(width, height)
        if show:
            made = pyplot.figure(figsize=(width, height), layout="constrained", facecolor="white")
        yield made
    if show:
        pyplot.show()


def bare(axes: Any) -> None:
    """Takes the frame off, and puts a faint grid behind the lines."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(GREY)
    axes.tick_params(colors=INK, which="both")
    axes.grid(visible=True, which="major", color=FAINT, linewidth=0.8)
    axes.set_axisbelow(True)


def sizes() -> Any:
    """The sizes of letters, while a figure is drawn: ``with sizes(): ...``."""
    return rc_context(SIZES)


def save(made: Figure, *paths: str | os.PathLike[str]) -> None:
    """Writes the figure to each of these files, the same bytes each time it is drawn."""
    for path in paths:
        suffix = os.fspath(path).rpartition(".")[2].lower()
        metadata = {"svg": {"Date": None}, "pdf": {"CreationDate": None}, "png": {"Software": None}}.get(suffix)
        with rc_context({**SIZES, "svg.hashsalt": "nearmost"}):
            made.savefig(path, dpi=130, metadata=metadata)
