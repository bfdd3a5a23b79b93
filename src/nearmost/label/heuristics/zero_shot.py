"""Votes from the names of labels alone: a record has the label whose name is nearest in meaning."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from nearmost.errors import InputError, ShapeError

TEMPERATURE = 0.05


def zero_shot(
    vectors: NDArray[np.float32], names: NDArray[np.float32], *, temperature: float = TEMPERATURE
) -> NDArray[np.float32]:
    """Probabilities (n_records, n_labels), float32: the softmax of the cosines to the names over ``temperature``.

    ``names`` (n_labels, dim) are the names, or a sentence that says what each label means, as the records' own encoder
    encodes them. Each name's mean cosine is taken away, so that one that is near to everything wins nothing by it.
    """
    if vectors.ndim != 2 or names.ndim != 2 or vectors.shape[1] != names.shape[1]:
        raise ShapeError(f"records {vectors.shape} and names {names.shape} must have as many columns")
    if temperature <= 0:
        raise InputError(f"temperature is {temperature}; it must be above 0")
    cosines = _units(vectors) @ _units(names).T
    lifted = (cosines - cosines.mean(axis=0)) / temperature
    lifted = np.exp(lifted - lifted.max(axis=1, keepdims=True))
    return np.asarray(lifted / lifted.sum(axis=1, keepdims=True), dtype=np.float32)


def described(labels: Sequence[str], template: str = "{}") -> list[str]:
    """The texts to encode: each name in the template's ``{}``, such as "This is about {}."."""
    if "{}" not in template:
        raise InputError(f"the template {template!r} has no {{}} where the label's name goes")
    return [template.replace("{}", label) for label in labels]


def _units(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    made = np.zeros_like(rows, dtype=np.float32)
    np.divide(rows, lengths, out=made, where=lengths > 0)
    return made
