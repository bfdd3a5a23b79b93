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
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from nearmost.contents import Contents
from nearmost.encoders.recorded import RecordedEncoder
from nearmost.errors import DuplicateKeyError, InputError
from nearmost.index import Index
from nearmost.packing import Kind
from nearmost.partitioning import Quality
from nearmost.pipeline.files import Files, Output
from nearmost.pipeline.passages import Block
from nearmost.rows import Store
from nearmost.strings import OnDuplicate, Strings, unique_rows

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


def build_shard(blocks: Iterable[Block], packing: Packing, encoder: RecordedEncoder | None) -> Index:
    """The index of all rows of these blocks: the same whatever their order."""
    keys, texts, _, rows = Block.joined(blocks)
    kept = unique_rows(keys, packing.on_duplicate)
    if kept is not None:
        keys, texts, rows = [keys[row] for row in kept], [texts[row] for row in kept], rows[kept]
    plain = all(key == str(row) for row, key in enumerate(keys))
    try:
        built = Index.build(
            rows,
            keys=None if plain else keys,
            metric=packing.metric,
            kind=packing.kind,
            quality=packing.quality,
            store=packing.store,
            seed=packing.seed,
            n_threads=packing.n_threads,
        )
    except DuplicateKeyError as error:
        raise DuplicateKeyError(f"{error}; or say on_duplicate='first' or 'last'") from None
    return with_texts(built, texts, encoder)


def with_texts(built: Index, texts: Iterable[str], encoder: RecordedEncoder | None) -> Index:
    """The same index, with texts and the record of the encoder that made its vectors."""
    contents: Contents = built._parts()
    return Index(replace(contents, texts=Strings.of(texts), encoder=encoder))


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
            empty = Index.build(np.empty((0, dim), np.float32), metric=packing.metric, kind="flat")
            by_number[number] = write_shard(files, output, number, with_texts(empty, [], encoder))
    for one in by_number.values():
        if files.exists(one.path):
            files.rename(one.path, output.shard(one.number, shards))
        elif not files.exists(output.shard(one.number, shards)):
            raise InputError(f"{one.path} is gone; does another pipeline write {str(output)!r}? Start again")
    files.remove(output.beside(WORK))
    return [output.shard(number, shards) for number in range(shards)]
