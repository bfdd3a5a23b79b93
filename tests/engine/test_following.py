"""What links made from older ones promise: to lead to as much, wherever rows moved, and whatever a file holds."""

from __future__ import annotations

import heapq
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from test_tree import ISAS

from nearmost import Index, Projection, _core
from nearmost.kinds.graph import Graph

Floats = NDArray[np.float32]
Links = NDArray[np.uint32]

N_ROWS, DIM, N_QUERIES = 6000, 48, 100


def rows_of(seed: int = 0, dim: int = DIM) -> tuple[Floats, Floats]:
    """Rows that spread less and less from column to column, as turned rows do, and queries like them."""
    made = np.random.default_rng(seed).normal(size=(N_ROWS + N_QUERIES, dim)) * 0.95 ** np.arange(dim)
    return np.float32(made[:N_ROWS]), np.float32(made[N_ROWS:])


def moved(rows: Floats, share: float) -> Floats:
    """Through the identity and some of a random matrix, as a trained head moves rows."""
    dim = rows.shape[1]
    other = np.random.default_rng(9).normal(size=(dim, dim)) / np.sqrt(dim)
    return np.float32(rows @ (np.eye(dim) + share * other))


def linked(rows: Floats, before: Links | None = None, n_threads: int = 2) -> tuple[Links, bool, str]:
    """(links, whether those of before were followed, the name of the instruction set)."""
    links, entries = np.zeros((len(rows), 32), np.uint32), np.arange(0, len(rows), 100, dtype=np.uint32)
    followed = _core.link(rows, 192, 8, 3, 256, 3, 0, entries, before, 2, links, n_threads, None)
    return links, followed, _core.isa()


def found_by(links: Links, rows: Floats, queries: Floats, looks: int) -> float:
    """The share of the 10 nearest that a walk has met once it has looked at so many rows."""
    hits = 0
    for query in queries:
        apart = ((rows - query) ** 2).sum(axis=1)
        met = set(range(0, len(rows), 100))
        left = [(float(apart[row]), row) for row in met]
        heapq.heapify(left)
        while left and len(met) < looks:
            for row in links[heapq.heappop(left)[1]].tolist():
                if row not in met and len(met) < looks:
                    met.add(row)
                    heapq.heappush(left, (float(apart[row]), row))
        hits += len(met.intersection(np.argsort(apart, kind="stable")[:10].tolist()))
    return hits / (10 * len(queries))


@pytest.mark.parametrize("share", [0.0, 0.2, 0.4])
def test_links_from_links_find_as_much_as_links_made_anew_by_as_many_looks(share: float) -> None:
    before, _, _ = linked(rows_of()[0])
    rows, queries = (moved(given, share) for given in rows_of())
    links, followed, _ = linked(rows, before)
    assert followed
    anew, _, _ = linked(rows)
    for looks in (300, 600, 1200):
        assert found_by(links, rows, queries, looks) >= found_by(anew, rows, queries, looks) - 0.02


def test_rows_that_moved_too_far_are_linked_anew() -> None:
    before, _, _ = linked(rows_of()[0])
    for rows in (np.ascontiguousarray(rows_of()[0][:, 30:]), rows_of(seed=1)[0]):
        links, followed, _ = linked(rows, before)
        assert not followed
        assert (links == linked(rows)[0]).all()


def test_any_number_of_threads_follows_links_to_the_same() -> None:
    before, _, _ = linked(rows_of()[0])
    rows = moved(rows_of()[0], 0.2)
    assert len({linked(rows, before, n_threads)[0].tobytes() for n_threads in (1, 2, 3, 8)}) == 1


@pytest.mark.parametrize("dim", [DIM, 37])
def test_every_instruction_set_that_fuses_makes_the_same_links(dim: int) -> None:
    before, _, _ = linked(rows_of(dim=dim)[0])
    rows = moved(rows_of(dim=dim)[0], 0.2)
    found = {}
    with pytest.MonkeyPatch.context() as patch:
        for name in ISAS:
            patch.setenv("NEARMOST_ISA", name)
            with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
                links, followed, isa = pool.submit(linked, rows, before).result()
                anew = pool.submit(linked, rows).result()[0]
            assert followed
            found[isa] = (links, anew)
    plain = found.pop("generic")
    if not found:
        pytest.skip("this processor has the generic instructions alone")
    assert len({(links.tobytes(), anew.tobytes()) for links, anew in found.values()}) == 1
    for links, like in zip(next(iter(found.values())), plain, strict=True):
        assert np.mean(np.sort(links, axis=1) == np.sort(like, axis=1)) > 0.9


@pytest.mark.parametrize("share", [0.5, 1.0])
def test_links_to_no_row_are_passed_over(share: float) -> None:
    rng = np.random.default_rng(4)
    before, _, _ = linked(rows_of()[0])
    rows, queries = (moved(given, 0.2) for given in rows_of())
    hostile = rng.integers(N_ROWS, 1 << 32, before.shape, dtype=np.uint64).astype(np.uint32)
    hostile[0] = 0xFFFFFFFF
    links, followed, _ = linked(rows, np.where(rng.uniform(size=before.shape) < share, hostile, before))
    anew, _, _ = linked(rows)
    assert links.max() < N_ROWS
    assert found_by(links, rows, queries, 600) >= found_by(anew, rows, queries, 600) - 0.05
    if share == 1:
        assert not followed


@pytest.mark.parametrize("n", [1, 2, 3, 33, 97])
def test_few_rows_and_equal_rows_are_linked(n: int) -> None:
    for rows in (np.zeros((n, 5), np.float32), rows_of(dim=5)[0][:n]):
        before, _, _ = linked(rows)
        for old in (before, np.zeros_like(before), np.full_like(before, 0xFFFFFFFF)):
            assert linked(rows, old)[0].max() < n


def test_links_of_another_shape_are_refused() -> None:
    rows, _ = rows_of()
    for wrong in (np.zeros((N_ROWS - 1, 32), np.uint32), np.zeros((N_ROWS, 31), np.uint32)):
        with pytest.raises(ValueError, match="shape"):
            linked(rows, wrong)


def test_a_refitted_graph_is_made_from_the_links_of_the_old_one(monkeypatch: pytest.MonkeyPatch) -> None:
    rows, queries = rows_of()
    head = Projection((("linear", {"weight": moved(np.eye(DIM, dtype=np.float32), 0.2)}),))
    index = Index.build(rows, metric="euclidean", kind="graph")
    followed: list[Any] = []
    link = _core.link
    monkeypatch.setattr(_core, "link", lambda *given: followed.append(link(*given)))
    refitted = index.refit(head, kind="graph")
    built = Index.build(rows, metric="euclidean", kind="graph", projection=head)
    assert followed == [True, False]
    assert isinstance(refitted._parts().packed, Graph)
    found, truth = (made.search(queries, 10, recall=asked) for made, asked in ((refitted, 0.95), (built, 1.0)))
    assert (found.scores >= truth.scores[:, -1:]).mean() >= 0.94
