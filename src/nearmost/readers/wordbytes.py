"""word2vec's binary format: a line with how many words and numbers, then each word, a space and its float32s."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from nearmost import _core
from nearmost.errors import InputError, ReadError
from nearmost.readers.blocks import Bytes, blocks, is_utf8
from nearmost.readers.sources import Source
from nearmost.readers.wordtext import HEADER, Part, gathered, joined, no_word, not_utf8
from nearmost.strings import Strings

SHOWN = 30


def word_bytes(source: Source, *, limit: int | None, errors: str) -> tuple[NDArray[np.float32], Strings]:
    """The rows and words of a word2vec binary. Raises ReadError, naming the word, where one is cut short."""
    parts: list[Part] = []
    rest = np.empty(0, dtype=np.uint8)
    said, dim, n_rows, start = -1, 0, 0, 0
    wanted = 0
    for block in blocks(source):
        block = np.concatenate([rest, block]) if len(rest) else block
        if said < 0:
            said, dim, start = _header(source, block)
            wanted = said if limit is None else min(said, limit)
        room = min(wanted - n_rows, (len(block) - start) // (4 * dim + 1))
        spans = np.empty((room, 2), dtype=np.uint64)
        rows = np.empty((room, dim), dtype=np.float32)
        n, end = _core.parse_records(block, start, spans, rows)
        parts.append(_part(source, block, spans[:n], rows[:n], n_rows, errors))
        n_rows += n
        rest, start = block[end:], 0
        if n_rows == wanted and limit is not None:
            break
    if said < 1 or wanted < 1:
        raise ReadError(f"{source.name}: holds no word; wanted at least one")
    if n_rows < wanted:
        _, space, numbers = rest.tobytes()[: 4 * dim + 200].lstrip(b"\r\n").partition(b" ")
        found = f"its word {n_rows + 1:,} has {len(numbers)} of {4 * dim} bytes" if space else f"{n_rows:,} are there"
        raise ReadError(
            f"{source.name}: line 1 says that {said:,} words follow, and {found}; the file is cut short: "
            f"get it again, or say limit={n_rows} for those that are whole"
        )
    if limit is None and rest.tobytes().strip():
        raise ReadError(
            f"{source.name}: {len(rest):,} bytes follow the {said:,} words that line 1 speaks of; it is wrong, or the "
            f"file: get it again, or say limit={said}"
        )
    return joined(parts)


def _header(source: Source, block: Bytes) -> tuple[int, int, int]:
    found = HEADER.match(block[:100].tobytes())
    if found is None or not 0 < int(found[2]) <= 65536:
        raise source.error(1, f"is {block[:SHOWN].tobytes()!r}; wanted how many words and numbers each: 3000000 300")
    return int(found[1]), int(found[2]), found.end()


def _part(
    source: Source, block: Bytes, spans: NDArray[np.uint64], rows: NDArray[np.float32], before: int, errors: str
) -> Part:
    data, offsets = gathered(block, spans)
    if not is_utf8(source.encoding) or errors != "strict":
        ends = offsets.tolist()
        raw = data.tobytes()
        words = [raw[start:stop] for start, stop in pairwise(ends)]
        try:
            packed = Strings.of([word.decode(source.encoding, errors) for word in words])
        except (LookupError, UnicodeDecodeError) as error:
            raise InputError(f"{source.name}: words cannot be decoded: {error}; say another encoding=") from error
        return Part(rows, packed.data, packed.offsets)
    row = not_utf8(data, offsets)
    if row is not None:
        word = data[int(offsets[row]) : int(offsets[row + 1])].tobytes()
        raise ReadError(f"{source.name}: word {before + row + 1:,}: {no_word(word)}")
    return Part(rows, data, offsets)
