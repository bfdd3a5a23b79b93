"""Texts to vectors, and vectors to shorter ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import apache_beam as beam
import numpy as np
from apache_beam.metrics import Metrics
from apache_beam.ml.inference.base import ModelHandler, RunInference

from nearmost.encoders import Encoder
from nearmost.pipeline.beam.storage import FILES
from nearmost.pipeline.carried import Carried, encoded
from nearmost.pipeline.passages import Embedded, Passage
from nearmost.projection import Projection

BATCH = 1024
"""Texts of the largest batch; Beam finds by trial which size up to that is worth its while."""
PROJECTED = 1024  # rows that are projected in one go


class Encode(beam.PTransform):  # type: ignore[misc]
    """A PCollection of ``Embedded`` from one of ``Passage``, or of plain ``(key, text)``.

    ``encoder`` is a spec, which every worker loads, or an Encoder, whose spec and learned state travel: one that learns
    (``lsa``) is given fitted. The model is loaded once a worker process by Beam's RunInference, which also counts
    (namespace ``nearmost.encode``) and forms batches, of at most ``batch_size`` texts and of a size that Beam finds by
    trial. A text's vector does not depend on its batch. ``n_threads`` are those that one batch may use: 1 where the
    runner has a worker a core.
    """

    def __init__(self, encoder: str | Encoder | Carried, batch_size: int = BATCH, *, n_threads: int = 1) -> None:
        super().__init__()
        self._handler = EncoderHandler(Carried.of(encoder), batch_size, n_threads)

    def expand(self, passages: Any) -> Any:
        return passages | "Encode" >> RunInference(self._handler)


class EncoderHandler(ModelHandler[Any, Embedded, Encoder]):  # type: ignore[misc]
    """What Beam's RunInference asks about an encoder."""

    def __init__(self, encoder: Carried, batch_size: int, n_threads: int) -> None:
        super().__init__()
        self._carried = encoder
        self._batch_size = batch_size
        self._n_threads = n_threads
        self._encoded = Metrics.counter("nearmost", "rows_encoded")

    def load_model(self) -> Encoder:
        return self._carried.load(FILES)

    def run_inference(
        self, batch: Sequence[Any], model: Encoder, inference_args: dict[str, Any] | None = None
    ) -> Iterator[Embedded]:
        passages = [Passage(*item) for item in batch]
        rows = encoded(model, [passage.text for passage in passages], self._n_threads)
        self._encoded.inc(len(passages))
        for passage, row in zip(passages, rows, strict=True):
            yield Embedded(passage.key, passage.text, row, passage.place)

    def batch_elements_kwargs(self) -> dict[str, Any]:
        return {"min_batch_size": min(16, self._batch_size), "max_batch_size": self._batch_size}

    def get_num_bytes(self, batch: Sequence[Any]) -> int:
        return sum(len(item[1]) for item in batch)

    def get_metrics_namespace(self) -> str:
        return "nearmost.encode"


class Project(beam.PTransform):  # type: ignore[misc]
    """The same PCollection with shorter vectors: those that ``projection.apply(rows)`` gives."""

    def __init__(self, projection: Projection) -> None:
        super().__init__()
        self._projection = projection

    def expand(self, embedded: Any) -> Any:
        batches = embedded | beam.BatchElements(min_batch_size=PROJECTED, max_batch_size=PROJECTED)
        return batches | "Project" >> beam.FlatMap(_projected, self._projection).with_output_types(Embedded)


def _projected(batch: Sequence[Any], projection: Projection) -> Iterator[Embedded]:
    items = [Embedded(*item) for item in batch]
    rows = projection.apply(np.stack([item.vector for item in items]), n_threads=1)
    for item, row in zip(items, rows, strict=True):
        yield item._replace(vector=row)
