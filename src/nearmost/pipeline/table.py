"""Keys, texts and vectors as other programs read them: a table of Arrow, or a tf.Example each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from nearmost.tfexample import example


def schema(vector: str) -> Any:
    """Columns key, text, and the vectors by that name."""
    return pa.schema([("key", pa.string()), ("text", pa.string()), (vector, pa.list_(pa.float32()))])


def table_of(keys: Sequence[str], texts: Sequence[str], rows: NDArray[np.float32], vector: str) -> Any:
    """A table of these rows, float32 (n, dim)."""
    ends = pa.array(np.arange(len(rows) + 1, dtype=np.int32) * rows.shape[1])
    lists = pa.ListArray.from_arrays(ends, pa.array(rows.reshape(-1), pa.float32()))
    return pa.table([pa.array(keys, pa.string()), pa.array(texts, pa.string()), lists], schema=schema(vector))


def example_of(key: str, text: str, row: NDArray[np.float32], vector: str) -> bytes:
    """A tf.Example of one row, without TensorFlow."""
    return example({"key": key.encode(), "text": text.encode(), vector: row})
