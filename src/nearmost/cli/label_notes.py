"""``nearmost label history``, ``comment``, ``slices``: what was done, said and saved in a project."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from nearmost.cli.label_records import Folder
from nearmost.cli.options import Json
from nearmost.cli.output import print_json, print_table

HISTORY = "Examples:\n  nearmost label history news -n 5\n"
COMMENT = """\
Examples:
  nearmost label comment news record:17 "is this sports or business?"
  nearmost label comment news
"""
SLICES = """\
Examples:
  nearmost label slices news
  nearmost label slices news --delete unsure
"""


def history(
    folder: Folder,
    /,
    *,
    n: Annotated[int, Parameter(name="-n", metavar="N", help="How many.")] = 20,
    as_json: Json = False,
) -> None:
    """Show the last changes, the latest first, by whom and when, and which were undone."""
    from nearmost.label import Project

    with Project.open(folder) as project:
        events = project.history(n)
    if as_json:
        print_json(
            [
                {"time": one.created, "author": one.author, "action": one.action, **one.what, "undone": one.undone}
                for one in events
            ]
        )
    else:
        rows = [[one.created[:19], one.author, "yes" if one.undone else "", str(one)] for one in events]
        print_table(["time", "author", "undone", "change"], rows)


def comment(
    folder: Folder,
    target: Annotated[
        str | None, Parameter(name="TARGET", help="record:KEY, label:TASK/LABEL, heuristic:TASK/NAME, lookup:NAME, ...")
    ] = None,
    body: Annotated[str | None, Parameter(name="TEXT", help="What to say; else what was said is shown.")] = None,
    /,
    *,
    author: Annotated[str, Parameter(metavar="NAME", help="Who says so.")] = "me",
    as_json: Json = False,
) -> None:
    """Comment on anything in a project, or show the comments on it, or all."""
    from nearmost.label import Project

    with Project.open(folder) as project:
        if target is not None and body is not None:
            project.comment(target, body, author=author)
        found = project.comments(target)
    if as_json:
        print_json(
            [{"target": one.target, "author": one.author, "time": one.created, "body": one.body} for one in found]
        )
    else:
        rows = [[one.target, one.author, one.created[:19], one.body] for one in found]
        print_table(["on", "by", "time", "comment"], rows)


def slices(
    folder: Folder,
    /,
    *,
    delete: Annotated[str | None, Parameter(metavar="NAME", help="Take this one away; its records stay.")] = None,
    as_json: Json = False,
) -> None:
    """Show the saved slices, and how many records each finds."""
    from nearmost.label import Project

    with Project.open(folder) as project:
        if delete is not None:
            project.delete_slice(delete)
        rows = [
            [one.name, project.browse(f'slice:"{one.name}"', limit=0).total, "yes" if one.static else "", one.query]
            for one in project.slices
        ]
    headings = ["slice", "records", "static", "line"]
    if as_json:
        print_json([dict(zip(headings, [*row[:2], bool(row[2]), row[3]], strict=True)) for row in rows])
    else:
        print_table(headings, rows)
