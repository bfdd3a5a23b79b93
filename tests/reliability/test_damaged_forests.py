"""Damaged and hostile files of Annoy: refused with a sentence or answered wrongly, and never a crash or a hang.

NEARMOST_LONG=1 opens 100,000 of them instead of 2,000.
"""

from __future__ import annotations

import os
import struct
from pathlib import Path

import damage_forests
import numpy as np
import pytest

from nearmost.errors import AnnoyFileError
from nearmost.forest import Forest

GOLDEN = Path(__file__).parents[1] / "golden"


def test_damaged_forests_never_crash_hang_or_raise_what_is_not_ours() -> None:
    counts, examples = damage_forests.run(100_000 if os.environ.get("NEARMOST_LONG") else 2_000, workers=2)
    assert not examples, examples
    assert counts["heap: clean error"] > 0
    assert counts["heap: other answer"] > 0, "the mutations never got past the checks"


def test_a_forest_that_leads_round_and_round_ends(tmp_path: Path) -> None:
    """Two children each, both the node before: as many ways as 2 to the power of the nodes, and no item on any."""
    n_items, n_nodes, size = 40, 4000, 12 + 4 * 6
    nodes = bytearray((GOLDEN / "angular.ann").read_bytes()[: 2 * size] * 20)
    for item in range(n_items):
        nodes[item * size : (item + 1) * size] = nodes[size : 2 * size]
    nodes += bytes(size) * (n_nodes - n_items)
    for node in range(n_items, n_nodes):
        below = max(n_items, node - 1)
        struct.pack_into("<iii6f", nodes, node * size, 40 - (node < n_nodes - 1), below, below, *[1e-9] * 6)
    struct.pack_into("<i", nodes, n_items * size, 2)
    path = tmp_path / "round"
    path.write_bytes(nodes)
    forest = Forest.open(path, "angular", 6)
    assert forest.n_trees == 1
    ids, _ = forest.search(np.ones(6, np.float32), 3, 39)
    assert len(ids) <= 3


@pytest.mark.parametrize("metric", ["angular", "euclidean", "manhattan", "hamming", "dot"])
def test_the_golden_files_are_sound(metric: str) -> None:
    forest = Forest.open(GOLDEN / f"{metric}.ann", metric, 6)
    assert (forest.n_items, forest.n_trees, int(forest.held.sum())) == (60, 3, 51)
    for item in np.flatnonzero(forest.held).tolist():
        ids, _ = forest.search(forest.vector(item), 60, 60)
        assert len(ids) == 51
        zero = not forest.vector(item).any()  # at sqrt(2) from everything, itself included
        assert metric == "dot" or zero or item in forest.search(forest.vector(item), 9, 30)[0]


def test_a_special_file_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero")):
        with pytest.raises(AnnoyFileError, match="pipe"):
            Forest.open(path, "dot", 6)
