"""``nearmost join``: the nearest pairs of two indexes, or of one with itself, to a file."""

from __future__ import annotations

import os
from typing import Annotated

from cyclopts import Parameter

from nearmost.cli.options import Json, K, Threads
from nearmost.cli.output import print_json
from nearmost.cli.steps import step

EXAMPLES = """\
Examples:
  nearmost join titles.nearmost occupations.nearmost -k 3 -o pairs.tsv
  nearmost join headlines.nearmost -k 5 --min-score 0.9 -o near-duplicates.parquet
  nearmost join 'headlines-*.nearmost' topics.nearmost -k 1 -o topics.jsonl.gz
"""


def join(
    left: Annotated[str, Parameter(name="A", help="An index, or several as one: 'headlines-*.nearmost'.")],
    right: Annotated[
        str | None, Parameter(name="B", help="Another, whose rows are paired with those of A; without it A itself.")
    ] = None,
    /,
    *,
    output: Annotated[
        str,
        Parameter(
            name=["-o", "--output"],
            metavar="FILE",
            help="Where pairs go, whole or not at all: .tsv .csv .jsonl, also .gz .bz2 .xz, or .parquet.",
        ),
    ],
    k: K = 10,
    recall: Annotated[float, Parameter(metavar="R", help="Share of the nearest to find; 1 is exact.")] = 0.95,
    radius: Annotated[
        float | None, Parameter(metavar="D", help="Leave out what is farther, by the metric's own distance.")
    ] = None,
    min_score: Annotated[float | None, Parameter(metavar="S", help="Leave out what scores less.")] = None,
    force: Annotated[bool, Parameter(help="Replace FILE where it exists.")] = False,
    threads: Threads = 0,
    as_json: Json = False,
) -> None:
    """Write each row of A with its nearest rows of B, or of A but itself.

    A line a pair: key, key of the neighbour, score, and the texts where both
    indexes keep them; by row, and of one row the nearest first.
    """
    from nearmost.errors import InputError
    from nearmost.index import Index
    from nearmost.joining import join as joined
    from nearmost.pairs import require_pairs_path, write_pairs

    require_pairs_path(output)
    if os.path.exists(output) and not force:
        raise InputError(f"{output} exists and is left as it is: name another file, or say --force")
    with Index.open(left) as one, Index.open(left if right is None else right) as other, step("joining") as progress:
        pairs = joined(
            one, other, k, recall=recall, radius=radius, min_score=min_score, n_threads=threads, progress=progress
        )
        written, n_rows = write_pairs(output, pairs), len(one)
    if as_json:
        print_json({"path": output, "n_rows": n_rows, "n_pairs": written})
    else:
        print(f"{output}: {written:,} pairs of {n_rows:,} rows")
