"""``nearmost label supervise``, ``stats``, ``threshold`` and others: what votes come to, what next, and the pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from nearmost.cli.label_records import Folder, TaskName
from nearmost.cli.options import Json
from nearmost.cli.output import note, print_facts, print_json, print_table
from nearmost.cli.steps import step

if TYPE_CHECKING:
    from nearmost.label import Project

STATS = "Examples:\n  nearmost label stats news\n"
SUPERVISE = """\
Examples:
  nearmost label supervise news
  nearmost label supervise news --model weak_nlp
"""
THRESHOLD = "Examples:\n  nearmost label threshold news --precision 0.9\n"
CONFUSION = "Examples:\n  nearmost label confusion news\n"
QUEUE = """\
Examples:
  nearmost label queue news --by conflict -n 10
  nearmost label queue news --by similar --like 17
  nearmost label queue news --by random -n 250 -o to-label.csv
"""
EXPLAIN = "Examples:\n  nearmost label explain news 17\n"
UI = """\
Examples:
  nearmost label ui news
  nearmost label ui news --port 8080
"""


def stats(folder: Folder, /, *, task: TaskName = None, as_json: Json = False) -> None:
    """Show what each heuristic covers, where others agree and differ, and how often it is right."""
    from nearmost.label import Project

    with Project.open(folder) as project:
        names = project.task(task).names
        found = project.stats(task)
    rows = [
        {
            "heuristic": each.heuristic,
            "label": names[each.label],
            "coverage": each.coverage,
            "hits": each.hits,
            "overlaps": each.overlaps,
            "conflicts": each.conflicts,
            "right": each.right,
            "judged": each.judged,
            "precision": each.precision if each.judged else None,
            "interval": list(each.interval) if each.judged else None,
            "out_of_fold": each.out_of_fold,
        }
        for each in found
    ]
    if as_json:
        print_json(rows)
        return
    spans = any(each.hits != each.coverage for each in found)
    more = ["hits"] if spans else []
    headings = ["heuristic", "label", "coverage", *more, "overlaps", "conflicts", "right", "precision (95 %)"]
    shown = [
        [each.heuristic, names[each.label], each.coverage, *([each.hits] if spans else []), each.overlaps,
         each.conflicts, f"{each.right}/{each.judged}", _precision(each)]
        for each in found
    ]  # fmt: skip
    print_table(headings, shown)


def supervise(
    folder: Folder,
    /,
    *,
    task: TaskName = None,
    model: Annotated[
        Literal["bayes", "weak_nlp", "majority", "dawid_skene"], Parameter(help="How votes are combined.")
    ] = "bayes",
    learner: Annotated[
        Literal["all", "vectors", "words", "none"],
        Parameter(help="What bayes begins with: classifiers of vectors and of words, learned of labels by hand."),
    ] = "all",
    as_json: Json = False,
) -> None:
    """Combine votes and labels by hand into weak labels, each with a confidence.

    How good they are is measured on the labels by hand, each judged by a model
    that did not see it; beside it stands what labels by hand alone would give.
    """
    from nearmost.label import Project

    with Project.open(folder) as project:
        with step("supervising"):
            chosen = learner if learner in ("vectors", "words") else learner == "all"
            made = project.supervise(task, model=model, learner=chosen)
        stale = [each.name for each in project.heuristics(made.task) if each.stale]
    metrics = {name: value for name, value in made.metrics.items() if name != "held_out"}
    if stale:
        note(f"stale, run them again: {', '.join(stale)}")
    if as_json:
        print_json({"model": made.model, "n_labelled": made.n_labelled, "stale": stale, **metrics})
        return
    print_facts(
        {
            "weak labels": f"{made.n_labelled:,} by {made.model}",
            "accuracy": _accuracy(metrics),
            "by hand alone": _accuracy(metrics.get("manual_only") or {}),
        }
    )


def threshold(
    folder: Folder,
    /,
    *,
    task: TaskName = None,
    precision: Annotated[float, Parameter(metavar="P", help="How often kept labels are to be right.")] = 0.9,
    label: Annotated[str | None, Parameter(metavar="NAME", help="For the weak labels of this name alone.")] = None,
    as_json: Json = False,
) -> None:
    """Find the confidence from which on weak labels are as precise as wanted, by the labels by hand alone."""
    from nearmost.label import Project

    with Project.open(folder) as project:
        found = project.threshold(task, precision, label=label)
    none = found.confidence == float("inf")
    if found.precision < precision:
        note("less of those judged is right, but the confidence of the model, which is calibrated, speaks for the rest")
    if as_json:
        print_json(
            {"confidence": None if none else found.confidence, "precision": None if none else found.precision,
             "interval": list(found.interval), "kept": found.kept, "judged": found.judged}
        )  # fmt: skip
    elif none:
        print(f"no confidence is enough for {precision:.0%}, as far as the labels by hand can tell; label some more")
    else:
        low, high = found.interval
        print(
            f"conf>={found.confidence:.4f} keeps {found.kept:,} records; of {found.judged} judged "
            f"{found.precision:.1%} are right ({low:.0%} to {high:.0%})"
        )


def confusion(folder: Folder, /, *, task: TaskName = None, as_json: Json = False) -> None:
    """Show labels by hand (down) against weak ones (across) of a model that did not see them."""
    from nearmost.label import Project

    with Project.open(folder) as project:
        found = project.confusion(task)
        keys = {number: project.record(number).key for ids in found.records.values() for number in ids.tolist()}
    if as_json:
        cells = [
            {"manual": found.labels[row], "weak": found.labels[column], "keys": [keys[each] for each in ids.tolist()]}
            for (row, column), ids in found.records.items()
        ]
        print_json({"labels": list(found.labels), "counts": found.counts.tolist(), "cells": cells})
        return
    print_table(["", *found.labels], [[n, *row] for n, row in zip(found.labels, found.counts.tolist(), strict=True)])


def queue(
    folder: Folder,
    /,
    *,
    task: TaskName = None,
    by: Annotated[
        Literal["uncertain", "conflict", "random", "outlier", "similar", "diverse"],
        Parameter(help="Which records without a label come first."),
    ] = "uncertain",
    like: Annotated[str | None, Parameter(metavar="KEY", help="For similar: like this record.")] = None,
    n: Annotated[int, Parameter(name="-n", metavar="N", help="How many.")] = 20,
    output: Annotated[
        str | None,
        Parameter(
            name=["-o", "--output"],
            metavar="FILE",
            help="Write them to a .csv, .json, .jsonl or .parquet with a column label to fill in, for annotate --from.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show which records to label next, or write them to a sheet that can be filled in elsewhere."""
    from nearmost.label import Project

    with Project.open(folder) as project:
        ids = project.queue(task, by, n, like=like).tolist()
        if output is not None:
            n_written = project.write_sheet(ids, output)
            about = {"output": output, "n_records": n_written}
            print_json(about) if as_json else print(
                f"{output}: {n_written:,} records, their column label to be filled in"
            )
            return
        texts = _texts(project, ids)
    if as_json:
        print_json([{"key": key, "text": text} for key, text in texts])
    else:
        print_table(["key", "text"], texts)


def explain(
    folder: Folder,
    key: Annotated[str, Parameter(name="KEY", help="The record.")],
    /,
    *,
    task: TaskName = None,
    as_json: Json = False,
) -> None:
    """Show what speaks for and against each label of a record, the heaviest evidence first."""
    from nearmost.label import Project

    with Project.open(folder) as project:
        found = project.explain(task, key)
    if as_json:
        print_json([{"source": source, "label": label, "weight": weight} for source, label, weight in found])
    else:
        print_table(
            ["weight", "label", "source"], [[f"{weight:+.2f}", label, source] for source, label, weight in found]
        )


def ui(
    folder: Folder,
    /,
    *,
    port: Annotated[int, Parameter(metavar="N", help="0 takes a free one.")] = 0,
    quiet: Annotated[bool, Parameter(help="Print the address, and open no browser.")] = False,
) -> None:
    """Open the project's pages in a browser of this machine; Ctrl-C ends them.

    The address holds a token of this start, and nobody is answered without it.
    """
    import webbrowser

    from nearmost.label import Project
    from nearmost.server import serve_project

    def ready(address: str) -> None:
        print(f"{address}\nCtrl-C ends it.", flush=True)
        if not quiet:
            webbrowser.open(address)

    with Project.open(folder) as project:
        serve_project(project, port=port, ready=ready)


def _precision(row: Any) -> str:
    if not row.judged:
        return "not judged"
    low, high = row.interval
    return f"{row.precision:.0%} ({low:.0%} to {high:.0%}){', held out' if row.out_of_fold else ''}"


def _accuracy(metrics: dict[str, Any]) -> str:
    if metrics.get("accuracy") is None:
        return "not measured: too few labels by hand, or no vectors"
    coverage, error, f1 = (metrics.get(name) for name in ("coverage", "calibration_error", "f1"))
    more = "" if coverage is None else f", of {coverage:.0%} of them"
    more += "" if f1 is None else f", F1 {f1:.3f}"
    more += "" if error is None else f", confidence off by {error:.3f}"
    return f"{metrics['accuracy']:.1%} of {metrics.get('judged', 'the')} labels by hand{more}"


def _texts(project: Project, ids: list[int]) -> list[list[str]]:
    texts = project.texts()
    return [[project.record(number).key, texts[number]] for number in ids]
