"""Any sentence-transformers model, by its name on the hub or its folder: ``st:NAME_OR_PATH``."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer

from nearmost.encoders.batching import distinct
from nearmost.encoders.protocol import Encoder, Progress, State
from nearmost.errors import EncoderError, ShapeError

CHUNK = 1024


class STEncoder:
    """A sentence-transformers model behind our three members; its vectors are left as it makes them."""

    def __init__(self, name: str) -> None:
        if not name:
            raise EncoderError("encoder 'st:' names no model; write st:NAME or st:FOLDER")
        self.spec = f"st:{name}"
        try:
            self._model = SentenceTransformer(name)
        except (OSError, ValueError) as error:
            raise EncoderError(f"sentence-transformers cannot load {name!r}: {error}") from error
        dim = self._model.get_embedding_dimension()
        self.dim = int(dim) if dim else self._model.encode(["x"]).shape[1]

    def encode(
        self, texts: Sequence[str], *, progress: Progress | None = None, n_threads: int = 0
    ) -> NDArray[np.float32]:
        """float32 (n, dim). Threads are torch's own (``torch.set_num_threads``); ``n_threads`` is not used."""
        kinds, place_of = distinct(texts)
        vectors = np.empty((len(kinds), self.dim), dtype=np.float32)
        weights = np.bincount(place_of, minlength=len(kinds))
        order = np.argsort([-len(text) for text in kinds], kind="stable")
        done = 0
        for start in range(0, len(kinds), CHUNK):
            rows = order[start : start + CHUNK]
            found = self._model.encode([kinds[row] for row in rows], show_progress_bar=False, convert_to_numpy=True)
            if found.shape != (len(rows), self.dim):
                raise ShapeError(f"{self.spec!r} made shape {found.shape}; it must be {(len(rows), self.dim)}")
            vectors[rows] = found
            done += int(weights[rows].sum())
            if progress is not None:
                progress(done, len(texts))
        return vectors[place_of]

    def __reduce__(self) -> tuple[Callable[[str], Encoder], tuple[str]]:
        return load, (self.spec.removeprefix("st:"),)


def load(argument: str, state: State | None = None) -> Encoder:
    """The registry's door."""
    return STEncoder(argument)
