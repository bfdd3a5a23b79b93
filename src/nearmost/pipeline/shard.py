"""A shard: the rows whose keys belong together, as an index file that is seen whole or not at all.

A worker may die at any moment, and an engine may run a task twice. So a shard is first written under a name that no
other attempt has; only when all shards are there are they renamed, those that the engine took for done; and that may
be done twice, too.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nearmost.building import packed
from nearmost.encoders.recorded import PROBES, RecordedEncoder
from nearmost.errors import DuplicateKeyError, InputError
from nearmost.index import Index
from nearmost.kinds.packing import Kind
from nearmost.kinds.partitioning import Quality
from nearmost.metrics import metric_named
from nearmost.pipeline.files import Files, Output
from nearmost.pipeline.passages import Block, split_place
from nearmost.projected import Projected
from nearmost.projection import Projection
from nearmost.rows import Rows, Store
from nearmost.strings import Keys, OnDuplicate, Strings, unique_rows

WORK = ".work"
"""What a folder of unfinished shards is called, after the output."""


@dataclass(frozen=True, slots=True)
class Packing:
    """How the rows of a shard are packed; as the arguments of ``Index.build``."""

    metric: str = "cosine"
    kind: Kind = "auto"
    quality: Quality = "default"
    store: Store = "auto"
    seed: int = 0
    on_duplicate: OnDuplicate = "error"
    n_threads: int = 1


class Written(NamedTuple):
    """A shard that lies under a name of its own and waits to be published."""

    number: int
    path: str
    n_rows: int
    n_bytes: int
    dim: int


def build_shard(
    blocks: Iterable[Block], packing: Packing, encoder: RecordedEncoder | None, projection: Projection | None
) -> Index:
    """The index of all rows of these blocks: the same whatever their order. The rows have gone through ``projection``.

    Raises DuplicateKeyError where two rows have one key, unless ``packing`` says which of them stays.
    """
    keys, texts, places, rows = Block.joined(blocks)
    kept = unique_rows(keys, packing.on_duplicate)
    if packing.on_duplicate == "error":
        _require_unique(keys, texts, places.tolist())
    if kept is not None:
        keys, texts, rows = [keys[row] for row in kept], [texts[row] for row in kept], rows[kept]
    return _index(keys, texts, rows, packing, encoder, projection)


def _require_unique(keys: Sequence[str], texts: Sequence[str], places: Sequence[int]) -> None:
    """Raises DuplicateKeyError, saying where in the input two texts with one key stand, as far as that is known."""
    if len(set(keys)) == len(keys):
        return
    seen: dict[str, int] = {}
    row = next(row for row, key in enumerate(keys) if seen.setdefault(key, row) != row)
    said = []
    for one in (seen[keys[row]], row):
        file, record = split_place(places[one])
        where = f" (record {record + 1} of input file {file + 1}, in the order of their names)" if any(places) else ""
        said.append(f"{texts[one]!r:.60}{where}")
    raise DuplicateKeyError(
        f"two texts have the key {keys[row]!r}: {said[0]} and {said[1]}; keys must be unique "
        '(or say on_duplicate="first" or "last")'
    )


def _index(
    keys: list[str],
    texts: list[str],
    rows: NDArray[np.float32],
    packing: Packing,
    encoder: RecordedEncoder | None,
    projection: Projection | None,
) -> Index:
    metric = metric_named(packing.metric)
    numbered = all(key == str(row) for row, key in enumerate(keys))
    contents = packed(
        metric,
        Rows.of(rows, metric, store=packing.store),
        Keys(len(keys)) if numbered else Keys.of(keys),
        Strings.of(texts),
        encoder,
        kind=packing.kind,
        quality=packing.quality,
        store=packing.store,
        projection=None,
        keep_full=None,
        seed=packing.seed,
        n_threads=packing.n_threads,
    )
    if projection is not None:
        dim_in = projection.dim_in if encoder is None else encoder.arrays[PROBES].shape[1]
        contents = replace(contents, projected=Projected(projection, dim_in, {}))
    return Index(contents)


def write_shard(files: Files, output: Output, number: int, built: Index) -> Written:
    """The index in a new file of the work folder, under a name that no other attempt has."""
    work = output.beside(WORK)
    files.make_folder(work)
    path = f"{work}/{number:05d}-{uuid.uuid4().hex}.nearmost"
    with tempfile.TemporaryDirectory() as folder:
        local = os.path.join(folder, "shard")
        built.save(local)
        with open(local, "rb") as source, files.create(path) as target:
            shutil.copyfileobj(source, target, 1 << 22)
        return Written(number, path, len(built), os.path.getsize(local), built.dim)


def publish(
    files: Files,
    output: Output,
    shards: int,
    written: Iterable[Written],
    packing: Packing,
    encoder: RecordedEncoder | None,
    projection: Projection | None,
) -> list[str]:
    """Gives all shards their names, empty ones to those that no key fell into; returns the names.

    May be called again after it was cut short: what was renamed then is left as it is.
    """
    by_number = {one.number: one for one in written}
    if not by_number:
        raise InputError("there is no row to index; wanted at least one text")
    dim = next(iter(by_number.values())).dim
    for number in range(shards):
        if number not in by_number:
            empty = _index([], [], np.empty((0, dim), np.float32), packing, encoder, projection)
            by_number[number] = write_shard(files, output, number, empty)
    for one in by_number.values():
        if files.exists(one.path):
            files.rename(one.path, output.shard(one.number, shards))
        elif not files.exists(output.shard(one.number, shards)):
            raise InputError(f"{one.path} is gone; does another pipeline write {str(output)!r}? Start again")
    files.remove(output.beside(WORK))
    return [output.shard(number, shards) for number in range(shards)]
