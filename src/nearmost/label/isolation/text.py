"""Text: what a heuristic gets for an attribute, a string that also answers to what refinery's users write."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property
from typing import SupportsIndex

WORD = re.compile(r"\w+(?:['’]\w+)*|[^\w\s]")
NUMBER = re.compile(r"[+-]?\d[\d.,]*")


class Place(int):
    """The number of a word in its text. A span that is told by these is turned into characters."""

    def __add__(self, other: int) -> Place:
        return Place(int(self) + other)

    def __sub__(self, other: int) -> Place:
        return Place(int(self) - other)


class Word:
    """A word or a mark of punctuation, with what spaCy's tokens are asked most."""

    __slots__ = ("end", "i", "start", "text")

    def __init__(self, text: str, i: int, start: int) -> None:
        self.text = text
        self.i = Place(i)
        self.start = start
        """Where it begins, in characters; ``idx`` is the same."""
        self.end = start + len(text)

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return self.text

    def __len__(self) -> int:
        return len(self.text)

    @property
    def idx(self) -> int:
        """Where it begins, in characters."""
        return self.start

    @property
    def lower_(self) -> str:
        """In small letters."""
        return self.text.lower()

    @property
    def is_digit(self) -> bool:
        """Whether it is all digits."""
        return self.text.isdigit()

    @property
    def is_alpha(self) -> bool:
        """Whether it is all letters."""
        return self.text.isalpha()

    @property
    def is_upper(self) -> bool:
        """Whether it is in capitals."""
        return self.text.isupper()

    @property
    def is_lower(self) -> bool:
        """Whether it is in small letters."""
        return self.text.islower()

    @property
    def is_title(self) -> bool:
        """Whether only its first letter is a capital."""
        return self.text.istitle()

    @property
    def is_punct(self) -> bool:
        """Whether it is a mark of punctuation."""
        return len(self.text) == 1 and not self.text.isalnum() and self.text != "_"

    @property
    def like_num(self) -> bool:
        """Whether it is a number in digits."""
        return NUMBER.fullmatch(self.text) is not None


class Text(str):
    """A string. ``.text`` is the same without what is added here, and iterating gives words, as refinery's texts do.

    Everything else, length, ``in``, slices and methods, is that of a string: characters.
    """

    text: str

    def __new__(cls, text: str) -> Text:
        self = super().__new__(cls, text)
        self.text = text
        return self

    @cached_property
    def tokens(self) -> tuple[Word, ...]:
        """Words and marks of punctuation, in order."""
        return tuple(Word(found[0], i, found.start()) for i, found in enumerate(WORD.finditer(self.text)))

    def __iter__(self) -> Iterator[Word]:  # type: ignore[override]
        return iter(self.tokens)

    def characters(self, start: SupportsIndex, end: SupportsIndex) -> tuple[int, int]:
        """Where a span begins and ends in characters; ends told by a word's ``i`` are turned into that."""
        first, last = start.__index__(), end.__index__()
        if isinstance(start, Place):
            first = self.tokens[first].start if 0 <= first < len(self.tokens) else len(self)
        if isinstance(end, Place):
            last = self.tokens[last - 1].end if 0 < last <= len(self.tokens) else -1
        return first, last
