"""Adam: steps as long as each number's own gradients have been steady (Kingma and Ba, arXiv 1412.6980)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

SMALL = 1e-8


class Adam:
    """Changes arrays in place, by gradients of the same names."""

    def __init__(self, arrays: Mapping[str, NDArray[Any]], rate: float, *, first: float = 0.9, second: float = 0.999):
        self._arrays = arrays
        self._rate, self._first, self._second = rate, first, second
        self._means = {name: np.zeros_like(array) for name, array in arrays.items()}
        self._squares = {name: np.zeros_like(array) for name, array in arrays.items()}
        self._steps = 0

    def step(self, gradients: Mapping[str, NDArray[Any]]) -> None:
        """One step against these gradients; arrays without one stay."""
        self._steps += 1
        size = self._rate * np.sqrt(1 - self._second**self._steps) / (1 - self._first**self._steps)
        for name, gradient in gradients.items():
            mean, square = self._means[name], self._squares[name]
            mean += (1 - self._first) * (gradient - mean)
            square += (1 - self._second) * (gradient * gradient - square)
            self._arrays[name][...] -= size * mean / (np.sqrt(square) + SMALL)
