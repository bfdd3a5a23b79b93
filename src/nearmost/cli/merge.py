"""``nearmost merge``: several index files made one."""

from __future__ import annotations

from typing import Annotated, Literal

from cyclopts import Parameter

from nearmost.cli.index import check_output, save
from nearmost.cli.options import Json, Threads
from nearmost.cli.output import print_json
from nearmost.cli.steps import step

EXAMPLES = """\
Examples:
  nearmost merge 'headlines-*.nearmost' -o headlines.nearmost
  nearmost merge monday.nearmost tuesday.nearmost --on-duplicate last -o both.nearmost
"""


def merge(
    files: Annotated[list[str], Parameter(name="FILE", help="Index files, or a pattern such as 'rows-*.nearmost'.")],
    /,
    *,
    output: Annotated[
        str, Parameter(name=["-o", "--output"], metavar="FILE", help="The index file to write, whole or not at all.")
    ],
    on_duplicate: Annotated[
        Literal["error", "first", "last"], Parameter(help="What to do where two rows have the same key.")
    ] = "error",
    kind: Annotated[
        Literal["auto", "flat", "partition", "graph"],
        Parameter(help="flat looks at every row; auto does up to 20,000 rows."),
    ] = "auto",
    quality: Annotated[
        Literal["fast", "default", "best"], Parameter(help="Time to build for time to search.")
    ] = "default",
    scratch: Annotated[
        str | None, Parameter(metavar="DIR", help="Where to keep what a build larger than memory needs.")
    ] = None,
    threads: Threads = 0,
    as_json: Json = False,
) -> None:
    """Make one index of the rows of several, in the order of the files.

    The files must be of one metric, dim, encoder and projection. What comes out
    is the index that all rows would have made at once, and faster than several.
    """
    from nearmost.merging import merge as merged

    check_output(output)
    with step("merging") as progress:
        built = merged(
            files,
            on_duplicate=on_duplicate,
            kind=kind,
            quality=quality,
            scratch=scratch,
            n_threads=threads,
            progress=progress,
        )
    save(built, output)
    if as_json:
        print_json(built.info())
    else:
        print(f"{output}: {len(built):,} rows x {built.dim}, {built.metric}")
