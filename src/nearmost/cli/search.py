"""``nearmost search``: the nearest rows of questions, or of a row."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import CycloptsError, Parameter

from nearmost.cli.options import IndexFile, Json, K
from nearmost.cli.output import print_json, print_neighbors

if TYPE_CHECKING:
    from nearmost.index import Index

EXAMPLES = """\
Examples:
  nearmost search headlines.nearmost confronting global challenges
  nearmost search headlines.nearmost "confronting global challenges" -k 3 --json
  nearmost search stdlib.nearmost --key shutil.copytree
  nearmost search 'headlines-*.nearmost' "confronting global challenges"
  nearmost search headlines.nearmost - < questions.txt
"""
BATCH = 256  # lines of standard input that are encoded together


def search(
    file: IndexFile,
    query: Annotated[
        list[str] | None, Parameter(help="The question; several words make one. - reads a question a line from stdin.")
    ] = None,
    /,
    *,
    k: K = 10,
    key: Annotated[
        str | None, Parameter(metavar="KEY", help="The neighbours of the row with this key, in place of a question.")
    ] = None,
    encoder: Annotated[
        str | None,
        Parameter(metavar="SPEC", help="What turns the question into a vector, where the index does not say."),
    ] = None,
    recall: Annotated[
        float, Parameter(metavar="R", help="Share of the nearest to find, in indexes of 20,000 rows or more; 1: all.")
    ] = 0.95,
    radius: Annotated[
        float | None, Parameter(metavar="D", help="Leave out what is farther, by the metric's own distance.")
    ] = None,
    rescore: Annotated[
        int | None,
        Parameter(
            metavar="N",
            help="Where full rows are kept: put so many rows that are found through the projection or head in order by "
            "them; 0 for none.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Print the nearest rows: rank, score (larger is nearer), key and text.

    The text is shortened to the width of the terminal; --json prints all of it.
    """
    from nearmost.index import Index

    words = " ".join(query or []).strip()
    spread = next((word for word in query or [] if word.endswith(".nearmost") and os.path.isfile(word)), None)
    if spread is not None:
        raise CycloptsError(msg=f"{spread} is a file and no question; to search files as one, quote: '*.nearmost'.")
    if bool(words) == (key is not None):
        raise CycloptsError(msg="search wants a question or --key KEY, one of the two.")
    with Index.open(file, encoder=encoder) as opened:
        if key is not None:
            own = opened.search(opened.vector(key), k, recall=recall, radius=radius, rescore=rescore, leave_out=key)
            show(opened, {"key": key}, own.ids.tolist(), own.scores.tolist(), as_json=as_json)
        elif encoder is None and opened.info()["encoder"] is None:
            from nearmost.errors import EncoderError

            raise EncoderError(
                f"{file} was built from vectors and names no encoder, so it cannot be searched by text: "
                "say --encoder SPEC, or --key KEY for the neighbours of a row"
            )
        else:
            questions = _lines() if words == "-" else iter([words])
            ask(opened, questions, k, recall, radius, rescore, as_json=as_json, headed=words == "-")


def ask(
    opened: Index,
    questions: Iterator[str],
    k: int,
    recall: float = 0.95,
    radius: float | None = None,
    rescore: int | None = None,
    *,
    as_json: bool,
    headed: bool,
) -> None:
    """Prints the answers to the questions, in their order; ``headed``: with the question above."""
    size = 1 if sys.stdin is not None and sys.stdin.isatty() else BATCH
    while batch := list(islice(questions, size)):
        found = opened.search(batch, k, recall=recall, radius=radius, rescore=rescore)
        for question, ids, scores in zip(batch, found.ids.tolist(), found.scores.tolist(), strict=True):
            show(opened, {"query": question}, ids, scores, as_json=as_json, heading=question if headed else None)


def show(
    opened: Index,
    asked: dict[str, Any],
    ids: list[int],
    scores: list[float],
    *,
    as_json: bool,
    heading: str | None = None,
) -> None:
    """Prints one answer: the rows of these ids, but for -1, which stands where there are no more."""
    neighbors: list[dict[str, Any]] = [
        {
            "rank": rank,
            "score": None if as_json and not math.isfinite(score) else score,  # JSON knows no infinity
            "key": opened.keys[row],
            "text": None if opened.texts is None else opened.texts[row],
        }
        for rank, (row, score) in enumerate(zip(ids, scores, strict=True), 1)
        if row >= 0
    ]
    if as_json:
        print_json({**asked, "neighbors": neighbors})
    else:
        print_neighbors(heading, neighbors)
    sys.stdout.flush()


def _lines() -> Iterator[str]:
    """The lines of standard input that are not blank."""
    from nearmost.errors import ReadError

    for number, line in enumerate(sys.stdin.buffer, 1):
        try:
            question = line.decode().strip()
        except UnicodeDecodeError:
            raise ReadError(f"<stdin>:{number}: is not UTF-8; wanted a question a line") from None
        if question:
            yield question
