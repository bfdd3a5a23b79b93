"""The k nearest among the rows of several indexes: each is asked for a few, and for more where all of them are good.

Partitions are searched together, as one (partitions.py); this is about the others, and about those that are not.
Of k neighbors spread over many parts each part holds few, so a part is first asked for as many as it is likely to hold.
Where the last of these is as near as the k-th nearest of all, the part may hold more, and is asked for k. So no
neighbor is lost by asking for few, however unevenly they lie; and every search reaches the recall that is asked for at
about the number of neighbors that its part holds, and so does their mean, the recall of the whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

from nearmost import _core
from nearmost.allowed import Allowed
from nearmost.kinds.calibrate import MOST_ASKED, Spread
from nearmost.kinds.flat import Flat, Progress
from nearmost.kinds.graph import Graph
from nearmost.kinds.partition import Partition
from nearmost.kinds.partitions import ListsLackRowsError, Partitions
from nearmost.kinds.turning import staged
from nearmost.planned import POOL, Plan, Pool
from nearmost.stacked import Firsts
from nearmost.values import Neighbors

Packed = Flat | Partition | Graph
Floats = NDArray[np.float32]


class Knobs(TypedDict):
    """What every part is told alike."""

    recall: float
    effort: int | None
    n_threads: int


AT_ONCE = 4096
"""Queries whose answers of all parts are held at once."""


class Union:
    """The rows of several indexes of one metric and dim, numbered through, and the search over them."""

    kind = "shards"

    def __init__(self, parts: Sequence[Packed]) -> None:
        self.parts = tuple(parts)
        self.metric, self.dim = parts[0].metric, parts[0].dim
        self.firsts = Firsts([part.n_rows for part in parts])
        self.n_rows = len(self.firsts)
        self.pooled = [i for i, part in enumerate(parts) if isinstance(part, Partition) and part.n_rows]
        self._pool: Partitions | None = None
        self._plans: dict[tuple[int, float, int | None], Plan] = {}  # what was asked for before

    def pool(self, n_threads: int) -> Partitions | None:
        """The partitions among the parts as one, made when first searched; None where there are not several."""
        if self._pool is None and len(self.pooled) > 1:
            parts = [part for part in self.parts if isinstance(part, Partition) and part.n_rows]
            try:
                self._pool = Partitions(parts, [self.firsts[i] for i in self.pooled], n_threads)
            except ValueError:  # more rows than it can number, or a damaged file
                self.pooled = []
        return self._pool

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

        ``recall`` is that of the whole; ``effort`` is for each part.
        """
        knobs: Knobs = {"recall": recall, "effort": effort, "n_threads": n_threads}
        plan = self._plan(k, knobs, allowed, len(queries))
        try:
            if plan.parts == [POOL]:
                return self._ask(queries, plan, 0, k, knobs, progress)
            if len(queries) <= AT_ONCE:
                return self._answer(queries, plan, knobs, progress)
            stage = staged(progress, -(-len(queries) // AT_ONCE))
            starts = range(0, len(queries), AT_ONCE)
            blocks = [self._answer(queries[at : at + AT_ONCE], plan, knobs, stage(i)) for i, at in enumerate(starts)]
        except ListsLackRowsError:  # of a damaged file, which is searched by itself from now on
            self._pool, self.pooled = None, []
            self._plans.clear()
            return self.search(queries, k, allowed=allowed, progress=progress, **knobs)
        ids, scores = (np.concatenate(each) for each in zip(*blocks, strict=True))
        return Neighbors(ids, scores, self.metric)

    def vector(self, row: int) -> Floats:
        """Row ``row`` as it was given, float32 (dim,)."""
        part, own = self.firsts.one(row)
        return self.parts[part].vector(own)

    def _plan(self, k: int, knobs: Knobs, allowed: Allowed | None, n_queries: int) -> Plan:
        if allowed is not None:
            marks = [allowed.marks[self.firsts.rows(i)] for i in range(len(self.parts))]
            some: list[Allowed | None] = [Allowed(each, int(np.count_nonzero(each))) for each in marks]
            return self._made(k, knobs, some, allowed, n_queries)
        asked = (k, float(knobs["recall"]), knobs["effort"])
        if asked not in self._plans:
            if len(self._plans) >= MOST_ASKED:
                self._plans.clear()
            self._plans[asked] = self._made(k, knobs, [None] * len(self.parts), None, n_queries)
        return self._plans[asked]

    def _made(self, k: int, knobs: Knobs, some: list[Allowed | None], all_of: Allowed | None, n_queries: int) -> Plan:
        counts = [part.n_rows if own is None else own.count for part, own in zip(self.parts, some, strict=True)]
        whole = (k, counts, self.firsts, some)
        recall, effort = knobs["recall"], knobs["effort"]
        pool = None if effort is None and recall >= 1 else self.pool(knobs["n_threads"])
        if pool is None or not any(counts[i] for i in self.pooled):
            return Plan.of(*whole, None)
        held = [k * counts[i] / sum(counts) for i in self.pooled]
        own = None if all_of is None else [counts[i] for i in self.pooled]
        step = pool.step(k, recall, effort, held, len(self.parts), own, n_queries)
        every = None if all_of is None or own is None else Allowed(all_of.marks, sum(own))
        return Plan.of(*whole, None if step is None else Pool(pool, self.pooled, step, every))

    def _ask(
        self,
        queries: Floats,
        plan: Plan,
        at: int,
        n: int,
        knobs: Knobs,
        progress: Progress | None = None,
        again: bool = False,
    ) -> Neighbors:
        """What the part at this place of the plan, or the pool, holds of the n nearest."""
        i, some, spread = plan.parts[at], plan.allowed[at], plan.spreads[at]
        if i == POOL and plan.pool is not None:
            lists, rows, n_threads = plan.pool.step.effort, plan.pool.step.rows, knobs["n_threads"]
            look = plan.pool.whole.look
            return look(queries, n, lists=lists, rows=rows, allowed=some, n_threads=n_threads, progress=progress)
        spread = Spread(len(self.parts), plan.k) if again else spread
        return self.parts[i].search(queries, n, allowed=some, spread=spread, progress=progress, **knobs)

    def _answer(self, queries: Floats, plan: Plan, knobs: Knobs, progress: Progress | None) -> Neighbors:
        stage = staged(progress, len(plan.parts))
        found = [self._ask(queries, plan, at, n, knobs, stage(at)) for at, n in enumerate(plan.few)]
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
            i != POOL and n < (most if exact or isinstance(self.parts[i], Flat) else self.parts[i].n_rows)
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
            n, most = plan.few[at], plan.most[at]
            which = np.flatnonzero(perhaps_more[:, at])
            found = self._ask(queries[which], plan, at, most, knobs, again=True)
            for side, empty, more in ((0, -1, found.ids + self.firsts[plan.parts[at]]), (1, -np.inf, found.scores)):
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
