"""Draws the figures of the documentation as plain SVG, beside this file: ``python docs/figures/make.py``.

Every text stands in a box of its own colour, and arrows are of a middle grey, so that a picture is legible on a
light page and on a dark one.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from xml.sax.saxutils import escape

HERE = Path(__file__).parent
FONT = "ui-sans-serif, system-ui, 'Segoe UI', Helvetica, Arial, sans-serif"
INK, GREY = "#16202c", "#7d8896"
DATA, STEP, FILE, PART = "#dbe7f6", "#fbe3b8", "#d3e8d6", "#f4fbf4"
WIDTH, HEIGHT = 920, 440


def box(x: float, y: float, width: float, height: float, fill: str, title: str, *lines: str) -> str:
    """A box with a bold title and plain lines below it, all centred."""
    middle, top = x + width / 2, y + height / 2 - 9 * len(lines) + 5
    texts = [f'<text x="{middle}" y="{top}" font-weight="600">{escape(title)}</text>']
    texts += [
        f'<text x="{middle}" y="{top + 18 * number}" font-size="12.5">{escape(line)}</text>'
        for number, line in enumerate(lines, 1)
    ]
    shape = f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="7" fill="{fill}" stroke="{GREY}"/>'
    return "\n".join([shape, *texts])


def arrow(*points: tuple[float, float]) -> str:
    """A line through these points, with a head at its end."""
    path = " L".join(f"{x} {y}" for x, y in points)
    return f'<path d="M{path}" fill="none" stroke="{GREY}" stroke-width="2" marker-end="url(#head)"/>'


def heading(x: float, y: float, text: str) -> str:
    """A word outside the boxes."""
    return f'<text x="{x}" y="{y}" text-anchor="start" font-weight="600" fill="{GREY}">{escape(text)}</text>'


def search() -> str:
    """From texts or vectors to one file, and from a question to its answer: each part above the step that uses it."""
    parts = [
        (40, 120, "header", "metric, dim,", "checksums"),
        (184, 164, "encoder", "spec, three probes,", "what it learnt"),
        (372, 164, "8-bit codes", "a quarter of the bytes,", "error bounds"),
        (560, 152, "vectors", "float32, as given"),
        (736, 144, "keys, texts", "UTF-8, and a hash", "table for the keys"),
    ]
    steps = [
        (40, 120, DATA, "question", "or a vector"),
        (184, 164, STEP, "same encoder", "checked by its probes"),
        (372, 164, STEP, "scan the codes", "all rows; few may matter"),
        (560, 152, STEP, "score exactly", "those few, in float64"),
        (736, 144, DATA, "nearest rows", "key, score, text"),
    ]
    drawn = [heading(40, 24, "build, once")]
    drawn += [box(40, 36, 200, 72, DATA, "texts", ".txt .csv .tsv .json", ".jsonl .parquet")]
    drawn += [box(284, 36, 160, 72, STEP, "encoder", "minilm, lsa, st:NAME", "or your own")]
    drawn += [box(488, 36, 140, 72, DATA, "vectors", "one row a text,", "float32")]
    drawn += [box(720, 36, 160, 72, DATA, "your vectors", ".npy .npz .parquet", "or any array")]
    drawn += [arrow((240, 72), (280, 72)), arrow((444, 72), (484, 72)), arrow((720, 72), (632, 72))]
    drawn += [arrow((558, 108), (558, 146))]
    drawn += [f'<rect x="20" y="150" width="880" height="146" rx="7" fill="{FILE}" stroke="{GREY}"/>']
    drawn += ['<text x="460" y="177" font-weight="600">one memory-mapped file</text>']
    drawn += [box(x, 192, width, 88, PART, title, *lines) for x, width, title, *lines in parts]
    drawn += [heading(40, 338, "search, many times")]
    drawn += [box(x, 364, width, 64, fill, title, line) for x, width, fill, title, line in steps]
    for x, width, *_ in steps[1:]:
        drawn.append(arrow((x + width / 2, 280), (x + width / 2, 360)))
    for (x, width, *_), (following, *_) in pairwise(steps):
        drawn.append(arrow((x + width, 396), (following - 3, 396)))
    return "\n".join(drawn)


def document(body: str, title: str) -> str:
    """The whole SVG file."""
    return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}"
 role="img" font-family="{FONT}" font-size="15" text-anchor="middle" fill="{INK}">
<title>{escape(title)}</title>
<defs><marker id="head" viewBox="0 0 8 8" refX="6" refY="4" markerWidth="7" markerHeight="7" orient="auto">
<path d="M0 0 L8 4 L0 8 Z" fill="{GREY}"/></marker></defs>
{body}
</svg>
"""


FIGURES = {"search.svg": document(search(), "From texts or vectors to one file, and from a question to its answer")}
"""File name -> what must stand in it; tests/test_docs.py compares."""

if __name__ == "__main__":
    for name, drawing in FIGURES.items():
        (HERE / name).write_text(drawing, encoding="utf-8")
