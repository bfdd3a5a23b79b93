"""The other door: the encoder itself is trained, for who has the time and perhaps a GPU."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nearmost.errors import InputError, MissingExtraError
from nearmost.finetuning.examples import Examples
from nearmost.finetuning.training import Epoch, Progress
from nearmost.finetuning.tuning import measure_named
from nearmost.queries import whole

GROUP_LOSSES = ("triplet", "contrastive", "online_contrastive")
PAIR_LOSSES = ("mnrl", "contrastive", "online_contrastive")


def finetune_encoder(
    texts: Sequence[str],
    groups: Any = None,
    *,
    output: str | os.PathLike[str],
    encoder: str,
    pairs: ArrayLike | None = None,
    loss: str | None = None,
    valid: float | tuple[Any, Any] = 0.25,
    epochs: int = 3,
    batch: int = 32,
    rate: float = 2e-5,
    patience: int = 2,
    stop_on: str = "r_precision",
    seed: int = 0,
    resume: bool = True,
    watch: Callable[[Epoch], object] | None = None,
    progress: Progress | None = None,
) -> str:
    """The spec, ``st:FOLDER``, of an encoder trained further on these texts by sentence-transformers' own trainer.

    ``encoder`` is "st:NAME" or "st:FOLDER", what training begins with; ``output`` a folder for the result, with
    checkpoints, one an epoch, under ``checkpoints``: a run that was interrupted goes on from the last where ``resume``.
    ``groups``, ``pairs``, ``valid`` and ``stop_on`` as for ``finetune``. ``loss``: for groups "triplet" (the hardest of
    a batch; if none is named), "contrastive", "online_contrastive"; for pairs "mnrl" (if none is named) or these two.
    The epoch that serves what is held out best is kept; training ends after ``patience`` without a better one.

    On a GPU it runs in mixed precision. Needs torch: the extra ``finetune``. The same seed gives the same encoder on
    the same machine, as far as torch promises it.
    """
    known = GROUP_LOSSES if pairs is None else PAIR_LOSSES
    chosen = loss or known[0]
    if chosen not in known:
        raise InputError(f"loss is {loss!r}; an encoder is trained with one of {', '.join(known)} here")
    if (groups is None) == (pairs is None):
        raise InputError("finetune_encoder wants groups, a label a text, or pairs of row numbers: one of the two")
    require_trainable(encoder)
    from nearmost.finetuning.trainer import Run, run

    listed = [str(text) for text in texts]
    generator = np.random.default_rng(seed)
    rows = np.ones((len(listed), 1), np.float32)  # what is split and joined is who they are; their vectors come later
    examples = Examples.of_groups(rows, groups) if pairs is None else Examples.of_pairs(rows, pairs)
    if isinstance(valid, tuple):
        held_texts = [str(text) for text in valid[0]]
        held = Examples.of_groups(np.ones((len(held_texts), 1), np.float32), valid[1])
    else:
        held_texts = listed
        examples, held = examples.split(valid, generator)
    plan = Run(
        model=encoder.removeprefix("st:"),
        output=Path(output),
        table=_table([listed[place] for place in examples.places.tolist()], examples, chosen, generator),
        loss=chosen,
        epochs=whole(epochs, "epochs", 1),
        batch=whole(batch, "batch", 2),
        rate=rate,
        patience=whole(patience, "patience", 1),
        stop_on=measure_named(stop_on),
        seed=seed,
        resume=resume,
    )
    return run(plan, [held_texts[place] for place in held.places.tolist()], held.codes, watch, progress)


def require_trainable(encoder: str) -> None:
    """Raises InputError for an encoder that is none of sentence-transformers', MissingExtraError without that."""
    if not encoder.startswith("st:"):
        raise InputError(f"encoder {encoder!r} cannot be trained here; wanted st:NAME or st:FOLDER")
    try:
        import nearmost.finetuning.trainer  # noqa: F401
    except ImportError as error:
        if (error.name or "").startswith("nearmost"):
            raise
        raise MissingExtraError(
            f"training an encoder needs {error.name}, which is not installed: pip install 'nearmost[finetune]'"
        ) from error


def _table(texts: Sequence[str], examples: Examples, loss: str, generator: np.random.Generator) -> dict[str, list[Any]]:
    """Columns by name, as the losses want them: texts with labels, or pairs of texts, or pairs with 1 and 0."""
    if loss == "triplet":
        return {"sentence": list(texts), "label": examples.codes.tolist()}
    alike = examples.pairs if len(examples.pairs) else _mates(examples.codes, generator)
    if loss == "mnrl":
        return {"anchor": [texts[row] for row in alike[:, 0]], "positive": [texts[row] for row in alike[:, 1]]}
    apart = examples.apart
    if len(apart) == 0:
        others = generator.integers(0, len(texts), len(alike))
        kept = examples.codes[alike[:, 0]] != examples.codes[others]
        apart = np.stack([alike[kept, 0], others[kept]], axis=1)
    both = np.concatenate([alike, apart])
    columns = {f"sentence{side + 1}": [texts[row] for row in both[:, side]] for side in (0, 1)}
    return {**columns, "label": [1.0] * len(alike) + [0.0] * len(apart)}


def _mates(codes: NDArray[np.int64], generator: np.random.Generator) -> NDArray[np.int64]:
    """(p, 2) rows: each with another of its group."""
    order = generator.permutation(len(codes))
    order = order[np.argsort(codes[order], kind="stable")]
    following = np.roll(order, -1)
    same = codes[order] == codes[following]
    return np.stack([order[same], following[same]], axis=1)
