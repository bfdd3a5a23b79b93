"""The table of a calibration comes close to what searches truly take, and promises no more than they find."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

import nearmost as nm
from nearmost.kinds.calibrate import Calibration
from nearmost.kinds.ladder import LEAST, calibrate
from nearmost.metrics import METRICS
from nearmost.values import Neighbors

KNOWN = 20
SEEDS = range(3)
ROWS = (24, 32, 48, 64, 96, 128)
ASKED = (0.9, 0.95, 0.99)
MOST = 5000


class Simulated:
    """Searches of queries some of which are harder: each neighbor is found from an effort and a number of rows on."""

    def __init__(self, n_queries: int, seed: int) -> None:
        rng = np.random.default_rng(seed)
        hard = rng.normal(size=(n_queries, 1))
        self.efforts = np.exp(2.5 + 1.2 * hard + rng.normal(size=(n_queries, KNOWN)))
        self.places = np.exp(2 + 0.6 * hard + 0.5 * rng.normal(size=(n_queries, KNOWN))) + np.arange(KNOWN) / 2
        self.truth = Neighbors(
            np.arange(n_queries * KNOWN).reshape(-1, KNOWN),
            np.tile(-np.arange(KNOWN, dtype=np.float32), (n_queries, 1)),
            METRICS["cosine"],
        )
        self.searched: list[tuple[int, int, int]] = []

    def promising(self, effort: int, rows: int, k: int, n: int) -> NDArray[np.int64]:
        """Each neighbor at its place, or not at all; where two want the same place, the farther one waits."""
        self.searched.append((effort, k, n))
        wanted = np.where(self.efforts[:n] <= effort, np.int64(self.places[:n]), rows)
        order = np.argsort(wanted, axis=1, kind="stable")
        taken = np.arange(KNOWN)
        places = np.maximum.accumulate(np.take_along_axis(wanted, order, 1) - taken, axis=1) + taken
        queries, kept = np.nonzero(places < rows)
        made = np.full((n, rows), -1)
        made[queries, places[queries, kept]] = queries * KNOWN + order[queries, kept]
        return made

    def recall(self, effort: int, rows: int, k: int = 10) -> float:
        """What such a search finds."""
        ids = self.promising(effort, rows, k, len(self.efforts))
        return float(((ids >= 0) & (ids % KNOWN < k)).sum() / (len(ids) * k))


def work(effort: float, rows: int) -> float:
    """Rows cost as much as so many lists: neither may be squandered."""
    return 20 * effort + 24 * rows


def least_effort(searches: Simulated, recall: float, rows: int) -> float:
    """The smallest effort that finds so much, or infinity."""
    few, many = 1, MOST
    if searches.recall(many, rows) < recall:
        return np.inf
    while many - few > 1:
        effort = (few + many) // 2
        few, many = (few, effort) if searches.recall(effort, rows) >= recall else (effort, many)
    return many


@pytest.fixture(scope="module")
def fresh() -> Simulated:
    return Simulated(4000, 99)


@pytest.fixture(scope="module")
def calibrated() -> list[tuple[Simulated, Calibration]]:
    made = [Simulated(4 * LEAST, seed) for seed in SEEDS]
    return [(one, calibrate(one.promising, one.truth, None, MOST, work)) for one in made]


@pytest.mark.parametrize("asked", ASKED)
def test_hardly_more_work_is_done_than_the_best_pair_of_effort_and_rows_takes(asked, fresh, calibrated):
    best = min(work(least_effort(fresh, asked, rows), rows) for rows in ROWS)
    steps = [table.for_recall(asked, 10) for _, table in calibrated]
    over = [step.effort / least_effort(fresh, asked, step.rows) for step in steps]
    assert max(over) <= 1.6
    assert np.mean(over) <= 1.3
    assert np.mean([work(step.effort, step.rows) / best for step in steps]) <= 1.25
    found = [fresh.recall(step.effort, step.rows) for step in steps]
    assert min(found) >= asked - 0.003  # the error of so many fresh queries


def test_all_queries_are_searched_only_where_the_ladder_reaches_what_most_ask_for(calibrated):
    for searches, table in calibrated:
        every = [effort for effort, k, n in searches.searched if k == 10 and n == table.n_queries]
        assert 1 <= len(every) <= len(ASKED)
        reached = {recall: table.for_recall(recall, 10).effort for recall in ASKED}
        assert all(any(0.7 < effort / taken < 1.4 for effort in every) for taken in reached.values())


def test_a_table_of_many_queries_is_surer_than_those_that_climb_could_make_it(calibrated):
    for searches, table in calibrated:
        few = Simulated(4 * LEAST, 0)
        few.efforts, few.places = searches.efforts[:LEAST], searches.places[:LEAST]
        alone = calibrate(
            few.promising, Neighbors(*(part[:LEAST] for part in few.truth), METRICS["cosine"]), None, MOST, work
        )
        of = {step.effort: step.error for step in alone.steps[10]}
        shared = [step for step in table.steps[10] if step.effort in of and 0.85 < step.recall < 0.99]
        assert shared
        assert all(step.error < 0.8 * of[step.effort] for step in shared)


def test_few_queries_all_climb():
    searches = Simulated(300, 0)
    table = calibrate(searches.promising, searches.truth, None, MOST, work)
    assert {n for _, _, n in searches.searched} <= {300, 75}
    assert table.for_recall(0.9, 10) is not None


@pytest.mark.parametrize("seed", range(3))
def test_between_two_steps_no_fewer_rows_are_scored_than_the_upper_one_needs(seed):
    """Well-parted rows: few lists find all, and whether a search does is up to the rows that it scores."""
    rng = np.random.default_rng(seed)
    centers = rng.uniform(-10, 10, (40, 16))
    rows = (centers[rng.integers(0, 40, 9000)] + rng.normal(size=(9000, 16))).astype(np.float32)
    index = nm.Index.build(rows[:4000], metric="euclidean", kind="partition")
    true = index.search(rows[4000:], 10, recall=1).ids
    for asked in (0.9, 0.95, 0.99):
        ids = index.search(rows[4000:], 10, recall=asked).ids
        found = np.mean([len(set(one) & set(other)) for one, other in zip(ids, true, strict=True)]) / 10
        assert found >= asked - 0.005
