"""Vectors to files that other programs read: Parquet, and TFRecord of tf.Example, both by Beam's own sinks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import apache_beam as beam
import numpy as np
import pyarrow as pa
from apache_beam.io.parquetio import WriteToParquetBatched
from apache_beam.io.tfrecordio import WriteToTFRecord
from apache_beam.metrics import Metrics

from nearmost.errors import InputError
from nearmost.pipeline.passages import Embedded
from nearmost.pipeline.table import example_of, schema, table_of

TOGETHER = 256  # rows of one table: the fewest that Beam can put into one file
SUFFIXES = {"parquet": ".parquet", "tfrecord": ".tfrecord"}


class WriteVectors(beam.PTransform):  # type: ignore[misc]
    """A PCollection of names of files, with the key, text and vector of every ``Embedded``.

    ``path`` is what the names begin with: ``out/emb`` gives ``out/emb-00000-of-00004.parquet``. ``format`` is
    "parquet" (columns key, text, vector) or "tfrecord" (a tf.Example each, with these features); ``shards`` is the
    number of files, 0 for as many as the runner likes. ``vector`` is what the vectors are called there. Beam's own
    sinks write the files under other names and rename them at the end.
    """

    def __init__(
        self, path: str, format: Literal["parquet", "tfrecord"] = "parquet", *, shards: int = 0, vector: str = "vector"
    ) -> None:
        super().__init__()
        if format not in SUFFIXES:
            raise InputError(f'format is {format!r}; it must be "parquet" or "tfrecord"')
        self._path, self._format, self._shards, self._vector = path, format, shards, vector

    def expand(self, embedded: Any) -> Any:
        spread = embedded | "Spread" >> beam.Reshuffle()  # else one file gets nearly all: what came from one bundle
        counted = spread | "Count" >> beam.ParDo(_Count())
        names = {"num_shards": self._shards, "file_name_suffix": SUFFIXES[self._format]}
        if self._format == "tfrecord":
            examples = counted | "Example" >> beam.Map(_example, self._vector).with_output_types(bytes)
            return examples | "Write" >> WriteToTFRecord(self._path, **names)
        batches = counted | beam.BatchElements(min_batch_size=TOGETHER, max_batch_size=TOGETHER)
        tables = batches | "Table" >> beam.Map(_table, self._vector).with_output_types(pa.Table)
        return tables | "Write" >> WriteToParquetBatched(self._path, schema(self._vector), codec="zstd", **names)


class _Count(beam.DoFn):  # type: ignore[misc]
    def __init__(self) -> None:
        self._exported = Metrics.counter("nearmost", "vectors_written")

    def process(self, item: Any) -> list[Any]:
        self._exported.inc()
        return [item]


def _example(item: Any, vector: str) -> bytes:
    key, text, row, *_ = item
    return example_of(key, text, row, vector)


def _table(batch: Sequence[Any], vector: str) -> Any:
    items = [Embedded(*item) for item in batch]
    rows = np.stack([item.vector for item in items])
    return table_of([item.key for item in items], [item.text for item in items], rows, vector)
