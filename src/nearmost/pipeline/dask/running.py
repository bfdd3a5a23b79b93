"""A whole plan as futures of a Dask client."""

from __future__ import annotations

import logging
import operator
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any

from distributed import Client, LocalCluster, as_completed
from distributed.scheduler import KilledWorker

from nearmost.encoders.batching import n_workers as n_cores
from nearmost.errors import InputError, PipelineError
from nearmost.pipeline.dask import tasks
from nearmost.pipeline.dask.storage import FILES
from nearmost.pipeline.files import absolute, expand
from nearmost.pipeline.plan import Done, Plan
from nearmost.pipeline.prepared import ENCODER, Prepared, prepared
from nearmost.pipeline.records import starts
from nearmost.pipeline.shard import WORK, Written, publish

Progress = Callable[[int, int], object]
"""Called as ``progress(done, total)``, both in texts that are encoded."""


def run(plan: Plan, cluster: str | Client | None = None, *, workers: int = 0, progress: Progress | None = None) -> Done:
    """Carries out a plan by Dask distributed.

    ``cluster`` is the address of a scheduler (``tcp://host:8786``) or a Client; without it ``workers`` processes of
    this machine are started, one a core where it is 0, and ended afterwards. Workers must have nearmost and see the
    files under the names that the plan gives them. A worker that dies is replaced by Dask, and what it held is done
    again: no row is lost or doubled, and no shard is seen unless all were built. Raises what a worker raised, and
    PipelineError where no scheduler answers or workers die again and again.
    """
    plan.name.check(FILES, plan.shards)
    paths = expand(FILES, plan.inputs)
    if plan.vectors is not None:
        raise InputError("vectors are written by Beam only; with Dask, write them from the index: nearmost convert")
    with plan.name.alone():
        try:
            with ExitStack() as opened:
                # Whether a cluster answers is told before the work; processes of this machine start when it is there.
                client = None if cluster is None else opened.enter_context(_client(cluster, workers))
                there = replace(plan, output=absolute(plan.output))  # workers may work in another folder
                ready = prepared(there, FILES, paths)
                client = client or opened.enter_context(_client(None, workers))
                counts = _carried_out(client, there, ready, list(map(absolute, paths)), progress)
                return Done(tuple(plan.name.shard(number, plan.shards) for number in range(plan.shards)), counts)
        except (KilledWorker, CancelledError) as error:
            raise PipelineError(f"the cluster could not carry it out: {error}") from error
        finally:
            FILES.remove(plan.name.beside(WORK))
            FILES.remove(plan.name.beside(ENCODER))


def _carried_out(
    client: Any, plan: Plan, ready: Prepared, paths: Sequence[str], progress: Progress | None
) -> dict[str, Any]:
    """What was counted, once all shards have their names."""
    plugin = f"nearmost-{uuid.uuid4().hex}"
    client.register_plugin(tasks.EncoderPlugin(ready.encoder, plugin))
    try:
        read = client.map(tasks.read, range(len(paths)), paths, reading=plan.reading, pure=False)
        sizes = client.gather(client.map(tasks.sizes, read, pure=False))
        before = starts([sum(one) for one in sizes]) if plan.reading.key is None else None
        total = sum(map(sum, sizes))
        if not total:
            raise InputError("there is no text in the input; wanted at least one")
        parts = [client.submit(operator.getitem, read[file], i, pure=False) for file, i in _each(sizes)]
        encoded = client.map(
            tasks.encode, parts, before=before, plugin=plugin, batch=plan.batch_size,
            projection=ready.projection, shards=plan.shards, pure=False,
        )  # fmt: skip
        built = [
            client.submit(
                tasks.build, shard, client.map(tasks.block_of, encoded, shard=shard, pure=False), plan.name,
                plan.packing, ready.encoder, ready.projection, pure=False,
            )
            for shard in range(plan.shards)
        ]  # fmt: skip
        figures = client.map(tasks.figures, encoded, pure=False)
        del read, parts, encoded  # Dask may let go of what nobody needs any more
        counts = _counted(figures, total, progress)
        written: list[Written] = [one for one in client.gather(built) if one is not None]
    finally:
        client.unregister_worker_plugin(plugin)
    record = ready.encoder.recorded(FILES)
    names = publish(FILES, plan.name, plan.shards, written, plan.packing, record, ready.projection)
    counts |= {"rows_written": sum(one.n_rows for one in written), "shards_written": len(names)}
    counts["shard_bytes"] = _distribution([one.n_bytes for one in written])
    return {"rows_read": total, **counts}


def _each(sizes: Sequence[Sequence[int]]) -> Iterator[tuple[int, int]]:
    """(file, part) of every part."""
    for file, parts in enumerate(sizes):
        for part in range(len(parts)):
            yield file, part


def _counted(figures: Sequence[Any], total: int, progress: Progress | None) -> dict[str, Any]:
    """Waits for all texts to be encoded; what that took."""
    rows, milliseconds = [], []
    for _, (n_rows, took) in as_completed(figures, with_results=True):
        rows.append(n_rows)
        milliseconds.append(took)
        if progress is not None:
            progress(sum(rows), total)
    return {
        "rows_encoded": sum(rows),
        "part_rows": _distribution(rows),
        "part_milliseconds": _distribution(milliseconds),
    }


def _distribution(values: Sequence[int]) -> dict[str, int]:
    return {"count": len(values), "sum": sum(values), "min": min(values), "max": max(values)}


@contextmanager
def _client(cluster: str | Client | None, workers: int) -> Iterator[Any]:
    """The client that was given, or one of a cluster that was named or is started here."""
    if isinstance(cluster, Client):
        yield cluster
    elif cluster is not None:
        try:
            client = Client(cluster)
        except (OSError, ValueError, TypeError) as error:
            raise PipelineError(
                f"there is no scheduler of Dask at {cluster!r}, or it does not answer: {error}; "
                "wanted an address such as tcp://host:8786"
            ) from error
        with client:
            yield client
    else:
        if workers < 0:
            raise InputError(f"workers is {workers}; it must be at least 1, or 0 for one a core")
        with (
            LocalCluster(
                n_workers=workers or n_cores(0),
                threads_per_worker=1,
                processes=True,
                dashboard_address=None,
                host="127.0.0.1",
                silence_logs=logging.ERROR,
            ) as local,
            Client(local) as client,
        ):
            yield client
