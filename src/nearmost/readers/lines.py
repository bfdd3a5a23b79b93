"""Bytes as numbered lines of text, and the plainest format of all: a text a line."""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterator
from typing import Any

from nearmost.errors import InputError, ReadError
from nearmost.readers.compression import DAMAGED
from nearmost.readers.selection import Selection
from nearmost.readers.sources import Source

CHUNK = 1 << 18


def text_rows(source: Source, selection: Selection) -> Iterator[tuple[int, list[Any]]]:
    """Every line that is not blank, as the only column, "text"."""
    wanted: list[str] | None = None
    for number, line in iter_lines(source):
        if not line.strip():
            continue
        if wanted is None:
            wanted = selection.of(["text"], source, number)
        yield number, [line.rstrip("\r\n")] * len(wanted)


def iter_lines(source: Source) -> Iterator[tuple[int, str]]:
    """(line number from 1, line with its line end), in bounded memory unless a line is not.

    Lines end at \\n; a byte order mark is taken off. Raises ReadError, naming the line, for bytes that
    are not in the source's encoding, for NUL, and where compressed data is damaged.
    """
    number = 0
    with source.open() as stream:
        try:
            for line in _decoded_lines(stream, source.encoding):
                number += 1
                if number == 1:
                    line = line.removeprefix("\ufeff")
                if "\0" in line:
                    raise source.error(number, "holds a NUL character; wanted text: is this a binary file, or UTF-16?")
                yield number, line
        except UnicodeDecodeError as error:
            raise not_decoded(source, number + 1, error) from error
        except DAMAGED as error:
            raise cut_short(source, number + 1, error) from error


def _decoded_lines(stream: io.BufferedReader, encoding: str) -> Iterator[str]:
    try:
        plain = "\n".encode(encoding) == b"\n"
    except LookupError:
        raise InputError(f'encoding is {encoding!r}; it must be one that Python knows, such as "utf-8"') from None
    if plain:  # one line at a time, so that a bad byte is found in its line
        return (line.decode(encoding) for line in stream)
    return io.TextIOWrapper(stream, encoding=encoding, newline="\n")


def iter_chunks(source: Source) -> Iterator[str]:
    """The text of a source in pieces of bounded size, for formats in which lines mean nothing."""
    line = 1
    with source.open() as stream:
        decoder = codecs.getincrementaldecoder(source.encoding)()
        first, data = True, b"."
        while data:
            try:
                data = stream.read(CHUNK)
                chunk = decoder.decode(data, final=not data)
            except UnicodeDecodeError as error:
                raise not_decoded(source, line + error.object[: error.start].count(b"\n"), error) from error
            except DAMAGED as error:
                raise cut_short(source, line, error) from error
            yield chunk.removeprefix("\ufeff") if first else chunk
            first = False
            line += chunk.count("\n")


def not_decoded(source: Source, line: int, error: UnicodeDecodeError) -> ReadError:
    """What to raise about bytes that are not in the source's encoding."""
    if error.object[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return source.error(line, f'is UTF-16, not {source.encoding}; say encoding="utf-16"')
    byte = f"byte 0x{error.object[error.start]:02x} in column {error.start + 1}"
    hint = 'say encoding="cp1252" or whatever it was written in'
    return source.error(line, f"{byte} is not {source.encoding} ({error.reason}); {hint}")


def cut_short(source: Source, line: int, error: Exception) -> ReadError:
    """What to raise where the bytes of a source cannot be had."""
    return source.error(line, f"cannot be read from here on ({error}); the file is damaged or cut short: get it again")
