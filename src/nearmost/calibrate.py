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

QUERIES = {1: 1024, 10: 512, 100: 192}
"""k -> queries that are asked at most: a single neighbour is found or not, so more of them are needed."""
CONFIDENCE = 1.28  # standard errors: nine in ten
GROWTH = 1.7  # of the lists from step to step
ROWS = (8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512)
GIVEN_UP = 0.1  # share of the misses that may come from scoring too few rows exactly
ENOUGH = 0.997

Look = Callable[..., Neighbors]
"""(queries, k, lists, rows) -> what a search with that effort finds."""


@dataclass(frozen=True, slots=True)
class Step:
    """Lists looked through, rows scored exactly, and the recall that this gave, with its standard error."""

    lists: int
    rows: int
    recall: float = 0.0
    error: float = 0.0

    @property
    def limit(self) -> float:
        """What the recall hardly falls below."""
        return self.recall - CONFIDENCE * self.error


@dataclass(frozen=True, slots=True)
class Calibration:
    """k -> steps of growing effort; empty where too few rows were there to calibrate with."""

    steps: Mapping[int, list[Step]]
    n_queries: int = 0

    def for_recall(self, recall: float, k: int) -> Step | None:
        """The least effort that reaches this recall at k, or None where only the exact search does."""
        if recall >= 1 or not self.steps:
            return None
        found = {at: _reach(steps, recall) for at, steps in self.steps.items()}
        return _between(found, k)

    def at(self, lists: int, k: int) -> Step:
        """A step of this many lists, with the rows to score that belong to it."""
        rows = {at: Step(lists, _rows_at(steps, lists)) for at, steps in self.steps.items()}
        between = _between(rows, k) if rows else None
        return Step(lists, max(k, between.rows) if between else 2 * k + 8)

    def plain(self) -> dict[str, Any]:
        """As values that JSON knows."""
        table = {
            str(k): [[step.lists, step.rows, step.recall, step.error] for step in steps]
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


@dataclass(frozen=True, slots=True)
class Questions:
    """Queries with their exact answers, one more than the largest k, and the row that each of them is, if any.

    That row does not count, neither as truth nor as found.
    """

    queries: NDArray[np.float32]
    truth: Neighbors
    own: NDArray[np.int64] | None = None

    def first(self, count: int) -> Questions:
        """Some of them."""
        truth = Neighbors(self.truth.ids[:count], self.truth.scores[:count], self.truth.metric)
        return Questions(self.queries[:count], truth, None if self.own is None else self.own[:count])


def calibrate(look: Look, questions: Questions, n_lists: int, n_rows: int) -> Calibration:
    """The table that searches of these questions make."""
    steps = {}
    for k, count in QUERIES.items():
        if 4 * k < n_rows:
            start = max(2.0, 2 * k * n_lists / n_rows)  # where there are k rows to be found
            steps[k] = _climb(look, questions.first(count), k, start, n_lists)
    return Calibration({k: found for k, found in steps.items() if found}, len(questions.queries))


def _climb(look: Look, asked: Questions, k: int, lists: float, n_lists: int) -> list[Step]:
    """Steps for one k, from so many lists on until no more is to be had; each scores no more rows than it must."""
    steps: list[Step] = []
    truth = _without(asked.truth, asked.own)[:, k - 1 : k]
    most = next(i for i, rows in enumerate(ROWS) if rows >= min(24 * k + 100, ROWS[-1]))
    at = next(i for i, rows in enumerate(ROWS) if rows >= k)
    while lists < n_lists:
        count = math.ceil(lists)

        def measured(rows: int, count: int = count) -> Step:
            found = _without(look(asked.queries, k + 1, count, rows + 1), asked.own)
            share = (found >= truth).sum(axis=1) / k
            careful = np.append(share, 1 - 1 / k)  # as if one more neighbour had been missed: no misses prove little
            error = careful.std() / math.sqrt(len(share))
            return Step(count, rows, round(float(share.mean()), 6), round(float(error), 6))

        best, step = measured(ROWS[most]), measured(ROWS[at])
        while step.recall < best.recall - GIVEN_UP * (1 - best.recall) - 0.0005 and at < most:
            at += 1
            step = measured(ROWS[at])
        steps.append(step)
        if step.recall >= ENOUGH:
            break
        lists *= GROWTH
    return steps


def _without(found: Neighbors, own: NDArray[np.int64] | None) -> NDArray[np.float32]:
    """Scores without each query's own row, or without the last one where that was not found."""
    if own is None:
        return found.scores[:, :-1]
    drop = np.argmax(np.concatenate([found.ids[:, :-1] == own[:, None], np.ones((len(own), 1), bool)], axis=1), axis=1)
    kept = np.arange(found.ids.shape[1])[None, :] != drop[:, None]
    scores: NDArray[np.float32] = found.scores[kept].reshape(len(own), -1)
    return scores


def _reach(steps: list[Step], recall: float) -> Step | None:
    """Between the last step below this recall and the first that reaches it; misses fall as a power of the lists."""
    limit, before = 0.0, None
    for step in steps:
        if max(limit, step.limit) >= recall:
            if before is None or step.limit <= limit:
                return step
            low, high, wanted = (math.log(max(1 - x, 1e-4)) for x in (limit, step.limit, recall))
            part = (low - wanted) / (low - high) if low > high else 1.0
            return Step(_blend(before.lists, step.lists, part), _blend(before.rows, step.rows, part))
        limit, before = max(limit, step.limit), step
    return None


def _rows_at(steps: list[Step], lists: int) -> int:
    return next((step.rows for step in steps if step.lists >= lists), steps[-1].rows)


def _between(found: Mapping[int, Step | None], k: int) -> Step | None:
    """For any k, from the steps for the calibrated ones: straight lines in the logarithms."""
    ks = sorted(found)
    above = next((at for at in ks if at >= k), ks[-1])
    below = max((at for at in ks if at <= k), default=ks[0])
    low, high = found[below], found[above]
    if low is None or high is None:
        return None
    high = Step(max(low.lists, high.lists), max(low.rows, high.rows))  # more neighbours never take less
    if k > above:  # beyond the table: as many more lists and rows as there are more neighbours
        return Step(math.ceil(low.lists * k / above), math.ceil(low.rows * k / above))
    part = math.log(k / below) / math.log(above / below) if above > below else 0.0
    return Step(_blend(low.lists, high.lists, part), max(k, _blend(low.rows, high.rows, part)))


def _blend(low: int, high: int, part: float) -> int:
    return math.ceil(math.exp(math.log(low) * (1 - part) + math.log(high) * part) - 1e-9)


def _checked(row: Any) -> tuple[int, int, float, float]:
    lists, rows, recall, error = row
    if type(lists) is not int or type(rows) is not int or not (0 < lists < 1 << 32 and 0 < rows < 1 << 32):
        raise ValueError(f"a step of {lists!r:.20} lists and {rows!r:.20} rows")
    if not (0 <= float(recall) <= 1 and 0 <= float(error) <= 1):
        raise ValueError(f"a recall of {recall!r:.20} with error {error!r:.20}")
    return lists, rows, float(recall), float(error)
