"""Votes and weak labels as the database keeps them: packed rows of numbers, read back at once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nearmost.label.manual.tasks import Task
from nearmost.label.votes.folds import N_FOLDS

ROW = np.dtype(
    [
        ("record", "<i4"),
        ("label", "<i4"),
        ("start", "<i4"),
        ("stop", "<i4"),
        ("confidence", "<f8"),
        ("agreement", "<f8"),
    ]
)
"""``label`` is the database's id, so that labels may be added and reordered; start and stop are -1 but for spans."""
Rows = NDArray[np.void]


def packed(rows: Iterable[tuple[Any, ...]]) -> bytes:
    """Rows in the order of ROW, by record."""
    array = np.array([*rows], dtype=ROW)
    return array[np.argsort(array["record"], kind="stable")].tobytes()


def unpacked(blob: bytes | None, n_records: int) -> Rows:
    """The rows; what a damaged or hostile file holds about records that are not there is left out."""
    if blob is None or len(blob) % ROW.itemsize:
        return np.empty(0, dtype=ROW)
    rows = np.frombuffer(blob, dtype=ROW)
    return rows[(rows["record"] >= 0) & (rows["record"] < n_records)]


def label_numbers(rows: Rows, about: Task) -> NDArray[np.int64]:
    """The number of each row's label within the task, -1 where it is none of its labels."""
    ids = np.array([label.id for label in about.labels], dtype=np.int64)
    order = np.argsort(ids)
    at = np.minimum(np.searchsorted(ids[order], rows["label"]), len(ids) - 1)
    return np.where(ids[order][at] == rows["label"], order[at], -1)


def packed_table(table: NDArray[Any]) -> bytes:
    """Probabilities (n_records, n_labels) as float32."""
    return np.ascontiguousarray(table, dtype="<f4").tobytes()


def unpacked_table(blob: bytes | None, about: Task, n_records: int) -> NDArray[np.float32] | None:
    """The probabilities, the same for every label where records came later; None if labels were added since."""
    width = len(about.labels)
    if blob is None or len(blob) % (4 * width) or len(blob) > 4 * width * n_records:
        return None
    found = np.full((n_records, width), 1 / width, dtype=np.float32)
    have = np.frombuffer(blob, dtype="<f4").reshape(-1, width)
    found[: len(have)] = have
    return found


def packed_copies(tables: NDArray[Any]) -> bytes:
    """Probabilities (N_FOLDS, n_records, n_labels) as float16, which holds three digits; record by record."""
    return np.ascontiguousarray(np.moveaxis(tables, 0, 1), dtype="<f2").tobytes()


def unpacked_copies(blob: bytes | None, about: Task, n_records: int) -> NDArray[np.float32] | None:
    """The probabilities, as ``unpacked_table`` gives those of one learner; None where they cannot be such."""
    width = len(about.labels)
    if blob is None or len(blob) % (2 * N_FOLDS * width) or len(blob) > 2 * N_FOLDS * width * n_records:
        return None
    found = np.full((N_FOLDS, n_records, width), 1 / width, dtype=np.float32)
    have = np.moveaxis(np.frombuffer(blob, dtype="<f2").reshape(-1, N_FOLDS, width), 1, 0)
    found[:, : have.shape[1]] = have
    whole = found.sum(axis=2, keepdims=True)
    return found / whole if np.isfinite(whole).all() and (found >= 0).all() and (whole > 0).all() else None
