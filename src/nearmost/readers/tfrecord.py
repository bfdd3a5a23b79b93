"""TFRecord, the file of records that TensorFlow and Apache Beam write, without TensorFlow: framed, checked, streamed.

A record is its length in 8 bytes, their CRC32C, the bytes themselves, and their CRC32C, all little-endian and each
checksum masked (https://www.tensorflow.org/tutorials/load_data/tfrecord). A file may be compressed with gzip or zlib.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nearmost import _core
from nearmost.errors import ReadError
from nearmost.readers.blocks import Bytes
from nearmost.readers.compression import DAMAGED
from nearmost.readers.sources import Source

ROWS = 4096  # records looked at together
BLOCK = 1 << 22
HEAD, TAIL = 12, 4  # bytes before and after a record's own
MOST = (1 << 31) - 1  # bytes of a protocol buffer
MASK = 0xA282EAD8


@dataclass(frozen=True, slots=True)
class Piece:
    """Some records of a file: ``block[start:stop]`` for each pair in ``spans``, uint64 (n, 2)."""

    source: Source
    block: Bytes
    spans: NDArray[np.uint64]
    place: int
    """Where the block begins in the file, after decompression."""
    before: int
    """Records before these."""

    def part(self, start: int, stop: int | None) -> Piece:
        """Some of these records."""
        return Piece(self.source, self.block, self.spans[start:stop], self.place, self.before + start)

    def error(self, row: int, found: str) -> ReadError:
        """What to raise about one of these records."""
        return _error(self.source, self.before + row, self.place + int(self.spans[row, 0]) - HEAD, found)


def pieces(source: Source) -> Iterator[Piece]:
    """The records of a file, some thousands at a time, every checksum found right.

    Memory does not grow with the file, and a length is believed only when the bytes are there. Raises ReadError, naming
    the record and the byte where it begins, for one that is damaged or cut short.
    """
    held: list[Bytes] = []
    have, need, place, before = 0, HEAD + TAIL, 0, 0
    for block in _blocks(source):
        held.append(block)
        have += len(block)
        if have < need:
            continue
        data = held[0] if len(held) == 1 else np.concatenate(held)
        start, n = 0, ROWS
        while n == ROWS:
            spans = np.empty((ROWS, 2), dtype=np.uint64)
            n, start, torn = _core.find_records(data, start, spans)
            if n:
                yield Piece(source, data, spans[:n], place, before)
                before += n
            if torn:
                what = ("", "has a damaged length", "does not fit its checksum")[torn]
                raise _error(source, before, place + start, f"{what}; the file is damaged: get it again")
        held, have, place = [data[start:]], len(data) - start, place + start
        need = _needed(source, held[0], before, place)
    if have:
        found = f"has {have:,} of {need:,} bytes" if have > HEAD else f"ends after {have} bytes"
        raise _error(source, before, place, f"{found}; the file is cut short: get it again")


def framed(record: bytes) -> bytes:
    """A record as it stands in a file."""
    length = len(record).to_bytes(8, "little")
    return length + _masked_crc(length) + record + _masked_crc(record)


def is_tfrecord(first: bytes) -> bool:
    """Whether these first bytes of a file are those of a TFRecord: the checksum of a length tells without doubt."""
    if first[:1] == b"\x78" and not _is_head(first):
        try:
            first = zlib.decompressobj().decompress(first, HEAD)
        except zlib.error:
            return False
    return _is_head(first)


def _is_head(first: bytes) -> bool:
    return len(first) >= HEAD and _masked_crc(first[:8]) == first[8:HEAD]


def _masked_crc(content: bytes) -> bytes:
    crc = _core.crc32c(np.frombuffer(content, dtype=np.uint8)) if content else 0
    return (((crc >> 15 | crc << 17) + MASK) & 0xFFFFFFFF).to_bytes(4, "little")


def _needed(source: Source, rest: Bytes, before: int, place: int) -> int:
    """Bytes that the next record takes, as far as can be told."""
    if len(rest) < HEAD + TAIL:
        return HEAD + TAIL
    length = int.from_bytes(rest[:8].tobytes(), "little")
    if length > MOST:
        raise _error(source, before, place, f"says that it has {length:,} bytes; a record has at most {MOST:,}")
    return HEAD + length + TAIL


def _blocks(source: Source) -> Iterator[Bytes]:
    """The bytes of a file in order; read, not mapped, so that memory stays small however large the file."""
    place, inflate = 0, None
    try:
        with source.open() as stream:
            while data := stream.read(BLOCK):
                if place == 0 and not _is_head(data) and is_tfrecord(data):
                    inflate = zlib.decompressobj()
                while data:
                    block = data if inflate is None else inflate.decompress(data, BLOCK)
                    data = b"" if inflate is None else inflate.unconsumed_tail
                    place += len(block)
                    yield np.frombuffer(block, dtype=np.uint8) if block else np.empty(0, dtype=np.uint8)
            if inflate is not None and not inflate.eof:
                raise EOFError("the compressed data ends before its end mark")
    except DAMAGED as error:
        found = f"cannot be decompressed beyond byte {place:,} ({error}); it is damaged or cut short: get it again"
        raise source.error(0, found) from error


def _error(source: Source, before: int, place: int, found: str) -> ReadError:
    return source.error(before + 1, f"the record at byte {place:,} {found}")
