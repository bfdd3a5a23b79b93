"""The data that benchmarks run on: real files where they are at hand, random numbers of the same shape elsewhere.

``NEARMOST_DATA`` names the folder of real files; without it, ``../shared/data`` is tried.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.float32]


def data_folder() -> Path:
    return Path(os.environ.get("NEARMOST_DATA", Path(__file__).parents[2] / "shared" / "data"))


def words() -> tuple[str, Rows]:
    """Word vectors, (71,290, 100): the file's where it is there."""
    path = data_folder() / "words" / "word2vec-71k-100.bin"
    if not path.exists():
        return "random 71,290 x 100", _random(71_290, 100)
    with path.open("rb") as file:
        n, dim = map(int, file.readline().split())
        rows = np.empty((n, dim), dtype=np.float32)
        for row in rows:
            while file.read(1) != b" ":
                pass
            row[:] = np.frombuffer(file.read(4 * dim), dtype="<f4")
            file.read(1)
    return f"{path.name} {n:,} x {dim}", rows


def headlines() -> tuple[str, Rows]:
    """Sentence vectors, (51,000, 384): the file's where it is there."""
    path = data_folder() / "headlines" / "minilm-50k-384.f16.npy"
    if not path.exists():
        return "random 51,000 x 384", _random(51_000, 384)
    rows = np.load(path).astype(np.float32)
    return f"{path.name} {len(rows):,} x {rows.shape[1]}", rows


def held_out(rows: Rows, n: int, seed: int = 0) -> tuple[Rows, Rows]:
    """(the rest, n rows drawn by this seed)."""
    order = np.random.default_rng(seed).permutation(len(rows))
    return np.ascontiguousarray(rows[np.sort(order[n:])]), np.ascontiguousarray(rows[order[:n]])


def unit(rows: Rows) -> Rows:
    """Rows of length 1, as cosine wants them from libraries that know only inner products."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where(lengths > 0, lengths, 1)


def _random(n: int, dim: int) -> Rows:
    return np.random.default_rng(0).normal(size=(n, dim)).astype(np.float32)
