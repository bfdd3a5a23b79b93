"""Rows made ready to be searched, in the kind of index that suits them, and tuned to queries."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from nearmost.errors import InputError
from nearmost.kinds.flat import Flat, Progress
from nearmost.kinds.graph import Graph
from nearmost.kinds.graphing import graph, suits
from nearmost.kinds.graphing import measure as measure_graph
from nearmost.kinds.partition import Partition
from nearmost.kinds.partitioning import Quality, measure, partition
from nearmost.memory import Allocate, aligned
from nearmost.metrics import Metric
from nearmost.rows import Rows

Kind = Literal["auto", "flat", "partition", "graph"]
KINDS = ("auto", "flat", "partition", "graph")

FLAT_BELOW = 20_000
"""Rows from which on kind="auto" takes a partition or a graph: below, looking at every row is about as fast."""


def pack(
    metric: Metric,
    rows: Rows,
    *,
    kind: Kind = "auto",
    quality: Quality = "default",
    seed: int = 0,
    before: Flat | Partition | Graph | None = None,
    allocate: Allocate = aligned,
    n_threads: int = 0,
    progress: Progress | None = None,
) -> Flat | Partition | Graph:
    """The rows in the kind that is asked for, or in the faster one.

    ``before``: what the same rows were packed in before a projection moved them, which makes a graph of them cheaper.
    """
    if kind not in KINDS:
        raise InputError(f"kind is {kind!r}; it must be one of {', '.join(KINDS)}")
    chosen = _suited(metric, rows, seed, n_threads) if kind == "auto" else kind
    if chosen == "flat":
        return Flat.pack(metric, rows, n_threads=n_threads, progress=progress)
    options: dict[str, Any] = {
        "quality": quality, "seed": seed, "allocate": allocate, "n_threads": n_threads, "progress": progress
    }  # fmt: skip
    if chosen == "graph":
        links = before.arrays["links"] if isinstance(before, Graph) else None
        made = graph(metric, rows, links=links, **options)
        if kind != "auto" or made.calibration.is_useful:
            return made
        del made  # its walks lose their way among these rows
    return partition(metric, rows, **options)


def _suited(metric: Metric, rows: Rows, seed: int, n_threads: int) -> Kind:
    """What measured fastest on rows like these, told from the rows alone: see docs/graph.md."""
    if len(rows) < FLAT_BELOW:
        return "flat"
    return "graph" if suits(metric, rows, seed, n_threads) else "partition"


def tuned(
    packed: Flat | Partition | Graph, queries: NDArray[np.float32], n_threads: int = 0
) -> Flat | Partition | Graph:
    """The same calibrated on these queries, float32 (q, dim)."""
    if len(queries) < 1:
        raise InputError("tune wants queries, some hundreds of them")
    if isinstance(packed, Flat):
        return packed
    queries = queries[np.random.default_rng(0).permutation(len(queries))]  # what some of them tell is told of all
    if isinstance(packed, Graph):
        return packed.calibrated(measure_graph(packed, queries, None, n_threads))
    return packed.calibrated(measure(packed, queries, None, n_threads))
