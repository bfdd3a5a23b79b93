"""``nearmost analogy``: arithmetic with the rows of an index."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from nearmost.cli.options import IndexFile, Json, K
from nearmost.cli.search import show

EXAMPLES = """\
Examples:
  nearmost analogy glove.nearmost king woman --minus man
  nearmost analogy glove.nearmost paris germany --minus france -k 3 --json
"""


def analogy(
    file: IndexFile,
    plus: Annotated[list[str], Parameter(name="KEY", help="Keys of the rows to add.")],
    /,
    *,
    minus: Annotated[
        list[str] | None,
        Parameter(
            metavar="KEY", negative_iterable=(), help="The key of a row to take away; may be said more than once."
        ),
    ] = None,
    k: K = 10,
    recall: Annotated[float, Parameter(metavar="R", help="Share of the nearest to find; 1 is exact.")] = 0.95,
    as_json: Json = False,
) -> None:
    """Print the rows nearest to a sum: king + woman - man.

    Each row counts by its direction, whatever its length; the rows put in are
    left out of the answer. The index must be of metric cosine.
    """
    from nearmost.index import Index

    with Index.open(file) as opened:
        pairs = opened.analogy(plus, minus or [], k, recall=recall)
        ids = [opened.keys.row(key) for key, _ in pairs]
        asked = {"positive": plus, "negative": minus or []}
        show(opened, asked, ids, [score for _, score in pairs], as_json=as_json)
