"""Word vectors in every format come back as their own writers' readers read them; what cannot be read is named."""

from __future__ import annotations

import bz2
import gzip
import lzma
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nearmost import Vectors, write_vectors
from nearmost.errors import DuplicateKeyError, InputError, NotFiniteError, ReadError
from nearmost.readers import is_vectors, read_vectors

ROWS = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)
WORDS = ["the", "naïve", "日本語", "n't", "1999"]
PLAIN = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
LETTERS = st.characters(exclude_categories=["Cs", "Cc", "Zs", "Zl", "Zp"])
KEYS = st.lists(st.text(LETTERS, min_size=1, max_size=8), min_size=1, max_size=8, unique=True)
FLOATS = st.floats(width=32, allow_nan=False, allow_infinity=False)


def lines(rows: np.ndarray = ROWS, words: list[str] | None = None, mark: str = " ") -> str:
    named = zip(WORDS if words is None else words, rows.tolist(), strict=True)
    return "".join(f"{word}{mark}{mark.join(map(str, row))}\n" for word, row in named)


def binary(rows: np.ndarray = ROWS, end: bytes = b"") -> bytes:
    words = [word.encode() + b" " + row.tobytes() + end for word, row in zip(WORDS, rows, strict=True)]
    return f"{len(rows)} {rows.shape[1]}\n".encode() + b"".join(words)


def check(path: Path, **options: Any) -> None:
    assert is_vectors(path)
    vectors = read_vectors(path, **options)
    np.testing.assert_array_equal(vectors.rows, ROWS)
    assert list(vectors.keys) == WORDS


TEXTS = {
    "GloVe": lines(),
    "tabs": lines(mark="\t"),
    "runs of blanks": lines(mark="  "),
    "trailing blanks": lines().replace("\n", " \n"),
    "CRLF": lines().replace("\n", "\r\n"),
    "blank lines": "\n" + lines().replace("\n", "\n\n \n"),
    "no end": lines().rstrip("\n"),
    "byte order mark": "\ufeff" + lines(),
    "word2vec": "5 4\n" + lines(),
    "fastText": "5 4 \n" + lines().replace("\n", " \n"),
    "word2vec, CRLF": "5 4\r\n" + lines().replace("\n", "\r\n"),
}


@pytest.mark.parametrize("name", TEXTS)
def test_text_is_recognised_whatever_its_name_and_its_blanks(tmp_path: Path, name: str) -> None:
    for path in (tmp_path / "words", tmp_path / "words.bin", tmp_path / "words.h5"):
        path.write_bytes(TEXTS[name].encode())
        check(path)


@pytest.mark.parametrize("end", [b"", b"\n"])
def test_word2vec_binary_is_read_with_line_ends_and_without(tmp_path: Path, end: bytes) -> None:
    (tmp_path / "words.txt").write_bytes(binary(end=end))
    check(tmp_path / "words.txt")


@pytest.mark.parametrize("kind", ["gz", "bz2", "xz", "zst", "zip"])
@pytest.mark.parametrize(
    "data", [lines().encode(), ("5 4\n" + lines()).encode(), binary()], ids=["GloVe", "text", "bin"]
)
def test_every_compression_is_recognised(tmp_path: Path, kind: str, data: bytes) -> None:
    path = tmp_path / "words"
    if kind == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("words.txt", data)
    elif kind == "zst":
        path.write_bytes(
            pytest.importorskip("zstandard", reason="needs the extra 'zstd'").ZstdCompressor().compress(data)
        )
    else:
        path.write_bytes({"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress}[kind](data))
    check(path)


def test_one_file_of_an_archive_is_named_behind_a_slash(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "glove.zip", "w") as archive:
        archive.writestr("glove.2d.txt", "a 1.5 2.5\n")
        archive.writestr("glove.4d.txt", lines())
    with pytest.raises(ReadError, match=r"glove\.zip: holds glove\.2d\.txt, glove\.4d\.txt; say which: .*glove\.2d"):
        read_vectors(tmp_path / "glove.zip")
    check(tmp_path / "glove.zip" / "glove.4d.txt")
    with pytest.raises(ReadError, match="is not in the archive"):
        read_vectors(tmp_path / "glove.zip" / "nope.txt")


def test_large_compressed_files_are_read_in_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = np.random.default_rng(1).normal(size=(3000, 3)).astype(np.float32)
    vectors = Vectors.of(rows, [f"word{row}" for row in range(len(rows))])
    monkeypatch.setattr("nearmost.readers.blocks.BLOCK", 1000)
    for name in ("a.txt.gz", "a.bin.gz", "a.vec.xz"):
        write_vectors(tmp_path / name, vectors)
        found = read_vectors(tmp_path / name)
        np.testing.assert_array_equal(found.rows, rows)
        assert list(found.keys) == list(vectors.keys)
        assert len(read_vectors(tmp_path / name, limit=1234)) == 1234


def test_words_may_hold_blanks_and_look_like_numbers(tmp_path: Path) -> None:
    words = [". . .", "1 2", "0.5", "at name@domain.com", "\u00a0"]
    (tmp_path / "glove.txt").write_text(lines(words=words))
    found = read_vectors(tmp_path / "glove.txt")
    assert list(found.keys) == words
    np.testing.assert_array_equal(found.rows, ROWS)


@PLAIN
@given(KEYS, st.data())
@pytest.mark.parametrize("format", ["word2vec", "word2vec-text", "glove", "npz", "safetensors", "parquet", "npy"])
def test_what_is_written_is_read_back(tmp_path: Path, format: str, keys: list[str], data: st.DataObject) -> None:
    if format == "parquet":
        pytest.importorskip("pyarrow", reason="needs the extra 'parquet'")
    dim = data.draw(st.integers(1, 4))
    rows = np.array(data.draw(st.lists(FLOATS, min_size=len(keys) * dim, max_size=len(keys) * dim)), np.float32)
    rows = rows.reshape(len(keys), dim)
    write_vectors(tmp_path / "words", Vectors.of(rows, keys), format=format)
    beside = {"keys": tmp_path / "words.keys.txt"} if format == "npy" else {}
    found = read_vectors(tmp_path / "words", format=format, **beside)
    np.testing.assert_array_equal(found.rows.view(np.uint32), rows.view(np.uint32))
    assert list(found.keys) == keys


@PLAIN
@given(st.lists(st.floats(-1e38, 1e38) | FLOATS | st.integers(-(10**30), 10**30), min_size=1, max_size=20), st.data())
def test_numbers_are_read_as_python_and_numpy_read_them(
    tmp_path: Path, values: list[float], data: st.DataObject
) -> None:
    form = data.draw(st.sampled_from(["{!r}", "{:.3f}", "{:.25f}", "{:e}", "{:+.9g}", "{:.1E}"]))
    texts = [form.format(value) for value in values]
    (tmp_path / "words.txt").write_text("word " + " ".join(texts) + "\n")
    found = read_vectors(tmp_path / "words.txt", format="glove")
    np.testing.assert_array_equal(found.rows[0], np.array([float(text) for text in texts]).astype(np.float32))


def test_gensim_reads_what_is_written_and_its_files_are_read(tmp_path: Path) -> None:
    models = pytest.importorskip("gensim.models", reason="gensim is not installed")
    rows = np.random.default_rng(2).normal(size=(50, 7)).astype(np.float32)
    vectors = Vectors.of(rows, [f"wörd{row}" for row in range(50)])
    for name, options in (
        ("a.bin", {"binary": True}),
        ("a.vec", {}),
        ("a.vec.gz", {}),
        ("a.txt", {"no_header": True}),
    ):
        write_vectors(tmp_path / name, vectors)
        theirs = models.KeyedVectors.load_word2vec_format(tmp_path / name, **options)
        np.testing.assert_array_equal(theirs.vectors, rows)
        assert theirs.index_to_key == list(vectors.keys)
        theirs.save_word2vec_format(tmp_path / f"their-{name}", binary=name == "a.bin")
        np.testing.assert_array_equal(read_vectors(tmp_path / f"their-{name}").rows, rows)


def test_limit_lowercase_keys_and_duplicates(tmp_path: Path) -> None:
    path = tmp_path / "words.txt"
    path.write_text(lines(words=["The", "the", "A", "b", "THE"]))
    assert list(read_vectors(path, limit=2).keys) == ["The", "the"]
    lower = read_vectors(path, lowercase=True)
    assert list(lower.keys) == ["the", "a", "b"]
    np.testing.assert_array_equal(lower.rows, ROWS[[0, 2, 3]])
    np.testing.assert_array_equal(read_vectors(path, lowercase=True, on_duplicate="last").rows, ROWS[2:])
    assert list(read_vectors(path, keys=list("vwxyz")).keys) == list("vwxyz")
    path.write_text(lines(words=["a", "b", "a", "c", "d"]))
    with pytest.raises(DuplicateKeyError, match=r"words\.txt: rows 0 and 2 have the same key 'a'"):
        read_vectors(path)
    np.testing.assert_array_equal(read_vectors(path, on_duplicate="first").rows, ROWS[[0, 1, 3, 4]])


def test_other_encodings_are_read_and_asked_for(tmp_path: Path) -> None:
    words = ["the", "naïve", "café", "n't", "1999"]
    path = tmp_path / "words.txt"
    path.write_bytes(lines(words=words).encode("latin-1"))
    with pytest.raises(ReadError, match=r"words\.txt:2: the word b'na\\xefve' is not UTF-8; say encoding="):
        read_vectors(path)
    assert list(read_vectors(path, encoding="latin-1").keys) == words
    assert list(read_vectors(path, errors="replace").keys)[1] == "na\ufffdve"
    path.write_bytes(lines(words=words).encode("utf-16"))
    with pytest.raises(ReadError, match=r'words\.txt:1: is UTF-16, not utf-8; say encoding="utf-16"'):
        read_vectors(path)
    assert list(read_vectors(path, encoding="utf-16").keys) == words
    path.write_bytes(binary().replace("naïve".encode(), b"na\xefve"))
    with pytest.raises(ReadError, match="word 2: the word"):
        read_vectors(path)
    assert list(read_vectors(path, encoding="latin-1").keys)[1] == "naïve"
    with pytest.raises(InputError, match="klingon"):
        read_vectors(path, encoding="klingon")
    path.write_bytes(lines().encode())
    with pytest.raises(InputError, match="klingon"):
        read_vectors(path, encoding="klingon", format="glove")


def test_letters_torn_between_two_words_are_found(tmp_path: Path) -> None:
    path = tmp_path / "words.txt"
    path.write_bytes(b"a\xc3 1.5 2.5\n\xa9b 1.5 2.5\n")
    with pytest.raises(ReadError, match=r":2: the word b'\\xa9b' is not UTF-8"):
        read_vectors(path)


MALFORMED: list[tuple[bytes, str]] = [
    (lines().encode() + b"short 1.5 2.5\n", ":6: holds 3 fields; wanted a word and 4 numbers"),
    (b"5 4\n" + lines().encode() + b"\n", ""),
    (b"6 4\n" + lines().encode(), ":1: says that 6 words follow, and 5 do"),
    (b"4 4\n" + lines().encode(), ":1: says that 4 words follow, and 5 do"),
    (lines().encode() + b"\nword 1.5 2.5 x 3.5\n", ":7: holds 'x' where a number was wanted"),
    (lines().encode() + b"word 1.5 2.5 nan 3.5\n", ":6: holds 'nan'; every number must be finite"),
    (lines().encode() + b"word 1.5 2.5 1e39 3.5\n", ":6: holds '1e39'; every number must be finite"),
    (b"5 4\n" + lines().encode()[:-20], "cut short"),
    (binary()[:-3], "its word 5 has 13 of 16 bytes; the file is cut short.*limit=4"),
    (binary()[: len(binary()) - 18], "line 1 says that 5 words follow, and 4 are there"),
    (binary() + b"more", r"4 bytes follow the 5 words"),
    (b"0 4\n" + binary()[4:], "holds no word"),
    (b"1.5 2.5 3.5\n4.5 5.5 6.5\n", "holds numbers and no words"),
    (b"no vectors\nat all\n", "no format of vectors that nearmost knows"),
    (b"", "no format of vectors that nearmost knows"),
    (b"\0" * 100, "no format of vectors that nearmost knows"),
]


@pytest.mark.parametrize(("data", "found"), MALFORMED)
def test_malformed_file_is_refused_with_its_line_and_the_reason(tmp_path: Path, data: bytes, found: str) -> None:
    path = tmp_path / "words"
    path.write_bytes(data)
    if not found:
        check(path)
        return
    with pytest.raises(ReadError, match=rf"(?s)^{path}.*{found}"):
        read_vectors(path)


def test_limit_reads_what_is_whole_of_a_file_that_is_cut_short(tmp_path: Path) -> None:
    for data in (binary()[:-3], b"5 4\n" + lines().encode()[:-20], b"9 4\n" + lines().encode()):
        (tmp_path / "words").write_bytes(data)
        assert list(read_vectors(tmp_path / "words", limit=4).keys) == WORDS[:4]


def test_texts_are_not_taken_for_vectors(tmp_path: Path) -> None:
    for text in ("a text a line\nand another\n", "in 1995 12\nor 1996 13 x\n", "2 3\n", "id 7\nid 8\n", "only 1.5\n"):
        (tmp_path / "texts.txt").write_text(text)
        assert not is_vectors(tmp_path / "texts.txt"), text
    (tmp_path / "table.csv").write_text(lines())
    assert not is_vectors(tmp_path / "table.csv")
    assert not is_vectors("-")


def vecs(dtype: str, dim: int, n_rows: int = 6) -> tuple[np.ndarray, bytes]:
    rows = (np.random.default_rng(3).normal(size=(n_rows, dim)) * 50).astype(dtype)
    return rows, b"".join(struct.pack("<i", dim) + row.tobytes() for row in rows)


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize(("suffix", "dtype"), [("fvecs", "<f4"), ("bvecs", "u1")])
def test_texmex_files_are_read_by_name_and_by_content(tmp_path: Path, suffix: str, dtype: str, named: bool) -> None:
    rows, data = vecs(dtype, 12)
    path = tmp_path / (f"rows.{suffix}" if named else "rows")
    path.write_bytes(data)
    np.testing.assert_array_equal(read_vectors(path).rows, rows.astype(np.float32))
    assert len(read_vectors(path, limit=2)) == 2
    if named:
        path.write_bytes(data[:-3])
        with pytest.raises(ReadError, match=r"row 6 has \d+ of \d+ bytes; the file is cut short"):
            read_vectors(path)
        path.write_bytes(data[: len(data) // 2] + struct.pack("<i", 9) + data[len(data) // 2 + 4 :])
        with pytest.raises(ReadError, match="row 4 says that it has dim 9, row 1 has 12"):
            read_vectors(path)


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize(("suffix", "dtype"), [("fbin", "<f4"), ("u8bin", "u1")])
def test_big_ann_files_are_read_by_name_and_by_content(tmp_path: Path, suffix: str, dtype: str, named: bool) -> None:
    rows, _ = vecs(dtype, 12)
    path = tmp_path / (f"rows.{suffix}" if named else "rows")
    path.write_bytes(struct.pack("<II", *rows.shape) + rows.tobytes())
    np.testing.assert_array_equal(read_vectors(path).rows, rows.astype(np.float32))
    path.write_bytes(struct.pack("<II", 7, 12) + rows.tobytes())
    if named:
        with pytest.raises(ReadError, match="says that it holds 7 rows, and has room for 6"):
            read_vectors(path)
        assert len(read_vectors(path, limit=6)) == 6


def test_neighbour_ids_are_not_vectors(tmp_path: Path) -> None:
    (tmp_path / "truth.ivecs").write_bytes(vecs("<i4", 10)[1])
    with pytest.raises(ReadError, match="hold row numbers of neighbours, not vectors"):
        read_vectors(tmp_path / "truth.ivecs")


def test_ann_benchmarks_hdf5_is_read(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py", reason="needs the extra 'hdf5'")
    path = tmp_path / "glove-4-angular.hdf5"
    with h5py.File(path, "w") as file:
        file["train"], file["test"], file["neighbors"] = ROWS, ROWS[:2], np.zeros((2, 10), np.int32)
        file["words"] = WORDS
    check(path)
    assert len(read_vectors(path, vector="test", keys=["a", "b"])) == 2
    path.write_bytes(gzip.compress(path.read_bytes()))
    check(path)
    whole = gzip.decompress(path.read_bytes())
    for size in (9, 100, len(whole) // 2):
        path.write_bytes(whole[:size])
        with pytest.raises(ReadError, match="cannot be read as HDF5"):
            read_vectors(path)


def test_hdf5_links_to_other_files_are_not_followed(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py", reason="needs the extra 'hdf5'")
    with h5py.File(tmp_path / "secret.h5", "w") as file:
        file["train"] = ROWS
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["train"] = h5py.ExternalLink("secret.h5", "train")
    with pytest.raises(ReadError, match="say vector= which"):
        read_vectors(tmp_path / "a.h5")


def test_safetensors_are_read_as_their_own_package_writes_them(tmp_path: Path) -> None:
    theirs = pytest.importorskip("safetensors.numpy", reason="safetensors is not installed")
    theirs.save_file({"embeddings": ROWS.astype(np.float16), "bias": ROWS[0]}, tmp_path / "a.safetensors")
    np.testing.assert_array_equal(read_vectors(tmp_path / "a.safetensors").rows, ROWS.astype(np.float16))
    write_vectors(tmp_path / "b.safetensors", Vectors.of(ROWS, WORDS))
    np.testing.assert_array_equal(theirs.load_file(tmp_path / "b.safetensors")["vectors"], ROWS)
    check(tmp_path / "b.safetensors")


def test_arrays_are_read_from_compressed_files(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", ROWS)
    (tmp_path / "a.npy.gz").write_bytes(gzip.compress((tmp_path / "a.npy").read_bytes()))
    np.testing.assert_array_equal(read_vectors(tmp_path / "a.npy.gz").rows, ROWS)


def test_values_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    rows = ROWS.copy()
    rows[3, 1] = np.inf
    (tmp_path / "words").write_bytes(binary(rows))
    with pytest.raises(NotFiniteError, match="row 3 of the vectors holds inf"):
        read_vectors(tmp_path / "words")


def test_keys_that_a_format_has_no_room_for_are_refused_and_nothing_is_written(tmp_path: Path) -> None:
    for format, key in (("word2vec", "New York"), ("word2vec-text", "a\tb"), ("glove", "a\nb"), ("npy", "a\rb")):
        with pytest.raises(InputError, match=r"has no room for; write \.parquet"):
            write_vectors(tmp_path / "words", Vectors.of(ROWS[:1], [key]), format=format)
    with pytest.raises(InputError, match=r"the name does not tell a format; end it in one of \.bin"):
        write_vectors(tmp_path / "words.doc", ROWS)
    assert list(tmp_path.iterdir()) == []
