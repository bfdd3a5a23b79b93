"""Which rows a step of training sees: so many groups, several rows of each, and whom they are compared with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nearmost.finetuning.examples import Examples

TOGETHER = 4
"""Rows of a group that stand in a batch together."""
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Anchors and the references that they are compared with, as rows of the examples; often the same."""

    anchors: Ints
    references: Ints


def batches(
    examples: Examples, size: int, generator: np.random.Generator, negatives: Ints | None = None
) -> Iterator[Batch]:
    """All examples once, in a new order: ``size`` anchors at a time, ``negatives`` (rows, n) among the references.

    Groups come in handfuls of four, so that an anchor always meets some of its own; of pairs the one side is
    the anchors, the other the references, and now and then the other way round.
    """
    if len(examples.pairs):
        yield from _of_pairs(examples, size, generator, negatives)
        return
    handfuls = _handfuls(examples.codes, generator)
    step = max(2, size // TOGETHER)
    for start in range(0, len(handfuls), step):
        rows = np.unique(handfuls[start : start + step])
        yield Batch(rows, _with(rows, rows, negatives))


def _of_pairs(examples: Examples, size: int, generator: np.random.Generator, negatives: Ints | None) -> Iterator[Batch]:
    pairs = generator.permutation(examples.pairs)
    for start in range(0, len(pairs), size):
        anchors, partners = generator.permuted(pairs[start : start + size], axis=1).T
        apart = examples.apart
        sides = np.concatenate([apart, apart[:, ::-1]])
        strangers = sides[np.isin(sides[:, 0], anchors), 1]
        anchors = np.unique(anchors)
        yield Batch(anchors, _with(np.unique(np.concatenate([partners, strangers])), anchors, negatives))


def _with(references: Ints, anchors: Ints, negatives: Ints | None) -> Ints:
    if negatives is None:
        return references
    hard = negatives[anchors].ravel()
    return np.unique(np.concatenate([references, hard[hard >= 0]]))


def _handfuls(codes: Ints, generator: np.random.Generator) -> Ints:
    """The rows of every group, shuffled, in handfuls (h, 4), the last of a group filled up with others of its own."""
    order = generator.permutation(len(codes))
    order = order[np.argsort(codes[order], kind="stable")]
    _, starts, sizes = np.unique(codes[order], return_index=True, return_counts=True)
    per_group = -(-sizes // TOGETHER)
    group = np.repeat(np.arange(len(sizes)), per_group)
    first = np.arange(len(group)) - np.repeat(np.cumsum(per_group) - per_group, per_group)
    places = (first[:, None] * TOGETHER + np.arange(TOGETHER)) % sizes[group][:, None]
    return np.asarray(generator.permutation(order[starts[group][:, None] + places]))
