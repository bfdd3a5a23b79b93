"""What rows promise: the shortest type that loses nothing, the same answers from every type, and input of any size."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from nearmost import METRICS, Index, InputError, NotFiniteError, ShapeError
from nearmost.metrics import Metric
from nearmost.rows import Rows

COSINE = METRICS["cosine"]
KINDS = ("flat", "partition")


def drawn(kind: str, n: int = 3000, dim: int = 20, seed: int = 0) -> NDArray[np.float32]:
    rng = np.random.default_rng([n, dim, seed])
    return {
        "bytes": lambda: rng.integers(0, 256, (n, dim)),
        "signed": lambda: rng.integers(-128, 128, (n, dim)),
        "halves": lambda: rng.normal(size=(n, dim)).astype(np.float16),
        "floats": lambda: rng.normal(size=(n, dim)),
    }[kind]().astype(np.float32)


@pytest.mark.parametrize(
    ("kind", "dtype"), [("bytes", "uint8"), ("signed", "int8"), ("halves", "float16"), ("floats", "float32")]
)
def test_the_shortest_type_that_loses_nothing_is_taken(kind: str, dtype: str) -> None:
    rows = drawn(kind)
    kept = Rows.of(rows, COSINE)
    assert kept.values.dtype == dtype
    assert (kept.floats(slice(None)) == rows).all()
    rows[-1, -1] = 0.1  # the last number of all may need a longer one
    assert Rows.of(rows, COSINE).values.dtype == "float32"


@given(arrays(np.float32, (7, 3), elements=st.floats(-300, 300, width=32)))
def test_nothing_is_lost_by_itself(rows: NDArray[np.float32]) -> None:
    assert (Rows.of(rows, COSINE).floats(slice(None)) == rows).all()


@given(arrays(np.float16, (5, 37), elements=st.floats(allow_nan=False, allow_infinity=False, width=16)))
def test_every_float16_is_searched_as_the_number_it_is(rows: NDArray[np.float16]) -> None:
    query = np.linspace(-1, 1, 37).astype(np.float32)
    for metric in ("euclidean", "dot", "manhattan"):
        short = Index.build(rows, metric=metric, store="f16").search(query, 5)
        long = Index.build(rows.astype(np.float32), metric=metric, store="f32").search(query, 5)
        assert (short.ids == long.ids).all()
        assert (short.scores == long.scores).all()


@pytest.mark.parametrize(("metric", "kind"), list(itertools.product(METRICS, KINDS)))
def test_every_type_gives_the_answers_of_float32(metric: str, kind: str) -> None:
    for name in ("bytes", "signed", "halves"):
        rows, queries = drawn(name), drawn(name, 80, seed=1)
        if metric == "hamming":
            rows, queries = np.float32(rows > 0), np.float32(queries > 0)
        long = Index.build(rows, metric=metric, kind=kind, store="f32")  # type: ignore[arg-type]
        for given_rows in (rows, rows.astype(np.float64)):
            short = Index.build(given_rows, metric=metric, kind=kind)  # type: ignore[arg-type]
            for asked in (queries, queries[0]):
                a, b = long.search(asked, 10, recall=0.9), short.search(asked, 10, recall=0.9)
                assert (a.ids == b.ids).all()
                assert (a.scores == b.scores).all()
            assert (short.vector("17") == rows[17]).all()


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.float16, np.int64, np.float64, bool])
def test_every_type_of_number_is_taken_as_input(dtype: Any) -> None:
    rows = drawn("bytes", 200).astype(dtype)
    index = Index.build(rows)
    assert (index.vector("3") == rows[3].astype(np.float32)).all()
    assert index.search(rows[3], 1).scores[0] == pytest.approx(1)


def test_rounding_is_done_only_when_it_is_asked_for(tmp_path: Path) -> None:
    rows = drawn("floats")
    for store, off in (("f32", 0), ("f16", 2e-3), ("i8", 0.02)):
        index = Index.build(rows, store=store)  # type: ignore[arg-type]
        index.save(tmp_path / store)
        opened = Index.open(tmp_path / store, verify="full")
        lost = np.abs(opened.vector("5") - rows[5]).max()
        assert lost <= off
        assert (lost > 0) == (off > 0)
        of = opened.search(rows[:50], 10)
        as_kept = Rows.of(rows, COSINE, store=store).floats(slice(None)).astype(np.float64)  # type: ignore[arg-type]
        exact = as_kept / np.linalg.norm(as_kept, axis=1)[:, None]
        unit = rows[:50] / np.linalg.norm(rows[:50], axis=1)[:, None]
        assert np.abs(np.sort(unit @ exact.T, axis=1)[:, :-11:-1] - of.scores).max() < 1e-6
    with pytest.raises(InputError, match="store is 'f8'; it must be one of"):
        Index.build(rows, store="f8")  # type: ignore[arg-type]
    with pytest.raises(NotFiniteError, match=r"row 7 .* finite float16"):
        Index.build(np.where(np.arange(3000)[:, None] == 7, 1e6, rows), store="f16")


def test_int8_rows_of_all_sizes_keep_their_direction() -> None:
    rows = drawn("floats") * np.exp(np.random.default_rng(1).normal(size=(3000, 1)) * 8)
    rows[4] = 0
    kept = Rows.of(rows, COSINE, store="i8")
    assert (kept.floats(np.array([4])) == 0).all()
    off = np.linalg.norm(kept.floats(slice(None)) - rows, axis=1) / np.maximum(np.linalg.norm(rows, axis=1), 1e-30)
    assert off.max() < 0.02


@pytest.mark.parametrize("kind", KINDS)
def test_batches_and_mapped_files_give_the_bytes_that_an_array_gives(kind: Any, tmp_path: Path) -> None:
    rows = drawn("floats", 5000)
    np.save(tmp_path / "rows.npy", rows)
    (tmp_path / "scratch").mkdir()
    sources = {
        "array": rows,
        "batches": (rows[start : start + 700] for start in range(0, 5000, 700)),
        "mapped": np.load(tmp_path / "rows.npy", mmap_mode="r"),
        "doubles": rows.astype(np.float64),
    }
    files = set()
    for name, source in sources.items():
        scratch = None if name == "array" else tmp_path / "scratch"
        index = Index.build(source, keys=(f"k{row}" for row in range(5000)), kind=kind, scratch=scratch)
        index.save(tmp_path / name)
        files.add((tmp_path / name).read_bytes())
    assert len(files) == 1
    assert list((tmp_path / "scratch").iterdir()) == []


def test_batches_that_do_not_fit_together_are_refused() -> None:
    with pytest.raises(ShapeError, match="batch 1 holds float32 of dim 3, the first one float32 of dim 2"):
        Index.build(iter([np.ones((2, 2), np.float32), np.ones((2, 3), np.float32)]))
    with pytest.raises(ShapeError, match="batch 1 holds uint8"):
        Index.build(iter([np.ones((2, 2), np.float32), np.ones((2, 2), np.uint8)]))
    with pytest.raises(InputError, match="there is no batch"):
        Index.build(iter([]))
    with pytest.raises(NotFiniteError, match="batch 0"):
        Index.build(iter([np.full((2, 2), np.nan)]))
    with pytest.raises(InputError, match="scratch="):
        Index.build(iter([np.ones((2, 2))]), scratch="/nowhere/at/all")
    assert len(Index.build(iter([np.empty((0, 4)), np.empty((0, 4))]))) == 0


@pytest.mark.parametrize(("metric", "kind"), list(itertools.product(METRICS.values(), KINDS)))
def test_a_row_can_be_left_out_of_its_own_neighbors(metric: Metric, kind: Any) -> None:
    rows = np.repeat(drawn("floats", 600), 2, axis=0)  # each has a twin
    rows = np.float32(rows > 0) if metric.name == "hamming" else rows
    index = Index.build(rows, metric=metric, kind=kind)
    own = np.arange(0, 1200, 7)
    ids, scores = index.search(rows[own], 5, recall=1, leave_out=own)
    assert not (ids == own[:, None]).any()
    every = index.search(rows[own], 7, recall=1)
    for query, row in enumerate(own):
        rest = [(i, s) for i, s in zip(every.ids[query], every.scores[query], strict=True) if i != row][:5]
        assert rest == list(zip(ids[query], scores[query], strict=True))
    assert 3 not in index.search(rows[3], 5, leave_out="3").ids
    with pytest.raises(ShapeError, match="leave_out names 2 rows for 1 queries"):
        index.search(rows[3], 5, leave_out=[3, 4])


@pytest.mark.parametrize(("metric", "kind"), list(itertools.product(METRICS.values(), KINDS)))
def test_a_radius_leaves_out_what_is_farther(metric: Metric, kind: Any) -> None:
    rows = drawn("floats", 2000)
    rows = np.float32(rows > 0) if metric.name == "hamming" else rows
    index = Index.build(rows, metric=metric, kind=kind)
    every = index.search(rows[:30], 20, recall=1)
    radius = float(np.median(every.distances))
    near = index.search(rows[:30], 20, recall=1, radius=radius)
    kept = every.distances <= np.float32(radius)
    assert (near.ids == np.where(kept, every.ids, -1)).all()
    assert (near.distances[~kept] == np.inf).all()
    assert 0 < kept.sum() < kept.size
