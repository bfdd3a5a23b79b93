"""Finds the terms of all lookup lists in a text in one walk over its words."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from nearmost.label.lookups.lists import Lookup

START = re.compile(r"\w+|[^\w\s]")
"""Where a term can begin: at a word, or at a mark."""


@dataclass(frozen=True, slots=True)
class Occurrence:
    """A term of a list that stands in a text, from ``start`` to ``end`` in characters."""

    list: str
    term: str
    start: int
    end: int


class Matcher:
    """The terms that are used of some lists, ready to be looked for.

    With ``whole_words`` "art" is not found in "party". Without it every place counts, which languages that are
    written without spaces want, and refinery's functions do. Case counts only where ``case_sensitive`` says so.
    """

    def __init__(
        self, lists: Mapping[str, Sequence[str]], *, whole_words: bool = True, case_sensitive: bool = False
    ) -> None:
        self._whole, self._exact = whole_words, case_sensitive
        owners: dict[str, list[tuple[str, str]]] = defaultdict(list)
        for name, terms in lists.items():
            for term in dict.fromkeys(terms):
                folded = self._fold(term).strip()
                if folded and (name, term) not in owners[folded]:
                    owners[folded].append((name, term))
        self._owners = dict(owners)
        self._by_start: dict[str, list[str]] = defaultdict(list)
        for folded in self._owners:
            found = START.match(folded)
            assert found is not None
            self._by_start[found[0]].append(folded)

    @classmethod
    def of(cls, lists: Mapping[str, Lookup], *, whole_words: bool = True, case_sensitive: bool = False) -> Matcher:
        """A matcher of the terms of these lists that are not excluded."""
        values = {name: each.values for name, each in lists.items()}
        return cls(values, whole_words=whole_words, case_sensitive=case_sensitive)

    def find(self, text: str) -> list[Occurrence]:
        """Every term in the text, by where it begins, a longer one first; they may overlap."""
        folded = self._fold(text)
        found = self._words(folded) if self._whole else self._anywhere(folded)
        places = sorted(found, key=lambda place: (place[0], -place[1]))
        return [
            Occurrence(name, term, start, end)
            for start, end in places
            for name, term in self._owners[folded[start:end]]
        ]

    def lists_in(self, text: str) -> dict[str, list[str]]:
        """List -> its terms that the text holds, in the order in which they first stand there."""
        found: dict[str, dict[str, None]] = {}
        for each in self.find(text):
            found.setdefault(each.list, {})[each.term] = None
        return {name: list(terms) for name, terms in found.items()}

    def _words(self, folded: str) -> Iterator[tuple[int, int]]:
        starts = self._by_start
        n_letters = len(folded)
        for word in START.finditer(folded):
            for term in starts.get(word[0], ()):
                start = word.start()
                end = start + len(term)
                if folded.startswith(term, start) and not (
                    end < n_letters and _in_word(folded[end]) and _in_word(folded[end - 1])
                ):
                    yield start, end

    def _anywhere(self, folded: str) -> Iterator[tuple[int, int]]:
        for term in self._owners:
            start = folded.find(term)
            while start >= 0:
                yield start, start + len(term)
                start = folded.find(term, start + 1)

    def _fold(self, text: str) -> str:
        """In small letters, each in the place of its capital."""
        if self._exact:
            return text
        small = text.lower()
        if len(small) == len(text):
            return small
        return "".join(low if len(low := letter.lower()) == 1 else letter for letter in text)


def _in_word(letter: str) -> bool:
    return letter.isalnum() or letter == "_"
