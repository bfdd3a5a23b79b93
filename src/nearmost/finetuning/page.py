"""A comparison as one HTML page that needs nothing else, in the style of the reports on predictions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from nearmost.finetuning.wording import name_of
from nearmost.reports.drawing import curves
from nearmost.reports.page import frame

Document = Mapping[str, Any]


def page(document: Document, warned: Sequence[str], title: str) -> str:
    """The whole page; ``document`` is what ``RetrievalComparison.plain`` gives."""
    body = [_warnings(warned), _summary(document), _pictures(document), _figures(document), _classes(document)]
    body += [
        _moved(document["gained"], "Gained most", "These queries have more of their own group near them than before."),
        _moved(document["lost"], "Lost most", "These have fewer; look whether their labels are right."),
    ]
    says = f"{document['n_queries']:,} queries among {document['n_rows']:,} rows"
    return frame(title, says, "".join(body))


def _warnings(warned: Sequence[str]) -> str:
    lines = "".join(f"<p>{escape(one)}.</p>" for one in warned)
    return f'<section class="warning"><h2>Be wary</h2>{lines}</section>' if warned else ""


def _summary(document: Document) -> str:
    chosen = [name for name in document["figures"] if name.startswith("precision")] + ["r_precision"]
    tiles = [_tile(name_of(name), document["figures"][name], document["figures"][name]["change"]) for name in chosen]
    for name, says in (("linear_probe", "linear classifier"), ("knn_accuracy", "vote of 10 nearest")):
        if document[name] is not None:
            tiles.append(_tile(says, document[name], None))
    note = f"Large: after. Below: before, and the {document['level']:.0%} limits of the change by bootstrap."
    return f'<section id="summary"><dl class="tiles">{"".join(tiles)}</dl><p>{note}</p></section>'


def _tile(name: str, row: Mapping[str, float], change: Sequence[float] | None) -> str:
    limits = "" if change is None else f"<small>{100 * change[0]:+.1f} to {100 * change[1]:+.1f} points</small>"
    return f"<div><dt>{name}</dt><dd>{row['after']:.1%}<small>was {row['before']:.1%}</small>{limits}</dd></div>"


def _pictures(document: Document) -> str:
    lines = {name: {int(k): share for k, share in document["curve"][name].items()} for name in ("before", "after")}
    drawing = curves(lines, "k", "precision@k")
    says = "Of the k nearest rows, the share that is of the query's own group."
    return (
        f'<section class="pictures"><figure><h2>Precision by k</h2>{drawing}<figcaption>{says}</figcaption></figure>'
        "</section>"
    )


def _figures(document: Document) -> str:
    rows = [[name_of(name), *_numbers(row)] for name, row in document["figures"].items()]
    for k, share in document["overlap"].items():
        rows.append([f"of the {k} nearest stayed the same", "", f"{share:.1%}", ""])
    return _section("All figures", _table(["", "before", "after", "limits of the change"], rows))


def _classes(document: Document) -> str:
    rows = [
        [_named(row), *_numbers(row), f"{row['queries']:,}"]
        for row in sorted(document["classes"], key=lambda each: each["after"] - each["before"])
    ]
    table = _table(["group", "before", "after", "limits of the change", "queries"], rows)
    return _section("R-precision of each group", table)


def _named(row: Mapping[str, Any]) -> str:
    return escape(row["label"]) + ("<small>not in training</small>" if row["unseen"] else "")


def _numbers(row: Mapping[str, Any]) -> list[str]:
    low, high = row["change"]
    return [f"{row['before']:.4f}", f"{row['after']:.4f}", f"{low:+.4f} to {high:+.4f}"]


def _moved(queries: Sequence[Mapping[str, Any]], title: str, says: str) -> str:
    if not queries:
        return ""
    shown = []
    for query in queries:
        lists = "".join(
            f"<div><h3>{name}</h3><ol>{''.join(map(_neighbor, query[f'neighbors_{name}']))}</ol></div>"
            for name in ("before", "after")
        )
        share = f"<b>{query['before']:.0%} to {query['after']:.0%}</b>"
        shown.append(
            f"<details><summary>{share}{_name(query)} <small>{escape(query['label'])}</small></summary>"
            f'<div class="moved">{lists}</div></details>'
        )
    says += " Open one to see its neighbours; those of its own group are marked."
    return f"<section><h2>{title}</h2><p>{says}</p>{''.join(shown)}</section>"


def _neighbor(neighbor: Mapping[str, Any]) -> str:
    kind = ' class="same"' if neighbor["same"] else ""
    return f"<li{kind}>{_name(neighbor)} <small>{neighbor['score']:.3f}</small></li>"


def _name(row: Mapping[str, Any]) -> str:
    return f"row {row['row']}" if row["text"] is None else escape(row["text"])


def _section(title: str, table: str) -> str:
    return f'<section><h2>{title}</h2><div class="scroll" tabindex="0">{table}</div></section>'


def _table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = "".join(f'<th scope="col">{name}</th>' for name in heads)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
