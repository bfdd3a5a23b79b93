"""Which rows may be found: the nearest of those come, at any selectivity, with k answers."""

from __future__ import annotations

import numpy as np
import pytest

from nearmost import Index, InputError, ShapeError

N_ROWS, DIM = 30_000, 16


@pytest.fixture(scope="module")
def indexes() -> dict[str, Index]:
    rows = np.random.default_rng(1).normal(size=(N_ROWS, DIM))
    return {kind: Index.build(rows, metric="euclidean", kind=kind) for kind in ("flat", "partition")}  # type: ignore[arg-type]


@pytest.mark.parametrize("share", [0.9, 0.5, 0.1, 0.01, 0.001, 0.0001])
@pytest.mark.parametrize("n_queries", [20, 200])
def test_the_nearest_allowed_rows_come(indexes: dict[str, Index], share: float, n_queries: int) -> None:
    rng = np.random.default_rng(2)
    queries = np.float32(rng.normal(size=(n_queries, DIM)))
    mask = rng.uniform(size=N_ROWS) < share
    rows = np.float64([indexes["flat"].vector(str(row)) for row in np.flatnonzero(mask)])
    distances = (
        np.sqrt(((queries[:, None, :].astype(np.float64) - rows[None]) ** 2).sum(2)) if len(rows) < 4000 else None
    )
    exact = indexes["flat"].search(queries, 10, allow=mask)
    found = indexes["partition"].search(queries, 10, allow=mask)
    real = min(10, len(rows))
    for answer in (exact, found):
        assert mask[answer.ids[:, :real]].all()
        assert (answer.ids[:, real:] == -1).all()
        assert all(len(set(ids)) == real for ids in answer.ids[:, :real].tolist())
    if distances is not None:
        np.testing.assert_allclose(-exact.scores[:, :real], np.sort(distances, axis=1)[:, :real], rtol=1e-6)
    found_share = np.mean(found.scores[:, :real] >= exact.scores[:, real - 1 : real])
    assert found_share >= (0.94 if n_queries == 200 else 0.9)


def test_masks_numbers_and_keys_say_the_same(indexes: dict[str, Index]) -> None:
    query = np.zeros(DIM)
    chosen = [3, 17, 29_999, 5, 8_000]
    mask = np.zeros(N_ROWS, bool)
    mask[chosen] = True
    for index in indexes.values():
        answers = [
            index.search(query, 3, allow=said).ids.tolist() for said in (mask, chosen, [str(row) for row in chosen])
        ]
        answers.append(index.search(query, 3, deny=~mask).ids.tolist())
        answers.append(index.search(query, 3, allow=[*chosen, 6], deny=["6"]).ids.tolist())
        assert len({tuple(answer) for answer in answers}) == 1
        assert (index.search(query, 3, allow=[]).ids == -1).all()


def test_what_names_no_row_is_refused(indexes: dict[str, Index]) -> None:
    query = np.zeros(DIM)
    with pytest.raises(ShapeError, match=r"allow is a mask of shape \(3,\)"):
        indexes["flat"].search(query, allow=[True, False, True])
    with pytest.raises(InputError, match="deny names row 30000 of 30000"):
        indexes["flat"].search(query, deny=[30_000])
    with pytest.raises(InputError, match="allow is one string"):
        indexes["flat"].search(query, allow="7")
