"""What verbs print: tables made for the width of the terminal, JSON, and notes."""

from __future__ import annotations

import json
import shutil
import sys
import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

WIDTH = 100
"""Columns where the output is no terminal and COLUMNS is not set."""
TEXT_LINES = 3
JOINERS = "\N{ZERO WIDTH NON-JOINER}\N{ZERO WIDTH JOINER}"
"""Part of how Persian and families of emoji are written, and harmless."""


def printable(text: str) -> str:
    """The text as one line that a terminal shows and does not obey: no line ends, no control characters."""
    line = " ".join(text.split())
    return "".join(
        letter if letter.isprintable() or letter in JOINERS else "\N{REPLACEMENT CHARACTER}" for letter in line
    )


def print_json(document: Any) -> None:
    """One JSON document on one line."""
    print(json.dumps(document, ensure_ascii=False, allow_nan=False))


def print_neighbors(heading: str | None, neighbors: Sequence[Mapping[str, Any]]) -> None:
    """Rank, score, key and the beginning of the text, wrapped to the width of the terminal."""
    from rich.cells import cell_len
    from rich.console import Console
    from rich.text import Text

    width = shutil.get_terminal_size((WIDTH, 24)).columns
    console = Console(file=sys.stdout, width=width, highlight=False)
    if heading is not None:
        console.print(Text(printable(heading), style="bold cyan"), soft_wrap=True)
    keys = [printable(neighbor["key"]) for neighbor in neighbors]
    scores = [_score(neighbor["score"]) for neighbor in neighbors]
    most = max(12, width * 2 // 5) if any(neighbor["text"] for neighbor in neighbors) else width
    key_width = min(max(map(cell_len, keys), default=0), most)
    score_width = max(map(len, scores), default=0)
    for neighbor, key, score in zip(neighbors, keys, scores, strict=True):
        name = Text(key, style="bold")
        name.truncate(key_width, overflow="ellipsis", pad=True)
        line = Text(f"{neighbor['rank']:>3}  {score:>{score_width}}  ").append_text(name)
        margin = " " * line.cell_len
        for text in _lines(printable(neighbor["text"] or ""), width - line.cell_len - 2):
            line.append(f"  {text}")
            _print_line(console, line, width)
            line = Text(margin)
        if line.plain.strip():
            _print_line(console, line, width)
    if heading is not None:
        print()


def _lines(text: str, width: int) -> list[str]:
    """The beginning of the text, in lines of at most this many letters."""
    return textwrap.wrap(text, max(width, 20), max_lines=TEXT_LINES, placeholder=" …")


def _print_line(console: Console, line: Text, width: int) -> None:
    line.truncate(width, overflow="ellipsis")
    line.rstrip()
    console.print(line, soft_wrap=True)


def _score(score: float) -> str:
    return f"{score:.4f}" if score == 0 or 1e-3 <= abs(score) < 1e6 else f"{score:.4g}"


def print_table(headings: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Columns under headings, numbers to the right; the last column is cut off where the line ends."""
    from rich.cells import cell_len, set_cell_size

    cells = [[printable("" if value is None else str(value)) for value in row] for row in rows]
    numbers = [
        bool(rows) and all(isinstance(row[column], int | float | None) for row in rows)
        for column in range(len(headings))
    ]
    widths = [max(cell_len(row[column]) for row in [list(headings), *cells]) for column in range(len(headings))]
    room = shutil.get_terminal_size((WIDTH, 24)).columns - sum(widths[:-1]) - 2 * (len(widths) - 1)
    widths[-1] = min(widths[-1], max(room, 20))
    for row in [list(headings), *cells]:
        parts = []
        for text, width, number in zip(row, widths, numbers, strict=True):
            long = cell_len(text) > width
            kept = set_cell_size(text, width - 1) + "…" if long else text
            parts.append(" " * (width - cell_len(kept)) + kept if number else kept + " " * (width - cell_len(kept)))
        print("  ".join(parts).rstrip())


def print_facts(facts: Mapping[str, str]) -> None:
    """Names and values, one pair a line."""
    width = max(map(len, facts))
    for name, value in facts.items():
        print(f"{name:{width}}  {printable(value)}")


def note(text: str = "") -> None:
    """A line on stderr for whoever is watching."""
    print(text, file=sys.stderr)


def n_bytes(count: float) -> str:
    """A number of bytes with three digits and a unit of 1000."""
    unit = "bytes"
    for larger in ("kB", "MB", "GB", "TB"):
        if count < 999.5:
            break
        count, unit = count / 1000, larger
    return f"{count:.3g} {unit}"
