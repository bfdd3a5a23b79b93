"""Weak spans: what several heuristics marked in a text, merged into spans that do not overlap.

The model is that of refinery's weak-nlp: votes weighed by precision, overlapping spans of one label joined, of
overlapping labels the strongest kept. Precision is counted by characters, not by tokens, so that it does not hang on
the version of a tokenizer.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from math import exp

from nearmost.errors import InputError
from nearmost.label.supervision.statistics import HeuristicStatistics
from nearmost.label.votes.intervals import wilson

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


def span_statistics(
    names: Sequence[str],
    votes: Iterable[SpanVote],
    manual: Iterable[Stretch],
    judged: Iterable[int],
    *,
    unheard: Mapping[int, Set[tuple[int, int]]] | None = None,
) -> list[HeuristicStatistics]:
    """A row for each heuristic and each label that it marks.

    Overlaps and conflicts are records on which another heuristic marks the same text, or some of it, as the same or as
    something else. On records that were judged, a hit is right where most of its characters have its label by hand;
    the stretches in ``unheard`` are not asked: words that the record itself brought into a list.
    """
    known, left_out = set(judged), unheard or {}
    truth: dict[tuple[int, int], set[int]] = defaultdict(set)
    for record, start, end, label in manual:
        truth[record, label].update(range(start, end))
    by_record: dict[int, list[SpanVote]] = defaultdict(list)
    for vote in votes:
        by_record[vote.record].append(vote)
    counts: dict[tuple[str, int], Counter[str]] = defaultdict(Counter)
    for record, marks in by_record.items():
        told: dict[tuple[str, int], set[str]] = defaultdict(set)
        for mark in marks:
            count, what = counts[mark.heuristic, mark.label], told[mark.heuristic, mark.label]
            what.add("coverage")
            count["hits"] += 1
            for other in marks:
                if other.heuristic != mark.heuristic and other.start < mark.end and mark.start < other.end:
                    what.add("overlaps" if other.label == mark.label else "conflicts")
            if record not in known:
                continue
            if (mark.start, mark.end) in left_out.get(record, ()):
                count["unheard"] += 1
                continue
            count["judged"] += 1
            there = truth[record, mark.label] & set(range(mark.start, mark.end))
            count["right"] += 2 * len(there) > mark.end - mark.start
        for each, said in told.items():
            counts[each].update(said)
    order = {name: number for number, name in enumerate(names)}
    return [
        HeuristicStatistics(
            heuristic=name, label=label, coverage=count["coverage"], hits=count["hits"], overlaps=count["overlaps"],
            conflicts=count["conflicts"], right=count["right"], judged=count["judged"],
            interval=wilson(count["right"], count["judged"]), out_of_fold=count["unheard"] > 0,
        )
        for (name, label), count in sorted(counts.items(), key=lambda each: (order[each[0][0]], each[0][1]))
    ]  # fmt: skip


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
