"""The bytes of a source as arrays: one that views the map of a plain file, or large pieces of any other."""

from __future__ import annotations

import io
import mmap
import os
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from nearmost.errors import InputError, ReadError
from nearmost.readers.compression import DAMAGED
from nearmost.readers.lines import cut_short, not_decoded
from nearmost.readers.sources import Source

Bytes = NDArray[np.uint8]
BLOCK = 1 << 25
MARK = b"\xef\xbb\xbf"


def head(source: Source, size: int) -> bytes:
    """The first bytes of a source, decompressed."""
    try:
        with source.open() as stream:
            return stream.read(size)
    except DAMAGED as error:
        raise cut_short(source, 0, error) from error


def whole(source: Source) -> Bytes:
    """All bytes of a source as one read-only array: mapped, or in memory where they are compressed."""
    if source.is_plain_file():
        return _mapped(source)
    try:
        with source.open() as stream:
            return np.frombuffer(stream.read(), dtype=np.uint8)
    except DAMAGED as error:
        raise cut_short(source, 0, error) from error


def blocks(source: Source) -> Iterator[Bytes]:
    """The bytes of a source in order, in bounded memory: a plain file is one block."""
    if source.is_plain_file():
        yield _mapped(source)
        return
    try:
        with source.open() as stream:
            while block := stream.read(BLOCK):
                yield np.frombuffer(block, dtype=np.uint8)
    except DAMAGED as error:
        raise cut_short(source, 0, error) from error


def text_blocks(source: Source, errors: str) -> Iterator[Bytes]:
    """The text of a source as UTF-8, without a byte order mark, in blocks that end where lines end.

    What is UTF-8 already is not looked at, unless ``errors`` ("replace", "ignore") says how to mend it.
    """
    rest = np.empty(0, dtype=np.uint8)
    first = True
    for block in blocks(source) if is_utf8(source.encoding) and errors == "strict" else _recoded(source, errors):
        if first and block[:3].tobytes() == MARK:
            block = block[3:]
        first = False
        if end := _last_line_end(block):
            yield np.concatenate([rest, block[:end]]) if len(rest) else block[:end]
            rest = block[end:]
        else:
            rest = np.concatenate([rest, block]) if len(rest) else block
    if len(rest):
        yield rest


def is_utf8(encoding: str) -> bool:
    """Whether this is a name of UTF-8."""
    return encoding.lower().replace("_", "-") in ("utf-8", "utf8", "utf-8-sig")


def _last_line_end(block: Bytes) -> int:
    """Where the last line that ends in this block ends; 0 where none does."""
    end = len(block)
    while end > 0:
        start = max(0, end - (1 << 16))
        found = block[start:end].tobytes().rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end = start
    return 0


def _recoded(source: Source, errors: str) -> Iterator[Bytes]:
    line = 1
    try:
        with source.open() as stream:
            text = io.TextIOWrapper(stream, encoding=source.encoding, errors=errors, newline="")
            while piece := text.read(BLOCK // 4):
                piece = piece.removeprefix("\ufeff") if line == 1 else piece
                line += piece.count("\n")
                yield np.frombuffer(piece.encode(), dtype=np.uint8)
    except LookupError:
        raise InputError(
            f"encoding is {source.encoding!r} and errors {errors!r}; they must be ones that Python knows, "
            'such as "latin-1" and "replace"'
        ) from None
    except UnicodeDecodeError as error:
        raise not_decoded(source, line + error.object[: error.start].count(b"\n"), error) from error
    except DAMAGED as error:
        raise cut_short(source, line, error) from error


def _mapped(source: Source) -> Bytes:
    try:
        with open(source.name, "rb") as file:
            if os.fstat(file.fileno()).st_size == 0:
                return np.empty(0, dtype=np.uint8)
            return np.frombuffer(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ), dtype=np.uint8)
    except (OSError, ValueError) as error:
        raise ReadError(f"{source.name}: cannot be mapped: {error}") from error
