"""A whole plan as one Beam pipeline."""

from __future__ import annotations

import contextlib
import glob
import inspect
import io
import os
import re
from collections.abc import Iterator, Sequence
from typing import Any

import apache_beam as beam
from apache_beam.options.pipeline_options import (
    DirectOptions,
    PipelineOptions,
    StandardOptions,
    TypeOptions,
    WorkerOptions,
)

from nearmost import errors
from nearmost.encoders.batching import n_workers as n_cores
from nearmost.errors import InputError, NearmostError, PipelineError
from nearmost.pipeline.beam.building import BuildShards
from nearmost.pipeline.beam.encoding import Encode, Project
from nearmost.pipeline.beam.reading import ReadCorpus
from nearmost.pipeline.beam.storage import FILES
from nearmost.pipeline.beam.watching import watching
from nearmost.pipeline.beam.writing import SUFFIXES, WriteVectors
from nearmost.pipeline.files import Output, expand, is_url
from nearmost.pipeline.plan import Done, Plan
from nearmost.pipeline.prepared import ENCODER, Prepared, prepared
from nearmost.pipeline.shard import WORK

RAISED = re.compile(r"^nearmost\.errors\.(\w+): (.*?)(?: \[while running .*)?$", re.MULTILINE)
DIRECT = ("", "directrunner", "direct")


def run(plan: Plan, options: Sequence[str] = (), *, workers: int = 0) -> Done:
    """Carries out a plan by Beam, on the runner that the options name: ``run(plan, ["--runner=DirectRunner"])``.

    Without a runner, or with the DirectRunner, the pipeline runs on this machine in ``workers`` processes, one a core
    where it is 0; with 1 in this very process. The options are Beam's own and those of the runner.

    Raises what a worker raised where the runner passes it on, and PipelineError where the runner says no more than that
    it failed, or a worker process has died. No shard is seen unless all of them were built.
    """
    chosen = pipeline_options(options, workers)
    plan.name.check(FILES, plan.shards)
    with contextlib.ExitStack() as held:
        if plan.vectors is not None:
            path, format = plan.exported()
            held.enter_context(_exporting(Output(f"{path}-*{SUFFIXES[format]}"), plan.shards))
        held.enter_context(plan.name.alone())
        return _carried_out(plan, chosen)


@contextlib.contextmanager
def _exporting(output: Output, shards: int) -> Iterator[None]:
    """While the block runs, files of vectors are written there: by no other run, and into no other set of files.

    What Beam's sinks leave of a run that failed is taken away, on this machine, where it can be told.
    """
    output.check_set(FILES, shards)
    with output.alone():
        before = _temporary(output)
        try:
            yield
        finally:
            for left in _temporary(output) - before:
                FILES.remove(left)


def _temporary(output: Output) -> set[str]:
    """The folders in which Beam's sinks gather what they write there."""
    folder, name = os.path.split(output.partition("-*")[0])
    pattern = os.path.join(glob.escape(folder), f"beam-temp-{glob.escape(name)}-*")
    return set() if is_url(output) else set(glob.glob(pattern))


def _carried_out(plan: Plan, chosen: PipelineOptions) -> Done:
    paths = expand(FILES, plan.inputs)
    try:
        pipeline = _pipeline(chosen)
        assemble(pipeline, plan, prepared(plan, FILES, paths), paths)
        try:
            with watching():
                result = pipeline.run()
                state = result.wait_until_finish()
        except Exception as error:  # whatever kind a runner has
            raise ours(error) from error
    finally:
        FILES.remove(plan.name.beside(WORK))
        FILES.remove(plan.name.beside(ENCODER))
    if state is not None and str(state) != "DONE":
        raise PipelineError(f"the runner ended the pipeline as {state}; its own log says why")
    return Done(tuple(plan.name.shard(number, plan.shards) for number in range(plan.shards)), counts_of(result))


def _pipeline(chosen: PipelineOptions) -> Any:
    """An empty pipeline. Raises InputError where there is no such runner, or it lacks an option."""
    try:
        return beam.Pipeline(options=chosen)
    except (ValueError, ImportError, AttributeError) as error:
        raise InputError(f"Beam cannot begin with runner {chosen.view_as(StandardOptions).runner!r}: {error}") from None


def assemble(pipeline: Any, plan: Plan, ready: Prepared, paths: Sequence[str]) -> None:
    """Adds the transforms of a plan to a pipeline."""
    reading = plan.reading
    rows = (
        pipeline
        | ReadCorpus(paths, text=reading.text, key=reading.key, encoding=reading.encoding, format=reading.format)
        | Encode(ready.encoder, plan.batch_size)
    )
    if ready.projection is not None:
        rows = rows | Project(ready.projection)
    if plan.vectors is not None:
        path, format = plan.exported()
        rows | WriteVectors(path, format, shards=plan.shards)
    packing = {name: getattr(plan.packing, name) for name in plan.packing.__slots__}
    rows | BuildShards(plan.output, plan.shards, encoder=ready.encoder, projection=ready.projection, **packing)


def pipeline_options(options: Sequence[str], workers: int = 0) -> PipelineOptions:
    """Beam's options. Raises InputError for what the DirectRunner does not know; other runners may have more."""
    if workers < 0:
        raise InputError(f"workers is {workers}; it must be at least 1, or 0 for one a core")
    given = [option.partition("=")[0] for option in options]
    said = io.StringIO()  # Beam's parser tells what it knows, in 700 lines, and last what is wrong
    try:
        with contextlib.redirect_stderr(said):
            chosen = PipelineOptions(list(options))
            known = chosen.get_all_options()
            unknown = chosen.get_all_options(retain_unknown_options=True).keys() - known.keys()
    except SystemExit:
        why = said.getvalue().rstrip().rpartition("\n")[2].rpartition("error: ")[2] or "it was asked for help"
        raise InputError(f"Beam does not understand the options {' '.join(options)}: {why}") from None
    if (chosen.view_as(StandardOptions).runner or "").lower() not in DIRECT:
        return chosen
    if unknown:
        raise InputError(f"Beam has no option --{min(unknown)} for the DirectRunner; see its PipelineOptions")
    # Beam's DirectRunner first tries another runner, which it would have to download, unless this is set.
    chosen.view_as(TypeOptions).allow_unsafe_triggers = True
    if "--default_sdk_harness_log_level" not in given:
        chosen.view_as(WorkerOptions).default_sdk_harness_log_level = "CRITICAL"  # errors come back
    direct = chosen.view_as(DirectOptions)
    if "--direct_num_workers" not in given:
        direct.direct_num_workers = workers or n_cores(0)
    if "--direct_running_mode" not in given and direct.direct_num_workers != 1:
        direct.direct_running_mode = "multi_processing"
    return chosen


def counts_of(result: Any) -> dict[str, Any]:
    """What the transforms counted, by name."""
    counts: dict[str, Any] = {}
    found = result.metrics().query()
    for one in found["counters"]:
        if one.key.metric.namespace == "nearmost":
            counts[one.key.metric.name] = counts.get(one.key.metric.name, 0) + one.result
    for one in found["distributions"]:
        if one.key.metric.namespace.startswith("nearmost") and one.result.count:
            made = one.result
            counts[one.key.metric.name] = {"count": made.count, "sum": made.sum, "min": made.min, "max": made.max}
    return counts


def ours(error: BaseException) -> NearmostError:
    """What went wrong, as the error of ours that a worker raised, if it was one.

    Runners pass errors on as causes, or as text: the trace of the worker, which ends in the error.
    """
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, NearmostError):
            return seen
        seen = seen.__cause__ or seen.__context__
    told = RAISED.findall(str(error))
    if told:
        name, message = told[-1]
        kind = getattr(errors, name, None)
        return (kind if inspect.isclass(kind) and issubclass(kind, NearmostError) else PipelineError)(message)
    lines = [line for line in str(error).splitlines() if line.strip()]
    return PipelineError(f"the runner ended the pipeline: {type(error).__name__}: {lines[-1] if lines else ''}")
