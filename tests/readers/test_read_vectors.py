"""Vectors come back with their keys, mapped where they can be, and never unpickled."""

from __future__ import annotations

import gzip
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from nearmost.errors import DuplicateKeyError, InputError, NotFiniteError, ReadError, ShapeError
from nearmost.readers import is_vectors, read_vectors

ROWS = np.arange(12, dtype=np.float32).reshape(4, 3)
NUMBERS = st.sampled_from([np.float32, np.float64, np.float16, ">f4", np.int8, np.int64, np.bool_, np.uint8])


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_npy_and_npz_read_back_what_numpy_wrote(tmp_path: Path, data: st.DataObject) -> None:
    shape = data.draw(st.tuples(st.integers(1, 6), st.integers(1, 6)))
    array = data.draw(hnp.arrays(data.draw(NUMBERS), shape, elements=st.integers(0, 1)))
    if data.draw(st.booleans()):
        array = np.asfortranarray(array)
    np.save(tmp_path / "rows.npy", array)
    np.savez(tmp_path / "rows.npz", rows=array)
    for name in ("rows.npy", "rows.npz"):
        vectors = read_vectors(tmp_path / name)
        assert vectors.rows.dtype == np.float32
        assert vectors.rows.flags.c_contiguous
        np.testing.assert_array_equal(vectors.rows, array.astype(np.float32))


def test_float32_in_c_order_is_mapped_and_not_loaded(tmp_path: Path) -> None:
    np.save(tmp_path / "rows.npy", ROWS)
    base: Any = read_vectors(tmp_path / "rows.npy").rows
    while base is not None and not isinstance(base, np.memmap):
        base = base.base
    assert isinstance(base, np.memmap)
    assert not isinstance(read_vectors(tmp_path / "rows.npy", mmap=False).rows.base, np.memmap)


@pytest.mark.parametrize("compressed", [False, True])
def test_keys_come_from_a_file_or_a_list_with_a_key_a_row(tmp_path: Path, compressed: bool) -> None:
    np.save(tmp_path / "rows.npy", ROWS)
    lines = b"a\r\nb\r\n\r\nd\r\n"
    (tmp_path / "keys.txt").write_bytes(gzip.compress(lines) if compressed else lines)
    assert list(read_vectors(tmp_path / "rows.npy", keys=tmp_path / "keys.txt").keys) == ["a", "b", "", "d"]
    assert list(read_vectors(tmp_path / "rows.npy", keys=str(tmp_path / "keys.txt"), limit=2).keys) == ["a", "b"]
    assert list(read_vectors(tmp_path / "rows.npy", keys=iter("abcd")).keys) == list("abcd")
    assert list(read_vectors(tmp_path / "rows.npy").keys) == ["0", "1", "2", "3"]
    with pytest.raises(ShapeError, match=r"rows\.npy: 3 keys were given for 4 rows"):
        read_vectors(tmp_path / "rows.npy", keys=["a", "b", "c"])
    with pytest.raises(DuplicateKeyError, match=r"rows\.npy: .*same key 'a'"):
        read_vectors(tmp_path / "rows.npy", keys=list("abca"))
    assert len(read_vectors(tmp_path / "rows.npy", keys=list("abca"), on_duplicate="first")) == 3


@pytest.mark.parametrize("keys", [np.array(list("abcd")), np.array([b"a", b"b", b"c", b"d"]), np.arange(4)])
@pytest.mark.parametrize("names", [("vectors", "keys"), ("rows", "labels"), ("anything", "key")])
def test_npz_finds_rows_and_keys_by_name(tmp_path: Path, keys: np.ndarray, names: tuple[str, str]) -> None:
    arrays: dict[str, Any] = {names[0]: ROWS, names[1]: keys}
    np.savez_compressed(tmp_path / "rows.npz", **arrays)
    vectors = read_vectors(tmp_path / "rows.npz", limit=3)
    np.testing.assert_array_equal(vectors.rows, ROWS[:3])
    assert list(vectors.keys) == (["0", "1", "2"] if keys.dtype.kind == "i" else ["a", "b", "c"])


def test_npz_with_several_matrices_asks_which(tmp_path: Path) -> None:
    np.savez(tmp_path / "rows.npz", base=ROWS, queries=ROWS[:2])
    with pytest.raises(ReadError, match=r"holds 'base' \(4, 3\), 'queries' \(2, 3\); .*say vector="):
        read_vectors(tmp_path / "rows.npz")
    assert len(read_vectors(tmp_path / "rows.npz", vector="queries")) == 2


class Trap:
    def __reduce__(self) -> Any:
        return (pytest.fail, ("the file was unpickled",))


def test_pickled_objects_are_refused_and_never_run(tmp_path: Path) -> None:
    objects = np.array([[Trap()]], dtype=object)
    np.save(tmp_path / "rows.npy", objects, allow_pickle=True)
    np.savez(tmp_path / "rows.npz", vectors=ROWS[:1], keys=objects[0])
    (tmp_path / "pickle.npy").write_bytes(pickle.dumps(objects))
    refusals = {"rows.npy": "never unpickles", "rows.npz": "never unpickles", "pickle.npy": "asks for _pytest"}
    for name, found in refusals.items():
        with pytest.raises(ReadError, match=found):
            read_vectors(tmp_path / name)


@pytest.mark.parametrize("name", ["rows.npy", "rows.npz"])
def test_damaged_files_are_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    np.savez(path, rows=ROWS) if name.endswith("z") else np.save(path, ROWS)
    whole = path.read_bytes()
    for size in (0, 1, 7, 20, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises(ReadError, match=rf"^.*{name}: "):
            read_vectors(path)


def test_arrays_that_are_no_vectors_are_refused(tmp_path: Path) -> None:
    for array, found in ((ROWS[0], r"shape \(3,\)"), (np.array([["a"]]), "wanted numbers"), (ROWS[:, :0], "shape")):
        np.save(tmp_path / "rows.npy", array)
        with pytest.raises(ReadError, match=rf"^.*rows\.npy: .*{found}"):
            read_vectors(tmp_path / "rows.npy")
    np.save(tmp_path / "rows.npy", np.full((2, 2), np.nan))
    with pytest.raises(NotFiniteError, match=r"^.*rows\.npy: row 0 .*nan"):
        read_vectors(tmp_path / "rows.npy")
    (tmp_path / "rows.csv").write_text("a,b\n1,2\n")
    with pytest.raises(ReadError, match=r"no format of vectors that nearmost knows: GloVe and word2vec text, .*\.npy"):
        read_vectors(tmp_path / "rows.csv")
    with pytest.raises(ReadError, match="no such file"):
        read_vectors(tmp_path / "nope.npy")
    with pytest.raises(InputError, match="limit is 0"):
        read_vectors(tmp_path / "rows.npy", limit=0)


def parquet(path: Path, **columns: Any) -> Path:
    pa = pytest.importorskip("pyarrow", reason="needs the extra 'parquet'")
    pytest.importorskip("pyarrow.parquet").write_table(pa.table(columns), path, row_group_size=3)
    return path


@pytest.mark.parametrize("kind", ["list", "large_list", "fixed"])
@pytest.mark.parametrize("number", ["float32", "float64", "int8"])
def test_parquet_reads_back_what_pyarrow_wrote(tmp_path: Path, kind: str, number: str) -> None:
    pa = pytest.importorskip("pyarrow", reason="needs the extra 'parquet'")
    item = getattr(pa, number)()
    column = {"list": pa.list_(item), "large_list": pa.large_list(item), "fixed": pa.list_(item, 3)}[kind]
    rows = ROWS.astype(number)
    path = parquet(tmp_path / "rows.parquet", key=list("abcd"), vector=pa.array(list(rows), column))
    vectors = read_vectors(path)
    np.testing.assert_array_equal(vectors.rows, ROWS)
    assert list(vectors.keys) == list("abcd")
    np.testing.assert_array_equal(read_vectors(path, limit=2, keys=["x", "y"]).rows, ROWS[:2])


def test_one_of_many_parquet_files_may_be_empty(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow", reason="needs the extra 'parquet'")
    for number, rows in enumerate(([], ROWS, [])):
        column = pa.array([row.tolist() for row in rows], pa.list_(pa.float32()))
        keys = pa.array([str(row) for row in range(len(rows))], pa.string())
        parquet(tmp_path / f"emb-{number}.parquet", key=keys, vector=column)
    np.testing.assert_array_equal(read_vectors(tmp_path / "emb-*.parquet").rows, ROWS)
    with pytest.raises(ReadError, match=r"emb-0\.parquet: holds no record; wanted at least one vector"):
        read_vectors(tmp_path / "emb-0.parquet")


def test_parquet_names_the_columns_that_are_there(tmp_path: Path) -> None:
    path = parquet(tmp_path / "rows.parquet", id=[7, 8, 9, 10], embedding=ROWS.tolist())
    assert list(read_vectors(path).keys) == ["0", "1", "2", "3"]
    assert list(read_vectors(path, key="id").keys) == ["7", "8", "9", "10"]
    with pytest.raises(ReadError, match="there is no column 'name'; the columns are 'id', 'embedding'"):
        read_vectors(path, key="name")
    with pytest.raises(ReadError, match=r"there is no column 'vec'; say vector= one of 'id' \(int64\), 'embedding'"):
        read_vectors(path, vector="vec")


@pytest.mark.parametrize(
    ("row", "found"), [(None, "holds nothing"), ([1.0], "holds 1 numbers"), ([1.0, None, 2.0], "null among")]
)
def test_parquet_row_that_is_no_vector_is_reported(tmp_path: Path, row: Any, found: str) -> None:
    path = parquet(tmp_path / "rows.parquet", vector=[[1.0, 2.0, 3.0]] * 4 + [row])
    with pytest.raises(ReadError, match=rf"^.*rows\.parquet:5: .*{found}"):
        read_vectors(path)


def test_is_vectors_tells_the_two_doors_apart(tmp_path: Path) -> None:
    assert is_vectors("rows.npy")
    assert is_vectors("ROWS.NPZ")
    assert not is_vectors("texts.csv")
    assert not is_vectors("-")
    assert is_vectors(parquet(tmp_path / "a.parquet", key=["a"], vector=[[1.0]]))
    assert not is_vectors(parquet(tmp_path / "b.parquet", Text=["a"], vector=[[1.0]]))
    assert not is_vectors(parquet(tmp_path / "c.parquet", kind=["a"]))
