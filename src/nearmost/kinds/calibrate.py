"""How much a search must look at to find a given share of the true neighbours: measured, not guessed.

Queries whose true neighbours are known are searched with growing effort; the recall that each step reached makes a
table, which the index file keeps. ``recall=0.95`` then takes the least effort whose lower confidence limit is 0.95.
The promise is statistical, over queries like those that the table was made with.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nearmost.errors import DamagedFileError
from nearmost.values import Neighbors

KS = (1, 10, 100)
CONFIDENCE = 1.64  # standard errors: nineteen in twenty
GROWTH = 1.7  # of the effort from step to step
ROWS = (8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512)
GIVEN_UP = 0.1  # share of the misses that may come from scoring too few rows exactly
ENOUGH = 0.997
KNOWN = 400  # true neighbors of a query: more than the largest k, since many may score alike
MOSTLY = 0.9
FEWER = 4  # of the queries, one in so many, for the largest k: each of them tells of so many neighbors

LEAST_HELD = 1 / 16
"""Of a neighbor: what recall takes is known down to here."""
STEEPEST = 0.2
"""Power of the number of neighbors by which effort falls below one at most: one table alone may tell too much."""

MOST_ASK = (0.95, 10)
"""Recall and k."""
MOST_ASKED = 1000
"""Answers of a table that an index keeps from one search to the next."""

Promising = Callable[[int, int, int, int], NDArray[np.int64]]
"""(effort, rows, k, n) -> for the first n queries the rows that a search for k would score, most promising first."""


@dataclass(frozen=True, slots=True)
class Step:
    """Effort (lists looked through, or a graph's margin), rows scored exactly, and the recall, with its error."""

    effort: int
    rows: int
    recall: float = 0.0
    error: float = 0.0

    def limit(self, parts: int = 1) -> float:
        """What the recall, or the mean of so many parts' recall, hardly falls below."""
        return self.recall - CONFIDENCE * self.error / math.sqrt(parts)


@dataclass(frozen=True, slots=True)
class Spread:
    """That the k nearest are wanted of all parts together, of which this is one that holds ``held`` of them on average.

    They lie as far off as the ``held`` nearest rows of this part do, and less than one is as good a number as any.
    What is not known of each part's recall averages out over ``parts``.
    """

    parts: int
    held: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """k -> steps of growing effort; empty where too few rows were there to calibrate with."""

    steps: Mapping[int, list[Step]]
    n_queries: int = 0

    def for_recall(self, recall: float, k: float, parts: int = 1) -> Step | None:
        """The least effort that reaches this recall at k, or None where only the exact search does."""
        if recall >= 1 or not self.steps:
            return None
        found = {at: _reach(steps, recall, parts) for at, steps in self.steps.items()}
        return _between(found, k)

    @property
    def is_useful(self) -> bool:
        """Whether a search that asks for what most ask for need not look at every row."""
        return self.for_recall(*MOST_ASK) is not None

    def at(self, effort: int, k: int) -> Step:
        """A step of this effort, with the rows to score that belong to it."""
        rows = {at: Step(effort, _rows_at(steps, effort)) for at, steps in self.steps.items()}
        between = _between(rows, k) if rows else None
        return Step(effort, max(k, between.rows) if between else 2 * k + 8)

    def plain(self) -> dict[str, Any]:
        """As values that JSON knows."""
        table = {
            str(k): [[step.effort, step.rows, step.recall, step.error] for step in steps]
            for k, steps in self.steps.items()
        }
        return {"queries": self.n_queries, "steps": table}

    @classmethod
    def of(cls, plain: Any) -> Calibration:
        """From what ``plain`` gave; DamagedFileError for anything else."""
        try:
            steps = {int(k): [Step(*_checked(row)) for row in rows] for k, rows in plain["steps"].items()}
            if any(k < 1 for k in steps) or not all(steps.values()):
                raise ValueError("a table without steps")
            return cls(dict(sorted(steps.items())), int(plain["queries"]))
        except (TypeError, ValueError, KeyError, AttributeError) as error:
            raise DamagedFileError(f"the calibration is not what it must be ({error!s:.80})") from None


def known(search: Callable[[NDArray[np.float32], int], Neighbors], queries: NDArray[np.float32]) -> Neighbors:
    """The true neighbors that a calibration wants, by an exact search: more of them where many score alike."""
    found = search(queries, KS[-1] + 2)
    tied = np.any([found.scores[:, -1] == found.scores[:, k - 1] for k in KS], axis=0)
    if not tied.any():
        return found
    ids = np.full((len(queries), KNOWN + 1), -1, dtype=np.int64)
    scores = np.full((len(queries), KNOWN + 1), -np.inf, dtype=np.float32)
    ids[:, : KS[-1] + 2], scores[:, : KS[-1] + 2] = found
    ids[tied], scores[tied] = search(queries[tied], KNOWN + 1)
    return Neighbors(ids, scores, found.metric)


def calibrate(promising: Promising, truth: Neighbors, own: NDArray[np.int64] | None, most: int) -> Calibration:
    """The table that searches of queries with known answers make: ``truth`` as ``known`` finds it.

    ``own``: the row that each query is; it does not count, neither as truth nor as found. ``most``: no effort beyond.
    """
    n_queries, found = truth.ids.shape
    n_rows = int(truth.ids.max()) + 1 if truth.ids.size else 0
    steps: dict[int, list[Step]] = {k: [] for k in KS if k + 1 < found and truth.ids[:, k + 1].min() >= 0}
    last = np.full(n_queries, -2) if own is None else own
    true_ids, true_scores = truth.without(last)
    effort = 2.0
    while effort < most and any(not done or done[-1].recall < ENOUGH for done in steps.values()):
        whole = math.ceil(effort)
        for k, done in steps.items():
            n = n_queries if k < KS[-1] else -(-n_queries // FEWER)
            if not done or done[-1].recall < ENOUGH:
                ranks = _ranks(promising(whole, ROWS[-1] + 1, k, n), true_ids[:n], own, n_rows)
                done.append(_step(whole, k, ranks, true_scores[:n], done))
        effort *= GROWTH
    return Calibration({k: done for k, done in steps.items() if done}, n_queries)


def _step(effort: int, k: int, ranks: NDArray[np.int32], scores: NDArray[np.float32], done: list[Step]) -> Step:
    """The fewest rows that cost hardly any recall.

    Any row that scores as the k-th does will do in its place. Where not even the last known one scores less, nobody
    knows how many there are: such a query says nothing, unless hardly any other is there.
    """
    endless = scores[:, -1] == scores[:, k - 1]
    if endless.mean() < MOSTLY:
        ranks, scores = ranks[~endless], scores[~endless]
    good = scores >= scores[:, k - 1 : k]
    ties = (scores == scores[:, k - 1 : k]).sum(axis=1) if endless.mean() >= MOSTLY else 0

    def share(rows: int) -> NDArray[np.float64]:
        found = ((ranks < rows) & good).sum(axis=1)
        return np.asarray(np.minimum(k, found + ties) / k, dtype=np.float64)

    best = float(share(ROWS[-1]).mean())
    least = done[-1].rows if done else k
    allowed = best - GIVEN_UP * (1 - best) - 0.0005
    rows = next(r for r in ROWS if r == ROWS[-1] or (r >= least and share(r).mean() >= allowed))
    careful = np.append(share(rows), 1 - 1 / k)  # as if one more neighbour had been missed: no misses prove little
    error = float(careful.std()) / math.sqrt(len(ranks))
    return Step(effort, rows, round(float(share(rows).mean()), 6), round(error, 6))


def _ranks(
    promising: NDArray[np.int64], truth: NDArray[np.int64], own: NDArray[np.int64] | None, n_rows: int
) -> NDArray[np.int32]:
    """At which place each true neighbor stands among the promising rows; far beyond all where it is not among them."""
    far = np.iinfo(np.int32).max
    places = np.full(max(n_rows, int(promising.max(initial=0)) + 1) + 1, far, np.int32)  # one more for id -1
    ranks = np.empty(truth.shape, np.int32)
    for query, rows in enumerate(promising):
        if own is not None:
            rows = rows[rows != own[query]]
        places[rows] = np.arange(len(rows), dtype=np.int32)
        places[-1] = far
        ranks[query] = places[truth[query]]
        places[rows] = far
    return ranks


def _reach(steps: list[Step], recall: float, parts: int) -> Step | None:
    """Between the last step below this recall and the first that reaches it; misses fall as a power of the effort."""
    limit, before = 0.0, None
    for step in steps:
        reached = step.limit(parts)
        if max(limit, reached) >= recall:
            if before is None or reached <= limit:
                return step
            low, high, wanted = (math.log(max(1 - x, 1e-4)) for x in (limit, reached, recall))
            part = (low - wanted) / (low - high) if low > high else 1.0
            return Step(_blend(before.effort, step.effort, part), _blend(before.rows, step.rows, part))
        limit, before = max(limit, reached), step
    return None


def _rows_at(steps: list[Step], effort: int) -> int:
    return next((step.rows for step in steps if step.effort >= effort), steps[-1].rows)


def _between(found: Mapping[int, Step | None], k: float) -> Step | None:
    """For any k, from the steps for the calibrated ones: straight lines in the logarithms."""
    ks = sorted(found)
    if k < ks[0]:
        return _below(found[ks[0]], found[ks[min(1, len(ks) - 1)]], k / ks[0])
    above = next((at for at in ks if at >= k), ks[-1])
    below = max((at for at in ks if at <= k), default=ks[0])
    low, high = found[below], found[above]
    if low is None or high is None:
        return None
    high = Step(max(low.effort, high.effort), max(low.rows, high.rows))  # more neighbours never take less
    if k > above:  # beyond the table: as much more effort and rows as there are more neighbours
        return Step(math.ceil(low.effort * k / above), math.ceil(low.rows * k / above))
    part = math.log(k / below) / math.log(above / below) if above > below else 0.0
    return Step(_blend(low.effort, high.effort, part), max(math.ceil(k), _blend(low.rows, high.rows, part)))


def _below(first: Step | None, second: Step | None, share: float) -> Step | None:
    """For a ``share`` of the least k, by the law that its effort and the next one's tell; as many rows."""
    if first is None or second is None:
        return first
    law = min(STEEPEST, max(0.0, math.log(second.effort / first.effort)) / math.log(KS[1] / KS[0]))
    return Step(math.ceil(first.effort * max(share, LEAST_HELD) ** law), first.rows)


def _blend(low: int, high: int, part: float) -> int:
    return math.ceil(math.exp(math.log(low) * (1 - part) + math.log(high) * part) - 1e-9)


def _checked(row: Any) -> tuple[int, int, float, float]:
    effort, rows, recall, error = row
    if type(effort) is not int or type(rows) is not int or not (0 < effort < 1 << 32 and 0 < rows < 1 << 32):
        raise ValueError(f"a step of effort {effort!r:.20} and {rows!r:.20} rows")
    if not (0 <= float(recall) <= 1 and 0 <= float(error) <= 1):
        raise ValueError(f"a recall of {recall!r:.20} with error {error!r:.20}")
    return effort, rows, float(recall), float(error)
