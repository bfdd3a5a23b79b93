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
  nearmost info 'headlines-*.nearmost'
"""
VERIFY_EXAMPLES = """\
Examples:
  nearmost verify stdlib.nearmost
  nearmost verify *.nearmost && echo all sound
"""


def info(file: IndexFile, /, *, as_json: Json = False) -> None:
    """Tell what is inside an index: rows, metric, encoder, and the bytes of each part."""
    from nearmost.index import Index
    from nearmost.shards import paths_of

    with Index.open(file) as opened:
        inside = {**opened.info(), "n_bytes": sum(map(os.path.getsize, paths_of(file)))}
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
    from nearmost.shards import paths_of

    failed = 0
    for file in (os.fspath(path) for given in files for path in paths_of(given)):
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
        **_shards(inside.get("shards", [])),
        "metric": inside["metric"],
        "encoder": inside["encoder"] or "none: built from vectors",
        "keys": inside["keys"],
        "texts": inside["texts"],
        **told_projection(inside["projection"], "full" in sections),
        **_recall(inside["kind"], inside.get("calibration", {}).get("steps", {})),
        **{f"  {name}": n_bytes(size) for name, size in sections.items()},
    }


def _shards(shards: list[dict[str, Any]]) -> dict[str, str]:
    """The files that are searched as one; of the kinds only where they differ."""
    kinds = list(dict.fromkeys(shard["kind"] for shard in shards))
    rows = [shard["n_rows"] for shard in shards]
    return {"shards": f"{len(rows)} ({', '.join(kinds)}) of {min(rows):,} to {max(rows):,} rows"} if rows else {}


def told_projection(projected: dict[str, Any] | None, full: bool) -> dict[str, str]:
    """What rows and queries go through, and the share of the 10 nearest full rows that is left."""
    if projected is None:
        return {}
    cost = projected["cost"]
    lost = f"of the 10 nearest full rows it keeps {cost['recall@10']:.1%}" if cost else "its cost was not measured"
    kept = "; full rows are kept" + (f", 100 candidates scored by them {cost['recall@10 in 100']:.1%}" if cost else "")
    return {"projection": f"{projected['steps']}; {lost}{kept if full else ''}"}


def _recall(kind: str, steps: dict[str, list[list[float]]]) -> dict[str, str]:
    """What an index was calibrated to find: for each k, recall with so many lists or, of a graph, so much effort."""
    looked = "lists" if kind == "partition" else "effort"
    return {
        f"recall@{k}": ", ".join(f"{recall:.3f} ({looked} {effort:.0f})" for effort, _, recall, _ in ladder)
        for k, ladder in steps.items()
    }
