"""What a table of recalls tells for numbers of neighbors that it was not made for."""

from __future__ import annotations

from nearmost.kinds.calibrate import Calibration, Step

RECALLS = {1: (0.8, 0.88, 0.93, 0.97), 10: (0.7, 0.8, 0.89, 0.95)}
LADDERS = {k: [Step(10 * 2**i, 8 + k, recall, 0.004) for i, recall in enumerate(RECALLS[k])] for k in RECALLS}
TABLE = Calibration(LADDERS, 1024)


def effort(k, parts=1, table=TABLE):
    step = table.for_recall(0.9, k, parts)
    assert step is not None
    return step.effort


def test_less_than_one_neighbor_takes_less_effort_but_not_much_less():
    """What one of several parts is asked for that holds a share of the nearest: see nearmost.union."""
    efforts = [effort(held) for held in (1 / 64, 1 / 16, 0.3, 0.9, 1, 1.5, 3, 10)]
    assert efforts == sorted(efforts)
    assert efforts[0] == efforts[1] < efforts[4]
    assert efforts[0] >= efforts[4] * (1 / 16) ** 0.2


def test_what_is_uncertain_of_one_part_is_less_so_of_many():
    assert effort(1, parts=16) < effort(1, parts=4) < effort(1)


def test_a_table_that_tells_no_law_or_no_such_recall_is_followed_as_it_is():
    alone = Calibration({1: LADDERS[1]})
    assert effort(0.1, table=alone) == effort(1, table=alone)
    assert TABLE.for_recall(0.999, 0.1) is None
