"""The k nearest among the rows of several indexes: each is asked for a few, and for more where all of them are good.

Of k neighbors spread over many parts each part holds few, so a part is first asked for as many as it is likely to hold.
Where the last of these is as near as the k-th nearest of all, the part may hold more, and is asked for k. So no
neighbor is lost by asking for few, however unevenly they lie; and every search reaches the recall that is asked for at
about the number of neighbors that its part holds, and so does their mean, the recall of the whole.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

from nearmost import _core
from nearmost.allowed import Allowed
from nearmost.calibrate import MOST_ASKED, Spread
from nearmost.flat import Flat, Progress
from nearmost.graph import Graph
from nearmost.partition import Partition
from nearmost.stacked import Firsts
from nearmost.turning import staged
from nearmost.values import Neighbors

Packed = Flat | Partition | Graph
Floats = NDArray[np.float32]


class Knobs(TypedDict):
    """What every part is told alike."""

    recall: float
    effort: int | None
    n_threads: int


BEYOND = 1.5
"""Standard deviations, of how many neighbors a part holds, that a part is asked for beyond the mean."""
TOGETHER = 4096
"""Queries whose answers of all parts are held at once."""
LEAST = float(np.finfo(np.float32).min)
"""A score that every row has at least."""


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """Who is asked for how many of the k nearest, and where the answers stand beside each other."""

    k: int
    allowed: list[Allowed | None]
    asked: list[tuple[int, int, Spread]]
    """(part, rows that it is likely to hold if neighbors are spread evenly, ...) of each part that may hold any."""
    most: list[int]
    """As many as each of these can hold."""
    firsts: NDArray[np.int64]
    """What the numbers in each column of the answers begin from."""
    owners: NDArray[np.int64]
    """The part whose answer a column is."""
    lasts: NDArray[np.int64]
    """The last column of each of these parts."""

    @classmethod
    def of(cls, k: int, allowed: list[Allowed | None], counts: list[int], firsts: Firsts) -> Plan:
        """``counts``: rows of each part that may be found."""
        held = [k * count / max(1, sum(counts)) for count in counts]
        few = [math.ceil(mean + BEYOND * math.sqrt(mean) + 1) for mean in held]
        asked = [(i, min(k, counts[i], few[i]), Spread(len(counts), held[i])) for i in range(len(counts)) if counts[i]]
        width = [n for _, n, _ in asked]
        owners = np.repeat(np.array([i for i, _, _ in asked], np.int64), width)
        starts = np.array([firsts[i] for i in range(len(counts))], np.int64)
        most = [min(k, counts[i]) for i, _, _ in asked]
        return cls(k, allowed, asked, most, starts[owners], owners, np.cumsum(width, dtype=np.int64) - 1)


class Union:
    """The rows of several indexes of one metric and dim, numbered through, and the search over them."""

    kind = "shards"

    def __init__(self, parts: Sequence[Packed]) -> None:
        self.parts = tuple(parts)
        self.metric, self.dim = parts[0].metric, parts[0].dim
        self.firsts = Firsts([part.n_rows for part in parts])
        self.n_rows = len(self.firsts)
        self._plans: dict[int, Plan] = {}  # what was asked for before

    def search(
        self,
        queries: Floats,
        k: int,
        *,
        recall: float = 0.95,
        effort: int | None = None,
        allowed: Allowed | None = None,
        n_threads: int = 0,
        progress: Progress | None = None,
    ) -> Neighbors:
        """The k best rows of each query: (q, dim) in, (q, k) out. Scores and ties as in one index of all the rows.

        ``recall`` is that of the whole; ``effort`` is spent in each part.
        """
        plan = self._plan(k, allowed)
        knobs: Knobs = {"recall": recall, "effort": effort, "n_threads": n_threads}
        if len(queries) <= TOGETHER:
            return self._answer(queries, plan, knobs, progress)
        stage = staged(progress, -(-len(queries) // TOGETHER))
        starts = range(0, len(queries), TOGETHER)
        blocks = [self._answer(queries[at : at + TOGETHER], plan, knobs, stage(i)) for i, at in enumerate(starts)]
        ids, scores = (np.concatenate(each) for each in zip(*blocks, strict=True))
        return Neighbors(ids, scores, self.metric)

    def vector(self, row: int) -> Floats:
        """Row ``row`` as it was given, float32 (dim,)."""
        part, own = self.firsts.one(row)
        return self.parts[part].vector(own)

    def _plan(self, k: int, allowed: Allowed | None) -> Plan:
        if allowed is not None:
            marks = [allowed.marks[self.firsts.rows(i)] for i in range(len(self.parts))]
            some = [Allowed(each, int(np.count_nonzero(each))) for each in marks]
            return Plan.of(k, list(some), [each.count for each in some], self.firsts)
        if k not in self._plans:
            if len(self._plans) >= MOST_ASKED:
                self._plans.clear()
            nobody: list[Allowed | None] = [None] * len(self.parts)
            self._plans[k] = Plan.of(k, nobody, [part.n_rows for part in self.parts], self.firsts)
        return self._plans[k]

    def _answer(self, queries: Floats, plan: Plan, knobs: Knobs, progress: Progress | None) -> Neighbors:
        stage = staged(progress, len(plan.asked))
        found = [
            self.parts[i].search(queries, n, allowed=plan.allowed[i], spread=spread, progress=stage(at), **knobs)
            for at, (i, n, spread) in enumerate(plan.asked)
        ]
        if not found:
            none = np.full((len(queries), plan.k), -1, np.int64), np.full((len(queries), plan.k), -np.inf, np.float32)
            return Neighbors(*none, self.metric)
        ids = np.concatenate([each.ids for each in found], axis=1) + plan.firsts
        scores = np.concatenate([each.scores for each in found], axis=1)
        best = self._best(queries, ids, scores, plan.owners, plan.k)
        perhaps_more = scores[:, plan.lasts] >= best.scores[:, -1:]
        for at in np.flatnonzero(perhaps_more.any(axis=0)).tolist():
            if not self._may_find_more(plan, at, knobs):
                perhaps_more[:, at] = False
        if perhaps_more.any():
            again = np.flatnonzero(perhaps_more.any(axis=1))
            more = self._more(queries[again], perhaps_more[again], ids[again], scores[again], plan, knobs)
            best.ids[again], best.scores[again] = more
        return best

    def _may_find_more(self, plan: Plan, at: int, knobs: Knobs) -> bool:
        """Whether a part could answer otherwise when it is asked as if it held all of the k nearest."""
        i, n, _ = plan.asked[at]
        exact = knobs["recall"] >= 1 or knobs["effort"] is not None or isinstance(self.parts[i], Flat)
        return n < plan.most[at] if exact else n < self.parts[i].n_rows

    def _more(
        self,
        queries: Floats,
        perhaps_more: NDArray[np.bool_],
        ids: NDArray[np.int64],
        scores: Floats,
        plan: Plan,
        knobs: Knobs,
    ) -> Neighbors:
        """The k best where some parts are asked again, each for as many as it can hold."""
        every = [(ids, scores, plan.owners)]
        for at in np.flatnonzero(perhaps_more.any(axis=0)).tolist():
            i, _, _ = plan.asked[at]
            which = np.flatnonzero(perhaps_more[:, at])
            scores[np.ix_(which, np.flatnonzero(plan.owners == i))] = -np.inf  # they come again, with others
            spread = Spread(len(self.parts), plan.k)
            found = self.parts[i].search(queries[which], plan.most[at], allowed=plan.allowed[i], spread=spread, **knobs)
            shape = len(queries), plan.most[at]
            more = np.full(shape, -1, np.int64), np.full(shape, -np.inf, np.float32), np.full(shape[1], i, np.int64)
            more[0][which], more[1][which] = found.ids + self.firsts[i], found.scores
            every.append(more)
        owners = np.concatenate([each[2] for each in every])
        order = np.argsort(owners, kind="stable")
        ids, scores = (np.concatenate([each[column] for each in every], axis=1)[:, order] for column in (0, 1))
        return self._best(queries, ids, scores, owners[order], plan.k)

    def _best(
        self, queries: Floats, ids: NDArray[np.int64], scores: Floats, owners: NDArray[np.int64], k: int
    ) -> Neighbors:
        """The k best of columns that stand by part and in a part by rank; ties between parts are settled."""
        order = np.argsort(-scores, axis=1, kind="stable")[:, : k + 1]
        flat = order + np.arange(0, scores.size, scores.shape[1])[:, None]
        scores_of, ids_of = scores.ravel()[flat], ids.ravel()[flat]
        if order.shape[1] < k:
            missing = ((0, 0), (0, k - order.shape[1]))
            ids_of = np.pad(ids_of, missing, constant_values=-1)
            scores_of = np.pad(scores_of, missing, constant_values=np.float32(-np.inf))
        if scores_of[:, k - 1].min(initial=0) == -np.inf:
            ids_of[scores_of == -np.inf] = -1
        best = Neighbors(ids_of[:, :k].copy(), scores_of[:, :k].copy(), self.metric)
        tied = scores_of[:, 1:] == scores_of[:, :-1]
        if self.metric.name != "hamming" and tied.any():
            tied = tied[:, : order.shape[1] - 1]
            tied &= (owners[order][:, 1:] != owners[order][:, :-1]) & (ids_of[:, 1 : order.shape[1]] >= 0)
            for query in np.flatnonzero(tied.any(axis=1)).tolist():
                rows = np.sort(ids[query][scores[query] >= max(scores_of[query, k - 1], LEAST)])
                best.ids[query], best.scores[query] = self._settled(queries[query : query + 1], rows, k)
        return best

    def _settled(self, query: Floats, rows: NDArray[np.int64], k: int) -> Neighbors:
        """The k best of these rows by scores in float64, since what is equal in float32 may not be so."""
        ids, scores = np.full((1, k), -1, np.int64), np.full((1, k), -np.inf, np.float32)
        norms = np.array([self._norm(row) for row in rows.tolist()]) if self.metric.name == "cosine" else None
        values, which = np.stack([self.vector(row) for row in rows.tolist()]), np.arange(len(rows))
        _core.search_among(self.metric.code, self.dim, values, None, norms, which, query, ids, scores, 1, None)
        return Neighbors(np.where(ids < 0, ids, rows[ids]), scores)

    def _norm(self, row: int) -> float:
        part, own = self.firsts.one(row)
        return float(self.parts[part].arrays["norms"][own])
