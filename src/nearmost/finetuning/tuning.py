"""The door: labelled texts or vectors in, a projection out that brings rows of a group together."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nearmost.encoders import Encoder, load_encoder
from nearmost.errors import InputError
from nearmost.finetuning.examples import Examples
from nearmost.finetuning.heads import head_named, projection_of
from nearmost.finetuning.losses import loss_named
from nearmost.finetuning.mining import hard_negatives as hard_negatives_of
from nearmost.finetuning.training import Epoch, Plan, Progress, train
from nearmost.projection import Projection
from nearmost.queries import whole
from nearmost.values import Vectors, float_rows

MEASURES = ("r_precision", "mrr", "precision@K", "recall@K", "ndcg@K")


def finetune(
    rows: Any,
    groups: Any = None,
    *,
    pairs: ArrayLike | None = None,
    confidence: ArrayLike | None = None,
    encoder: str | Encoder = "minilm",
    head: str = "skip",
    loss: str | None = None,
    dim: int | None = None,
    valid: float | tuple[Any, Any] = 0.25,
    hard_negatives: int = 0,
    memory: int = 0,
    batch: int = 256,
    rate: float | None = None,
    epochs: int = 100,
    patience: int = 5,
    stop_on: str = "r_precision",
    seed: int = 0,
    n_threads: int = 0,
    watch: Callable[[Epoch], object] | None = None,
    progress: Progress | None = None,
) -> Projection:
    """A projection under which rows of the same group are nearer to each other: for ``Index.build`` and ``refit``.

    ``rows`` are vectors (n, dim), or texts that ``encoder`` makes vectors of, once; the encoder itself stays as it is.
    ``groups``: a label a row, None or "" for none. Or ``pairs``: row numbers (p, 2) of rows that are alike, perhaps
    with a third column, 1 for alike and 0 for not. ``confidence`` (n,) or (p,) weighs labels, weak ones say; 0 leaves
    one out.

    ``head``: "skip" (x + sigmoid(g)(W x + b)), "linear" (alone in taking ``dim`` columns), "gated", "mlp". ``loss``:
    "arcface" (for groups, unless another is named), "cosface", "softmax", which learn a centre a group; "mnrl" (for
    pairs), "triplet", "contrastive", "online_contrastive", "supcon", "circle"; its numbers as in
    "arcface:margin=0.3,scale=32". ``hard_negatives``: so many rows of other groups near each row join its batch, and
    ``memory`` so many embeddings of earlier batches; both are for losses without centres.

    ``valid``, a share of the rows (whole groups where they are small) or (rows, groups), is held out: after each of at
    most ``epochs`` looks at the rest (of 16 steps at least) ``stop_on`` is measured there. Training ends after
    ``patience`` without a better one, and the first epoch within a standard error of the best is taken.
    ``watch(epoch)`` sees each. The same arguments give the same projection on the same machine.
    ``progress(done, total)`` counts texts, then epochs.
    """
    learn = loss_named(loss or ("arcface" if pairs is None else "mnrl"))
    kind = head_named(head)
    plan = Plan(
        batch=whole(batch, "batch", 8),
        rate=rate,
        epochs=whole(epochs, "epochs", 1),
        patience=whole(patience, "patience", 1),
        stop_on=measure_named(stop_on),
        memory=whole(memory, "memory", 0),
    )
    _require_sense(learn.centres, groups, pairs, hard_negatives or memory, rate)
    vectors = _vectors(rows, encoder, n_threads, progress)
    if pairs is None:
        examples = Examples.of_groups(vectors, groups, confidence)
    else:
        examples = Examples.of_pairs(vectors, pairs, confidence)
    if dim is not None and head != "linear":
        raise InputError(f"head {head!r} gives as many columns as it takes; head='linear' takes dim={dim}")
    generator = np.random.default_rng(seed)
    if isinstance(valid, tuple):
        held_out = Examples.of_groups(_vectors(valid[0], encoder, n_threads, None), valid[1])
    else:
        examples, held_out = examples.split(valid, generator)
    if held_out.dim != examples.dim:
        raise InputError(f"the rows to validate with have dim {held_out.dim}, the others {examples.dim}")
    mined = _mined(examples, whole(hard_negatives, "hard_negatives", 0), seed, n_threads)
    with _one_thread():
        made = train(
            examples,
            held_out,
            kind,
            learn,
            dim=min(whole(dim, "dim", 1) if dim else examples.dim, examples.dim),
            plan=plan,
            generator=generator,
            negatives=mined,
            watch=watch,
            progress=progress,
        )
    return projection_of(head, made.arrays)


def _vectors(rows: Any, encoder: str | Encoder, n_threads: int, progress: Progress | None) -> NDArray[np.float32]:
    """The rows as vectors: as they are, or encoded."""
    if isinstance(rows, str):
        raise InputError("rows is one string; it must be a list of texts, or vectors (n, dim)")
    if isinstance(rows, Vectors):
        return rows.rows
    given = rows if isinstance(rows, np.ndarray) else list(rows)
    if len(given) and isinstance(given[0], str):
        return load_encoder(encoder).encode([str(text) for text in given], progress=progress, n_threads=n_threads)
    return float_rows(given, "vectors")


def _mined(examples: Examples, n: int, seed: int, n_threads: int) -> NDArray[np.int64] | None:
    if n == 0:
        return None
    return hard_negatives_of(examples.rows, examples.codes, n, seed=seed, n_threads=n_threads)


def _one_thread() -> AbstractContextManager[object]:
    try:
        from nearmost.finetuning.one_thread import one_thread
    except ModuleNotFoundError:  # without threadpoolctl it is slower where cores are few or busy, and that is all
        return nullcontext()
    return one_thread()


def _require_sense(centres: bool, groups: Any, pairs: Any, compared: int, rate: float | None) -> None:
    """Raises InputError where arguments exclude each other."""
    if (groups is None) == (pairs is None):
        raise InputError("finetune wants groups, a label a row, or pairs of row numbers: one of the two")
    if centres and pairs is not None:
        raise InputError("losses with a centre a group learn from groups; for pairs: mnrl, contrastive, triplet, ...")
    if centres and compared:
        raise InputError("hard_negatives and memory are for losses that compare rows: mnrl, triplet, supcon, ...")
    if rate is not None and not 0 < rate < 10:
        raise InputError(f"rate is {rate}; it must be above 0, 0.003 say, or None for what suits the head")


def measure_named(name: str) -> str:
    """The name, where it is a measure of ``Retrieval``. Raises InputError."""
    stem, at, k = name.partition("@")
    if name in MEASURES[:2] or (stem in ("precision", "recall", "ndcg") and at and k.isdecimal() and int(k) > 0):
        return name
    raise InputError(f"stop_on is {name!r}; it must be one of {', '.join(MEASURES)}, with a number for K")
