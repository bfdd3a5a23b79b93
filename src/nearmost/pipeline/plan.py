"""All that a run is told: what to read, how to encode it, and what to write. Both engines carry out the same plan."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from nearmost.encoders import Encoder
from nearmost.errors import InputError
from nearmost.pipeline.files import Output
from nearmost.pipeline.passages import require_shards
from nearmost.pipeline.records import Reading
from nearmost.pipeline.shard import Packing

FORMATS = {".parquet": "parquet", ".pq": "parquet", ".tfrecord": "tfrecord", ".tfrecords": "tfrecord"}


@dataclass(frozen=True, slots=True)
class Plan:
    """From files of texts to index files: ``Plan(("corpus/*.txt",), "corpus-*.nearmost", shards=16)``.

    ``encoder`` is a spec or an Encoder. ``projection`` is a Projection, or what ``--project`` takes. ``vectors`` names
    files to write the vectors to as well, ``emb.parquet`` or ``emb.tfrecord``: they come to lie in as many as there
    are shards, ``emb-00003-of-00016.parquet``.
    """

    inputs: tuple[str, ...]
    output: str
    shards: int = 1
    encoder: str | Encoder = "minilm"
    projection: Any = None
    vectors: str | None = None
    batch_size: int = 1024
    reading: Reading = field(default_factory=Reading)
    packing: Packing = field(default_factory=Packing)

    def __post_init__(self) -> None:
        require_shards(self.shards)
        if not isinstance(self.batch_size, int) or self.batch_size < 1:
            raise InputError(f"batch_size is {self.batch_size!r}; it must be a whole number from 1 on")
        if self.vectors is not None:
            self.exported()

    @property
    def name(self) -> Output:
        """The output as a name of shards."""
        return Output(self.output)

    def exported(self) -> tuple[str, Literal["parquet", "tfrecord"]]:
        """Where the files of vectors go, without their suffix, and their format."""
        path, dot, suffix = str(self.vectors).rpartition(".")
        format = FORMATS.get(dot + suffix.lower())
        if not path or format is None:
            raise InputError(f"vectors is {self.vectors!r}; the name must end in one of {', '.join(FORMATS)}")
        return path, "parquet" if format == "parquet" else "tfrecord"


@dataclass(frozen=True, slots=True)
class Done:
    """What a run wrote and counted. ``counts`` has rows_read, rows_encoded, rows_written and shards_written, and what
    else the engine counts; a distribution is its count, sum, min and max."""

    paths: tuple[str, ...]
    counts: dict[str, Any]
