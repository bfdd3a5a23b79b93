"""A comparison in words, 80 columns wide."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

Document = Mapping[str, Any]
"""What ``RetrievalComparison.plain`` gives."""
MOST = 12
NAMES = {"r_precision": "R-precision", "mrr": "MRR"}


def text(document: Document, warned: Iterable[str]) -> str:
    """Figures before and after with limits of the change, groups, and warnings."""
    parts = [_figures(document), _others(document), _classes(document), [f"warning: {one}" for one in warned]]
    return "\n\n".join("\n".join(lines) for lines in map(list, parts) if lines) + "\n"


def name_of(figure: str) -> str:
    """What a figure is called where people read it."""
    return NAMES.get(figure, figure.replace("ndcg", "nDCG"))


def warnings(document: Document, fall: float) -> list[str]:
    """What became worse by more than chance."""
    said = []
    for name, row in document["figures"].items():
        if row["change"][1] < 0 and (name == "r_precision" or name.startswith("precision")):
            said.append(f"{name_of(name)} fell from {row['before']:.3f} to {row['after']:.3f}")
    probe = document["linear_probe"]
    if probe is not None and probe["after"] < probe["before"] - fall:
        said.append(
            f"a linear classifier is right on {probe['after']:.1%} of the rows and was on {probe['before']:.1%}: "
            "the head has thrown away what tells groups apart"
        )
    for each in document["classes"]:
        if each["change"][1] < 0:
            unseen = ", which was not in training," if each["unseen"] else ""
            told = f"from {each['before']:.3f} to {each['after']:.3f}"
            said.append(f"rows of {each['label']!r}{unseen} find each other worse: R-precision fell {told}")
    return said


def _figures(document: Document) -> Iterable[str]:
    asked = f"{document['n_queries']:,} queries among {document['n_rows']:,} rows"
    yield f"{asked:<36}{'before':>8}{'after':>9}  {document['level']:.0%} limits of the change"
    for name, row in document["figures"].items():
        low, high = row["change"]
        yield f"{name_of(name):<36}{row['before']:>8.4f}{row['after']:>9.4f}  {low:+.4f} to {high:+.4f}"


def _others(document: Document) -> Iterable[str]:
    for name, says in (("linear_probe", "accuracy of a linear classifier"), ("knn_accuracy", "accuracy of 10 voters")):
        if document[name] is not None:
            yield f"{says:<36}{document[name]['before']:>8.4f}{document[name]['after']:>9.4f}"
    for k, share in document["overlap"].items():
        yield f"{f'of the {k} nearest stayed the same':<36}{'':>8}{share:>9.1%}"


def _classes(document: Document) -> Iterable[str]:
    classes = sorted(document["classes"], key=lambda each: each["after"] - each["before"])
    shown = classes if len(classes) <= MOST else classes[: MOST // 2] + classes[-MOST // 2 :]
    title = "R-precision of" if len(shown) == len(classes) else f"R-precision of {len(shown)} of {len(classes)} groups"
    yield f"{title:<36}{'before':>8}{'after':>9}  {'limits':<18}{'queries':>7}"
    for each in shown:
        low, high = each["change"]
        name = _cut(each["label"] + (" (not in training)" if each["unseen"] else ""))
        limits = f"{low:+.4f} to {high:+.4f}"
        yield f"{name:<36}{each['before']:>8.4f}{each['after']:>9.4f}  {limits:<18}{each['queries']:>7,}"


def _cut(label: str) -> str:
    """The label in one line that a terminal shows and does not obey, shortened."""
    shown = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in label)
    return shown if len(shown) < 36 else f"{shown[:34]}…"
