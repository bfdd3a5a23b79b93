"""Several index files made one: the index of all their rows, as if they had been indexed together."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from nearmost.building import SMALL
from nearmost.contents import Contents
from nearmost.index import Index
from nearmost.kinds.flat import Flat, Progress
from nearmost.kinds.packing import Kind, pack
from nearmost.kinds.partitioning import Quality
from nearmost.kinds.turning import staged
from nearmost.memory import Allocate, aligned, on_disk
from nearmost.metrics import Metric
from nearmost.projected import Projected, cost_of
from nearmost.rows import Rows
from nearmost.shards import Paths, Shards, contents_of, refuse_key
from nearmost.stacked import StackedStrings, hashed, joined
from nearmost.strings import Keys, OnDuplicate, Strings, unique_rows

CHUNK = 1 << 16
"""Rows copied at a time."""
PACKING = 8
"""Parts of the progress that come after the copying."""


def merge(
    paths: Paths | Index,
    *,
    on_duplicate: OnDuplicate = "error",
    kind: Kind = "auto",
    quality: Quality = "default",
    scratch: str | os.PathLike[str] | None = None,
    seed: int = 0,
    n_threads: int = 0,
    progress: Progress | None = None,
) -> Index:
    """One index of all the rows of several: of a list of files, a pattern, or what ``nearmost.open`` makes of them.

    Rows stand in the order of the files. The bytes are those of an index built from all the rows at once, with the same
    kind, quality and seed. They are copied through files in ``scratch``, or in the system's own such folder where they
    take more than 1 GiB, so that the memory it takes does not grow with them. ``on_duplicate`` says what happens
    where two files have the same key: "error", or keep the "first" or the "last" row. Save what comes back. Raises
    ShardError where the files do not belong together.
    """
    names, shards = _shards(paths)
    n_bytes = sum(array.nbytes for shard in shards for array in _rows(shard).arrays.values())
    allocate = on_disk(scratch) if scratch is not None or n_bytes > SMALL else aligned
    kept, keys = _keys(names, [shard.keys for shard in shards], on_duplicate, allocate)
    stage = staged(progress, PACKING + 1)
    first, metric = shards[0], shards[0].packed.metric
    rows = _stacked(metric, list(map(_rows, shards)), kept, allocate, stage(0))
    texts = None if first.texts is None else _texts([shard.texts for shard in shards if shard.texts], kept, allocate)
    projected = None
    if first.projected is not None:
        whole = [shard.projected.full for shard in shards if shard.projected and shard.projected.full]
        full = _stacked(metric, whole, kept, allocate, None) if whole else None
        cost = {} if full is None else cost_of(metric, full, rows, seed, n_threads)  # without them nobody can tell
        projected = Projected(first.projected.projection, first.projected.dim_in, cost, full)
    told = None if progress is None else partial(_later, progress)
    packed = pack(
        metric, rows, kind=kind, quality=quality, seed=seed, allocate=allocate, n_threads=n_threads, progress=told
    )
    return Index(Contents(packed, keys, texts, first.encoder, projected))


def _shards(paths: Paths | Index) -> tuple[Sequence[str], Sequence[Contents]]:
    if not isinstance(paths, Index):
        return contents_of(paths)[:2]
    parts = paths._parts()
    return (parts.paths, parts.shards) if isinstance(parts, Shards) else (["the index"], [parts])


def _later(progress: Progress, done: int, total: int) -> None:
    """The progress of what follows the copying."""
    progress(total + done * PACKING, total * (PACKING + 1))


def _rows(shard: Contents) -> Rows:
    """The packed rows; of a flat index for hamming, which keeps them in its codes alone, those."""
    packed = shard.packed
    if packed.rows is not None:
        return packed.rows
    assert isinstance(packed, Flat)
    codes = packed.arrays["panels"].transpose(0, 2, 1, 3).reshape(-1, packed.arrays["panels"].shape[1] * 4)
    return Rows(codes[: packed.n_rows, : -(-packed.dim // 8)], packed.dim, bits=True)


def _stacked(
    metric: Metric, parts: Sequence[Rows], kept: NDArray[np.bool_] | None, allocate: Allocate, progress: Progress | None
) -> Rows:
    """All rows in the type they are kept in; where the parts differ in that, in the shortest that loses nothing."""
    alike = len({(part.values.dtype, part.scales is None) for part in parts}) == 1
    scaled = alike and parts[0].scales is not None
    n_rows = sum(map(len, parts)) if kept is None else int(np.count_nonzero(kept))
    width, dtype = (parts[0].values.shape[1], parts[0].values.dtype) if alike else (parts[0].dim, np.dtype(np.float32))
    values = allocate((n_rows, width), dtype)
    scales = allocate((n_rows,), np.float32) if scaled else None
    done = before = 0
    for part in parts:
        for start in range(0, len(part), CHUNK):
            which: slice | NDArray[np.int64] = slice(start, min(len(part), start + CHUNK))
            if kept is not None:
                which = start + np.flatnonzero(kept[before + start : before + start + CHUNK][: len(part) - start])
            block = part.values[which] if alike else part.floats(which)
            values[done : done + len(block)] = block
            if scales is not None and part.scales is not None:
                scales[done : done + len(block)] = part.scales[which]
            done += len(block)
            if progress is not None:
                progress(done, n_rows)
        before += len(part)
    if alike:
        return Rows(values, parts[0].dim, scales, parts[0].bits)
    return Rows.of(values, metric, allocate=allocate)


def _keys(
    paths: Sequence[str], parts: Sequence[Keys], on_duplicate: OnDuplicate, allocate: Allocate
) -> tuple[NDArray[np.bool_] | None, Keys]:
    """A mark for each row that is kept, or None where all are, and the keys of those."""
    strings = [keys.strings for keys in parts if keys.strings is not None]
    if not strings:
        return None, Keys(sum(map(len, parts)))
    names = joined(strings, allocate)
    slots = hashed(names)
    if isinstance(slots, np.ndarray):
        return None, Keys(len(names), names, slots)
    rows = unique_rows(names, on_duplicate)
    if rows is None:
        refuse_key(paths, parts, slots)
    kept = np.zeros(len(names), bool)
    kept[rows] = True
    return kept, Keys.of(names.take(np.flatnonzero(kept)))


def _texts(parts: Sequence[Strings], kept: NDArray[np.bool_] | None, allocate: Allocate) -> Strings:
    return joined(parts, allocate) if kept is None else Strings.of(StackedStrings(parts).take(np.flatnonzero(kept)))
