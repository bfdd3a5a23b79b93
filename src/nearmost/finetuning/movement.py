"""What an embedding that was fine-tuned does to single queries: which neighbours stay, and who gains and loses most."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nearmost.finetuning.heads import unit

Ints = NDArray[np.int64]
AT_ONCE = 8_000_000


@dataclass(frozen=True, slots=True)
class Moved:
    """A query, a measure of it before and after, and its neighbours: (row, score, whether of its own group) each."""

    row: int
    before: float
    after: float
    neighbors_before: tuple[tuple[int, float, bool], ...]
    neighbors_after: tuple[tuple[int, float, bool], ...]


def nearest(rows: NDArray[np.float32], asked: Ints, k: int) -> tuple[Ints, NDArray[np.float32]]:
    """ids and cosines (q, k) of the k rows nearest to each of the rows asked with, itself left out, nearest first."""
    near = unit(rows.astype(np.float64))[0]
    k = min(k, len(rows) - 1)
    ids = np.empty((len(asked), k), dtype=np.int64)
    scores = np.empty((len(asked), k), dtype=np.float32)
    step = max(1, AT_ONCE // len(rows))
    for start in range(0, len(asked), step):
        part = slice(start, start + step)
        cosines = (near[asked[part]] @ near.T).astype(np.float32)
        cosines[np.arange(len(cosines)), asked[part]] = -np.inf
        chosen = np.argpartition(-cosines, k - 1, axis=1)[:, :k] if k < len(rows) else np.argsort(-cosines, axis=1)
        chosen = np.sort(chosen, axis=1)
        found = np.take_along_axis(cosines, chosen, axis=1)
        order = np.argsort(-found, axis=1, kind="stable")
        ids[part] = np.take_along_axis(chosen, order, axis=1)
        scores[part] = np.take_along_axis(found, order, axis=1)
    return ids, scores


def overlap(one: Ints, other: Ints) -> float:
    """The share of neighbours that both have, of as many as there are."""
    both = [len(np.intersect1d(a, b, assume_unique=True)) for a, b in zip(one, other, strict=True)]
    return float(np.mean(both) / one.shape[1])


def vote_accuracy(ids: Ints, codes: Ints, truth: Ints) -> float:
    """The share of queries whose group most of their neighbours have; of equal votes the nearest one's wins."""
    votes = codes[ids]
    counts = ((votes[:, :, None] == votes[:, None, :]) & (votes >= 0)[:, :, None]).sum(axis=2)
    winner = np.take_along_axis(votes, counts.argmax(axis=1)[:, None], axis=1)[:, 0]
    return float(np.mean(winner == truth))


def moved(
    asked: Ints, values: tuple[Any, Any], neighbors: tuple[Any, Any], codes: Ints, chosen: Sequence[int], k: int
) -> tuple[Moved, ...]:
    """The chosen queries with what became of them; ``neighbors`` are two pairs of ids and scores."""

    def listed(place: int, side: int) -> tuple[tuple[int, float, bool], ...]:
        ids, scores = neighbors[side][0][place, :k].tolist(), neighbors[side][1][place, :k].tolist()
        own = codes[asked[place]]
        return tuple((row, score, bool(codes[row] == own)) for row, score in zip(ids, scores, strict=True))

    return tuple(
        Moved(
            int(asked[place]),
            float(values[0][place]),
            float(values[1][place]),
            listed(place, 0),
            listed(place, 1),
        )
        for place in chosen
    )
