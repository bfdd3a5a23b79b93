"""Rows made ready to be searched, in the kind of index that suits them, and tuned to queries."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from nearmost.errors import InputError
from nearmost.flat import Flat, Progress
from nearmost.graph import Graph
from nearmost.graphing import graph
from nearmost.graphing import measure as measure_graph
from nearmost.memory import Allocate, aligned
from nearmost.metrics import Metric
from nearmost.partition import Partition
from nearmost.partitioning import Quality, measure, partition
from nearmost.rows import Rows

Kind = Literal["auto", "flat", "partition", "graph"]
KINDS = ("auto", "flat", "partition", "graph")

PARTITION_FROM = 20_000
"""Rows from which on kind="auto" takes a partition: below, looking at every row is about as fast."""


def pack(
    metric: Metric,
    rows: Rows,
    *,
    kind: Kind = "auto",
    quality: Quality = "default",
    seed: int = 0,
    allocate: Allocate = aligned,
    n_threads: int = 0,
    progress: Progress | None = None,
) -> Flat | Partition | Graph:
    """The rows in the kind that is asked for, or in the faster one."""
    if kind not in KINDS:
        raise InputError(f"kind is {kind!r}; it must be one of {', '.join(KINDS)}")
    if kind == "graph":
        return graph(
            metric, rows, quality=quality, seed=seed, allocate=allocate, n_threads=n_threads, progress=progress
        )
    if kind == "partition" or (kind == "auto" and len(rows) >= PARTITION_FROM):
        return partition(
            metric, rows, quality=quality, seed=seed, allocate=allocate, n_threads=n_threads, progress=progress
        )
    return Flat.pack(metric, rows, n_threads=n_threads, progress=progress)


def tuned(
    packed: Flat | Partition | Graph, queries: NDArray[np.float32], n_threads: int = 0
) -> Flat | Partition | Graph:
    """The same calibrated on these queries, float32 (q, dim)."""
    if len(queries) < 1:
        raise InputError("tune wants queries, some hundreds of them")
    if isinstance(packed, Flat):
        return packed
    if isinstance(packed, Graph):
        return packed.calibrated(measure_graph(packed, queries, None, n_threads))
    return packed.calibrated(measure(packed, queries, None, n_threads))
