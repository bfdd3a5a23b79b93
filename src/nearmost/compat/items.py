"""Vectors that come one at a time, each under a number of the caller's."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nearmost.memory import Allocate, aligned

FIRST_ROOM = 64


class Items:
    """Vectors by number. Numbers may leave gaps, which take no room."""

    def __init__(self, dim: int, allocate: Allocate = aligned) -> None:
        """``allocate`` says where the vectors are kept: in memory, or in a file."""
        self._allocate = allocate
        self._dim = dim
        self._rows = self._room(FIRST_ROOM)
        self._n_rows = 0
        self._places: dict[int, int] | None = None  # number -> row; None while row i is number i
        self.n_items = 0
        """One more than the greatest number."""

    def __len__(self) -> int:
        return self._n_rows

    def put(self, number: int, vector: NDArray[np.float32]) -> None:
        """Keeps a vector under this number, instead of the one that was there."""
        place = self._place(number)
        if place is None:
            if self._places is None and number != self._n_rows:
                self._places = {row: row for row in range(self._n_rows)}
            place = self._n_rows
            if self._places is not None:
                self._places[number] = place
            self._grow()
            self.n_items = max(self.n_items, number + 1)
        self._rows[place] = vector

    def vector(self, number: int) -> NDArray[np.float32]:
        """The vector under this number; zeros where there is none."""
        place = self._place(number)
        return np.zeros(self._dim, np.float32) if place is None else self._rows[place].copy()

    def ordered(self) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """The numbers, ascending, and the vectors in that order."""
        if self._places is None:
            return np.arange(self._n_rows), self._rows[: self._n_rows]
        numbers = np.fromiter(self._places, np.int64, self._n_rows)
        order = np.argsort(numbers)
        rows = self._room(self._n_rows)
        for start in range(0, self._n_rows, 1 << 12):
            part = order[start : start + (1 << 12)]
            rows[start : start + len(part)] = self._rows[part]
        return numbers[order], rows

    def _place(self, number: int) -> int | None:
        if self._places is not None:
            return self._places.get(number)
        return number if number < self._n_rows else None

    def _grow(self) -> None:
        self._n_rows += 1
        if self._n_rows > len(self._rows):
            rows = self._room(2 * len(self._rows))
            rows[: len(self._rows)] = self._rows
            self._rows = rows

    def _room(self, n_rows: int) -> NDArray[np.float32]:
        return self._allocate((n_rows, self._dim), np.float32)
