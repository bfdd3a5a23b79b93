"""Training a head on frozen rows: batches, a loss, its gradient back through the head, and when to stop."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nearmost.finetuning.adam import Adam
from nearmost.finetuning.batches import Batch, batches
from nearmost.finetuning.examples import Examples
from nearmost.finetuning.heads import Arrays, Head, unit, unit_back
from nearmost.finetuning.losses import Loss
from nearmost.finetuning.memory import Memory
from nearmost.finetuning.retrieval import QUERIES, chosen_queries, measured

Floats = NDArray[Any]
Progress = Callable[[int, int], object]
LEAST_STEPS = 16
"""Steps of an epoch; a few hundred examples are looked at several times in one."""
MOST_KEPT = 40
"""Epochs whose arrays are in memory until it is known which one is chosen."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How a head is trained."""

    batch: int
    """Rows in a step."""
    rate: float | None
    """Of Adam; None is what suits the head."""
    epochs: int
    patience: int
    stop_on: str
    """A measure of ``Retrieval``."""
    memory: int
    """Embeddings of earlier batches that rows are compared with too."""


@dataclass(frozen=True, slots=True)
class Epoch:
    """What came of one look at all examples."""

    number: int
    """0 is before the first."""
    loss: float
    """The mean over its batches; NaN before the first."""
    value: float
    """Of the measure that training stops on, of the rows to validate with."""


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """The arrays of the chosen epoch, and how it went."""

    arrays: Arrays
    history: tuple[Epoch, ...]
    chosen: int
    """The number of the epoch that the arrays are of."""


def train(
    examples: Examples,
    valid: Examples,
    head: Head,
    loss: Loss,
    *,
    dim: int,
    plan: Plan,
    generator: np.random.Generator,
    negatives: NDArray[np.int64] | None = None,
    watch: Callable[[Epoch], object] | None = None,
    progress: Progress | None = None,
) -> Trained:
    """The head of the first epoch that serves the rows to validate with as well as the best one, but for chance.

    That is, within one standard error of it (Breiman et al. 1984): what later epochs learn is noise in the labels more
    often than not. Training ends after ``patience`` epochs without a better one. Where none is better than the start,
    these are the arrays that training began with.
    """
    arrays = head.start(examples.rows, dim, generator)
    learned = dict(arrays)
    if loss.centres:
        learned["centres"] = _centres(examples, head.forward(arrays, examples.rows))
    steps = Adam(learned, head.rate if plan.rate is None else plan.rate)
    memory = Memory(plan.memory, dim)
    asked = chosen_queries(valid.codes, QUERIES, 0)
    history: list[Epoch] = []
    kept: dict[int, Arrays] = {}  # of the epochs that may turn out to be the chosen one
    best, enough = 0, -np.inf

    def judge(number: int, value: float) -> bool:
        """Whether to go on."""
        nonlocal best, enough
        found = measured(head.forward(arrays, valid.rows), valid.codes, asked, _ks(plan.stop_on)).values[plan.stop_on]
        history.append(Epoch(number, value, float(found.mean())))
        if number == 0 or history[-1].value > history[best].value:
            best, enough = number, history[-1].value - float(found.std()) / len(found) ** 0.5
            for epoch in [epoch for epoch in kept if history[epoch].value < enough]:
                del kept[epoch]
        if history[-1].value >= enough and len(kept) < MOST_KEPT:
            kept[number] = {name: array.copy() for name, array in arrays.items()}
        if watch is not None:
            watch(history[-1])
        if progress is not None:
            progress(number, plan.epochs)
        return number - best < plan.patience

    judge(0, float("nan"))
    for number in range(1, plan.epochs + 1):
        values = []
        for batch in _epoch(examples, plan.batch, generator, negatives):
            if loss.centres:
                value, gradients = _to_centres(examples, batch.anchors, head, loss, learned)
            else:
                value, gradients = _to_rows(examples, batch.anchors, batch.references, head, loss, learned, memory)
            values.append(value)
            steps.step(gradients)
        if not judge(number, float(np.mean(values))):
            break
    if progress is not None:
        progress(plan.epochs, plan.epochs)
    chosen = min(kept)
    return Trained(kept[chosen], tuple(history), chosen)


def _epoch(
    examples: Examples, size: int, generator: np.random.Generator, negatives: NDArray[np.int64] | None
) -> Iterator[Batch]:
    """All examples once, or as often as it takes to make enough steps for a difference to be seen."""
    done = 0
    while done < LEAST_STEPS:
        for batch in batches(examples, size, generator, negatives):
            done += 1
            yield batch


def _to_centres(
    examples: Examples, anchors: NDArray[np.int64], head: Head, loss: Loss, learned: Mapping[str, Floats]
) -> tuple[float, Arrays]:
    """The loss of these rows against the centres, and the gradient of everything that is learned."""
    rows = examples.rows[anchors]
    embedded, lengths = unit(head.forward(learned, rows))
    centres, sizes = unit(learned["centres"])
    value, slope = loss.value(embedded @ centres.T, examples.codes[anchors], examples.weights[anchors])
    gradients = head.backward(learned, rows, unit_back(embedded, lengths, slope @ centres))
    return value, {**gradients, "centres": unit_back(centres, sizes, slope.T @ embedded)}


def _to_rows(
    examples: Examples,
    anchors: NDArray[np.int64],
    references: NDArray[np.int64],
    head: Head,
    loss: Loss,
    learned: Mapping[str, Floats],
    memory: Memory,
) -> tuple[float, Arrays]:
    """The loss of these anchors against the references and what is remembered, and the gradient of the head."""
    both, place = np.unique(np.concatenate([anchors, references]), return_inverse=True)
    at, to = place[: len(anchors)], place[len(anchors) :]
    rows = examples.rows[both]
    embedded, lengths = unit(head.forward(learned, rows))
    older, remembered = memory.beside(both)
    compared = np.concatenate([embedded[to], remembered])
    positive, negative = _alike(examples, anchors, np.concatenate([references, older]))
    value, slope = loss.value(embedded[at] @ compared.T, positive, negative, examples.weights[anchors])
    by_embedded = np.zeros_like(embedded)
    by_embedded[at] += slope @ compared
    by_embedded[to] += slope[:, : len(to)].T @ embedded[at]
    memory.put(both, embedded)
    return value, head.backward(learned, rows, unit_back(embedded, lengths, by_embedded))


def _alike(
    examples: Examples, anchors: NDArray[np.int64], references: NDArray[np.int64]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which references each anchor should be near to, and which not; itself is neither, and no group is no one's."""
    codes, others = examples.codes[anchors][:, None], examples.codes[references][None, :]
    same = codes == others
    if not len(examples.pairs):
        return same & (anchors[:, None] != references[None, :]), ~same
    joined = _marked(examples.pairs, anchors, references)
    return joined, (~same | (codes < 0)) & (anchors[:, None] != references[None, :])


def _marked(pairs: NDArray[np.int64], anchors: NDArray[np.int64], references: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which (anchor, reference) is one of the pairs, either way round."""
    n = int(max(pairs.max(), anchors.max(), references.max())) + 1
    known = np.unique(np.concatenate([pairs[:, 0] * n + pairs[:, 1], pairs[:, 1] * n + pairs[:, 0]]))
    wanted = anchors[:, None] * n + references[None, :]
    place = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
    return np.asarray(known[place] == wanted)


def _centres(examples: Examples, embedded: Floats) -> Floats:
    """The direction of each group's mean: where its centre begins."""
    centres = np.zeros((int(examples.codes.max()) + 1, embedded.shape[1]), dtype=np.float32)
    np.add.at(centres, examples.codes, unit(embedded)[0] * examples.weights[:, None])
    return unit(centres)[0]


def _ks(measure: str) -> tuple[int, ...]:
    """The k of a measure such as precision@10."""
    return (int(measure.partition("@")[2]),) if "@" in measure else ()
