"""One search, from queries to the nearest rows: what was left out, what is allowed, and scores by full vectors."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nearmost.allowed import Allowed
from nearmost.contents import Contents
from nearmost.kinds.flat import Progress
from nearmost.kinds.partition import require_recall
from nearmost.projected import CANDIDATES
from nearmost.queries import Encode, are_texts, own_rows, query_rows, whole
from nearmost.shards import Shards
from nearmost.values import Neighbors


def queries_of(parts: Contents | Shards, queries: Any, encode: Encode) -> tuple[NDArray[np.float32], bool]:
    """The queries as float32 (q, dim), of the columns that rows had before a projection; whether one was given.

    Where a projection makes rows shorter and their full vectors were not kept, rows of the index come back as they
    are: ``index.search(index.vector(key))`` is a search by row.
    """
    made = "" if parts.encoder is None else f" (built with encoder {parts.encoder.spec!r})"
    if parts.projected is not None:
        made += f"; its projection ({parts.projected.projection}) is applied to queries by itself"
        if not are_texts(queries) and np.shape(queries)[-1:] == (parts.packed.dim,):
            return query_rows(queries, parts.packed.dim, made, encode)
    return query_rows(queries, parts.dim_in, made, encode)


def search(
    parts: Contents | Shards,
    queries: NDArray[np.float32],
    k: int,
    *,
    recall: float,
    effort: int | None,
    allow: Any,
    deny: Any,
    leave_out: Any,
    radius: float | None,
    rescore: int | None,
    n_threads: int,
    progress: Progress | None,
) -> Neighbors:
    """The k nearest rows of queries, float32 (q, dim_in): (q, k); ``Index.search`` says what the arguments mean."""
    k, n_threads = whole(k, "k", 1), whole(n_threads, "n_threads", 0)
    require_recall(recall, effort)
    own = None if leave_out is None else own_rows(leave_out, len(queries), parts.keys)
    candidates = k + (own is not None)
    projected = parts.projected
    full = projected is not None and projected.full is not None and queries.shape[1] == projected.dim_in
    if full and rescore is None and projected is not None and projected.projection.learned:
        rescore = 0  # full rows would put back the order that training changed
    if full and rescore != 0:
        candidates = max(candidates, CANDIDATES * k if rescore is None else whole(rescore, "rescore", 0))
    found = parts.packed.search(
        parts.placed(queries, n_threads),
        candidates,
        recall=recall,
        effort=effort,
        allowed=Allowed.of(allow, deny, parts.keys),
        n_threads=n_threads,
        progress=progress,
    )
    if own is not None:
        found = found.without(own)
    if full and rescore != 0:
        found = parts.rescored(queries, found, k)
    return found if radius is None else found.within(radius)
