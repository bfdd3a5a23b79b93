"""``nearmost label``: projects of the labelling workbench, from the first file to the export."""

from __future__ import annotations

from pathlib import Path
from shutil import rmtree
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import App, CycloptsError, Parameter

from nearmost.cli import label_notes, label_records, label_votes, label_weak
from nearmost.cli.encoder import kept_encoder
from nearmost.cli.options import Cache, Json, Threads
from nearmost.cli.output import print_facts, print_json
from nearmost.cli.steps import step
from nearmost.errors import InputError, NearmostError

if TYPE_CHECKING:
    from nearmost.label import Project

Folder = Annotated[str, Parameter(name="PROJECT", help="The folder of a project.")]
EXAMPLES = """\
Examples:
  nearmost label init news --key id --task Topic --labels World,Sports,Business,Sci/Tech
  nearmost label import news headlines.csv
  nearmost label annotate news Topic 17 Sports
  nearmost label run news
  nearmost label supervise news
  nearmost label export news labelled.csv
"""
INIT = """\
Examples:
  nearmost label init news
  nearmost label init news --key paper,page --task Topic --labels World,Sports
"""
IMPORT = """\
Examples:
  nearmost label import news headlines.csv --key id
  nearmost label import news project.zip
"""
TASK = """\
Examples:
  nearmost label task news Topic World,Sports,Business,Sci/Tech
  nearmost label task news Names Person,Place --kind span --attribute headline
"""
EMBED = """\
Examples:
  nearmost label embed news
  nearmost label embed news --encoder lsa:128 --template "{title}. {body}"
"""
EXPORT = """\
Examples:
  nearmost label export news labelled.csv
  nearmost label export news sure.parquet --query "conf>=0.8" --task Topic
"""
SNAPSHOT = """\
Examples:
  nearmost label snapshot news news.zip
"""


def init(
    folder: Annotated[str, Parameter(name="PROJECT", help="A folder that is empty or not there yet.")],
    /,
    *,
    name: Annotated[str | None, Parameter(metavar="TEXT", help="What it is called; else as the folder.")] = None,
    key: Annotated[
        str | None, Parameter(metavar="COL,...", help="Attribute, or several, that tell records apart; else id.")
    ] = None,
    task: Annotated[str | None, Parameter(metavar="NAME", help="A first task.")] = None,
    labels: Annotated[str | None, Parameter(metavar="A,B,...", help="The labels of the task.")] = None,
    seed: Annotated[int, Parameter(metavar="N", help="What all that is drawn by chance begins from.")] = 0,
    as_json: Json = False,
) -> None:
    """Make a project: a folder with project.toml, heuristics/, lookups/ and project.db."""
    from nearmost.label import Project

    if (task is None) != (labels is None):
        raise CycloptsError(msg="--task NAME and --labels A,B,... go together.")
    there = Path(folder).exists()
    with Project.create(folder, name=name, key=None if key is None else key.split(","), seed=seed) as made:
        try:
            if task is not None and labels is not None:
                made.add_task(task, _names(labels))
        except NearmostError:  # a project without the task that was asked for would only be in the way
            made.close()
            rmtree(folder)
            if there:
                Path(folder).mkdir()
            raise
        _tell(made, as_json)


def import_(
    folder: Annotated[str, Parameter(name="PROJECT", help="A project; for a snapshot a folder that is not there yet.")],
    source: Annotated[
        list[str], Parameter(name="INPUT", help="Records: .csv .tsv .json .jsonl .parquet; or a snapshot: .zip.")
    ],
    /,
    *,
    key: Annotated[
        str | None, Parameter(metavar="COL,...", help="Attribute, or several, that tell records apart; else id.")
    ] = None,
    limit: Annotated[int | None, Parameter(metavar="N", help="Take the first records only.")] = None,
    as_json: Json = False,
) -> None:
    """Bring records into a project, or a whole project out of a snapshot.

    Records whose key is there are brought up to date; their labels stay. A
    snapshot may be one of refinery. Its code is not run before it is approved.
    """
    from nearmost.label import Project

    zipped = [each for each in source if each.lower().endswith(".zip")]
    if zipped and (len(source) > 1 or (Path(folder) / "project.toml").exists()):
        raise InputError(
            f"{zipped[0]}: a snapshot is a project of its own; name a folder that is not there yet, for it"
        )
    if zipped:
        with Project.from_snapshot(source[0], folder) as made:
            _tell(made, as_json)
        return
    with Project.open(folder) as project:
        found = project.add_records(source, key=None if key is None else key.split(","), limit=limit)
        if as_json:
            print_json({"n_new": found.n_new, "n_updated": found.n_updated, "n_same": found.n_same})
        else:
            print(f"{found.n_new:,} new, {found.n_updated:,} brought up to date, {found.n_same:,} as they were")


def task(
    folder: Folder,
    name: Annotated[str, Parameter(name="NAME", help="What the task is called.")],
    labels: Annotated[str, Parameter(name="A,B,...", help="Its labels.")],
    /,
    *,
    kind: Annotated[
        Literal["class", "multi", "span"], Parameter(help="One label a record, several, or stretches of text.")
    ] = "class",
    attribute: Annotated[
        str | None, Parameter(metavar="COL", help="The attribute that it is about; else the whole record.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Add a task to a project, or labels to the task of this name."""
    from nearmost.label import Project

    with Project.open(folder) as project:
        if any(each.name == name for each in project.tasks):
            project.add_labels(name, _names(labels))
        else:
            project.add_task(name, _names(labels), kind=kind, attribute=attribute)
        _tell(project, as_json)


def embed(
    folder: Folder,
    /,
    *,
    encoder: Annotated[
        str | None, Parameter(metavar="SPEC", help="minilm, static, lsa:DIM, ...; else the one of before, or minilm.")
    ] = None,
    template: Annotated[
        str | None, Parameter(metavar="TEXT", help='What is read of a record, like "{title}. {body}".')
    ] = None,
    refit: Annotated[bool, Parameter(help="Let an encoder that learns from the texts learn again.")] = False,
    cache: Cache = None,
    threads: Threads = 0,
    as_json: Json = False,
) -> None:
    """Make the vectors of all records that have none, or whose text changed."""
    from nearmost.label import Project

    with Project.open(folder) as project:
        kept = kept_encoder(encoder or project.settings.encoder or "minilm", cache)
        with step("encoding") as progress:
            made = project.embed(kept, template=template, refit=refit, n_threads=threads, progress=progress)
        facts = {"n_records": len(made), "dim": made.dim, "encoder": project.settings.encoder}
    if as_json:
        print_json(facts)
    else:
        print(f"{facts['n_records']:,} records, {facts['dim']} dimensions, encoder {facts['encoder']}")


def export(
    folder: Folder,
    output: Annotated[str, Parameter(name="FILE", help="Where it goes: .json, .jsonl, .csv or .parquet.")],
    /,
    *,
    query: Annotated[str, Parameter(metavar="LINE", help="Only the records that this browse line finds.")] = "",
    task: Annotated[str | None, Parameter(metavar="NAME", help="Only this task.")] = None,
    votes: Annotated[bool, Parameter(help="A column for the votes of each heuristic, too.")] = False,
    tokens: Annotated[bool, Parameter(help="Spans as B-, I- and OUTSIDE, a token each.")] = False,
    as_json: Json = False,
) -> None:
    """Write records with their manual and weak labels, under refinery's column names."""
    from nearmost.label import Project

    with Project.open(folder) as project:
        rows = project.export(output, query=query, task=task, votes=votes, spans="tokens" if tokens else "offsets")
    if as_json:
        print_json({"output": output, "n_records": len(rows)})
    else:
        print(f"{output}: {len(rows):,} records, {len(rows[0]) if rows else 0} columns")


def snapshot(
    folder: Folder,
    output: Annotated[str, Parameter(name="FILE", help="Where it goes: a .zip.")],
    /,
    *,
    as_json: Json = False,
) -> None:
    """Write all of a project to one zip, from which import makes it again."""
    from nearmost.label import Project

    if not output.lower().endswith(".zip"):
        raise InputError(f"{output}: a snapshot is a .zip, and import knows it by that name")
    with Project.open(folder) as project:
        project.snapshot(output)
    if as_json:
        print_json({"output": output})
    else:
        print(output)


def info(folder: Folder, /, *, as_json: Json = False) -> None:
    """Tell what is in a project: records, attributes, tasks, and how far each is labelled."""
    from nearmost.label import Project

    with Project.open(folder) as project:
        _tell(project, as_json)


def _tell(project: Project, as_json: bool) -> None:
    facts = project.info()
    if as_json:
        print_json(facts)
        return
    tasks = {
        f"task {each['name']}": f"{', '.join(each['labels'])} ({each['kind']}): {each['n_manual']:,} by hand, "
        f"{each['n_weak']:,} weakly, {each['n_heuristics']} heuristics"
        for each in facts["tasks"]
    }
    print_facts(
        {
            "project": f"{facts['name']}, in {facts['folder']}",
            "records": f"{facts['n_records']:,}",
            "attributes": ", ".join(f"{name} ({kind})" for name, kind in facts["attributes"].items()) or "none yet",
            "vectors": facts["vectors"] or "none yet",
            **tasks,
        }
    )


def _names(labels: str) -> list[str]:
    return [name.strip() for name in labels.split(",") if name.strip()]


app = App(
    name="label",
    help="Turn unlabelled text into labels: people, lists, functions and classifiers vote.",
    help_epilogue=EXAMPLES,
)
"""The verbs of a project, below ``nearmost label``."""
for verb, name, arguments, examples in (
    (init, "init", "PROJECT [OPTIONS]", INIT),
    (import_, "import", "PROJECT INPUT... [OPTIONS]", IMPORT),
    (info, "info", "PROJECT [OPTIONS]", "Examples:\n  nearmost label info news\n"),
    (task, "task", "PROJECT NAME A,B,... [OPTIONS]", TASK),
    (embed, "embed", "PROJECT [OPTIONS]", EMBED),
    (label_records.browse, "browse", "PROJECT [LINE] [OPTIONS]", label_records.BROWSE),
    (label_records.similar, "similar", "PROJECT KEY [OPTIONS]", label_records.SIMILAR),
    (label_records.annotate, "annotate", "PROJECT TASK KEY LABEL [OPTIONS]", label_records.ANNOTATE),
    (label_records.undo, "undo", "PROJECT [OPTIONS]", label_records.UNDO),
    (label_notes.history, "history", "PROJECT [OPTIONS]", label_notes.HISTORY),
    (label_notes.comment, "comment", "PROJECT [TARGET [TEXT]] [OPTIONS]", label_notes.COMMENT),
    (label_notes.slices, "slices", "PROJECT [OPTIONS]", label_notes.SLICES),
    (label_votes.preview, "preview", "PROJECT NAME [OPTIONS]", label_votes.PREVIEW),
    (label_votes.heuristics, "heuristics", "PROJECT [OPTIONS]", label_votes.HEURISTICS),
    (label_votes.approve, "approve", "PROJECT TASK NAME... [OPTIONS]", label_votes.APPROVE),
    (label_votes.terms, "terms", "PROJECT [LIST] [OPTIONS]", label_votes.TERMS),
    (label_votes.run, "run", "PROJECT [NAME...] [OPTIONS]", label_votes.RUN),
    (label_weak.stats, "stats", "PROJECT [OPTIONS]", label_weak.STATS),
    (label_weak.supervise, "supervise", "PROJECT [OPTIONS]", label_weak.SUPERVISE),
    (label_weak.threshold, "threshold", "PROJECT [OPTIONS]", label_weak.THRESHOLD),
    (label_weak.confusion, "confusion", "PROJECT [OPTIONS]", label_weak.CONFUSION),
    (label_weak.queue, "queue", "PROJECT [OPTIONS]", label_weak.QUEUE),
    (label_weak.explain, "explain", "PROJECT KEY [OPTIONS]", label_weak.EXPLAIN),
    (label_weak.ui, "ui", "PROJECT [OPTIONS]", label_weak.UI),
    (export, "export", "PROJECT FILE [OPTIONS]", EXPORT),
    (snapshot, "snapshot", "PROJECT FILE [OPTIONS]", SNAPSHOT),
):
    app.command(verb, name=name, usage=f"Usage: nearmost label {name} {arguments}", help_epilogue=examples)
