"""What growing lists promises: rows lie in the list nearest to them, whatever they look like and whoever adds up."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from nearmost import _core

N_ROWS, N_LISTS, N_CELLS = 3000, 120, 10
ISAS = ("generic", "avx2", "avx512", "amx")

KINDS: dict[str, Any] = {
    "normal": lambda rng, dim: rng.normal(size=(N_ROWS, dim)),
    "far clusters": lambda rng, dim: (
        100 * rng.normal(size=(40, dim))[rng.integers(0, 40, N_ROWS)] + rng.normal(size=(N_ROWS, dim))
    ),
    "one wide column": lambda rng, dim: rng.normal(size=(N_ROWS, dim)) * np.where(np.arange(dim) == 0, 1000, 1),
    "of all sizes": lambda rng, dim: rng.normal(size=(N_ROWS, dim)) * 10 ** rng.uniform(-3, 3, (N_ROWS, 1)),
    "a plane": lambda rng, dim: rng.normal(size=(N_ROWS, 2)) @ rng.normal(size=(2, dim)),
    "few different": lambda rng, dim: rng.normal(size=(5, dim))[rng.integers(0, 5, N_ROWS)],
}


def grown(rows: NDArray[np.float32], n_threads: int = 2, width: int = N_CELLS) -> tuple[Any, Any, Any]:
    """(centroids of the lists, each row's list, the name of the instruction set)."""
    n, dim = rows.shape
    cells, lists = np.zeros((N_CELLS, dim), np.float32), np.zeros((N_LISTS + N_CELLS, dim), np.float32)
    first, owner = np.zeros(N_CELLS + 1, np.uint32), np.zeros(n, np.uint32)
    codes = np.zeros((n, -(-dim // 4) * 4), np.uint8)
    _core.grow(rows, None, N_LISTS, width, 1, 0, codes, cells, lists, first, owner, n_threads, None)
    return lists[: first[-1]], owner, _core.isa()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dim", [1, 2, 17, 130, 200])
def test_rows_lie_in_the_list_nearest_to_them(kind: str, dim: int) -> None:
    rows = np.float32(KINDS[kind](np.random.default_rng(dim), dim))
    lists, owner, _ = grown(rows)
    wide, centers = rows.astype(np.float64), lists.astype(np.float64)
    apart = np.stack([np.sqrt(((wide - center) ** 2).sum(axis=1)) for center in centers], axis=1)
    own, least = apart[np.arange(N_ROWS), owner], apart.min(axis=1)
    from_cell = np.median(np.linalg.norm(wide - wide.mean(axis=0), axis=1))
    assert np.sum(own**2) <= 1.01 * np.sum(least**2) + 1e-9 * from_cell**2
    assert np.mean(own <= 1.02 * least + 1e-4 * from_cell) > 0.97


def test_every_instruction_set_that_fuses_grows_the_same_lists() -> None:
    rows = np.float32(KINDS["far clusters"](np.random.default_rng(0), 130))
    found = {}
    with pytest.MonkeyPatch.context() as patch:
        for name in ISAS:
            patch.setenv("NEARMOST_ISA", name)
            with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
                lists, owner, isa = pool.submit(grown, rows, width=4).result(timeout=300)
            found[isa] = (lists, owner)
    lists, owner = found.pop("generic")
    if not found:
        pytest.skip("this processor has the generic instructions alone")
    fused = [(lists.tobytes(), owner.tobytes()) for lists, owner in found.values()]
    assert len(set(fused)) == 1
    _, other = next(iter(found.values()))
    assert np.mean(owner == other) > 0.99
