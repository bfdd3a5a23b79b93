"""What flows through a pipeline: texts with keys, then with vectors, then in blocks that belong to one shard.

Which worker reads a text, and in which bundle, must not show in what is built. So every text carries its place in the
input, a shard is chosen by the key alone, and the rows of a shard stand in the order of their places.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nearmost.errors import InputError, ShapeError

FILE_BITS = 40
"""A place is the number of the file, shifted by so many bits, and the number of the record in it."""


class Passage(NamedTuple):
    """A text on its way to an encoder. A plain ``(key, text)`` does as well."""

    key: str
    text: str
    place: int = 0
    """Where it stood in the input; rows of one place are ordered by key."""


class Embedded(NamedTuple):
    """A text with its vector, float32 (dim,). A plain ``(key, text, vector)`` does as well."""

    key: str
    text: str
    vector: NDArray[np.float32]
    place: int = 0


class Block(NamedTuple):
    """Several embedded texts in arrays, which travel faster than one by one."""

    keys: list[str]
    texts: list[str]
    places: NDArray[np.int64]
    rows: NDArray[np.float32]

    @classmethod
    def of(cls, given: Sequence[Any]) -> Block:
        """A block of ``Embedded``, or of plain tuples."""
        items = [Embedded(*item) for item in given]
        dims = {len(item.vector) for item in items}
        if len(dims) > 1:
            raise ShapeError(f"the vectors have dims {', '.join(map(str, sorted(dims)))}; all must have the same")
        rows = np.asarray([item.vector for item in items], dtype=np.float32).reshape(len(items), *dims)
        return cls(
            [item.key for item in items],
            [item.text for item in items],
            np.array([item.place for item in items], dtype=np.int64),
            rows,
        )

    @classmethod
    def joined(cls, blocks: Iterable[Block]) -> Block:
        """All rows of one or more blocks, in the order of their places, whatever the order of the blocks."""
        held = list(blocks)
        dims = {block.rows.shape[1] for block in held}
        if len(dims) > 1:
            raise ShapeError(f"the vectors have dims {', '.join(map(str, sorted(dims)))}; all must have the same")
        keys = [key for block in held for key in block.keys]
        texts = [text for block in held for text in block.texts]
        places = np.concatenate([block.places for block in held])
        order = sorted(range(len(keys)), key=lambda row: (places[row], len(keys[row]), keys[row]))
        rows = np.empty((len(keys), *dims), np.float32)
        where, start = np.argsort(order), 0
        for block in held:
            rows[where[start : start + len(block.keys)]] = block.rows
            start += len(block.keys)
        return cls([keys[row] for row in order], [texts[row] for row in order], places[order], rows)

    def by_shard(self, shards: int) -> dict[int, Block]:
        """The rows of each shard that has any."""
        rows_of: dict[int, list[int]] = {}
        for row, key in enumerate(self.keys):
            rows_of.setdefault(shard_of(key, shards), []).append(row)
        return {
            shard: Block(
                [self.keys[row] for row in taken], [self.texts[row] for row in taken], self.places[taken],
                self.rows[taken],
            )
            for shard, taken in rows_of.items()
        }  # fmt: skip

    def items(self) -> Iterator[Embedded]:
        """Its rows one by one."""
        for key, text, vector, place in zip(self.keys, self.texts, self.rows, self.places.tolist(), strict=True):
            yield Embedded(key, text, vector, place)


def shard_of(key: str, shards: int) -> int:
    """The shard in which this key belongs: by its hash, the same on every machine and in every run."""
    return hash_of(key) % shards if shards > 1 else 0


def hash_of(key: str) -> int:
    """64 bits of a key, the same on every machine and in every run."""
    return int.from_bytes(blake2b(key.encode(), digest_size=8).digest(), "little")


def place_of(file: int, record: int) -> int:
    """The place of a record: files in the order of their names, records in that of the file."""
    return file << FILE_BITS | record


def split_place(place: int) -> tuple[int, int]:
    """The file and the record of a place."""
    return place >> FILE_BITS, place & ((1 << FILE_BITS) - 1)


def require_shards(shards: int) -> int:
    """The number of shards, found to be one."""
    if type(shards) is not int or not 1 <= shards < 100_000:
        raise InputError(f"shards is {shards!r}; it must be a whole number from 1 to 99999")
    return shards
