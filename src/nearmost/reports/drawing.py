"""The pictures of the page, as SVG whose colours the page's style sheet gives, for light and for dark."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from html import escape
from typing import Any

import numpy as np

from nearmost.reports.wording import headline, name_of

WIDTH, HEIGHT = 480, 320
LEFT, RIGHT, TOP, BOTTOM = 58, 28, 16, 48
FEW = 12
Point = tuple[float, float]


def pictures(document: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Title, SVG and one sentence of explanation of every picture that there are figures for."""
    drawn: list[tuple[str, str, str]] = []
    if len([name for name in headline(document) if name.startswith("top_")]):
        drawn.append(("Accuracy of the best n", _tops(document), "A row counts if a true label is among its best n."))
    if document["coverage"] is not None:
        says = "Keep only predictions with a score above a threshold: the fewer are kept, the more of them are right."
        drawn.append(("Precision against coverage", _coverage(document["coverage"]), says))
    if document["reliability"] is not None:
        says = "On the dashed line the score is the chance of being right; a larger dot stands for more rows."
        drawn.append(("Reliability of the scores", _reliability(document["reliability"]), says))
    if document["n_classes"] > FEW:
        says = "How many classes have an F1 of so much; the table below names them."
        drawn.append(("Classes by F1", _classes(document), says))
    return drawn


def curves(lines: Mapping[str, Mapping[int, float]], x_name: str, y_name: str) -> str:
    """Shares by a number that grows by factors, one or two lines; the first is drawn as what was there before."""
    xs = sorted({at for line in lines.values() for at in line})
    x, y = (
        _scale(math.log(xs[0]), math.log(max(xs[-1], xs[0] + 1)), LEFT, WIDTH - RIGHT),
        _scale(0, 1, HEIGHT - BOTTOM, TOP),
    )
    ticks = {math.log(at): f"{at:,}" for at in xs if str(at).rstrip("0") == "1"}
    parts = [_axes(x, y, ticks, _shares(0), x_name, y_name)]
    for number, (name, line) in enumerate(lines.items()):
        last = number == len(lines) - 1
        points = [(x(math.log(at)), y(share)) for at, share in line.items()]
        parts.append(_line(points, "line" if last else "ideal"))
        for point, (at, share) in zip(points, line.items(), strict=True):
            parts.append(_dot(*point, 4 if last else 3, f"{name}, {at:,}: {share:.4f}", "dot" if last else "dot faint"))
        parts.append(_text(x(math.log(xs[0])) + 8, y(0.06 + 0.06 * number), name, "value start" if last else "start"))
    return _svg(parts, f"{y_name} by {x_name}")


def bar(share: float) -> str:
    """A small bar of this length, from 0 to 1."""
    return f'<svg class="bar" viewBox="0 0 60 8" aria-hidden="true"><rect width="{60 * share:.1f}" height="8"/></svg>'


def _tops(document: Mapping[str, Any]) -> str:
    names = ["accuracy", *(name for name in headline(document) if name.startswith("top_"))]
    ns = [1 if name == "accuracy" else int(name.removeprefix("top_")) for name in names]
    values = [document["figures"][name] for name in names]
    low = _below(min(values))
    x, y = _scale(-0.5, len(ns) - 0.5, LEFT, WIDTH - RIGHT), _scale(low, 1, HEIGHT - BOTTOM, TOP)
    parts = [_axes(x, y, dict(enumerate(map(str, ns))), _shares(low), "n", "share of rows")]
    parts.append(_line([(x(place), y(value)) for place, value in enumerate(values)]))
    for place, (name, value) in enumerate(zip(names, values, strict=True)):
        limits = document["intervals"].get(name)
        if limits is not None:
            parts.append(_line([(x(place), y(limits[0])), (x(place), y(limits[1]))], "whisker"))
        parts.append(_dot(x(place), y(value), 4.5, f"{name_of(name)}: {value:.4f}"))
        parts.append(_text(x(place), y(low) - 10, f"{value:.1%}", "value"))
    return _svg(parts, "Accuracy of the best n labels")


def _coverage(curve: Mapping[str, Any]) -> str:
    low = _below(min(curve["precision"]))
    x, y = _scale(0, 1, LEFT, WIDTH - RIGHT), _scale(low, 1, HEIGHT - BOTTOM, TOP)
    points = [(x(one), y(other)) for one, other in zip(curve["coverage"], curve["precision"], strict=True)]
    parts = [_axes(x, y, _shares(0), _shares(low), "share of rows kept", "precision"), _line(points)]
    for found in curve["wanted"]:
        if found["threshold"] is not None:
            says = f"precision {found['precision']:.1%} of {found['coverage']:.1%}, score {found['threshold']:.4f}"
            parts.append(_dot(x(found["coverage"]), y(found["precision"]), 4.5, says))
    return _svg(parts, "Precision against coverage")


def _reliability(bins: Mapping[str, Any]) -> str:
    x, y = _scale(0, 1, LEFT, WIDTH - RIGHT), _scale(0, 1, HEIGHT - BOTTOM, TOP)
    parts = [_axes(x, y, _shares(0), _shares(0), "score", "share that is right")]
    parts.append(_line([(x(0), y(0)), (x(1), y(1))], "ideal"))
    points = [(x(one), y(other)) for one, other in zip(bins["confidence"], bins["accuracy"], strict=True)]
    parts.append(_line(points))
    largest = max(bins["count"])
    for point, count in zip(points, bins["count"], strict=True):
        parts.append(_dot(*point, 3 + 7 * (count / largest) ** 0.5, f"{count:,} rows"))
    parts.append(_text(x(0.03), y(0.93), f"calibration error {bins['error']:.3f}", "value start"))
    return _svg(parts, "Reliability of the scores")


def _classes(document: Mapping[str, Any]) -> str:
    counts, _ = np.histogram([row["f1"] for row in document["classes"]], bins=10, range=(0, 1))
    most = int(counts.max())
    x, y = _scale(0, 1, LEFT, WIDTH - RIGHT), _scale(0, most * 1.1, HEIGHT - BOTTOM, TOP)
    step = next(size for size in _round_sizes() if most / size <= 5)
    steps = [step * place for place in range(most // step + 1)]
    parts = [_axes(x, y, _shares(0), {step: f"{step:,}" for step in steps}, "F1", "classes")]
    for place, count in enumerate(counts.tolist()):
        left, right, top = x(place / 10) + 1, x((place + 1) / 10) - 1, y(count)
        says = f"<title>{count:,} with F1 of {place / 10:.1f} to {(place + 1) / 10:.1f}</title>"
        shape = f'x="{left:.1f}" y="{top:.1f}" width="{right - left:.1f}" height="{HEIGHT - BOTTOM - top:.1f}"'
        parts.append(f'<rect class="column" {shape}>{says}</rect>')
    return _svg(parts, "Classes by F1")


def _scale(low: float, high: float, start: float, stop: float) -> Callable[[float], float]:
    return lambda value: start + (value - low) / (high - low) * (stop - start)


def _round_sizes() -> Iterator[int]:
    """1, 2, 5, 10, 20, 50 and so on."""
    return (digit * 10**power for power in range(20) for digit in (1, 2, 5))


def _below(value: float) -> float:
    """A round share below this one, for an axis to begin with; an axis of shares always ends at 1."""
    return max(0.0, min(0.8, math.floor(value * 10 - 0.2) / 10))


def _shares(low: float) -> dict[float, str]:
    step = 0.2 if low < 0.5 else 0.1 if low < 0.75 else 0.05
    values = [1 - step * place for place in range(round((1 - low) / step + 1e-6) + 1)]
    return {value: f"{value:.0%}" for value in values if value >= low - 1e-9}


def _axes(
    x: Callable[[float], float],
    y: Callable[[float], float],
    below: Mapping[float, str],
    beside: Mapping[float, str],
    x_name: str,
    y_name: str,
) -> str:
    bottom, right = HEIGHT - BOTTOM, WIDTH - RIGHT
    parts = [f'<path class="axis" d="M{LEFT} {TOP}V{bottom}H{right}"/>']
    for value, label in beside.items():
        parts.append(f'<path class="grid" d="M{LEFT} {y(value):.1f}H{right}"/>')
        parts.append(_text(LEFT - 8, y(value) + 4, label, "end"))
    parts += [_text(x(value), bottom + 18, label) for value, label in below.items()]
    parts.append(_text((LEFT + right) / 2, HEIGHT - 8, x_name, "name"))
    middle = (TOP + bottom) / 2
    parts.append(f'<text class="name" transform="translate(14 {middle}) rotate(-90)">{escape(y_name)}</text>')
    return "".join(parts)


def _line(points: Sequence[Point], kind: str = "line") -> str:
    return f'<path class="{kind}" d="M{"L".join(f"{x:.1f} {y:.1f}" for x, y in points)}"/>'


def _dot(x: float, y: float, radius: float, says: str, kind: str = "dot") -> str:
    return f'<circle class="{kind}" cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}"><title>{escape(says)}</title></circle>'


def _text(x: float, y: float, text: str, kind: str = "") -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}">{escape(text)}</text>'


def _svg(parts: Sequence[str], says: str) -> str:
    return f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{says}">{"".join(parts)}</svg>'
