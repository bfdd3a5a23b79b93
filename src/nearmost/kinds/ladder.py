"""The table of a calibration, measured: what share of the true neighbors is found with growing effort.

A ladder of efforts is climbed with some of the queries. Where it reaches the recalls that most ask for, all queries are
searched, and what they tell more than some is told of the whole ladder (double sampling: Cochran, Sampling Techniques,
1977, chapter 12): neighboring steps find and miss much the same.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nearmost.kinds.calibrate import KS, Calibration, Step, reach
from nearmost.values import Neighbors

GROWTH = 1.7  # of the effort from step to step
ROWS = (8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512)
GIVEN_UP = 0.1  # share of the misses that may come from scoring too few rows exactly, where nobody knows what they cost
ENOUGH = 0.997
KNOWN = 400  # true neighbors of a query: more than the largest k, since many may score alike
MOSTLY = 0.9
LEAST = 512  # queries that climb
CLIMBING = 4  # of the queries, one in so many climbs, but for the least number
FEWER = 4  # of those that climb, one in so many, for the largest k, and beyond what most ask for
DEAR = 100_000.0  # work of one query; of dearer steps so many fewer queries are searched
ASKED = (0.9, 0.95, 0.99)
NONE = 0.05  # of a query's neighbors: missed where none were
NEAR = 2.0  # times the effort
FLATTEST, STEEPEST = 0.1, 4.0
"""Power of the effort by which misses may fall."""

Promising = Callable[[int, int, int, int], NDArray[np.int64]]
"""(effort, rows, k, n) -> for the first n queries the rows that a search for k would score, most promising first."""
Work = Callable[[float, int], float]
"""(effort, rows) -> what such a search costs, in any unit."""


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


def calibrate(
    promising: Promising, truth: Neighbors, own: NDArray[np.int64] | None, most: int, work: Work | None = None
) -> Calibration:
    """The table that searches of queries with known answers make: ``truth`` as ``known`` finds it.

    The queries come in any order. ``own``: the row that each of them is; it does not count, neither as truth nor as
    found. ``most``: no effort beyond. ``work``: the pair of effort and rows that costs least is taken; without it, the
    fewest rows that cost hardly any recall.
    """
    n_queries, found = truth.ids.shape
    n_rows = int(truth.ids.max()) + 1 if truth.ids.size else 0
    climbing = min(n_queries, max(LEAST, -(-n_queries // CLIMBING)))
    last = np.full(n_queries, -2) if own is None else own
    true_ids, true_scores = truth.without(last)
    ladders = {k: _Ladder(k, true_scores, work) for k in KS if k + 1 < found and truth.ids[:, k + 1].min() >= 0}

    shared = [k for k in ladders if k < KS[-1]]  # searched in the same way, so once

    def climb(effort: int, k: int, n: int) -> None:
        ladders[k].add(effort, _ranks(promising(effort, ROWS[-1] + 1, k, n), true_ids[:n], own, n_rows))

    def paid(effort: int, n: int) -> int:
        return n if work is None else math.ceil(n * min(1.0, DEAR / work(effort, ROWS[-1])))

    effort = 2.0
    while effort < most and any(not ladder.is_done for ladder in ladders.values()):
        whole = math.ceil(effort)
        late = all(ladders[k].sure >= ASKED[-1] for k in shared)  # what else is asked for is rare
        for k, ladder in ladders.items():
            n = -(-climbing // FEWER) if late else climbing
            if k == KS[-1]:
                n = max(-(-climbing // FEWER), paid(whole, 2 * n // FEWER))
            if not ladder.is_done:
                climb(whole, k, n)
        effort *= GROWTH
    steps = ladders[max(shared)].steps() if shared else []
    wanted = [reach(steps, recall, n_queries / climbing) for recall in ASKED]
    for whole in sorted({step.effort for step in wanted if step is not None}):
        n = paid(whole, n_queries)
        if n >= 2 * climbing:
            for k in shared:
                climb(whole, k, n)
    return Calibration({k: ladder.steps() for k, ladder in ladders.items() if ladder.tried}, n_queries)


@dataclass(frozen=True, slots=True)
class _Tried:
    effort: int
    shares: NDArray[np.float64]
    """(numbers of rows, queries): the share of its neighbors that each query found."""

    @property
    def n(self) -> int:
        """Queries."""
        return len(self.shares[0])

    def misses(self, n: int) -> NDArray[np.float64]:
        """Of the first n queries, by the number of rows; never quite none, which would prove too much."""
        return np.asarray(1 - self.shares[:, :n].mean(axis=1) + NONE / n)


class _Ladder:
    """The steps for one k.

    Any row that scores as the k-th does will do in its place. Where not even the last known one scores less, nobody
    knows how many there are: such a query says nothing, unless hardly any other is there.
    """

    def __init__(self, k: int, scores: NDArray[np.float32], work: Work | None) -> None:
        self.k, self.work = k, work
        endless = scores[:, -1] == scores[:, k - 1]
        mostly = bool(endless.mean() >= MOSTLY)
        self.counts = np.ones(len(scores), np.bool_) if mostly else ~endless
        good = scores >= scores[:, k - 1 : k]
        self.good = good[:, : int(good.sum(axis=1).max(initial=0))]  # the nearest come first
        self.ties = (scores == scores[:, k - 1 : k]).sum(axis=1) * mostly
        self.tried: dict[int, _Tried] = {}
        self._made: list[Step] | None = None  # of those tried

    @property
    def is_done(self) -> bool:
        """Whether the highest step found enough."""
        return bool(self.tried) and self.steps()[-1].recall >= ENOUGH

    @property
    def sure(self) -> float:
        """What the recall of the highest step hardly falls below."""
        return self.steps()[-1].limit() if self.tried else 0.0

    def add(self, effort: int, ranks: NDArray[np.int32]) -> None:
        """Another step, of the first queries: at which place each true neighbor stood among the promising rows."""
        n = len(ranks)
        counts = self.counts[:n]
        ranks = ranks[:, : self.good.shape[1]]
        if counts.any():
            ranks, good, ties = ranks[counts], self.good[:n][counts], self.ties[:n][counts]
            found = np.array([((ranks < rows) & good).sum(axis=1) + ties for rows in ROWS])
            self._made = None
            self.tried[effort] = _Tried(effort, np.minimum(self.k, found) / self.k)

    def steps(self) -> list[Step]:
        """As they are kept in a file."""
        if self._made is None:
            self._made = self._steps()
        return self._made

    def _steps(self) -> list[Step]:
        made: list[Step] = []
        tried = sorted(self.tried.values(), key=lambda one: one.effort)
        for i, one in enumerate(tried):
            at = self._rows(one, _power(tried, i), made[-1].rows if made else self.k)
            shares = one.shares[at]
            more = [like.shares[at] for like in tried if like.n > one.n]
            recall, error = min((_told(shares, like, self.k) for like in [shares, *more]), key=lambda told: told[1])
            made.append(Step(one.effort, ROWS[at], round(recall, 6), round(error, 6)))
        return made

    def _rows(self, tried: _Tried, power: float, least: int) -> int:
        """Which of ROWS: what fewer of them miss takes more effort to make up for."""
        enough = [i for i, rows in enumerate(ROWS) if rows >= least or rows == ROWS[-1]]
        misses = tried.misses(tried.n)
        if self.work is None:
            allowed = misses[-1] * (1 + GIVEN_UP) + 0.0005
            return next(i for i in enough if i == enough[-1] or misses[i] <= allowed)
        made_up = tried.effort * (misses / misses[-1]) ** (1 / power)
        work = [self.work(float(made_up[i]), ROWS[i]) for i in enough]
        return enough[int(np.argmin(work))]


def _power(tried: Sequence[_Tried], i: int) -> float:
    """By which power of the effort misses fall about the i-th step."""
    near = [one for one in tried if 1 / NEAR < one.effort / tried[i].effort < NEAR]
    if len(near) < 2:
        return 1.0
    n = min(one.n for one in near)
    misses = [one.misses(n)[-1] for one in near]
    slope = np.polyfit(np.log([one.effort for one in near]), np.log(misses), 1)[0]
    return float(np.clip(-slope, FLATTEST, STEEPEST))


def _told(shares: NDArray[np.float64], like: NDArray[np.float64], k: int) -> tuple[float, float]:
    """Mean and error of shares, of which ``like`` has the first ones of a similar step and more."""
    n, every = len(shares), len(like)
    spread = float(np.append(shares, 1 - 1 / k).std())  # as if one more neighbor had been missed
    part = like[:n]
    if every == n or not part.std() or not shares.std():
        return float(shares.mean()), spread / math.sqrt(n)
    both = float(np.mean((shares - shares.mean()) * (part - part.mean())))
    recall = float(shares.mean() + both / part.var() * (like.mean() - part.mean()))
    alike = both**2 / float(part.var() * shares.var())
    return min(1.0, max(0.0, recall)), spread * math.sqrt((1 - alike) / n + alike / every)


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
