"""A report in words, 80 columns wide."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from nearmost.reports.tally import AVERAGES, FIGURES

Document = Mapping[str, Any]
"""What ``Report.plain`` gives."""
MOST = 10
WIDTH = 31
NAMES = {"accuracy": "accuracy", "coverage": "answered", "answered_accuracy": "accuracy of those answered"}


def text(document: Document) -> str:
    """The figures with their intervals, averages, the weakest classes and the most confused pairs."""
    parts = [_figures(document), _averages(document), _classes(document), _confusions(document), _thresholds(document)]
    return "\n\n".join("\n".join(lines) for lines in map(list, parts) if lines) + "\n"


def headline(document: Document) -> list[str]:
    """The names of the figures that come first: accuracy, top-n, and what was answered where not all was."""
    figures = document["figures"]
    tops = [name for name in figures if name.startswith("top_") and name != "top_1"]
    return ["accuracy", *tops, *(["coverage", "answered_accuracy"] if figures["coverage"] < 1 else [])]


def name_of(figure: str) -> str:
    """What a figure is called where people read it."""
    return NAMES.get(figure) or f"top-{figure.removeprefix('top_')} accuracy"


def counted(number: int, noun: str) -> str:
    """``1 row``, ``9,218 rows``, ``2 classes``."""
    return f"{number:,} {noun if number == 1 else f'{noun}es' if noun.endswith('s') else f'{noun}s'}"


def weakest(document: Document) -> list[int]:
    """The places of the classes, those of lowest F1 first, and of equal ones those with the most rows."""
    classes = document["classes"]
    return sorted(range(len(classes)), key=lambda place: (classes[place]["f1"], -classes[place]["support"]))


def _figures(document: Document) -> Iterable[str]:
    level = f"  {document['intervals']['level']:.0%} interval" if len(document["intervals"]) > 1 else ""
    yield f"{counted(document['n_rows'], 'row')}, {counted(document['n_classes'], 'class')}".ljust(36) + level
    for name in headline(document):
        interval = document["intervals"].get(name)
        limits = "" if interval is None else f"  {interval[0]:.4f} to {interval[1]:.4f}"
        yield f"{name_of(name):<30}{document['figures'][name]:.4f}{limits}"


def _averages(document: Document) -> Iterable[str]:
    yield f"{'':<10}" + "".join(f"{figure:>11}" for figure in FIGURES)
    for average in AVERAGES:
        values = (document["figures"][f"{average}_{name}"] for name in FIGURES)
        yield f"{average:<10}" + "".join(f"{value:>11.4f}" for value in values)


def _classes(document: Document) -> Iterable[str]:
    few = document["n_classes"] <= MOST
    title = "class" if few else f"the {MOST} of lowest F1"
    yield f"{title:<{WIDTH}}{'precision':>10}{'recall':>9}{'f1':>9}{'support':>9}{'predicted':>11}"
    for place in range(document["n_classes"]) if few else weakest(document)[:MOST]:
        row = document["classes"][place]
        figures = f"{row['precision']:>10.4f}{row['recall']:>9.4f}{row['f1']:>9.4f}"
        yield f"{_cut(row['label']):<{WIDTH}}{figures}{row['support']:>9}{row['predicted']:>11}"


def _confusions(document: Document) -> Iterable[str]:
    if document["confusions"]:
        yield f"{'most confused: true':<{WIDTH}}  {'predicted':<{WIDTH}}{'rows':>7}{'share':>7}"
    for each in document["confusions"][:MOST]:
        names = f"{_cut(each['truth']):<{WIDTH}}  {_cut(each['predicted']):<{WIDTH}}"
        yield f"{names}{each['count']:>7}{each['share']:>7.0%}"


def _thresholds(document: Document) -> Iterable[str]:
    if document["coverage"] is not None:
        yield f"{'wanted precision':<18}{'score at least':>15}{'answered':>10}"
        for found in document["coverage"]["wanted"]:
            wanted = f"{found['wanted']:.0%}"
            threshold = "none" if found["threshold"] is None else f"{found['threshold']:.4f}"
            yield f"{wanted:<18}{threshold:>15}{found['coverage']:>10.1%}"
    if document["reliability"] is not None:
        yield f"calibration error of the scores: {document['reliability']['error']:.4f}"


def _cut(label: str) -> str:
    """The label in one line that a terminal shows and does not obey, shortened."""
    shown = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in label)
    return shown if len(shown) < WIDTH else f"{shown[: WIDTH - 2]}…"
