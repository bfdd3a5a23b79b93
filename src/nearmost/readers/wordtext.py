"""A word and its numbers a line: GloVe's text, and with a first line of two numbers word2vec's and fastText's."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nearmost import _core
from nearmost.errors import ReadError
from nearmost.readers.blocks import Bytes, text_blocks
from nearmost.readers.sources import Source
from nearmost.strings import Strings

HEADER = re.compile(rb"[ \t]*(\d{1,18})[ \t]+(\d{1,9})[ \t]*\r?\n")
NUMBER = re.compile(rb"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
SAMPLE = 50
"""Lines that tell how many numbers one holds: a word may look like a number, and may hold spaces."""
FEW, NO_NUMBER, NOT_FINITE = 1, 2, 3  # as core/textrows.h counts them
SHOWN = 30


@dataclass(frozen=True, slots=True)
class Part:
    """Rows, and the words that belong to them, of one block of text."""

    rows: NDArray[np.float32]
    data: Bytes
    offsets: NDArray[np.uint64]


def word_text(
    source: Source, *, header: bool, limit: int | None, errors: str, n_threads: int
) -> tuple[NDArray[np.float32], Strings]:
    """The rows and words of a text of vectors. Raises ReadError, naming the line, for a line that is none."""
    parts: list[Part] = []
    said, dim, line, n_rows = -1, 0, 1, 0
    for block in text_blocks(source, errors):
        if dim == 0:
            if header:
                said, dim, start = _header(source, block)
                block, line = block[start:], line + 1
            else:
                lines = sample_of(block[: 1 << 20].tobytes(), ended=len(block) <= 1 << 20)
                _refuse_bare_numbers(source, lines)
                dim = numbers_a_line(lines)
                if dim == 0:
                    raise source.error(1, "does not hold a word and its numbers; wanted: the 0.418 0.24968 ...")
        most = None if limit is None else limit - n_rows
        part = _part(source, block, line, dim, most, n_threads)
        parts.append(part)
        n_rows += len(part.rows)
        if n_rows == limit:
            break
        line += int(np.count_nonzero(block == ord("\n"))) if not source.is_plain_file() else 0
    if n_rows == 0:
        raise source.error(0, "holds no word; wanted a word and its numbers a line")
    if n_rows != said and said >= 0 and (limit is None or n_rows < limit):
        raise source.error(
            1,
            f"says that {said:,} words follow, and {n_rows:,} do: the file is cut short, or this line is wrong; "
            f"get it again, correct the line, or say limit={min(n_rows, said) or 1}",
        )
    return joined(parts)


def joined(parts: list[Part]) -> tuple[NDArray[np.float32], Strings]:
    """The parts as one."""
    if len(parts) == 1:
        return parts[0].rows, Strings(parts[0].data, parts[0].offsets)
    starts = np.cumsum([0, *(len(part.data) for part in parts[:-1])], dtype=np.uint64)
    offsets = [part.offsets[:-1] + start for part, start in zip(parts, starts, strict=True)]
    data = np.concatenate([part.data for part in parts])
    end = np.array([len(data)], dtype=np.uint64)
    return np.concatenate([part.rows for part in parts]), Strings(data, np.concatenate([*offsets, end]))


def gathered(block: Bytes, spans: NDArray[np.uint64]) -> tuple[Bytes, NDArray[np.uint64]]:
    """The bytes of these spans of a block one after the other, and their offsets."""
    offsets = np.zeros(len(spans) + 1, dtype=np.uint64)
    np.cumsum(spans[:, 1] - spans[:, 0], out=offsets[1:])
    data = np.empty(int(offsets[-1]), dtype=np.uint8)
    _core.gather(block, spans, offsets, data)
    return data, offsets


def not_utf8(data: Bytes, offsets: NDArray[np.uint64]) -> int | None:
    """The first word that is not UTF-8, or None."""
    try:
        if data.tobytes().decode().isascii():
            return None
    except UnicodeDecodeError as error:
        return int(np.searchsorted(offsets, error.start, side="right")) - 1
    starts = offsets[:-1][offsets[:-1] < offsets[1:]].astype(np.int64)
    torn = np.flatnonzero(data[starts] & 0xC0 == 0x80)  # valid only together with the word before
    return int(np.searchsorted(offsets, starts[torn[0]], side="right")) - 1 if len(torn) else None


def sample_of(text: bytes, *, ended: bool) -> list[bytes]:
    """The first lines that are not blank; the last line counts only where the text has ``ended``."""
    lines = text.split(b"\n", SAMPLE * 2)
    if (not ended or len(lines) > SAMPLE * 2) and len(lines) > 1:
        lines.pop()
    return [line for line in lines if line.strip()][:SAMPLE]


def numbers_a_line(lines: list[bytes]) -> int:
    """How many numbers lines end with after their word, as most of them say; 0 where a quarter holds none of that."""
    counts = Counter(_numbers_at_the_end(line) for line in lines)
    if not counts:
        return 0
    dim = min(counts, key=lambda count: (-counts[count], count))
    agreeing = sum(n for count, n in counts.items() if count >= dim)
    return dim if agreeing * 4 >= len(lines) * 3 else 0


def _numbers_at_the_end(line: bytes) -> int:
    fields = re.split(rb"[ \t]+", line.strip(b" \t\r"))
    n = 0
    while n < len(fields) - 1 and NUMBER.fullmatch(fields[-1 - n]):
        n += 1
    return n


def _header(source: Source, block: Bytes) -> tuple[int, int, int]:
    """(words, dim, where the first line ends)."""
    found = HEADER.match(block[:100].tobytes())
    if found is None:
        raise source.error(1, "is no header; wanted how many words and how many numbers each: 400000 50")
    words, dim = int(found[1]), int(found[2])
    if not 0 < dim <= 65536:
        raise source.error(1, f"says that a word has {dim} numbers; wanted 1 to 65536")
    return words, dim, found.end()


def _part(source: Source, block: Bytes, line: int, dim: int, most: int | None, n_threads: int) -> Part:
    room = len(block) // (2 * dim) + 1  # a number takes two bytes with the blank before it; shorter lines are errors
    spans = np.empty((room if most is None else min(room, most), 2), dtype=np.uint64)
    spans = spans[: _core.find_lines(block, spans)]
    whole = spans.copy()
    rows = np.empty((len(spans), dim), dtype=np.float32)
    bad = _core.parse_lines(block, spans, rows, n_threads, None)
    if bad is not None:
        row, fault, at = bad
        start, stop = (int(place) for place in whole[row])
        raise source.error(_line_at(block, start, line), _why(block[start:stop].tobytes(), fault, at - start, dim))
    data, offsets = gathered(block, spans)
    torn = not_utf8(data, offsets)
    if torn is not None:
        word = data[int(offsets[torn]) : int(offsets[torn + 1])].tobytes()
        raise source.error(_line_at(block, int(spans[torn, 0]), line), no_word(word))
    return Part(rows, data, offsets)


def no_word(word: bytes) -> str:
    """What to say about a word that is not UTF-8."""
    if word[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return 'is UTF-16, not utf-8; say encoding="utf-16"'
    return (
        f'the word {word[:SHOWN]!r} is not UTF-8; say encoding="latin-1" or whatever it was written in, '
        'or errors="replace"'
    )


def _why(line: bytes, fault: int, at: int, dim: int) -> str:
    if fault == FEW:
        n = len(line.split())
        return f"holds {n} fields; wanted a word and {dim} numbers: the line is cut short, or of another length"
    field = line[at:].split(None, 1)[0][:SHOWN].decode(errors="replace")
    if fault == NOT_FINITE:
        return f"holds {field!r}; every number must be finite, and a float32"
    return f"holds {field!r} where a number was wanted; the last {dim} fields of a line are its numbers"


def _line_at(block: Bytes, position: int, line: int) -> int:
    return line + int(np.count_nonzero(block[:position] == ord("\n")))


def _refuse_bare_numbers(source: Source, lines: list[bytes]) -> None:
    """Raises ReadError for a table of numbers without words, whose first column would be taken for the words."""
    fields = [line.split() for line in lines]
    if len(fields) > 1 and all(NUMBER.fullmatch(one) and b"." in one for each in fields for one in each):
        raise ReadError(
            f"{source.name}: holds numbers and no words; save it as an array: np.save(path, np.loadtxt(...))"
        )
