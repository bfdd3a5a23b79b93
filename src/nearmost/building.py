"""From what users have, text or vectors, to the contents of an index."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from nearmost.contents import Contents
from nearmost.encoders import Encoder, Fitted, load_encoder
from nearmost.encoders.recorded import RecordedEncoder
from nearmost.errors import InputError, ShapeError
from nearmost.kinds.flat import Flat, Progress
from nearmost.kinds.graph import Graph
from nearmost.kinds.packing import Kind, pack
from nearmost.kinds.partition import Partition
from nearmost.kinds.partitioning import Quality
from nearmost.memory import Allocate, aligned, on_disk
from nearmost.metrics import Metric, metric_named
from nearmost.projected import Projected, better
from nearmost.projecting import projections_for, require_projection
from nearmost.projection import Projection
from nearmost.rows import Rows, Store, gathered
from nearmost.strings import Keys, OnDuplicate, Strings, unique_rows
from nearmost.values import Corpus, Vectors, listed, refuse_second

SMALL = 1 << 30
"""Bytes of a mapped array up to which it is packed in memory."""


def build(
    given: Any,
    *,
    keys: Iterable[str] | None,
    metric: str | Metric,
    encoder: str | Encoder | None,
    on_duplicate: OnDuplicate,
    kind: Kind,
    quality: Quality,
    store: Store,
    projection: Projection | str | os.PathLike[str] | int | None,
    keep_full: bool | None,
    scratch: str | os.PathLike[str] | None,
    seed: int,
    n_threads: int,
    progress: Progress | None,
) -> tuple[Contents, Encoder | None]:
    """The contents, and the encoder that was loaded on the way; ``Index.build`` says what the arguments mean."""
    chosen = metric_named(metric)
    texts = None
    loaded = None if encoder is None else load_encoder(encoder)
    if isinstance(given, Corpus):
        loaded = loaded or load_encoder("minilm")
        if projection is not None:
            require_projection(projection, loaded.dim, chosen)  # before the texts are encoded, not after it
        loaded = loaded.fit(given.texts) if isinstance(loaded, Fitted) else loaded
        refuse_second(keys, "the corpus")
        texts, keys = given.texts, given.keys
        given = loaded.encode(given.texts, progress=progress, n_threads=n_threads)
        progress = None  # packing is short beside encoding, and two bars would be one too many
    if isinstance(given, Vectors):
        refuse_second(keys, "the vectors")
        given, keys, texts = given.rows, given.keys, given.texts
    if isinstance(given, Iterator):
        given = gathered(given, scratch)
    allocate = _allocate(given, scratch)
    rows = Rows.of(given, chosen, store=store if projection is None else "auto", allocate=allocate)
    if loaded is not None and loaded.dim != rows.dim:
        raise ShapeError(f"encoder {loaded.spec!r} has dim {loaded.dim}, the vectors have dim {rows.dim}")
    rows, named = _named(rows, keys, on_duplicate)
    contents = packed(
        chosen, rows, named, texts, None if loaded is None else RecordedEncoder.of(loaded), kind=kind, quality=quality,
        store=store, projection=projection, keep_full=keep_full, seed=seed, allocate=allocate, n_threads=n_threads,
        progress=progress,
    )  # fmt: skip
    return contents, loaded


def packed(
    metric: Metric,
    rows: Rows,
    keys: Keys,
    texts: Strings | None,
    encoder: RecordedEncoder | None,
    *,
    kind: Kind,
    quality: Quality,
    store: Store,
    projection: Projection | str | os.PathLike[str] | int | None,
    keep_full: bool | None,
    seed: int,
    before: Flat | Partition | Graph | None = None,
    allocate: Allocate = aligned,
    n_threads: int = 0,
    progress: Progress | None = None,
) -> Contents:
    """The contents of rows that are complete, put through a projection where one is given.

    ``before``: what the same rows are packed in now.
    """
    projected = None
    if projection is not None:
        require_projection(projection, rows.dim, metric)
        possible = projections_for(projection, rows, center=metric.name not in ("cosine", "dot"), seed=seed)
        chosen = better(metric, rows, possible, seed, n_threads)
        projected, rows = Projected.of(
            chosen, rows, metric, keep_full=keep_full, store=store, seed=seed, allocate=allocate, n_threads=n_threads
        )
    elif keep_full:
        raise InputError("keep_full keeps what a projection shortens; without projection=... rows are full as they are")
    made = pack(
        metric, rows, kind=kind, quality=quality, seed=seed, before=before, allocate=allocate, n_threads=n_threads,
        progress=progress,
    )  # fmt: skip
    return Contents(made, keys, texts, encoder, projected)


def refitted(
    parts: Contents,
    projection: Projection | str | os.PathLike[str] | int | None,
    *,
    kind: Kind,
    quality: Quality,
    store: Store,
    keep_full: bool | None,
    seed: int,
    n_threads: int,
    progress: Progress | None,
) -> Contents:
    """The same with its rows put through another projection, or through none. Raises InputError without full rows."""
    full = parts.packed.rows if parts.projected is None else parts.projected.full
    if full is None:
        raise InputError(
            "this index keeps its rows projected only, and what they were before is lost: refit an index that was "
            "built with keep_full=True, or without a projection"
        )
    if keep_full is None and projection is not None:
        keep_full = True if parts.projected is not None else None
    return packed(
        parts.packed.metric, full, parts.keys, parts.texts, parts.encoder, kind=kind, quality=quality, store=store,
        projection=projection, keep_full=keep_full, seed=seed, before=parts.packed, n_threads=n_threads,
        progress=progress,
    )  # fmt: skip


def _allocate(given: Any, scratch: str | os.PathLike[str] | None) -> Allocate:
    """Memory, but a file where one is asked for or the vectors are themselves a large mapped file."""
    large = isinstance(given, np.ndarray) and given.nbytes > SMALL and _is_mapped(given)
    return aligned if scratch is None and not large else on_disk(scratch)


def _is_mapped(array: Any) -> bool:
    while isinstance(array, np.ndarray) and not isinstance(array, np.memmap):
        array = array.base
    return isinstance(array, np.memmap)


def _named(rows: Rows, keys: Iterable[str] | None, on_duplicate: OnDuplicate) -> tuple[Rows, Keys]:
    if keys is None:
        return rows, Keys(len(rows))
    if not isinstance(keys, Keys):
        names = listed(keys)
        kept = unique_rows(names, on_duplicate)
        if kept is not None and len(names) == len(rows):
            rows, names = rows.take(np.array(kept, dtype=np.int64)), [names[row] for row in kept]
        keys = Keys.of(names)
    if len(keys) != len(rows):
        raise ShapeError(f"{len(keys)} keys were given for {len(rows)} vectors; there must be one a row")
    return rows, keys
