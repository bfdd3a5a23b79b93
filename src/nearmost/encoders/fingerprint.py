"""The fingerprint of an encoder: its vectors of three fixed sentences, stored in every index of texts.

A spec alone does not tell two ``lsa`` encoders, or two versions of one model, apart; the vectors do.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nearmost.encoders.protocol import Encoder
from nearmost.errors import EncoderMismatchError, ShapeError

PROBES = (
    "The quick brown fox jumps over the lazy dog.",
    "How do I copy a file and return the time of the last error?",
    "World news: the new government said on Monday that prices would fall by 10%.",
)

NEAR_ENOUGH = 0.98  # the same model in another precision or release; another model is below 0.5


def fingerprint(encoder: Encoder) -> NDArray[np.float32]:
    """The encoder's vectors of PROBES, float32 (3, dim)."""
    rows = np.asarray(encoder.encode(PROBES), dtype=np.float32)
    if rows.shape != (len(PROBES), encoder.dim):
        raise ShapeError(
            f"encoder {encoder.spec!r} made shape {rows.shape} of {len(PROBES)} texts; "
            f"it must be {(len(PROBES), encoder.dim)}"
        )
    return rows


def check_fingerprint(encoder: Encoder, spec: str, stored: NDArray[np.float32]) -> None:
    """Nothing, where ``encoder`` is the one that an index was built with.

    ``spec`` and ``stored``, float32 (3, dim), are what the index recorded. Raises EncoderMismatchError,
    naming both encoders, where the specs differ, or the dims, or where a probe's vector has a cosine
    below 0.98 to the stored one (a zero vector equals only a zero vector).
    """
    if encoder.spec != spec:
        raise EncoderMismatchError(
            f"the index was built with encoder {spec!r} and is queried with {encoder.spec!r}; "
            f"query it with load_encoder({spec!r}), or build it again"
        )
    rows = fingerprint(encoder)
    if rows.shape != stored.shape:
        raise EncoderMismatchError(
            f"the index was built with an encoder {spec!r} of dim {stored.shape[-1]} and is queried with "
            f"an encoder {encoder.spec!r} of dim {rows.shape[-1]}; they must be the same encoder"
        )
    worst = agreement(rows, stored)
    if not worst >= NEAR_ENOUGH:
        raise EncoderMismatchError(
            f"the index was built with an encoder {spec!r} that is not this encoder {encoder.spec!r}: their vectors "
            f"of the same sentence agree only to cosine {worst:.3f}, and {NEAR_ENOUGH} is wanted; load the encoder "
            "the index was built with (its own state, its own version of the model), or build the index again"
        )


def agreement(rows: NDArray[np.float32], stored: NDArray[np.float32]) -> float:
    """The least cosine between two fingerprints of one shape: an encoder is the same from NEAR_ENOUGH on."""
    return float(_cosines(rows, np.asarray(stored, dtype=np.float32)).min())


def _cosines(left: NDArray[np.float32], right: NDArray[np.float32]) -> NDArray[np.float64]:
    """Cosine of each row of ``left`` to the same row of ``right``; 1 for two zero rows, 0 for one."""
    left64, right64 = left.astype(np.float64), right.astype(np.float64)
    lengths = np.linalg.norm(left64, axis=1) * np.linalg.norm(right64, axis=1)
    both_zero = ~left64.any(axis=1) & ~right64.any(axis=1)
    cosines = np.einsum("ij,ij->i", left64, right64) / np.where(lengths > 0, lengths, 1)
    return np.where(both_zero, 1.0, cosines)
