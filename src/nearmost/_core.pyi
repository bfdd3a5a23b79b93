from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Progress = Callable[[int, int], Any]

def isa() -> str: ...
def crc32c(bytes: NDArray[np.uint8], start: int = 0) -> int: ...
def hash_keys(
    data: NDArray[np.uint8], offsets: NDArray[np.uint64], slots: NDArray[np.uint32]
) -> tuple[int, int] | None: ...
def find_key(data: NDArray[np.uint8], offsets: NDArray[np.uint64], slots: NDArray[np.uint32], key: bytes) -> int: ...
def pack(
    metric: int,
    rows: NDArray[np.float32],
    panels: NDArray[np.uint8],
    norms: NDArray[np.float64] | None,
    scales: NDArray[np.float32] | None,
    offsets: NDArray[np.float32] | None,
    bounds: NDArray[np.float32] | None,
    n_threads: int,
    progress: Progress | None,
) -> float: ...
def search(
    metric: int,
    n_rows: int,
    dim: int,
    rows: NDArray[np.float32] | None,
    panels: NDArray[np.uint8],
    norms: NDArray[np.float64] | None,
    scales: NDArray[np.float32] | None,
    offsets: NDArray[np.float32] | None,
    bounds: NDArray[np.float32] | None,
    unit: float,
    queries: NDArray[np.float32],
    ids: NDArray[np.int64],
    scores: NDArray[np.float32],
    n_threads: int,
    progress: Progress | None,
) -> None: ...
