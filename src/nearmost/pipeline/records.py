"""The records of an input file as they enter a pipeline: read by whichever worker, numbered the same by all."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import BinaryIO, TypeVar

from nearmost.pipeline.files import Files, is_url
from nearmost.pipeline.passages import Passage, place_of, split_place
from nearmost.readers.corpus import records_of
from nearmost.readers.selection import Selection
from nearmost.readers.sources import Source

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Reading:
    """Which columns are wanted, and how files are read; as the arguments of ``iter_records``."""

    text: str | None = None
    key: str | None = None
    encoding: str = "utf-8"
    format: str | None = None

    def passages(self, files: Files, number: int, path: str) -> Iterator[Passage]:
        """The texts of one file, which is the one of this number; of an empty one none. Without ``key`` keys are ""."""
        opener: Callable[[str], BinaryIO] | None = files.open if is_url(path) else None
        source = Source(path, self.encoding, opener)
        records = records_of([source], Selection(self.text, self.key, None, ()), self.format)
        for record_number, record in enumerate(records):
            key = "" if self.key is None else record.key
            yield Passage(key, record.text, place_of(number, record_number))


def named(passage: Passage, before: Sequence[int]) -> Passage:
    """The passage, called by its number over all files: ``before`` says how many records come before each file."""
    file, record = split_place(passage.place)
    return passage._replace(key=str(before[file] + record))


def starts(counts: Sequence[int]) -> list[int]:
    """How many records come before each file, from how many each has."""
    before = [0]
    for count in counts:
        before.append(before[-1] + count)
    return before


def in_parts(items: Iterator[T], size: int) -> Iterator[list[T]]:
    """Lists of so many items, the last one shorter."""
    yield from iter(partial(_some, items, size), [])


def _some(items: Iterator[T], size: int) -> list[T]:
    return list(islice(items, size))
