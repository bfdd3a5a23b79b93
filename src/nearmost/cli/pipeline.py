"""``nearmost pipeline``: files of texts in, index files out, by Apache Beam or by Dask distributed."""

from __future__ import annotations

import logging
import logging.handlers
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import CycloptsError, Parameter

from nearmost.cli.options import Json
from nearmost.cli.output import print_facts, print_json
from nearmost.cli.steps import step

if TYPE_CHECKING:
    from nearmost.pipeline.plan import Done, Plan

EXAMPLES = """\
Examples:
  nearmost pipeline headlines.tsv --text headline --key id -o 'headlines-*.nearmost' --shards 16
  nearmost pipeline 'corpus/*.txt' -o 'corpus-*.nearmost' --shards 4 --encoder lsa --workers 2
  nearmost pipeline 'corpus/*.txt' -o corpus.nearmost --engine dask --cluster tcp://scheduler:8786
  nearmost pipeline 'gs://in/*.jsonl' -o 'gs://out/x-*.nearmost' --runner DataflowRunner -- --project=P --region=R
  nearmost search 'headlines-*.nearmost' "confronting global challenges"
"""

MOST_TOLD, MOST_LEVEL = 10_000, logging.CRITICAL + 1
"""Messages of Beam that are held back, and their level, from which on they are shown at once."""


def pipeline(
    inputs: Annotated[
        list[str],
        Parameter(
            name="INPUT",
            help="Files of texts, as for nearmost index, or patterns; local, or of a file system that the engine knows."
            " What follows -- are options for Beam.",
        ),
    ],
    /,
    *,
    output: Annotated[
        str,
        Parameter(
            name=["-o", "--output"],
            metavar="PATTERN",
            help="The index files to write: the * becomes the number of the shard, as in x-00003-of-00016.nearmost.",
        ),
    ],
    shards: Annotated[int, Parameter(metavar="N", help="Index files to write; each is built in one worker.")] = 1,
    text: Annotated[
        str | None,
        Parameter(
            metavar="COL",
            help="Column of texts, or several as '{title}. {body}'; else the only one, or one called text, title, ...",
        ),
    ] = None,
    key: Annotated[
        str | None, Parameter(metavar="COL", help="Column of keys; else rows are called 0, 1, 2, ... over all files.")
    ] = None,
    encoder: Annotated[
        str, Parameter(metavar="SPEC", help="minilm, minilm:int8, static, lsa, st:NAME, ...")
    ] = "minilm",
    project: Annotated[
        str | None,
        Parameter(
            metavar="SPEC", help="Shorten vectors: a number of columns, gaussian:N, sparse:N, pca:N, truncate:N."
        ),
    ] = None,
    metric: Annotated[
        Literal["cosine", "euclidean", "dot", "manhattan"], Parameter(help="What near means.")
    ] = "cosine",
    on_duplicate: Annotated[
        Literal["error", "first", "last"], Parameter(help="What to do where two rows have the same key.")
    ] = "error",
    kind: Annotated[
        Literal["auto", "flat", "partition", "graph"],
        Parameter(help="flat looks at every row; auto does up to 20,000 rows a shard."),
    ] = "auto",
    quality: Annotated[
        Literal["fast", "default", "best"], Parameter(help="Time to build for time to search.")
    ] = "default",
    store: Annotated[
        Literal["auto", "f32", "f16", "i8"],
        Parameter(help="Type to keep rows in; auto takes the shortest that loses nothing."),
    ] = "auto",
    vectors: Annotated[
        str | None,
        Parameter(metavar="FILE", help="Beam: write the vectors, too: emb.parquet or emb.tfrecord, in files -N-of-M."),
    ] = None,
    batch_size: Annotated[int, Parameter(metavar="N", help="Texts that a worker encodes at a time, at most.")] = 1024,
    engine: Annotated[Literal["beam", "dask"], Parameter(help="Who shares out the work.")] = "beam",
    runner: Annotated[str, Parameter(metavar="NAME", help="Beam: the runner.")] = "DirectRunner",
    cluster: Annotated[
        str | None, Parameter(metavar="ADDRESS", help="Dask: the scheduler; without it, processes of this machine.")
    ] = None,
    workers: Annotated[
        int, Parameter(metavar="N", help="Processes of this machine, where no cluster works; 0 means one a core.")
    ] = 0,
    as_json: Json = False,
) -> None:
    """Build index files at scale, on Apache Beam or Dask.

    The same input gives the same index, whatever the engine and the number of
    workers. Its files appear when all of them are done. Search them as one by the
    pattern of their names.
    """
    from nearmost.pipeline.plan import Plan
    from nearmost.pipeline.records import Reading
    from nearmost.pipeline.shard import Packing

    paths, options = _split(inputs)
    if engine == "dask" and (options or runner != "DirectRunner"):
        raise CycloptsError(msg="--runner and options after -- are for Beam; with --engine dask say --cluster.")
    if engine == "beam" and cluster is not None:
        raise CycloptsError(msg="--cluster is for --engine dask; Beam has --runner and options after --.")
    plan = Plan(
        tuple(paths),
        output,
        shards,
        encoder,
        project,
        vectors,
        batch_size,
        Reading(text, key),
        Packing(metric, kind, quality, store, on_duplicate=on_duplicate),
    )
    done = _by_dask(plan, cluster, workers) if engine == "dask" else _by_beam(plan, runner, options, workers)
    if as_json:
        print_json({"paths": done.paths, "counts": done.counts})
        return
    plain = {name: f"{count:,}" for name, count in done.counts.items() if isinstance(count, int)}
    print_facts({name.replace("_", " "): count for name, count in plain.items()})


def _split(given: list[str]) -> tuple[list[str], list[str]]:
    """Inputs, and the options that follow them."""
    first = next((place for place, one in enumerate(given) if one.startswith("--")), len(given))
    if not first:
        raise CycloptsError(msg="There is no INPUT; name the files of texts before --.")
    return given[:first], given[first:]


def _by_beam(plan: Plan, runner: str, options: list[str], workers: int) -> Done:
    shown = logging.StreamHandler()
    # What a worker of this machine raises comes back as an error, after some hundred lines that tell the same.
    held = logging.handlers.MemoryHandler(MOST_TOLD, MOST_LEVEL, shown, flushOnClose=False)
    logging.basicConfig(  # before Beam, which has much to say
        level=logging.ERROR, format="%(message)s", handlers=[held if runner == "DirectRunner" else shown]
    )
    from nearmost.errors import PipelineError
    from nearmost.pipeline import beam

    with step("pipeline"):
        try:
            return beam.run(plan, [f"--runner={runner}", *options], workers=workers)
        except PipelineError:  # nobody knows why, unless it was told meanwhile
            held.flush()
            raise
        finally:
            held.setTarget(None)


def _by_dask(plan: Plan, cluster: str | None, workers: int) -> Done:
    from nearmost.pipeline import dask

    with step("pipeline") as progress:
        return dask.run(plan, cluster, workers=workers, progress=progress)
