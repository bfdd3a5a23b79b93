"""What is settled before the workers start: an encoder that has learned, and a projection made for its vectors."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nearmost.encoders import Encoder, Fitted, load_encoder
from nearmost.errors import InputError
from nearmost.metrics import metric_named
from nearmost.pipeline.carried import Carried
from nearmost.pipeline.files import Files
from nearmost.pipeline.learning import MOST_TEXTS, drawn
from nearmost.pipeline.passages import Passage, hash_of
from nearmost.pipeline.plan import Plan
from nearmost.projected import better
from nearmost.projecting import projections_for, require_projection
from nearmost.projection import Projection
from nearmost.rows import Rows

ENCODER = ".encoder"
"""What the file of a travelling encoder is called, after the output."""
PROJECTED_FROM = 10_000
"""Texts whose vectors a projection is learned from, where it is one that learns."""


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """An encoder ready to travel, and the projection of its vectors, if there is one."""

    encoder: Carried
    projection: Projection | None = None


def prepared(plan: Plan, files: Files, paths: Sequence[str]) -> Prepared:
    """Loads the encoder, lets it learn from the corpus where it is one that does, and keeps its record in a file.

    An encoder learns from the same texts as in ``nearmost index``: from all, or where there are very many from some
    drawn by the seed. The corpus is read for that once to count its texts and once to pick them.
    """
    loaded = load_encoder(plan.encoder)
    if plan.projection is not None:
        require_projection(plan.projection, loaded.dim, metric_named(plan.packing.metric))
    if isinstance(loaded, Fitted) and not loaded.state():
        loaded = loaded.fit(_sample(plan, files, paths, MOST_TEXTS))
    projection = None if plan.projection is None else _projection(plan, files, paths, loaded)
    return Prepared(Carried.of(loaded).kept(files, plan.name.beside(ENCODER)), projection)


def _projection(plan: Plan, files: Files, paths: Sequence[str], encoder: Encoder) -> Projection:
    metric, seed = metric_named(plan.packing.metric), plan.packing.seed
    learns = re.fullmatch(r"(pca:)?[0-9]+", str(plan.projection))
    texts = _sample(plan, files, paths, PROJECTED_FROM) if learns else [""]
    rows = Rows.of(encoder.encode(texts), metric)
    possible = projections_for(plan.projection, rows, center=metric.name not in ("cosine", "dot"), seed=seed)
    chosen = better(metric, rows, possible, seed)
    chosen.dim_of(encoder.dim)  # raises where the encoder's vectors do not fit
    return chosen


def _sample(plan: Plan, files: Files, paths: Sequence[str], most: int) -> list[str]:
    """The texts to learn from: all of them, or where they are many some drawn by the seed."""
    found = np.fromiter(_measured(plan, files, paths), [("size", np.uint64), ("key", np.uint64)])
    wanted = drawn(found["size"], _kept(found["key"], plan), plan.packing.seed)
    if len(wanted) > most:
        wanted = np.sort(np.random.default_rng(plan.packing.seed).choice(wanted, most, replace=False))
    rows = iter(wanted.tolist())
    texts, row = [], next(rows, -1)
    for number, passage in enumerate(_passages(plan, files, paths)):
        if number == row:
            texts.append(passage.text)
            row = next(rows, -1)
            if row < 0:
                break
    if not texts:
        raise InputError("there is no text in the input; wanted at least one")
    return texts


def _measured(plan: Plan, files: Files, paths: Sequence[str]) -> Iterator[tuple[int, int]]:
    """The bytes of each text, and the hash of its key."""
    for passage in _passages(plan, files, paths):
        yield len(passage.text.encode()), hash_of(passage.key)


def _kept(keys: NDArray[np.uint64], plan: Plan) -> NDArray[np.int64] | None:
    """The rows that stay where keys occur twice, rising; None where all do."""
    if plan.reading.key is None or plan.packing.on_duplicate == "error":
        return None
    if plan.packing.on_duplicate == "first":
        return np.sort(np.unique(keys, return_index=True)[1])
    return np.sort(len(keys) - 1 - np.unique(keys[::-1], return_index=True)[1])


def _passages(plan: Plan, files: Files, paths: Sequence[str]) -> Iterator[Passage]:
    for number, path in enumerate(paths):
        yield from plan.reading.passages(files, number, path)
