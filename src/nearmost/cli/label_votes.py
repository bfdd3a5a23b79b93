"""``nearmost label heuristics``, ``approve``, ``run``, ``terms`` and others: what votes besides people."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import CycloptsError, Parameter

from nearmost.cli.label_records import Folder, TaskName
from nearmost.cli.options import Json
from nearmost.cli.output import note, print_json, print_table
from nearmost.cli.steps import step

if TYPE_CHECKING:
    from nearmost.label import Project

HEURISTICS = """\
Examples:
  nearmost label heuristics news
  nearmost label heuristics news --add sport_lookup.py
  nearmost label heuristics news --predictions my_model.csv
  nearmost label heuristics news --off sport_lookup
"""
APPROVE = """\
Examples:
  nearmost label approve news Topic sport_lookup
"""
RUN = """\
Examples:
  nearmost label run news
  nearmost label run news sport_lookup
  nearmost label run news --stale
"""
PREVIEW = """\
Examples:
  nearmost label preview news sport_lookup
  nearmost label preview news sport_lookup --on conflicts -n 5
"""
TERMS = """\
Examples:
  nearmost label terms news sports
  nearmost label terms news sports --add "world cup,striker" --strike match
  nearmost label terms news sports --add "coach,season" --label Sports
"""


def heuristics(
    folder: Folder,
    /,
    *,
    task: TaskName = None,
    add: Annotated[
        str | None, Parameter(metavar="FILE", help="Take this .py or .toml into the project; its code is approved.")
    ] = None,
    predictions: Annotated[
        str | None,
        Parameter(
            metavar="FILE",
            help="Take what another model says, a table of keys, labels and perhaps confidence, as votes of its name.",
        ),
    ] = None,
    on: Annotated[str | None, Parameter(metavar="NAME", help="Let weak supervision count this one.")] = None,
    off: Annotated[str | None, Parameter(metavar="NAME", help="Let it not count this one.")] = None,
    as_json: Json = False,
) -> None:
    """List the heuristics of a project: of which kind they are, approved, on or off, and whether they are stale."""
    from nearmost.label import Project

    with Project.open(folder) as project:
        about = project.task(task).name
        if add is not None:
            project.add_heuristic(about, Path(add).stem, Path(add).read_text(encoding="utf-8"))
        if predictions is not None:
            project.add_predictions(about, Path(predictions).name.partition(".")[0], predictions)
        for name, state in ((on, True), (off, False)):
            if name is not None:
                project.enable(about, name, state)
        found = project.heuristics(task)
        rows = [
            {
                "task": each.task,
                "name": each.name,
                "kind": each.kind,
                "on": each.enabled,
                "approved": each.approved,
                "stale": each.stale,
                "n_votes": None if each.last_run is None else each.last_run.n_votes,
                "status": each.problem or (None if each.last_run is None else each.last_run.status),
            }
            for each in found
        ]
    if as_json:
        print_json(rows)
        return
    shown = [{**row, **{name: "yes" if row[name] else "no" for name in ("on", "approved", "stale")}} for row in rows]
    headings = ["task", "name", "kind", "on", "approved", "stale", "votes", "last run"]
    print_table(headings, [[*list(row.values())[:-1], row["status"] or "none yet"] for row in shown])


def approve(
    folder: Folder,
    task: Annotated[str, Parameter(name="TASK", help="The task of the heuristics.")],
    names: Annotated[list[str], Parameter(name="NAME", help="Heuristics whose code you have looked at.")],
    /,
    *,
    as_json: Json = False,
) -> None:
    """Show the code of heuristics and let it run, as it is now; changed code must be approved again."""
    from nearmost.label import Project

    with Project.open(folder) as project:
        sources = {name: project.source(task, name) for name in names}
        for name, source in sources.items():
            project.approve(task, name, source=source)
    if as_json:
        print_json({"approved": names})
        return
    for name, source in sources.items():
        print(f"approved {task}/{name}:")
        print(
            "".join(
                f"    {''.join(c if c.isprintable() else '?' for c in line)}\n"
                for line in source.expandtabs().splitlines()
            )
        )


def run(
    folder: Folder,
    names: Annotated[list[str] | None, Parameter(name="NAME", help="Heuristics; else all of them.")] = None,
    /,
    *,
    task: TaskName = None,
    stale: Annotated[bool, Parameter(help="Only those that would perhaps vote otherwise now.")] = False,
    as_json: Json = False,
) -> int:
    """Run heuristics over all records; their votes take the place of the earlier ones.

    Code runs in a process apart, without network and files, and only where it
    was approved. The exit status is 1 where one of them failed.
    """
    from nearmost.label import Project

    with Project.open(folder) as project, step("running") as progress:
        reports = project.run(task, names or None, stale_only=stale, progress=progress)
    if as_json:
        shown = ("task", "heuristic", "status", "n_votes", "seconds", "error", "record", "traceback", "log", "isolated")
        print_json([{name: getattr(report, name) for name in shown} for report in reports])
    else:
        rows: list[list[Any]] = [
            [each.task, each.heuristic, each.status, each.n_votes, f"{each.seconds:.1f}", each.error or ""]
            for each in reports
        ]
        print_table(["task", "heuristic", "status", "votes", "seconds", "error"], rows)
        if not reports:
            note("nothing is stale" if stale else "no heuristics yet; see nearmost label terms and heuristics --add")
        for each in reports:
            if each.record is not None or each.traceback:
                note(f"{each.heuristic} at record {each.record}:\n{each.traceback.rstrip()}")
        missing = sorted({what for each in reports for what in each.missing})
        if missing:
            note(f"not isolated: this system could not keep the code from {', '.join(missing)}")
    return 1 if any(each.status != "done" for each in reports) else 0


def preview(
    folder: Folder,
    name: Annotated[str, Parameter(name="NAME", help="A heuristic.")],
    /,
    *,
    task: TaskName = None,
    on: Annotated[
        Literal["random", "conflicts"], Parameter(help="Records by chance, or those on which heuristics differ.")
    ] = "random",
    n: Annotated[int, Parameter(name="-n", metavar="N", help="How many.")] = 10,
    as_json: Json = False,
) -> None:
    """Show what a heuristic says of some records; nothing is kept."""
    from nearmost.label import Project

    with Project.open(folder) as project:
        found = project.preview(project.task(task).name, name, n, on=on)
        texts = project.texts()
        read = [texts[one.record.id] for one in found]
    said = [", ".join(vote[0] for vote in one.votes) or one.error or "" for one in found]
    if as_json:
        print_json([{"key": one.record.key, "votes": one.votes, "error": one.error} for one in found])
    else:
        rows = [[one.record.key, vote, text] for one, vote, text in zip(found, said, read, strict=True)]
        print_table(["key", "vote", "text"], rows)


def terms(
    folder: Folder,
    name: Annotated[str | None, Parameter(name="LIST", help="A lookup list; else their names.")] = None,
    /,
    *,
    task: TaskName = None,
    add: Annotated[str | None, Parameter(metavar="A,B,...", help="Terms to add; a new list is made.")] = None,
    strike: Annotated[str | None, Parameter(metavar="A,B,...", help="Terms to use no more; they stay listed.")] = None,
    use: Annotated[str | None, Parameter(metavar="A,B,...", help="Struck terms to use again.")] = None,
    label: Annotated[
        str | None, Parameter(metavar="NAME", help="What the list stands for: a heuristic LIST votes so from now on.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Show a lookup list: what each term hits, and how often it is right where people labelled."""
    from nearmost.label import Project

    if name is None and (add or strike or use or label):
        raise CycloptsError(msg="--add, --strike, --use and --label go with a LIST.")
    with Project.open(folder) as project:
        if name is None:
            rows = [
                [each, len(held.terms), len(held.terms) - len(held.values)] for each, held in project.lookups.items()
            ]
            headings = ["list", "terms", "struck"]
        else:
            if add:
                project.add_terms(name, [each.strip() for each in add.split(",") if each.strip()])
            for given, excluded in ((strike, True), (use, False)):
                for term in (given or "").split(","):
                    if term.strip():
                        project.strike(name, term.strip(), excluded)
            about = project.task(task).name
            if label is not None:
                _vote(project, about, name, label)
            headings = ["term", "used", "records", "right", "judged", "taken from"]
            found = project.term_statistics(about, name)
            if any(one.judged for one in found) and not any(one.right for one in found):
                note(f"no term is right: if {name} stands for another label of {about}, say which with --label")
            rows = [
                [
                    one.term,
                    "no" if one.excluded else "yes",
                    one.n_records,
                    one.right,
                    one.judged,
                    ", ".join(one.sources),
                ]
                for one in found
            ]
    if as_json:
        print_json([dict(zip(headings, row, strict=True)) for row in rows])
    else:
        print_table(headings, rows)


def _vote(project: Project, task: str, name: str, label: str) -> None:
    """A heuristic of the list's name that votes for the label, unless it is there already."""
    project.task(task).label(label)
    there = next((each for each in project.heuristics(task) if each.name == name), None)
    if there is None:
        project.add_heuristic(task, name, {"kind": "lookup", "list": name, "label": label})
        return
    held = tomllib.loads(project.source(task, name)) if there.kind == "lookup" else {}
    if (held.get("list"), held.get("label")) != (name, label):
        says = f"it stands for {held['label']}" if held.get("list") == name else f"it is of kind {there.kind}"
        raise CycloptsError(msg=f"there is a heuristic {name} of {task} already, and {says}; rename the list.")
