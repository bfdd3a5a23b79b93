"""How good word vectors are: analogy questions answered, and similarities of pairs beside what people say.

Both count as gensim's ``evaluate_word_analogies`` and ``evaluate_word_pairs`` do, so that the numbers can be compared.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from nearmost.analogy import Searched, require_cosine, unit_rows
from nearmost.errors import InputError, ReadError
from nearmost.readers.lines import iter_lines
from nearmost.readers.sources import Path, Source
from nearmost.values import Neighbors

RESTRICT_VOCAB = 300_000
CANDIDATES = 5
"""Answers that are looked at for one that is none of the question's words in another case."""
AT_ONCE = 4096


class Filtered(Searched, Protocol):
    """An index that is searched among some of its rows."""

    def search(
        self, queries: Any, k: int = ..., *, recall: float = ..., allow: Any = ..., n_threads: int = ...
    ) -> Neighbors: ...


@dataclass(frozen=True, slots=True)
class SectionScore:
    """How many questions of a section were answered, and how many of them rightly."""

    name: str
    correct: int
    total: int

    @property
    def accuracy(self) -> float:
        """The share that is right; 0 where there is no question."""
        return self.correct / self.total if self.total else 0.0


@dataclass(frozen=True, slots=True)
class AnalogyScores:
    """The answers to a file of analogy questions, section by section."""

    sections: tuple[SectionScore, ...]
    unknown: int
    """Questions with a word that is not among the keys; they are left out, or counted as wrong."""
    skipped: int
    """Lines that do not hold four words."""

    @property
    def total(self) -> SectionScore:
        """All sections."""
        return self._sum("total", self.sections)

    @property
    def semantic(self) -> SectionScore:
        """The sections whose name does not begin with "gram": capitals, currencies, families."""
        return self._sum("semantic", [each for each in self.sections if not each.name.startswith("gram")])

    @property
    def syntactic(self) -> SectionScore:
        """The sections whose name begins with "gram": plurals, tenses, comparatives."""
        return self._sum("syntactic", [each for each in self.sections if each.name.startswith("gram")])

    def _sum(self, name: str, sections: Sequence[SectionScore]) -> SectionScore:
        return SectionScore(name, sum(each.correct for each in sections), sum(each.total for each in sections))


@dataclass(frozen=True, slots=True)
class PairScores:
    """How the similarities of the vectors agree with those that people gave."""

    pearson: float
    """Correlation of the numbers; NaN where one side is all the same."""
    spearman: float
    """Correlation of their ranks."""
    n_pairs: int
    unknown: int
    """Pairs with a word that is not among the keys; they are left out, or get similarity 0."""
    skipped: int
    """Lines that do not hold two words and a number, a header say."""


def evaluate_analogies(
    index: Filtered,
    questions: Path,
    *,
    restrict_vocab: int | None = RESTRICT_VOCAB,
    case_insensitive: bool = True,
    unknown_is_wrong: bool = False,
    recall: float = 1.0,
    n_threads: int = 0,
) -> AnalogyScores:
    """The answers to a file of questions: ``: section`` lines, and four words a line: Athens Greece Oslo Norway.

    The fourth word must be the row nearest to the second less the first plus the third, these three left out.
    ``restrict_vocab`` looks among the first rows only, as word vectors stand by frequency (None: among all).
    ``case_insensitive`` takes Athens for athens or ATHENS, whichever row comes first. Questions with words that are not
    there are left out, unless ``unknown_is_wrong``. Raises ReadError where a question stands before the first section.
    """
    require_cosine(index.metric)
    asked, skipped = _questions(questions, case_insensitive)
    rows, same = _vocabulary(index, restrict_vocab, case_insensitive)
    known = [(section, [rows.get(word, -1) for word in words]) for section, words in asked if words]
    found = np.array([places for _, places in known], dtype=np.int64).reshape(-1, 4)
    answered = (found >= 0).all(axis=1)
    right = np.zeros(len(found), dtype=bool)
    right[answered] = _answered_rightly(index, found[answered], same, recall, n_threads)
    counted = np.logical_or(answered, unknown_is_wrong)
    sections: dict[str, list[int]] = {section: [0, 0] for section, _ in asked}
    for (section, _), good, counts in zip(known, right.tolist(), counted.tolist(), strict=True):
        sections[section][0] += good
        sections[section][1] += counts
    scores = tuple(SectionScore(name, *counts) for name, counts in sections.items())
    return AnalogyScores(scores, int(np.count_nonzero(~answered)), skipped)


def evaluate_pairs(
    index: Searched,
    pairs: Path,
    *,
    restrict_vocab: int | None = RESTRICT_VOCAB,
    case_insensitive: bool = True,
    unknown_is_zero: bool = False,
) -> PairScores:
    """Cosines of pairs of words beside those that people gave: word TAB word TAB number a line, # begins a comment.

    ``restrict_vocab`` and ``case_insensitive`` as in ``evaluate_analogies``. Pairs with words that are not there are
    left out, unless ``unknown_is_zero``. Raises InputError where fewer than two pairs are left.
    """
    rows, _ = _vocabulary(index, restrict_vocab, case_insensitive)
    places, given = [], []
    unknown = skipped = 0
    for _, line in iter_lines(Source(pairs)):
        if line.startswith("#"):
            continue
        pair = _pair(line.upper() if case_insensitive else line)
        if pair is None:
            skipped += bool(line.strip())
            continue
        one, other = (rows.get(word, -1) for word in pair[:2])
        unknown += min(one, other) < 0
        if min(one, other) >= 0 or unknown_is_zero:
            places.append((one, other))
            given.append(pair[2])
    if len(places) < 2:
        raise InputError(f"{pairs}: both words of {len(places)} pairs are keys of the index; wanted at least 2 pairs")
    unit = {row: unit_rows(index.vector(index.keys[row])[None])[0] for pair in places for row in pair if row >= 0}
    cosines = [float(unit[one] @ unit[other]) if min(one, other) >= 0 else 0.0 for one, other in places]
    ours = np.array(cosines).astype(np.float32).astype(np.float64)  # what differs in a float64's last bit is equal
    theirs = np.array(given)
    return PairScores(_pearson(ours, theirs), _pearson(_ranks(ours), _ranks(theirs)), len(places), unknown, skipped)


def _questions(path: Path, case_insensitive: bool) -> tuple[list[tuple[str, tuple[str, ...]]], int]:
    """(section, four words, or none for the section itself) in their order, and how many lines are neither."""
    found: list[tuple[str, tuple[str, ...]]] = []
    section, skipped = None, 0
    for number, line in iter_lines(Source(path)):
        if line.startswith(": "):
            section = line.lstrip(": ").strip()
            found.append((section, ()))
            continue
        words = tuple((line.upper() if case_insensitive else line).split())
        if len(words) != 4:
            skipped += bool(words)
        elif section is None:
            raise ReadError(f"{path}:{number}: comes before the first section; wanted a line such as ': capitals'")
        else:
            found.append((section, words))
    return found, skipped


def _vocabulary(
    index: Searched, restrict_vocab: int | None, case_insensitive: bool
) -> tuple[dict[str, int], NDArray[np.int64]]:
    """Each word's row, the first of those that differ in case, and for each row the one that stands for it."""
    if restrict_vocab is not None and restrict_vocab < 1:
        raise InputError(f"restrict_vocab is {restrict_vocab}; it must be at least 1, or None for all rows")
    keys = index.keys[: len(index.keys) if restrict_vocab is None else restrict_vocab]
    words = [key.upper() for key in keys] if case_insensitive else keys
    rows: dict[str, int] = {}
    same = np.fromiter((rows.setdefault(word, row) for row, word in enumerate(words)), np.int64, len(words))
    return rows, same


def _answered_rightly(
    index: Filtered, questions: NDArray[np.int64], same: NDArray[np.int64], recall: float, n_threads: int
) -> NDArray[np.bool_]:
    """For each question, four rows, whether the best row that is none of the first three is the fourth."""
    right = np.zeros(len(questions), dtype=bool)
    if len(questions) == 0:
        return right
    words, at = np.unique(questions, return_inverse=True)
    unit = unit_rows(np.stack([index.vector(index.keys[row]) for row in words.tolist()]))
    at = at.reshape(questions.shape)
    allow = None if len(same) == len(index.keys) else np.arange(len(index.keys)) < len(same)
    for start in range(0, len(questions), AT_ONCE):
        part, rows = at[start : start + AT_ONCE], questions[start : start + AT_ONCE]
        queries = (unit[part[:, 1]] + unit[part[:, 2]] - unit[part[:, 0]]).astype(np.float32)
        ids = index.search(queries, CANDIDATES + 3, recall=recall, allow=allow, n_threads=n_threads).ids
        own = (ids[:, :, None] == rows[:, None, :3]).any(axis=2) | (ids < 0)
        place = np.cumsum(~own, axis=1)
        candidate = ~own & (place <= CANDIDATES)
        named = same[np.maximum(ids, 0)]
        other = candidate & ~(named[:, :, None] == rows[:, None, :3]).any(axis=2)
        last = ids.shape[1] - 1 - np.argmax(candidate[:, ::-1], axis=1)  # where all are the question's own words
        chosen = np.where(other.any(axis=1), np.argmax(other, axis=1), last)
        answer = np.take_along_axis(named, chosen[:, None], axis=1)[:, 0]
        right[start : start + AT_ONCE] = candidate.any(axis=1) & (answer == rows[:, 3])
    return right


def _pair(line: str) -> tuple[str, str, float] | None:
    fields = line.rstrip("\r\n").split("\t") if "\t" in line else re.split(r"[,;\s]+", line.strip())
    try:
        one, other, given = fields
        return one, other, float(given)
    except ValueError:
        return None


def _ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ranks from 1, equal values sharing the mean of theirs."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks: NDArray[np.float64] = (np.cumsum(counts) - (counts - 1) / 2)[place]
    return ranks


def _pearson(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    one, other = one - one.mean(), other - other.mean()
    lengths = float(np.linalg.norm(one) * np.linalg.norm(other))
    return float(one @ other) / lengths if lengths > 0 else float("nan")
