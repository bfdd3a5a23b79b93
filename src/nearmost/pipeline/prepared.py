"""What is settled before the workers start: an encoder that has learned, and a projection made for its vectors."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from nearmost.encoders import Encoder, Fitted, load_encoder
from nearmost.errors import InputError
from nearmost.metrics import metric_named
from nearmost.pipeline.carried import Carried
from nearmost.pipeline.files import Files
from nearmost.pipeline.learning import MOST_TEXTS, drawn
from nearmost.pipeline.plan import Plan
from nearmost.projected import better
from nearmost.projecting import projections_for
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
    if isinstance(loaded, Fitted) and not loaded.state():
        loaded = loaded.fit(_sample(plan, files, paths, MOST_TEXTS))
    projection = None if plan.projection is None else _projection(plan, files, paths, loaded)
    return Prepared(Carried.of(loaded).kept(files, plan.name.beside(ENCODER)), projection)


def _projection(plan: Plan, files: Files, paths: Sequence[str], encoder: Encoder) -> Projection:
    metric, seed = metric_named(plan.packing.metric), plan.packing.seed
    if metric.name == "hamming":
        raise InputError("a projection makes numbers of bits, which hamming cannot compare; leave it out")
    learns = re.fullmatch(r"(pca:)?[0-9]+", str(plan.projection))
    texts = _sample(plan, files, paths, PROJECTED_FROM) if learns else [""]
    rows = Rows.of(encoder.encode(texts), metric)
    possible = projections_for(plan.projection, rows, center=metric.name not in ("cosine", "dot"), seed=seed)
    chosen = better(metric, rows, possible, seed)
    chosen.dim_of(encoder.dim)  # raises where the encoder's vectors do not fit
    return chosen


def _sample(plan: Plan, files: Files, paths: Sequence[str], most: int) -> list[str]:
    """The texts to learn from: all of them, or where they are many some drawn by the seed."""
    sizes = np.fromiter((len(text.encode()) for text in _texts(plan, files, paths)), np.uint64)
    wanted = drawn(sizes, None, plan.packing.seed)
    if len(wanted) > most:
        wanted = np.sort(np.random.default_rng(plan.packing.seed).choice(wanted, most, replace=False))
    rows = iter(wanted.tolist())
    found, row = [], next(rows, -1)
    for number, text in enumerate(_texts(plan, files, paths)):
        if number == row:
            found.append(text)
            row = next(rows, -1)
            if row < 0:
                break
    return found


def _texts(plan: Plan, files: Files, paths: Sequence[str]) -> Iterator[str]:
    for number, path in enumerate(paths):
        for passage in plan.reading.passages(files, number, path):
            yield passage.text
