"""Which parts of a union are asked for how many of the k nearest, and where their answers stand beside each other."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nearmost.allowed import Allowed
from nearmost.kinds.calibrate import Spread, Step
from nearmost.kinds.partitions import Partitions
from nearmost.stacked import Firsts

BEYOND = 1.5
"""Standard deviations, of how many neighbors a part holds, that a part is asked for beyond the mean."""
POOL = -1
"""In the place of a part's number: the partitions that are searched together."""


@dataclass(frozen=True, slots=True, eq=False)
class Pool:
    """Partitions that are searched together: their numbers among the parts, and what is looked at of them."""

    whole: Partitions
    numbers: list[int]
    step: Step
    allowed: Allowed | None


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """Which parts are asked for how many of the k nearest, and where their answers stand beside each other."""

    k: int
    pool: Pool | None
    """The partitions that are searched together, or None where each is asked by itself."""
    parts: list[int]
    """Those that hold rows that may be found; POOL for the partitions."""
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
    def of(
        cls,
        k: int,
        counts: list[int],
        firsts: Firsts,
        allowed: list[Allowed | None],
        pool: Pool | None,
    ) -> Plan:
        """``counts``: rows of each part that may be found."""
        parts = [i for i, count in enumerate(counts) if count and (pool is None or i not in pool.numbers)]
        held = [k * counts[i] / sum(counts) for i in parts]
        few = [min(k, counts[i], math.ceil(n + BEYOND * math.sqrt(n) + 1)) for i, n in zip(parts, held, strict=True)]
        most = [min(k, counts[i]) for i in parts]
        spreads = [Spread(len(counts), n) for n in held]
        some = [allowed[i] for i in parts]
        starts = np.array([firsts[i] for i in range(len(counts))], np.int64)[parts]
        if pool is not None:
            parts, few, most = [*parts, POOL], [*few, k], [*most, k]
            spreads, some, starts = [*spreads, Spread(len(counts), k)], [*some, pool.allowed], np.append(starts, 0)
        ends = np.cumsum(few, dtype=np.int64)
        return cls(k, pool, parts, few, most, spreads, some, np.repeat(starts, few), np.repeat(parts, few), ends)
