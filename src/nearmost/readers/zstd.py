"""Zstandard streams, the one place that needs the package of that name."""

from __future__ import annotations

import io
from typing import BinaryIO

import zstandard
from zstandard import ZstdDecompressor, ZstdError

CHUNK = 1 << 16
LONGEST_WINDOW = 1 << 31  # what `zstd --long=31` writes


class ZstdStream(io.RawIOBase):
    """The plain bytes of one or more zstd frames.

    ``zstandard``'s own reader takes a truncated frame for the end of the file; this one raises EOFError.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._frame: zstandard.ZstdDecompressionObj | None = None
        self._pending = b""  # compressed bytes that belong to the next frame
        self._plain = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        while not self._plain:
            if not self._advance():
                return 0
        size = min(len(buffer), len(self._plain))
        buffer[:size] = self._plain[:size]
        self._plain = self._plain[size:]
        return size

    def _advance(self) -> bool:
        """Decompress one more chunk; False at the end of the last frame."""
        chunk = self._pending or self._stream.read(CHUNK)
        self._pending = b""
        if not chunk:
            if self._frame is not None:
                raise EOFError("the zstd frame ends too early")
            return False
        if self._frame is None:
            self._frame = ZstdDecompressor(max_window_size=LONGEST_WINDOW).decompressobj()
        try:
            self._plain = memoryview(self._frame.decompress(chunk))
        except ZstdError as error:
            raise OSError(str(error)) from error
        if self._frame.eof:
            self._pending = self._frame.unused_data
            self._frame = None
        return True
