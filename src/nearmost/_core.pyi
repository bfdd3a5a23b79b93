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
def unique_keys(
    data: NDArray[np.uint8],
    offsets: NDArray[np.uint64],
    slots: NDArray[np.uint32],
    last: bool,
    kept: NDArray[np.uint8],
) -> None: ...
def pack(
    metric: int,
    dim: int,
    rows: NDArray[Any],
    row_scales: NDArray[np.float32] | None,
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
    rows: NDArray[Any] | None,
    row_scales: NDArray[np.float32] | None,
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
def search_among(
    metric: int,
    dim: int,
    rows: NDArray[Any],
    row_scales: NDArray[np.float32] | None,
    norms: NDArray[np.float64] | None,
    which: NDArray[np.int64],
    queries: NDArray[np.float32],
    ids: NDArray[np.int64],
    scores: NDArray[np.float32],
    n_threads: int,
    progress: Progress | None,
) -> None: ...
def all_finite(numbers: NDArray[np.float32]) -> bool: ...
def longest_row(
    metric: int,
    dim: int,
    rows: NDArray[Any],
    scales: NDArray[np.float32] | None,
    n_threads: int,
    progress: Progress | None,
) -> float: ...
def lengths(
    dim: int,
    rows: NDArray[Any],
    scales: NDArray[np.float32] | None,
    out: NDArray[np.float64],
    n_threads: int,
    progress: Progress | None,
) -> None: ...
def find_mean(
    metric: int,
    dim: int,
    rows: NDArray[Any],
    scales: NDArray[np.float32] | None,
    unit: float,
    mean: NDArray[np.float32],
    n_threads: int,
    progress: Progress | None,
) -> None: ...
def find_axes(
    metric: int,
    dim: int,
    rows: NDArray[Any],
    scales: NDArray[np.float32] | None,
    unit: float,
    mean: NDArray[np.float32],
    mixed: bool,
    seed: int,
    axes: NDArray[np.float32],
    n_threads: int,
    progress: Progress | None,
) -> None: ...
def turn(
    metric: int,
    dim: int,
    rows: NDArray[Any],
    scales: NDArray[np.float32] | None,
    unit: float,
    mean: NDArray[np.float32],
    axes: NDArray[np.float32] | None,
    out: NDArray[np.float32],
    shift: NDArray[np.float32],
    half_squares: NDArray[np.float32] | None,
    n_threads: int,
    progress: Progress | None,
) -> None: ...
def grow(
    inside: NDArray[np.float32],
    held: NDArray[np.uint8] | None,
    n_lists: int,
    width: int,
    rounds: int,
    seed: int,
    codes: NDArray[np.uint8],
    cells: NDArray[np.float32],
    lists: NDArray[np.float32],
    first: NDArray[np.uint32],
    owner: NDArray[np.uint32],
    n_threads: int,
    progress: Progress | None,
) -> None: ...
def pack_panels(
    values: NDArray[np.float32],
    used: NDArray[np.uint8] | None,
    shift: NDArray[np.float32] | None,
    weight: float,
    codes: NDArray[np.uint8],
    scales: NDArray[np.float32],
    biases: NDArray[np.float32] | None,
) -> None: ...
def link(
    inside: NDArray[np.float32],
    compared: int,
    first: int,
    second: int,
    leaf: int,
    nearest: int,
    seed: int,
    entries: NDArray[np.uint32],
    old_links: NDArray[np.uint32] | None,
    followed: int,
    links: NDArray[np.uint32],
    n_threads: int,
    progress: Progress | None,
) -> bool: ...
def pack_digits(
    inside: NDArray[np.float32],
    half_squares: NDArray[np.float32] | None,
    lows: NDArray[np.float32],
    steps: NDArray[np.float32],
    places: NDArray[np.uint32],
    codes: NDArray[np.uint8],
    n_threads: int,
    progress: Progress | None,
) -> None: ...
def find_lines(text: NDArray[np.uint8], lines: NDArray[np.uint64]) -> int: ...
def parse_lines(
    text: NDArray[np.uint8],
    lines: NDArray[np.uint64],
    rows: NDArray[np.float32],
    n_threads: int,
    progress: Progress | None,
) -> tuple[int, int, int] | None: ...
def parse_records(
    text: NDArray[np.uint8], start: int, words: NDArray[np.uint64], rows: NDArray[np.float32]
) -> tuple[int, int]: ...
def gather(
    text: NDArray[np.uint8], spans: NDArray[np.uint64], offsets: NDArray[np.uint64], out: NDArray[np.uint8]
) -> None: ...
def write_numbers(rows: NDArray[np.float32], out: NDArray[np.uint8], ends: NDArray[np.uint64]) -> int: ...
def find_records(bytes: NDArray[np.uint8], start: int, records: NDArray[np.uint64]) -> tuple[int, int, int]: ...
def list_features(bytes: NDArray[np.uint8], start: int, stop: int, features: NDArray[np.uint64]) -> int: ...
def find_feature(
    bytes: NDArray[np.uint8], records: NDArray[np.uint64], name: NDArray[np.uint8], lists: NDArray[np.uint64]
) -> int: ...
def count_values(bytes: NDArray[np.uint8], lists: NDArray[np.uint64], counts: NDArray[np.uint64]) -> int: ...
def take_floats(bytes: NDArray[np.uint8], lists: NDArray[np.uint64], rows: NDArray[np.float32]) -> None: ...
def take_integers(bytes: NDArray[np.uint8], lists: NDArray[np.uint64], values: NDArray[np.int64]) -> None: ...
def take_strings(bytes: NDArray[np.uint8], lists: NDArray[np.uint64], strings: NDArray[np.uint64]) -> None: ...
def forest_shape(metric: int, dim: int) -> tuple[int, int, int]: ...
def search_forest(
    metric: int,
    nodes: NDArray[np.uint8],
    n_items: int,
    roots: NDArray[np.int32],
    query: NDArray[np.float32],
    effort: int,
    ids: NDArray[np.int64],
    distances: NDArray[np.float64],
) -> int: ...

class StringTable:
    def __init__(
        self, data: NDArray[np.uint8], offsets: NDArray[np.uint64], slots: NDArray[np.uint32] | None
    ) -> None: ...
    def get(self, row: int) -> str: ...
    def take(self, rows: NDArray[np.int64]) -> list[str]: ...
    def find(self, key: str) -> int: ...
    def find_all(self, keys: list[str], rows: NDArray[np.int64]) -> None: ...

class Partition:
    def __init__(
        self,
        metric: int,
        unit: float,
        coded: int,
        rows: NDArray[Any],
        rows_scales: NDArray[np.float32] | None,
        norms: NDArray[np.float64] | None,
        mean: NDArray[np.float32],
        axes: NDArray[np.uint8] | None,
        axes_scales: NDArray[np.float32] | None,
        cells: NDArray[np.uint8],
        cells_scales: NDArray[np.float32],
        cells_biases: NDArray[np.float32],
        cells_first: NDArray[np.uint32],
        lists: NDArray[np.uint8],
        lists_scales: NDArray[np.float32],
        lists_biases: NDArray[np.float32],
        lists_first: NDArray[np.uint32],
        blocks: NDArray[np.uint8],
        slots: NDArray[np.uint32],
        turned: int,
    ) -> None: ...
    def search(
        self,
        queries: NDArray[np.float32],
        ids: NDArray[np.int64],
        scores: NDArray[np.float32],
        lists: int,
        cells: int,
        rows: int,
        estimate: bool,
        marks: NDArray[np.uint8] | None,
        n_marks: int,
        n_threads: int,
        progress: Progress | None,
    ) -> int: ...
    def pack(
        self,
        inside: NDArray[np.float32],
        shift: NDArray[np.float32] | None,
        half_squares: NDArray[np.float32] | None,
        eta: float,
        blocks: NDArray[np.uint8],
        n_threads: int,
        progress: Progress | None,
    ) -> None: ...

class Partitions:
    def __init__(
        self,
        parts: tuple[Partition, ...],
        firsts: NDArray[np.int64],
        unit: float,
        mean: NDArray[np.float32],
        cells: NDArray[np.uint8],
        cells_scales: NDArray[np.float32],
        cells_biases: NDArray[np.float32],
        cells_first: NDArray[np.uint32],
        lists: NDArray[np.uint8],
        lists_scales: NDArray[np.float32],
        lists_biases: NDArray[np.float32],
        owners: NDArray[np.uint32],
        numbers: NDArray[np.uint32],
    ) -> None: ...
    def search(
        self,
        queries: NDArray[np.float32],
        ids: NDArray[np.int64],
        scores: NDArray[np.float32],
        lists: int,
        cells: int,
        rows: int,
        marks: NDArray[np.uint8] | None,
        n_marks: int,
        n_threads: int,
        progress: Progress | None,
    ) -> int: ...

class Graph:
    def __init__(
        self,
        metric: int,
        unit: float,
        rows: NDArray[Any],
        rows_scales: NDArray[np.float32] | None,
        norms: NDArray[np.float64] | None,
        mean: NDArray[np.float32],
        axes: NDArray[np.uint8] | None,
        axes_scales: NDArray[np.float32] | None,
        lows: NDArray[np.float32],
        steps: NDArray[np.float32],
        places: NDArray[np.uint32],
        codes: NDArray[np.uint8],
        links: NDArray[np.uint32],
        entries: NDArray[np.uint32],
    ) -> None: ...
    def search(
        self,
        queries: NDArray[np.float32],
        ids: NDArray[np.int64],
        scores: NDArray[np.float32],
        margin: float,
        k: int,
        rows: int,
        estimate: bool,
        without: NDArray[np.int64] | None,
        marks: NDArray[np.uint8] | None,
        n_marks: int,
        n_threads: int,
        progress: Progress | None,
    ) -> int: ...
