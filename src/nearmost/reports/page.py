"""A report as one HTML page that needs nothing else: no network, no server, no other file.

The page carries its own content security policy: nothing may be loaded, and only the script and the style sheet whose
hashes it names may run. Texts and labels are escaped in the markup and lie in a JSON block for the script, which only
ever puts them in as text.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping
from html import escape
from importlib.resources import files
from typing import Any

import numpy as np

from nearmost.reports.confusion import Ints, block, matrix, pairs
from nearmost.reports.drawing import bar, pictures
from nearmost.reports.outcomes import Outcomes
from nearmost.reports.tally import AVERAGES, FIGURES
from nearmost.reports.wording import counted, headline, name_of, weakest

Document = Mapping[str, Any]
MOST_TEXTS = 50_000
"""Rows that the page carries: wrong ones first, and some of every pair of classes."""
MOST_PAIRS = 200
AT_HAND = 200
"""Rows of each of these pairs that come before any of the others."""
MOST_CLASSES = 5_000
SHADES = 6
FEW = 8
"""Classes whose names find room above the columns of the matrix."""


def page(document: Document, outcomes: Outcomes, title: str) -> str:
    """The whole page; ``document`` is what ``Report.plain`` gives."""
    classes = block(outcomes)
    body = [_summary(document), _pictures(document), _matrix(document, outcomes, classes), _pairs(document, outcomes)]
    body.append(_classes(document))
    says = f"{counted(len(outcomes), 'row')}, {counted(len(outcomes.labels), 'class')}"
    return frame(title, says, "".join(body), data=_data(outcomes, classes))


def frame(title: str, says: str, body: str, *, data: str | None = None) -> str:
    """A page around this markup, with the house's style; with ``data``, JSON, also the script that opens lists."""
    folder = files("nearmost.reports")
    style, script = (folder.joinpath(name).read_text(encoding="utf-8") for name in ("page.css", "page.js"))
    run = "" if data is None else f"script-src '{_hash(script)}'; "
    policy = f"default-src 'none'; style-src '{_hash(style)}'; {run}base-uri 'none'; form-action 'none'"
    lists = f"""<aside id="list" hidden aria-live="polite"></aside>
<noscript><p>Without JavaScript the texts behind the confusions cannot be opened, and tables not sorted.</p></noscript>
<script type="application/json" id="data">{data}</script>
<script>{script}</script>
"""
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{escape(title)}</title>
<style>{style}</style>
</head>
<body>
<header><h1>{escape(title)}</h1>
<p>{says}</p></header>
<main>
{body}
</main>
{"" if data is None else lists}</body>
</html>
"""


def _hash(content: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}"


def _data(outcomes: Outcomes, classes: Ints) -> str:
    """The rows behind the figures, as JSON that cannot end the script element."""
    order = _carried(outcomes)
    score = outcomes.confidence
    names = sorted({*outcomes.truth[order].tolist(), *outcomes.predicted[order].tolist()} - {-1})
    content = {
        "labels": {code: outcomes.labels[code] for code in names},
        "block": classes.tolist(),
        "rows": order.tolist(),
        "all": len(outcomes),
        "truth": outcomes.truth[order].tolist(),
        "predicted": outcomes.predicted[order].tolist(),
        "score": None if score is None else [float(f"{value:.4g}") for value in score[order].tolist()],
        "text": None if outcomes.texts is None else [outcomes.texts[row] for row in order.tolist()],
        "truths": None if outcomes.truths is None else [outcomes.truths[row] for row in order.tolist()],
    }
    written = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    for letter in "<>&\u2028\u2029":
        written = written.replace(letter, f"\\u{ord(letter):04x}")
    return written


def _carried(outcomes: Outcomes) -> Ints:
    """The rows that the page has room for, the wrong ones before the right ones.

    Where not all wrong ones fit: those of the pairs that the page lists, then the first of every pair, the second, ...
    """
    n = len(outcomes.labels) + 1
    pair = outcomes.truth * n + outcomes.predicted + 1
    order = np.argsort(pair, kind="stable")
    begins = np.flatnonzero(np.diff(pair[order], prepend=-1))
    place = np.empty_like(order)  # of each row among those of its pair
    place[order] = np.arange(len(order)) - np.repeat(begins, np.diff(begins, append=len(order)))
    truth, predicted, _ = (values[:MOST_PAIRS] for values in pairs(outcomes))
    place[np.isin(pair, truth * n + predicted + 1) & (place < AT_HAND)] = 0
    chosen = np.sort(np.lexsort((place, outcomes.correct))[:MOST_TEXTS])
    return chosen[np.argsort(outcomes.correct[chosen], kind="stable")]


def _summary(document: Document) -> str:
    tiles = []
    for name in headline(document):
        limits = document["intervals"].get(name)
        says = f"<small>{limits[0]:.1%} to {limits[1]:.1%}</small>" if limits else ""
        tiles.append(f"<div><dt>{name_of(name)}</dt><dd>{document['figures'][name]:.1%}{says}</dd></div>")
    rows = [[average, *(_figure(document, f"{average}_{name}") for name in FIGURES)] for average in AVERAGES]
    note = ""
    if len(document["intervals"]) > 1:
        note = f"<p>Below each figure: its {document['intervals']['level']:.0%} interval by bootstrap.</p>"
    table = _table(["average", *FIGURES], rows)
    return f'<section id="summary"><dl class="tiles">{"".join(tiles)}</dl>{table}{note}</section>'


def _figure(document: Document, name: str) -> str:
    limits = document["intervals"].get(name)
    says = f"<small>{limits[0]:.4f} to {limits[1]:.4f}</small>" if limits else ""
    return f"{document['figures'][name]:.4f}{says}"


def _pictures(document: Document) -> str:
    drawn = [
        f"<figure><h2>{escape(title)}</h2>{drawing}<figcaption>{escape(says)}</figcaption></figure>"
        for title, drawing, says in pictures(document)
    ]
    return f'<section class="pictures">{"".join(drawn)}</section>'


def _matrix(document: Document, outcomes: Outcomes, classes: Ints) -> str:
    counts, n = matrix(outcomes, classes), len(classes)
    extra = [place for place in (n, n + 1) if counts[:, place].any()]
    named = [escape(outcomes.labels[code]) for code in classes.tolist()]
    few = n <= FEW
    if few:
        heads = [f'<th scope="col" class="name">{name}</th>' for name in named]
    else:
        heads = [f'<th scope="col" title="{name}">{place}</th>' for place, name in enumerate(named, 1)]
    beside = {n: ("other", "a class that is not drawn"), n + 1: ("none", "no prediction")}
    heads += [f'<th scope="col" title="{says}">{name}</th>' for name, says in (beside[place] for place in extra)]
    given = [*map(str, classes.tolist()), "other", "none"]
    rows = []
    for place, (code, name) in enumerate(zip(classes.tolist(), named, strict=True)):
        total = max(int(counts[place].sum()), 1)
        head = f"<span>{name}</span>" if few else f"<span>{name}</span> {place + 1}"
        cells = []
        for at in (*range(n), *extra):
            count = int(counts[place, at])
            share = (count / total) ** (1 if at == place else 0.5)  # so that rare mistakes are seen too
            kind = ("right" if at == place else "wrong") + str(int(np.ceil(share * SHADES)))
            cells.append(f'<td class="{kind}">{_button(count, t=code, p=given[at])}</td>' if count else "<td></td>")
        rows.append(f'<tr><th scope="row" title="{name}">{head}</th>{"".join(cells)}</tr>')
    says = [
        f"A row is a true class, a column what was predicted{'' if few else ', by the same number'}.",
        "The stronger a cell's colour, the larger its share of the row. Choose one to see its texts.",
    ]
    if n < len(outcomes.labels):
        says.append(f"Drawn are {n} of {len(outcomes.labels):,} classes, those that are confused most.")
    head = f"<thead><tr><td></td>{''.join(heads)}</tr></thead>"
    table = f'<table class="matrix">{head}<tbody>{"".join(rows)}</tbody></table>'
    return _section("matrix", "Confusion matrix", " ".join(says), table)


def _pairs(document: Document, outcomes: Outcomes) -> str:
    found = pairs(outcomes)
    truth, predicted, counts = (values[:MOST_PAIRS].tolist() for values in found)
    if not counts:
        return ""
    rows = [
        [escape(outcomes.labels[t]), escape(outcomes.labels[p]), _button(count, t=t, p=p), f"{each['share']:.0%}"]
        for t, p, count, each in zip(truth, predicted, counts, document["confusions"], strict=False)
    ]
    says = f"The first {len(rows)} of {counted(len(found[0]), 'pair')}." if len(rows) < len(found[0]) else ""
    return _section("pairs", "Most confused pairs", says, _table(["true", "predicted", "rows", "share of true"], rows))


def _classes(document: Document) -> str:
    chosen = [(code, document["classes"][code]) for code in weakest(document)[:MOST_CLASSES]]
    rows = [
        [
            f'<button type="button" data-c="{code}">{escape(row["label"])}</button>',
            *(f"{row[name]:.4f}" for name in ("precision", "recall")),
            f"{row['f1']:.4f} {bar(row['f1'])}",
            *(str(row[name]) for name in ("support", "predicted")),
        ]
        for code, row in chosen
    ]
    says = "Choose a class to see the texts that it was wrongly given to or kept from; a heading to sort by."
    find = '<p><label>Find <input type="search" id="find" autocomplete="off"></label> <span id="found"></span></p>'
    table = _table(["class", *FIGURES, "support", "predicted"], rows)
    return _section("classes", "Classes", says, table, find)


def _section(name: str, title: str, says: str, table: str, above: str = "") -> str:
    return (
        f'<section id="{name}"><h2>{title}</h2>{f"<p>{says}</p>" if says else ""}{above}'
        f'<div class="scroll" tabindex="0">{table}</div></section>'
    )


def _button(count: int, **data: object) -> str:
    named = " ".join(f'data-{name}="{value}"' for name, value in data.items())
    return f'<button type="button" {named}>{count:,}</button>'


def _table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = "".join(f'<th scope="col">{name}</th>' for name in heads)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
