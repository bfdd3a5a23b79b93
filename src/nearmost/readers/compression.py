"""Compressed streams, known by their first bytes: a name can be wrong or missing."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zlib

from nearmost.errors import MissingExtraError

SUFFIXES = (".gz", ".bz2", ".xz", ".zst", ".zstd", ".zip")
HEAD = 10
"""Bytes of a stream that tell every kind of compression from text."""
DAMAGED = (EOFError, OSError, zlib.error, lzma.LZMAError)
"""What reading a truncated or altered stream raises."""


def compression_of(head: bytes) -> str | None:
    """ "gz", "bz2", "xz" or "zst" from the first HEAD bytes of a stream, None for anything else."""
    if head.startswith(b"\x1f\x8b\x08"):
        return "gz"
    if head.startswith(b"BZh") and head[4:10] == b"1AY&SY":
        return "bz2"
    if head.startswith(b"\xfd7zXZ\x00"):
        return "xz"
    if head.startswith(b"\x28\xb5\x2f\xfd") or (head[1:4] == b"\x2a\x4d\x18" and head[0] >> 4 == 5):
        return "zst"
    return None


def decompressed(stream: io.BufferedReader, kind: str | None) -> io.BufferedReader:
    """The plain bytes of a stream that is compressed as ``compression_of`` says."""
    if kind == "gz":
        return io.BufferedReader(gzip.GzipFile(fileobj=stream), 1 << 17)
    if kind == "bz2":
        return io.BufferedReader(bz2.BZ2File(stream), 1 << 17)
    if kind == "xz":
        return io.BufferedReader(lzma.LZMAFile(stream), 1 << 17)
    if kind == "zst":
        try:
            from nearmost.readers.zstd import ZstdStream
        except ImportError as error:
            raise MissingExtraError("reading .zst files needs zstandard: pip install 'nearmost[zstd]'") from error
        return io.BufferedReader(ZstdStream(stream), 1 << 17)
    return stream
