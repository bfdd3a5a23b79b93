"""``nearmost refit``: the rows of an index put through another head or projection, without encoding a text again."""

from __future__ import annotations

import os
from typing import Annotated, Literal

from cyclopts import CycloptsError, Parameter

from nearmost.cli.index import check_output, save
from nearmost.cli.inspect import told_projection
from nearmost.cli.options import Json, Threads
from nearmost.cli.output import print_json
from nearmost.cli.steps import step

EXAMPLES = """\
Examples:
  nearmost refit news.nearmost --head news.head
  nearmost refit news.nearmost --head news.head -o better.nearmost
  nearmost refit news.nearmost --project 64 --keep-full -o small.nearmost
  nearmost refit better.nearmost --project none -o news.nearmost
"""


def refit(
    file: Annotated[str, Parameter(name="FILE", help="An index, as nearmost index writes it.")],
    /,
    *,
    project: Annotated[
        str,
        Parameter(
            name=["--project", "--head"],
            metavar="N|KIND:N|FILE|none",
            help="A head that fine-tuning saved; or N columns, pca:N, gaussian:N, sparse:N, truncate:N; or none: the "
            "rows as they were given.",
        ),
    ],
    output: Annotated[
        str | None,
        Parameter(
            name=["-o", "--output"],
            metavar="FILE",
            help="The index file to write, whole or not at all; else it takes the place of the one that is there.",
        ),
    ] = None,
    kind: Annotated[
        Literal["auto", "flat", "partition", "graph"],
        Parameter(help="flat looks at every row; auto does up to 20,000 rows."),
    ] = "auto",
    quality: Annotated[
        Literal["fast", "default", "best"], Parameter(help="Time to build for time to search.")
    ] = "default",
    store: Annotated[
        Literal["auto", "f32", "f16", "i8"],
        Parameter(help="Type to keep rows in; auto takes the shortest that loses nothing."),
    ] = "auto",
    keep_full: Annotated[
        bool | None,
        Parameter(
            negative="--drop-full",
            help="Keep the rows as they were given, too, or do not; else they are kept where they were before, and "
            "where what is made of them is no shorter.",
        ),
    ] = None,
    threads: Threads = 0,
    as_json: Json = False,
) -> None:
    """Put the rows of an index through another head or projection.

    Nothing is encoded again; keys, texts and encoder stay, and queries go
    through the head by themselves. It takes the rows as they were given: of an
    index without a projection, or of one that keeps full rows, as one with a
    head does. What the change costs is measured and told.
    """
    from nearmost.index import Index

    target = output or file
    if output is not None or os.path.exists(file):  # else opening says what is wrong
        check_output(target)
    if keep_full is not None and project == "none":
        raise CycloptsError(
            msg="--keep-full and --drop-full go with a head or projection; without one the rows are full."
        )
    with Index.open(file) as opened, step("packing") as progress:
        built = opened.refit(
            None if project == "none" else project,
            kind=kind,
            quality=quality,
            store=store,
            keep_full=keep_full,
            n_threads=threads,
            progress=progress,
        )
        inside = built.info()
        if output is None and inside["projection"] is not None and "full" not in inside["sections"]:
            raise _lost(file, project)
    save(built, target)
    if as_json:
        print_json({**inside, "path": target})
        return
    made = inside["encoder"]
    print(f"{target}: {len(built):,} rows x {built.dim}, {built.metric}{f', encoder {made}' if made else ''}")
    for told in told_projection(inside["projection"], "full" in inside["sections"]).values():
        print(told)


def _lost(file: str, project: str) -> Exception:
    from nearmost.errors import InputError

    return InputError(
        f"{file} would keep its rows through {project} only, and what they were would be lost: name another file with "
        "-o, or say --keep-full"
    )
