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
from nearmost.kinds.calibrate import MOST_ASKED, Spread
from nearmost.kinds.flat import Flat, Progress
from nearmost.kinds.graph import Graph
from nearmost.kinds.partition import Partition
from nearmost.kinds.turning import staged
from nearmost.stacked import Firsts
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


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """Which parts are asked for how many of the k nearest, and where their answers stand beside each other."""

    k: int
    parts: list[int]
    """Those that hold rows that may be found."""
    few: list[int]
    """As many as each of them is asked for: what it is likely to hold if neighbors are spread evenly."""
    most: list[int]
    """As many as it can hold."""
    spreads: list[Spread]
    allowed: list[Allowed | None]
    firsts: NDArray[np.int64]
    """The number in the whole of the first row of the part that an answer's column is from."""
    owners: NDArray[np.int64]
    """That part."""
    ends: NDArray[np.int64]
    """The column after the last of each part."""

    @classmethod
    def of(cls, k: int, counts: list[int], firsts: Firsts, allowed: list[Allowed] | None = None) -> Plan:
        """``counts``: rows of each part that may be found."""
        parts = [i for i, count in enumerate(counts) if count]
        held = [k * counts[i] / sum(counts) for i in parts]
        few = [min(k, counts[i], math.ceil(n + BEYOND * math.sqrt(n) + 1)) for i, n in zip(parts, held, strict=True)]
        owners = np.repeat(np.array(parts, np.int64), few)
        return cls(
            k,
            parts,
            few,
            [min(k, counts[i]) for i in parts],
            [Spread(len(counts), n) for n in held],
            [None if allowed is None else allowed[i] for i in parts],
            np.array([firsts[i] for i in range(len(counts))], np.int64)[owners],
            owners,
            np.cumsum(few, dtype=np.int64),
        )


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
            return Plan.of(k, [each.count for each in some], self.firsts, some)
        if k not in self._plans:
            if len(self._plans) >= MOST_ASKED:
                self._plans.clear()
            self._plans[k] = Plan.of(k, [part.n_rows for part in self.parts], self.firsts)
        return self._plans[k]

    def _answer(self, queries: Floats, plan: Plan, knobs: Knobs, progress: Progress | None) -> Neighbors:
        stage = staged(progress, len(plan.parts))
        found = [
            self.parts[i].search(queries, n, allowed=some, spread=spread, progress=stage(at), **knobs)
            for at, (i, n, some, spread) in enumerate(
                zip(plan.parts, plan.few, plan.allowed, plan.spreads, strict=True)
            )
        ]
        if not found:
            none = np.full((len(queries), plan.k), -1, np.int64), np.full((len(queries), plan.k), -np.inf, np.float32)
            return Neighbors(*none, self.metric)
        ids = np.concatenate([each.ids for each in found], axis=1) + plan.firsts
        scores = np.concatenate([each.scores for each in found], axis=1)
        best = self._best(queries, ids, scores, plan.owners, plan.k)
        perhaps_more = scores[:, plan.ends - 1] >= best.scores[:, -1:]
        perhaps_more &= self._may_find_more(plan, knobs)
        again = np.flatnonzero(perhaps_more.any(axis=1))
        if len(again):
            more = self._more(queries[again], perhaps_more[again], ids[again], scores[again], plan, knobs)
            best.ids[again], best.scores[again] = more
        return best

    def _may_find_more(self, plan: Plan, knobs: Knobs) -> list[bool]:
        """For each part, whether it could answer otherwise if it were asked as if it held all of the k nearest."""
        exact = knobs["recall"] >= 1 or knobs["effort"] is not None
        return [
            n < (most if exact or isinstance(self.parts[i], Flat) else self.parts[i].n_rows)
            for i, n, most in zip(plan.parts, plan.few, plan.most, strict=True)
        ]

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
        every = [np.split(each, plan.ends[:-1], axis=1) for each in (ids, scores)]
        for at in np.flatnonzero(perhaps_more.any(axis=0)).tolist():
            i, n, most, some = plan.parts[at], plan.few[at], plan.most[at], plan.allowed[at]
            which = np.flatnonzero(perhaps_more[:, at])
            spread = Spread(len(self.parts), plan.k)
            found = self.parts[i].search(queries[which], most, allowed=some, spread=spread, **knobs)
            for side, empty, more in ((0, -1, found.ids + self.firsts[i]), (1, -np.inf, found.scores)):
                wide = np.full((len(queries), most), empty, more.dtype)
                wide[:, :n] = every[side][at]
                wide[which] = more
                every[side][at] = wide
        owners = np.repeat(plan.parts, [each.shape[1] for each in every[0]])
        ids, scores = (np.concatenate(side, axis=1) for side in every)
        return self._best(queries, ids, scores, owners, plan.k)

    def _best(
        self, queries: Floats, ids: NDArray[np.int64], scores: Floats, owners: NDArray[np.int64], k: int
    ) -> Neighbors:
        """The k best of columns that stand by part and in a part by rank; ties between parts are settled."""
        order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
        flat = order + np.arange(0, scores.size, scores.shape[1])[:, None]
        best_ids, best_scores = ids.ravel()[flat], scores.ravel()[flat]
        if order.shape[1] < k:
            missing = ((0, 0), (0, k - order.shape[1]))
            best_ids = np.pad(best_ids, missing)
            best_scores = np.pad(best_scores, missing, constant_values=np.float32(-np.inf))
        if best_scores[:, -1].min(initial=0) == -np.inf:
            best_ids[best_scores == -np.inf] = -1
        best = Neighbors(best_ids, best_scores, self.metric)
        if self.metric.name != "hamming":  # whose scores are whole numbers
            self._settle(queries, ids, scores, owners, best)
        return best

    def _settle(
        self, queries: Floats, ids: NDArray[np.int64], scores: Floats, owners: NDArray[np.int64], best: Neighbors
    ) -> None:
        """Puts rows of several parts whose scores are equal in float32, which may not be so, in their right order."""
        kth = best.scores[:, -1:]
        tied = (best.scores[:, 1:] == best.scores[:, :-1]) & (best.ids[:, 1:] >= 0)
        left_out = ((scores == kth).sum(axis=1) > (best.scores == kth).sum(axis=1)) & (best.ids[:, -1] >= 0)
        if not tied.any() and not left_out.any():
            return
        parts = self.firsts.parts(best.ids)
        tied &= parts[:, 1:] != parts[:, :-1]
        for query in np.flatnonzero(tied.any(axis=1) | left_out).tolist():
            values = np.append(best.scores[query, 1:][tied[query]], kth[query] if left_out[query] else [])
            among = (scores[query][:, None] == values).any(axis=1)
            if (owners[among] == owners[among][0]).all():
                continue
            places = np.flatnonzero((best.scores[query][:, None] == values).any(axis=1))
            rows = self._ranked(queries[query : query + 1], np.sort(ids[query][among]))
            best.ids[query, places] = rows[: len(places)]

    def _ranked(self, query: Floats, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """These rows by their scores in float64, and of equal ones by number."""
        places, scores = np.empty((1, len(rows)), np.int64), np.empty((1, len(rows)), np.float32)
        norms = np.array([self._norm(row) for row in rows.tolist()]) if self.metric.name == "cosine" else None
        values, which = np.stack([self.vector(row) for row in rows.tolist()]), np.arange(len(rows))
        _core.search_among(self.metric.code, self.dim, values, None, norms, which, query, places, scores, 1, None)
        ranked: NDArray[np.int64] = rows[places[0]]
        return ranked

    def _norm(self, row: int) -> float:
        part, own = self.firsts.one(row)
        return float(self.parts[part].arrays["norms"][own])
