"""What Dask's workers do: pure steps from values to values, so that a lost one can be done again elsewhere."""

from __future__ import annotations

import time
from collections.abc import Sequence
from threading import Lock
from typing import Any, NamedTuple

import numpy as np
from distributed import WorkerPlugin, get_worker

from nearmost.encoders import Encoder
from nearmost.pipeline.carried import Carried, encoded
from nearmost.pipeline.dask.storage import FILES
from nearmost.pipeline.files import Output
from nearmost.pipeline.passages import Block, Passage
from nearmost.pipeline.records import Reading, in_parts, named
from nearmost.pipeline.shard import Packing, Written, build_shard, write_shard
from nearmost.projection import Projection

TOGETHER = 8192  # texts of one task


class Part(NamedTuple):
    """Some texts encoded, by shard, and what that took."""

    blocks: dict[int, Block]
    n_rows: int
    milliseconds: int


class EncoderPlugin(WorkerPlugin):  # type: ignore[misc]
    """One encoder a worker process, loaded when the first task asks; Dask gives it to workers that come later, too."""

    def __init__(self, encoder: Carried, name: str) -> None:
        self.name = name
        self._carried = encoder

    def setup(self, worker: Any) -> None:
        """Called by Dask on the worker."""
        self._lock = Lock()
        self._encoder: Encoder | None = None

    def encoder(self) -> Encoder:
        """The encoder, loaded once."""
        with self._lock:
            if self._encoder is None:
                self._encoder = self._carried.load(FILES)
            return self._encoder


def read(number: int, path: str, reading: Reading) -> list[list[Passage]]:
    """The texts of a file, in parts."""
    return list(in_parts(reading.passages(FILES, number, path), TOGETHER))


def sizes(parts: list[list[Passage]]) -> list[int]:
    """How many texts each part has."""
    return [len(part) for part in parts]


def encode(
    part: list[Passage],
    before: Sequence[int] | None,
    plugin: str,
    batch: int,
    projection: Projection | None,
    shards: int,
) -> Part:
    """The vectors of a part, in blocks that each belong to one shard."""
    started = time.monotonic()
    encoder = get_worker().plugins[plugin].encoder()
    passages = part if before is None else [named(passage, before) for passage in part]
    rows = np.concatenate([encoded(encoder, [one.text for one in some], 1) for some in batches(passages, batch)])
    if projection is not None:
        rows = projection.apply(rows, n_threads=1)
    keys, texts, places = zip(*passages, strict=True)
    block = Block(list(keys), list(texts), np.array(places, np.int64), rows)
    return Part(block.by_shard(shards), len(passages), round(1000 * (time.monotonic() - started)))


def batches(passages: list[Passage], size: int) -> list[list[Passage]]:
    """What an encoder gets at a time."""
    return [passages[start : start + size] for start in range(0, len(passages), size)]


def block_of(part: Part, shard: int) -> Block | None:
    """What of a part belongs to a shard."""
    return part.blocks.get(shard)


def figures(part: Part) -> tuple[int, int]:
    """Rows and milliseconds, without the rows."""
    return part.n_rows, part.milliseconds


def build(
    number: int,
    blocks: Sequence[Block | None],
    output: Output,
    packing: Packing,
    encoder: Carried,
    projection: Projection | None,
) -> Written | None:
    """The index of a shard, in a file that is not yet called like one; None where it has no rows."""
    held = [block for block in blocks if block is not None]
    if not held:
        return None
    return write_shard(FILES, output, number, build_shard(held, packing, encoder.recorded(FILES), projection))
