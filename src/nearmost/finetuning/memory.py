"""Cross-batch memory: embeddings of earlier batches as further references (Wang et al., XBM, arXiv 1912.06798).

They are as old as they are: a head moves slowly, so that what it made some batches ago is near what it would make now.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


class Memory:
    """A ring of the last ``size`` embeddings, with the rows that they were made of."""

    def __init__(self, size: int, dim: int) -> None:
        self._rows = np.full(size, -1, dtype=np.int64)
        self._embedded = np.zeros((size, dim), dtype=np.float32)
        self._next = 0

    def put(self, rows: Ints, embedded: NDArray[Any]) -> None:
        """Remembers these, in place of the oldest."""
        size = len(self._rows)
        places = (self._next + np.arange(len(rows))) % max(size, 1)
        if size:
            self._rows[places[-size:]], self._embedded[places[-size:]] = rows[-size:], embedded[-size:]
            self._next = int(places[-1] + 1) % size

    def beside(self, rows: Ints) -> tuple[Ints, NDArray[np.float32]]:
        """What is remembered of other rows than these: their numbers, and their embeddings."""
        kept = (self._rows >= 0) & ~np.isin(self._rows, rows)
        return self._rows[kept], self._embedded[kept]
