"""Vectors to index files, one a shard."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import apache_beam as beam
from apache_beam.metrics import Metrics
from apache_beam.transforms.window import GlobalWindows

from nearmost.encoders import Encoder
from nearmost.pipeline.beam.storage import FILES
from nearmost.pipeline.carried import Carried
from nearmost.pipeline.files import Output
from nearmost.pipeline.passages import Block, require_shards
from nearmost.pipeline.shard import Packing, Written, build_shard, publish, write_shard
from nearmost.projection import Projection

TOGETHER = 1024  # rows of all shards that are held before they are sent


class BuildShards(beam.PTransform):  # type: ignore[misc]
    """A PCollection of the names of ``shards`` index files, from one of ``Embedded`` or of ``(key, text, vector)``.

    ``output`` is ``headlines-*.nearmost``, whose star becomes ``00003-of-00016``, and ``nearmost.open`` opens by that
    pattern; with one shard it may be a plain name. A key belongs to the shard that its hash says, and the rows of a
    shard stand in the order of the input, so that the same vectors give the same bytes, whatever the runner and the
    number of workers. All shards are written under other names first, and are renamed when the last of them is there:
    a worker that dies leaves nothing that could be taken for an index. A shard is built in the memory of one worker.

    ``encoder`` (a spec, or the Encoder) is recorded, so that the index answers texts; ``projection`` is the one that
    the rows went through. ``packing`` as in ``Index.build``; two rows with one key are a DuplicateKeyError unless
    ``on_duplicate`` says "first" or "last".
    """

    def __init__(
        self,
        output: str,
        shards: int = 1,
        *,
        encoder: str | Encoder | Carried | None = None,
        projection: Projection | None = None,
        **packing: Any,
    ) -> None:
        super().__init__()
        self._output, self._shards = Output(output), require_shards(shards)
        self._encoder = None if encoder is None else Carried.of(encoder)
        self._packing, self._projection = Packing(**packing), projection
        self._output.check(FILES, shards)

    def expand(self, embedded: Any) -> Any:
        written = (
            embedded
            | "Share out" >> beam.ParDo(_ByShard(self._shards))
            | "Gather" >> beam.GroupByKey()
            | "Build" >> beam.ParDo(_Build(self._output, self._packing, self._encoder, self._projection))
        )
        all_of_them = written | "Wait for all" >> beam.combiners.ToList()
        publishing = _Publish(self._output, self._shards, self._packing, self._encoder, self._projection)
        return all_of_them | "Publish" >> beam.ParDo(publishing).with_output_types(str)


class _ByShard(beam.DoFn):  # type: ignore[misc]
    """Rows to (shard, block); a block travels faster than its rows one by one."""

    def __init__(self, shards: int) -> None:
        self._shards = shards

    def start_bundle(self) -> None:
        self._held: list[Any] = []

    def process(self, item: Any) -> Iterator[tuple[int, Block]]:
        self._held.append(item)
        if len(self._held) >= TOGETHER * min(self._shards, 16):
            yield from self._sent()

    def finish_bundle(self) -> Iterator[Any]:
        for pair in self._sent():
            yield GlobalWindows.windowed_value(pair)

    def _sent(self) -> Iterator[tuple[int, Block]]:
        if self._held:
            held, self._held = self._held, []
            yield from Block.of(held).by_shard(self._shards).items()


class _Build(beam.DoFn):  # type: ignore[misc]
    """The blocks of a shard to its index, in a file that is not yet called like one."""

    def __init__(
        self, output: Output, packing: Packing, encoder: Carried | None, projection: Projection | None
    ) -> None:
        self._output, self._packing, self._encoder, self._projection = output, packing, encoder, projection
        self._rows = Metrics.counter("nearmost", "rows_written")
        self._bytes = Metrics.distribution("nearmost", "shard_bytes")

    def process(self, shard: tuple[int, Iterable[Block]]) -> Iterator[Written]:
        number, blocks = shard
        record = None if self._encoder is None else self._encoder.recorded(FILES)
        built = build_shard(blocks, self._packing, record, self._projection)
        written = write_shard(FILES, self._output, number, built)
        self._rows.inc(written.n_rows)
        self._bytes.update(written.n_bytes)
        yield written


class _Publish(beam.DoFn):  # type: ignore[misc]
    """All written shards to their names."""

    def __init__(
        self, output: Output, shards: int, packing: Packing, encoder: Carried | None, projection: Projection | None
    ) -> None:
        self._output, self._shards, self._packing, self._encoder = output, shards, packing, encoder
        self._projection = projection
        self._published = Metrics.counter("nearmost", "shards_written")

    def process(self, written: list[Written]) -> Iterator[str]:
        record = None if self._encoder is None else self._encoder.recorded(FILES)
        names = publish(FILES, self._output, self._shards, written, self._packing, record, self._projection)
        self._published.inc(len(names))
        yield from names
