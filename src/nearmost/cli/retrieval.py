"""``nearmost evaluate --retrieval``: whether texts of a label find each other, without a head and with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nearmost.cli.encoder import encoder_for
from nearmost.cli.output import print_json
from nearmost.cli.steps import step

if TYPE_CHECKING:
    from nearmost.finetuning import Retrieval


def show_retrieval(
    file: str,
    *,
    head: str | None = None,
    report: str | None = None,
    text: str | None = None,
    truth: str = "label",
    encoder: str = "minilm",
    encoder_of: str | None = None,
    cache: str | None = None,
    unseen: list[str] | None = None,
    limit: int | None = None,
    threads: int = 0,
    as_json: bool = False,
) -> None:
    """Prints the measures of fixed queries among the texts of a file; with ``head``, before beside after."""
    from nearmost.finetuning import compare_retrieval, evaluate_retrieval
    from nearmost.projection import Projection
    from nearmost.readers import read_corpus

    projection = None if head is None else Projection.load(head)
    loaded = encoder_for(encoder, encoder_of, cache)
    with step("reading") as progress:
        corpus = read_corpus(file, text=text, label=truth, limit=limit, progress=progress)
    with step("encoding") as progress:
        rows = loaded.encode(list(corpus.texts), progress=progress, n_threads=threads)
    labels = list(corpus.labels or ())
    if projection is None:
        _show(evaluate_retrieval(rows, labels), len(labels), as_json=as_json)
        return
    with step("comparing"):
        after = projection.apply(rows, n_threads=threads)
        found = compare_retrieval(rows, after, labels, texts=list(corpus.texts), unseen=unseen or ())
    if report is not None:
        found.save(report)
    if as_json:
        print_json({**found.plain(), "warnings": found.warnings})
    else:
        print(found, end="")


def _show(found: Retrieval, n_rows: int, *, as_json: bool) -> None:
    if as_json:
        print_json({"n_rows": n_rows, "n_queries": len(found.queries), "alone": found.alone, "figures": found.figures})
        return
    from nearmost.finetuning.wording import name_of

    print(f"{len(found.queries):,} queries among {n_rows:,} rows")
    for name, value in found.figures.items():
        print(f"{name_of(name):<16}{value:.4f}")
