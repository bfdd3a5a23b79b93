"""Weak spans: what several heuristics marked in a text, merged into spans that do not overlap.

The model is that of refinery's weak-nlp: votes weighed by precision, overlapping spans of one label joined, of
overlapping labels the strongest kept. Precision is counted by characters, not by tokens, so that it does not hang on
the version of a tokenizer.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import exp

from nearmost.errors import InputError

WITHOUT_LABELS = 0.8
Stretch = tuple[int, int, int, int]
"""record, start, end, label"""


@dataclass(frozen=True, slots=True)
class SpanVote:
    """A heuristic's word that text from ``start`` up to ``end`` has a label."""

    heuristic: str
    record: int
    start: int
    end: int
    label: int
    confidence: float = 1.0

    def __post_init__(self) -> None:
        if not (0 <= self.start < self.end and 0 <= self.confidence <= 1):
            raise InputError(
                f"{self.heuristic!r} marks {self.start} to {self.end} of record {self.record}, confidence "
                f"{self.confidence}; a span wants 0 <= start < end and a confidence from 0 to 1"
            )


@dataclass(frozen=True, slots=True)
class MergedSpan:
    """A weak span."""

    record: int
    start: int
    end: int
    label: int
    confidence: float
    sources: tuple[tuple[str, float], ...]
    """Heuristic and weight of every vote that went into it."""


@dataclass(frozen=True, slots=True)
class SpanPrecision:
    """Of the characters that a heuristic gave a label on labelled records, how many have it; and of those that have
    it, how many it found."""

    right: int
    marked: int
    there: int

    @property
    def precision(self) -> float:
        """``right / marked``, 0 where it marked nothing."""
        return self.right / self.marked if self.marked else 0.0

    @property
    def recall(self) -> float:
        """``right / there``, 0 where there is nothing to find."""
        return self.right / self.there if self.there else 0.0


def precisions(
    votes: Iterable[SpanVote], manual: Iterable[Stretch], judged: Iterable[int]
) -> dict[tuple[str, int], SpanPrecision]:
    """(heuristic, label) -> its precision on the judged records, for all whose votes there are."""
    known = set(judged)
    truth: dict[tuple[int, int], set[int]] = defaultdict(set)
    for record, start, end, label in manual:
        if record in known:
            truth[label, record].update(range(start, end))
    marked: dict[tuple[str, int], dict[int, set[int]]] = defaultdict(lambda: defaultdict(set))
    for vote in votes:
        by_record = marked[vote.heuristic, vote.label]
        if vote.record in known:
            by_record[vote.record].update(range(vote.start, vote.end))
    there: dict[int, int] = defaultdict(int)
    for (label, _), places in truth.items():
        there[label] += len(places)
    return {
        (name, label): SpanPrecision(
            sum(len(places & truth.get((label, record), set())) for record, places in records.items()),
            sum(map(len, records.values())),
            there[label],
        )
        for (name, label), records in marked.items()
    }


def merge_spans(
    votes: Sequence[SpanVote],
    manual: Iterable[Stretch] = (),
    judged: Iterable[int] = (),
    *,
    c: float = 7.0,
    k: float = 3.0,
    precision: Mapping[str, float] | None = None,
) -> list[MergedSpan]:
    """Weak spans by record and place; ``c`` and ``k`` are as in ``weak_nlp``.

    ``judged`` are the records whose spans somebody has marked, which may be none of them; without any, every precision
    is 0.8. ``precision`` gives that of some heuristics instead. Heuristics that were never right count nothing.
    """
    known = set(judged)
    measured = precisions(votes, manual, known) if known else {}
    given = precision or {}
    chunks: dict[int, list[MergedSpan]] = defaultdict(list)
    by_label: dict[tuple[int, int], list[tuple[SpanVote, float]]] = defaultdict(list)
    for vote in votes:
        found = measured.get((vote.heuristic, vote.label))
        worth = given.get(vote.heuristic, WITHOUT_LABELS if found is None else found.precision)
        if worth * vote.confidence > 0:
            by_label[vote.record, vote.label].append((vote, worth * vote.confidence))
    for (record, label), weighed in by_label.items():
        chunks[record] += _joined(record, label, weighed)
    kept = []
    for record in sorted(chunks):
        chosen: list[MergedSpan] = []
        for chunk in sorted(chunks[record], key=lambda each: (-each.confidence, each.start, each.label)):
            if all(chunk.end <= other.start or other.end <= chunk.start for other in chosen):
                chosen.append(chunk)
        kept += sorted(chosen, key=lambda each: each.start)
    return [MergedSpan(s.record, s.start, s.end, s.label, 1 / (1 + exp(k - c * s.confidence)), s.sources) for s in kept]


def _joined(record: int, label: int, weighed: list[tuple[SpanVote, float]]) -> list[MergedSpan]:
    """Votes for one label of one record; those that overlap become one span, as strong as the strongest of them."""
    found: list[MergedSpan] = []
    for vote, weight in sorted(weighed, key=lambda each: (each[0].start, each[0].end)):
        source = ((vote.heuristic, weight),)
        if found and vote.start < found[-1].end:
            last = found.pop()
            end, strength = max(last.end, vote.end), max(last.confidence, weight)
            found.append(MergedSpan(record, last.start, end, label, strength, last.sources + source))
        else:
            found.append(MergedSpan(record, vote.start, vote.end, label, weight, source))
    return found
