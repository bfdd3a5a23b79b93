"""``nearmost info`` and ``nearmost verify``: what an index file holds, and whether all of it is sound."""

from __future__ import annotations

import os
from typing import Annotated, Any

from cyclopts import Parameter

from nearmost.cli.faults import report, sentence
from nearmost.cli.options import IndexFile, Json
from nearmost.cli.output import n_bytes, print_facts, print_json

INFO_EXAMPLES = """\
Examples:
  nearmost info stdlib.nearmost
  nearmost info stdlib.nearmost --json
"""
VERIFY_EXAMPLES = """\
Examples:
  nearmost verify stdlib.nearmost
  nearmost verify *.nearmost && echo all sound
"""


def info(file: IndexFile, /, *, as_json: Json = False) -> None:
    """Tell what is inside an index: rows, metric, encoder, and the bytes of each part."""
    from nearmost.index import Index

    with Index.open(file) as opened:
        inside = {**opened.info(), "n_bytes": os.path.getsize(file)}
    if as_json:
        print_json(inside)
    else:
        print_facts(_facts(inside))


def verify(
    files: Annotated[list[str], Parameter(name="FILE", help="One or more index files.")],
    /,
    *,
    as_json: Json = False,
) -> int:
    """Check every byte of index files against its checksum.

    Prints a line a file. The exit status is 1 where one of them is not sound.
    """
    from nearmost.errors import NearmostError
    from nearmost.index import Index

    failed = 0
    for file in files:
        error = None
        try:
            Index.open(file, verify="full").close()
        except (NearmostError, OSError) as found:
            error = sentence(found)
            failed += 1
        if as_json:
            print_json({"path": file, "sound": error is None, "error": error})
        elif error is None:
            print(f"{file}: sound")
        else:
            report(error)
    return 1 if failed else 0


def _facts(inside: dict[str, Any]) -> dict[str, str]:
    sections = inside["sections"]
    return {
        "file": f"{inside['path']}, {n_bytes(inside['n_bytes'])}",
        "rows": f"{inside['n_rows']:,} x {inside['dim']} ({inside['kind']})",
        "metric": inside["metric"],
        "encoder": inside["encoder"] or "none: built from vectors",
        "keys": inside["keys"],
        "texts": inside["texts"],
        **_projection(inside["projection"], "full" in sections),
        **_recall(inside["kind"], inside.get("calibration", {}).get("steps", {})),
        **{f"  {name}": n_bytes(size) for name, size in sections.items()},
    }


def _projection(projected: dict[str, Any] | None, full: bool) -> dict[str, str]:
    """What rows and queries go through, and the share of the 10 nearest full rows that is left."""
    if projected is None:
        return {}
    cost = projected["cost"]
    lost = (
        f"of the 10 nearest full rows it keeps {cost['recall@10']:.1%}" if cost else "too few rows to measure its cost"
    )
    kept = "; full rows are kept" + (f", scoring 100 by them {cost['recall@10 in 100']:.1%}" if cost else "")
    return {"projection": f"{projected['steps']}; {lost}{kept if full else ''}"}


def _recall(kind: str, steps: dict[str, list[list[float]]]) -> dict[str, str]:
    """What an index was calibrated to find: for each k, recall with so many lists or, of a graph, so much effort."""
    looked = "lists" if kind == "partition" else "effort"
    return {
        f"recall@{k}": ", ".join(f"{recall:.3f} ({looked} {effort:.0f})" for effort, _, recall, _ in ladder)
        for k, ladder in steps.items()
    }
