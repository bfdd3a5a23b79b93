"""How much a search must look at to find a given share of the true neighbours: measured, not guessed.

Queries whose true neighbours are known are searched with growing effort; the recall that each step reached makes a
table, which the index file keeps. ``recall=0.95`` then takes the least effort whose lower confidence limit is 0.95.
The promise is statistical, over queries like those that the table was made with.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nearmost.errors import DamagedFileError

KS = (1, 10, 100)
CONFIDENCE = 1.64  # standard errors: nineteen in twenty

LEAST_HELD = 1 / 16
"""Of a neighbor: what recall takes is known down to here."""
STEEPEST = 0.2
"""Power of the number of neighbors by which effort falls below one at most: one table alone may tell too much."""

MOST_ASK = (0.95, 10)
"""Recall and k."""
MOST_ASKED = 1000
"""Answers of a table that an index keeps from one search to the next."""


@dataclass(frozen=True, slots=True)
class Step:
    """Effort (lists looked through, or a graph's margin), rows scored exactly, and the recall, with its error."""

    effort: int
    rows: int
    recall: float = 0.0
    error: float = 0.0

    def limit(self, parts: float = 1) -> float:
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
        found = {at: reach(steps, recall, parts) for at, steps in self.steps.items()}
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


def reach(steps: list[Step], recall: float, parts: float = 1) -> Step | None:
    """Between the last step below this recall and the first that reaches it; misses fall as a power of the effort.

    As many rows as the latter scores: what fewer of them miss follows no such law.
    """
    limit, before = 0.0, None
    for step in steps:
        reached = step.limit(parts)
        if max(limit, reached) >= recall:
            if before is None or reached <= limit:
                return step
            low, high, wanted = (math.log(max(1 - x, 1e-4)) for x in (limit, reached, recall))
            part = (low - wanted) / (low - high) if low > high else 1.0
            return Step(_blend(before.effort, step.effort, part), step.rows)
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
