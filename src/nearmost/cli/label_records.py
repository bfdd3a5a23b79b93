"""``nearmost label browse``, ``annotate``, ``similar`` and others: records found and labelled one at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import CycloptsError, Parameter

from nearmost.cli.options import Json
from nearmost.cli.output import print_json, print_neighbors, print_table

if TYPE_CHECKING:
    from nearmost.label import Project

Folder = Annotated[str, Parameter(name="PROJECT", help="The folder of a project.")]
TaskName = Annotated[str | None, Parameter(name="--task", metavar="NAME", help="The task; else the first one.")]
BROWSE = """\
Examples:
  nearmost label browse news "oil -price label:none"
  nearmost label browse news "weak:Sports conf<.6" --order -conf -n 5
  nearmost label browse news "weak:Sports conf<.6" --save unsure
"""
ANNOTATE = """\
Examples:
  nearmost label annotate news Topic 17 Sports
  nearmost label annotate news Topic 17 none
  nearmost label annotate news Names 17 Person --span 4:17
  nearmost label annotate news Topic --from labels.csv
"""
UNDO = """\
Examples:
  nearmost label undo news
"""
SIMILAR = """\
Examples:
  nearmost label similar news 17 -n 5
  nearmost label similar news --text "oil prices rise"
"""


def browse(
    folder: Folder,
    query: Annotated[str, Parameter(name="LINE", help='Like: oil "stock market" label:none conf<.6 conflict')] = "",
    /,
    *,
    task: TaskName = None,
    order: Annotated[
        str | None,
        Parameter(
            metavar="BY",
            allow_leading_hyphen=True,
            help="id, conf, random, relevance or an attribute; -conf for most first.",
        ),
    ] = None,
    n: Annotated[int, Parameter(name="-n", metavar="N", help="How many are shown.")] = 20,
    offset: Annotated[int, Parameter(metavar="N", help="How many are passed over first.")] = 0,
    save: Annotated[str | None, Parameter(metavar="NAME", help="Keep the line as a slice of this name.")] = None,
    static: Annotated[bool, Parameter(help="The slice keeps these very records.")] = False,
    as_json: Json = False,
) -> None:
    """Show the records that a line of conditions finds."""
    from nearmost.label import Project

    if static and save is None:
        raise CycloptsError(msg="--static goes with --save NAME.")
    with Project.open(folder) as project:
        page = project.browse(query, task=task, order=order, offset=offset, limit=n)
        if save is not None:
            project.save_slice(save, query, static=static, task=task)
        _show(project, [(number, None) for number in page.ids], page.total, as_json, page.task)


def annotate(
    folder: Folder,
    task: Annotated[str, Parameter(name="TASK", help="The task.")],
    key: Annotated[str | None, Parameter(name="KEY", help="The record.")] = None,
    label: Annotated[
        str | None,
        Parameter(name="LABEL", help="Its label; several with commas where the task has several; none: no label."),
    ] = None,
    /,
    *,
    given: Annotated[
        str | None,
        Parameter(
            name="--from",
            metavar="FILE",
            help="In place of KEY and LABEL: a table (.csv .tsv .jsonl .json .parquet) of keys and labels.",
        ),
    ] = None,
    column: Annotated[
        str,
        Parameter(name="--label", metavar="COL", help="With --from: the column of labels; empty ones are left out."),
    ] = "label",
    span: Annotated[str | None, Parameter(metavar="START:END", help="The characters that are meant.")] = None,
    author: Annotated[str, Parameter(metavar="NAME", help="Who says so.")] = "me",
    gold: Annotated[bool, Parameter(help="It counts, whatever others say.")] = False,
    as_json: Json = False,
) -> None:
    """Say which label a record, or a stretch of its text, has; or many records, by a table."""
    from nearmost.label import Project

    if given is not None and (key is not None or span is not None):
        raise CycloptsError(msg="--from FILE takes the place of KEY, LABEL and --span.")
    if given is None and (key is None or label is None):
        raise CycloptsError(msg="say a record's KEY and its LABEL, or --from FILE.")
    with Project.open(folder) as project:
        if given is not None:
            found = project.annotate_from(task, given, label=column, author=author, gold=gold)
            told = {
                "new": found.n_new,
                "changed": found.n_changed,
                "as they were": found.n_same,
                "empty": found.n_empty,
            }
            if as_json:
                print_json({f"n_{name.replace('as they were', 'same')}": count for name, count in told.items()})
            else:
                print(f"labels of {task}: {', '.join(f'{count:,} {name}' for name, count in told.items())}")
            return
        assert key is not None
        assert label is not None
        about = project.task(task)
        named = None if label == "none" and label not in about.names else label
        if span is not None:
            start, _, end = span.partition(":")
            if not (start.isdecimal() and end.isdecimal()):
                raise CycloptsError(msg=f"--span {span}: wanted two numbers of characters, like 4:17.")
            project.annotate_span(task, key, int(start), int(end), named, author=author, gold=gold)
        else:
            wanted = named.split(",") if named is not None and about.kind == "multi" else named
            project.annotate(task, key, wanted, author=author, gold=gold)
        done = str(project.history(1)[0])
    print_json({"done": done}) if as_json else print(done)


def undo(folder: Folder, /, *, as_json: Json = False) -> None:
    """Take back the last change of labels, comments or slices."""
    from nearmost.label import Project

    with Project.open(folder) as project:
        undone = project.undo()
    print_json({"undone": undone}) if as_json else print(f"undone: {undone}")


def similar(
    folder: Folder,
    key: Annotated[str | None, Parameter(name="KEY", help="A record.")] = None,
    /,
    *,
    text: Annotated[str | None, Parameter(metavar="TEXT", help="A text, in place of a record.")] = None,
    n: Annotated[int, Parameter(name="-n", metavar="N", help="How many are shown.")] = 10,
    as_json: Json = False,
) -> None:
    """Show the records nearest to a record, or to a text."""
    from nearmost.label import Project

    if (key is None) == (text is None):
        raise CycloptsError(msg="say a record's KEY, or --text TEXT.")
    with Project.open(folder) as project:
        found = project.similar(key, text=text, n=n)
        _show(project, [*found], len(found), as_json)


def _show(
    project: Project, found: list[tuple[int, float | None]], total: int, as_json: bool, task: str | None = None
) -> None:
    records = project.records(number for number, _ in found)
    texts = [name for name, kind in project.attributes.items() if kind == "text" and name not in (project.key or [])]
    shown: list[dict[str, Any]] = [
        {"key": record.key, "score": score, "text": ". ".join(str(record.values.get(name) or "") for name in texts)}
        for record, (_, score) in zip(records, found, strict=True)
    ]
    said = _said(project, [number for number, _ in found], task)
    if as_json:
        values = [
            {"key": one["key"], "score": one["score"], "labels": labels, **record.values}
            for one, labels, record in zip(shown, said, records, strict=True)
        ]
        print_json({"total": total, "records": values})
    elif shown and shown[0]["score"] is not None:
        print_neighbors(None, [{**one, "rank": rank} for rank, one in enumerate(shown, 1)])
    else:
        columns = {
            "label": [", ".join(each["manual"]) for each in said],
            "weak": [", ".join(f"{one['label']} {one['confidence']:.2f}" for one in each["weak"]) for each in said],
        }
        known = {name: column for name, column in columns.items() if any(column)}
        rows = [[one["key"], *cells, one["text"]] for one, *cells in zip(shown, *known.values(), strict=True)]
        print_table(["key", *known, "text"], rows)
        print(f"{len(shown):,} of {total:,} records")


def _said(project: Project, ids: list[int], task: str | None) -> list[dict[str, list[Any]]]:
    """Of each record its labels by hand, and the weak ones with how sure they are."""
    if not project.tasks:
        return [{"manual": [], "weak": []} for _ in ids]
    names = project.task(task).names
    return [
        {
            "manual": [names[number] for number in dict.fromkeys(mark.label for mark in card.manual)],
            "weak": [{"label": names[mark.label], "confidence": mark.confidence} for mark in card.weak],
        }
        for card in project.cards(ids, task)
    ]
