"""What is settled before the workers start: an encoder that has learned, and a projection made for its vectors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from nearmost.encoders import Fitted, load_encoder
from nearmost.pipeline.carried import Carried
from nearmost.pipeline.files import Files
from nearmost.pipeline.plan import Plan

PROJECTED_FROM = 10_000
"""Texts whose vectors a projection is learned from, where it is one that learns."""


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """An encoder ready to travel, and the projection of its vectors, if there is one."""

    encoder: Carried
    projection: Any = None


def prepared(plan: Plan, files: Files, paths: Sequence[str]) -> Prepared:
    """Loads the encoder, lets it learn from the corpus where it is one that does, and keeps its record in a file.

    An encoder learns from the same texts as in ``nearmost index``: from all, or where there are very many from some
    drawn by the seed. The corpus is read for that once to count its texts and once to pick them.
    """
    loaded = load_encoder(plan.encoder)
    if isinstance(loaded, Fitted) and not loaded.state():
        loaded = loaded.fit(_sample(plan, files, paths))
    carried = Carried.of(loaded).kept(files, plan.name.beside(".encoder"))
    return Prepared(carried, None)


def _texts(plan: Plan, files: Files, paths: Sequence[str]) -> Iterator[str]:
    for number, path in enumerate(paths):
        for passage in plan.reading.passages(files, number, path):
            yield passage.text


def _sample(plan: Plan, files: Files, paths: Sequence[str]) -> list[str]:
    return list(_texts(plan, files, paths))
