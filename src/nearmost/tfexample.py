"""tf.Example, written: the message that TFRecord files hold, without TensorFlow.

The layout is that of protocol buffers (https://protobuf.dev/programming-guides/encoding) for TensorFlow's
example.proto and feature.proto.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from nearmost.readers.tfrecord import framed
from nearmost.values import Vectors

STRINGS, FLOATS, INTEGERS = 1, 2, 3


def write_tfrecord(stream: BinaryIO, vectors: Vectors) -> None:
    """A record for each row, with the features "key" and "vector", and "text" where there are texts."""
    rows = vectors.rows.astype("<f4", copy=False)
    if vectors.texts is None:
        for key, row in zip(vectors.keys, rows, strict=True):
            stream.write(framed(example({"key": key.encode(), "vector": row})))
        return
    for key, row, text in zip(vectors.keys, rows, vectors.texts, strict=True):
        stream.write(framed(example({"key": key.encode(), "vector": row, "text": text.encode()})))


def example(features: Mapping[str, bytes | int | NDArray[Any]]) -> bytes:
    """A tf.Example of these features: bytes, a whole number, or an array of floats or of whole numbers.

    The bytes are those of TensorFlow's ``SerializeToString(deterministic=True)``: names in order, numbers packed.
    """
    named = sorted(((name.encode(), value) for name, value in features.items()), key=_order)
    return _sized(1, b"".join(_sized(1, _sized(1, name) + _sized(2, _feature(value))) for name, value in named))


def _order(feature: tuple[bytes, Any]) -> bytes:
    """Byte by byte, and of two names of which one begins the other the longer first, as protobuf's Python has it."""
    return feature[0] + b"\xff"


def _feature(value: bytes | int | NDArray[Any]) -> bytes:
    if isinstance(value, bytes):
        return _sized(STRINGS, _sized(1, value))
    numbers = np.atleast_1d(value)
    if numbers.dtype.kind == "f":
        content, kind = numbers.astype("<f4", copy=False).tobytes(), FLOATS
    else:
        content, kind = b"".join(_varint(number & (1 << 64) - 1) for number in numbers.tolist()), INTEGERS
    return _sized(kind, _sized(1, content) if content else b"")


def _sized(number: int, content: bytes) -> bytes:
    return bytes([number << 3 | 2]) + _varint(len(content)) + content


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)
