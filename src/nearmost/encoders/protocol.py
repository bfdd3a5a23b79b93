"""What an encoder is: a name, a number of columns, and texts into rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

Progress = Callable[[int, int], object]
"""Called as ``progress(done, total)``, both in texts, from the thread that called ``encode``."""

State = Mapping[str, NDArray[Any]]
"""What an encoder learned, as named arrays that an index file can hold."""


@runtime_checkable
class Encoder(Protocol):
    """Turns texts into vectors. Three members are enough for a plug-in.

    A fourth, ``parallel``, says how a pipeline may keep all cores busy: "threads" where ``encode`` may be called from
    several threads at once and uses ``n_threads``; "processes" where it keeps one core busy, so that several processes
    with an encoder each are faster. Without it, there is one call at a time.
    """

    @property
    def spec(self) -> str:
        """The string that ``load_encoder`` makes this encoder from again, on any machine."""
        ...

    @property
    def dim(self) -> int:
        """Columns of what ``encode`` returns."""
        ...

    def encode(
        self, texts: Sequence[str], *, progress: Progress | None = None, n_threads: int = 0
    ) -> NDArray[np.float32]:
        """One row a text, C-contiguous float32 (n, dim), in the order of the texts.

        A row depends on its own text alone: not on its neighbours in the list, nor on ``n_threads``
        (0 means all cores). No texts give shape (0, dim).
        """
        ...


@runtime_checkable
class Fitted(Encoder, Protocol):
    """An encoder that learns from the corpus first; what it learned travels inside the index file."""

    def fit(self, texts: Sequence[str]) -> Encoder:
        """A new encoder that has learned from these texts; this one stays as it is."""
        ...

    def state(self) -> dict[str, NDArray[Any]]:
        """What was learned, as named arrays: ``load_encoder(spec, state=...)`` gives the encoder back."""
        ...


def parallel_of(encoder: Encoder) -> str | None:
    """What the encoder says of itself: "threads", "processes", or None."""
    said: str | None = getattr(encoder, "parallel", None)
    return said
