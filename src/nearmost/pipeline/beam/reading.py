"""Files of texts as a PCollection."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import apache_beam as beam
from apache_beam.metrics import Metrics

from nearmost.pipeline.beam.storage import FILES
from nearmost.pipeline.files import expand
from nearmost.pipeline.passages import FILE_BITS, Passage
from nearmost.pipeline.records import Reading, in_parts, named, starts

TOGETHER = 256  # texts that change workers in one piece


class ReadCorpus(beam.PTransform):  # type: ignore[misc]
    """A PCollection of ``Passage``: the texts of these files, whatever formats and compression ``iter_records`` reads.

    ``paths`` are names and patterns, local or of a file system that Beam knows. ``text`` and ``key`` name columns;
    without ``key`` texts are numbered from "0" over all files in the order of their names, so that a text has the same
    key whichever worker reads it. A file is read by one worker, and its texts are then shared out among all: many
    files are read faster than one large one. What cannot be read is a ReadError, and ends the pipeline.
    """

    def __init__(
        self,
        paths: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
        *,
        text: str | None = None,
        key: str | None = None,
        encoding: str = "utf-8",
        format: str | None = None,
    ) -> None:
        super().__init__()
        given = [paths] if isinstance(paths, str | os.PathLike) else paths
        self._paths = expand(FILES, [os.fspath(path) for path in given])
        self._reading = Reading(text, key, encoding, format)

    def expand(self, begin: Any) -> Any:
        files = begin | "Files" >> beam.Create(list(enumerate(self._paths))) | "Share files" >> beam.Reshuffle()
        parts = files | "Read" >> beam.ParDo(_Read(self._reading))
        if self._reading.key is None and len(self._paths) == 1:
            before: Any = starts([])
        elif self._reading.key is None:
            counts = parts | beam.Map(_size_of) | beam.CombinePerKey(sum) | beam.combiners.ToDict()
            before = beam.pvalue.AsSingleton(counts | "Starts" >> beam.Map(_starts, len(self._paths)))
        else:
            before = None
        shared = parts | "Share texts" >> beam.Reshuffle()
        return shared | "Name" >> beam.FlatMap(_named, before).with_output_types(Passage)


class _Read(beam.DoFn):  # type: ignore[misc]
    """(number, path) to lists of passages."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._read = Metrics.counter("nearmost", "rows_read")

    def process(self, file: tuple[int, str]) -> Iterator[list[Passage]]:
        number, path = file
        for part in in_parts(self._reading.passages(FILES, number, path), TOGETHER):
            self._read.inc(len(part))
            yield part


def _size_of(part: list[Passage]) -> tuple[int, int]:
    return part[0].place >> FILE_BITS, len(part)


def _starts(counts: Mapping[int, int], n_files: int) -> list[int]:
    return starts([counts.get(number, 0) for number in range(n_files)])


def _named(part: list[Passage], before: Sequence[int] | None) -> Iterator[Passage]:
    return iter(part) if before is None else (named(passage, before) for passage in part)
