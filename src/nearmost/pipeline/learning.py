"""An encoder that learns, from a corpus of any size: from all texts where they are few, else from some."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nearmost.encoders import Encoder, Fitted, load_encoder
from nearmost.pipeline.gathering import Gathered
from nearmost.pipeline.work import WorkFolder
from nearmost.strings import Strings

MOST_TEXTS = 200_000
MOST_BYTES = 1 << 28
"""Texts, and bytes of them in UTF-8, that an encoder learns from at most."""


def learned(
    work: WorkFolder, encoder: Fitted, spec: str | None, found: Gathered, kept: NDArray[np.int64] | None, seed: int
) -> Encoder:
    """The encoder that knows these texts, as an earlier run left it, or made and noted now.

    ``spec`` is what it is loaded from again, or None where it was not made from a spec and must learn again.
    """
    before = work.noted("learned")
    if before is not None and before.header["texts"] != found.total:
        raise work.changed("its texts were others")
    if before is None or spec is None:
        fitted = encoder.fit(found.texts.take(sample(found.texts, kept, seed)))
        state = fitted.state() if isinstance(fitted, Fitted) else {}
        same = before is not None and before.arrays.keys() == state.keys()
        if before is None or not (same and all(np.array_equal(before.arrays[name], state[name]) for name in state)):
            work.forget_encoded()
            work.note("learned", {"texts": found.total}, state)
        if spec is None:
            return fitted
        before = work.noted("learned")
        assert before is not None
    return load_encoder(spec, state=before.arrays)


def sample(texts: Strings, kept: NDArray[np.int64] | None, seed: int) -> NDArray[np.int64]:
    """Rows to learn from, rising: all of ``kept`` (None: of all) where they are few, else some drawn by ``seed``."""
    return drawn(np.diff(texts.offsets), kept, seed)


def drawn(sizes: NDArray[np.uint64], kept: NDArray[np.int64] | None, seed: int) -> NDArray[np.int64]:
    """The same from the sizes of the texts in bytes, for those who do not hold the texts."""
    rows = np.arange(len(sizes)) if kept is None else kept
    if len(rows) <= MOST_TEXTS and int(sizes[rows].sum()) <= MOST_BYTES:
        return rows
    drawn = np.random.default_rng([seed, 1]).choice(rows, min(len(rows), MOST_TEXTS), replace=False)
    within = np.cumsum(sizes[drawn]) <= MOST_BYTES
    within[0] = True  # one text at least, however long
    return np.sort(drawn[within])
