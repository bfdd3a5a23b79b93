"""Whatever cannot be read is a ReadError that starts with the file and the line."""

from __future__ import annotations

import gzip
import json
import lzma
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest

from nearmost.errors import InputError, MissingExtraError, NearmostError, ReadError
from nearmost.readers import read_corpus, read_vectors

CASES: list[tuple[str, bytes, int, str]] = [
    ("bad.txt", b"one\n\ntw\xe9\n", 3, "byte 0xe9 in column 3 is not utf-8"),
    ("bad.txt", "one\n".encode("utf-16"), 1, 'is UTF-16, not utf-8; say encoding="utf-16"'),
    ("bad.txt", b"one\ntwo\0\n", 2, "NUL"),
    ("bad.csv", b"key,text\n1,a\n2,b,c\n", 3, "has 3 columns, the header has 2 ('key', 'text')"),
    ("bad.csv", b'key,text\n1,"a\nb"\n2\n', 4, "has 1 column, the header has 2"),
    ("bad.csv", b'\n\nkey,text\n1,"a\nb\nc', 4, "a quote is opened here and never closed"),
    ("bad.csv", b'key,text\n1,"a" b\n', 2, "expected after"),
    ("bad.csv", b"key,text\n1,\xff\n", 2, "byte 0xff"),
    ("bad.csv", b"key,text\n1,\0\n", 2, "NUL"),
    ("bad.csv", b"text,text\na,b\n", 1, "2 columns are called 'text'"),
    ("bad.tsv", b"key\ttext\n1\ta\n\n2\n", 4, "has 1 column, the header has 2"),
    ("bad.tsv", b"key\ttext\n1\ta\tb\n", 2, 'for quoted fields say format="csv"'),
    ("bad.jsonl", b'{"text": "a"}\n\n{"text": \n', 3, "is not JSON"),
    ("bad.jsonl", b'{"text": "a"}\n["b"]\n', 2, 'found ["b"]; wanted an object'),
    ("bad.jsonl", b'{"text": "a"}\n{"txt": "b"}\n', 2, "there is no 'text' here; the object has 'txt'"),
    ("bad.jsonl", b'{"text": 7}\n', 1, "holds int 7; a text must be a string"),
    ("bad.jsonl", b'{"text": null}\n', 1, "holds nothing (null); a text must be a string"),
    ("bad.jsonl", b'{"text": "\\ud800"}\n', 1, "half a character"),
    ("bad.jsonl", b"[" * 100_000 + b"\n", 1, "JSON"),
    ("bad.json", b'[\n{"text": "a"},\n{"text": b}\n]', 3, "is not JSON"),
    ("bad.json", b'[{"text": "a"}\n{"text": "b"}]', 2, "'{' where , or ] was wanted"),
    ("bad.json", b'[{"text": "a"},\n', 2, "the list ends with a comma"),
    ("bad.json", b'[{"text": "a"}\n', 2, "'the end' where , or ] was wanted"),
    ("bad.json", b'[{"text": "a"}]\n{}', 2, "follows the end of the list"),
    ("bad.json", b'[{"text": "a"},\n"b"]', 2, 'found "b"; wanted an object'),
    ("bad.json", b'[{"text": "a"},\n{"text": "\xff"}]', 2, "byte 0xff"),
]


@pytest.mark.parametrize(("name", "data", "line", "found"), CASES)
def test_malformed_line_is_reported_with_file_and_line(
    tmp_path: Path, name: str, data: bytes, line: int, found: str
) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(ReadError) as caught:
        read_corpus(path, text="text")
    assert str(caught.value).startswith(f"{path}:{line}: ")
    assert found in str(caught.value)


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.jsonl", "a.json", "a.txt"])
@pytest.mark.parametrize("asked", ["text", "key", "label", "columns"])
def test_missing_column_is_reported_with_those_that_are_there(tmp_path: Path, name: str, asked: str) -> None:
    path = tmp_path / name
    written = {"csv": "text,b\na,b\n", "tsv": "text\tb\na\tb\n", "txt": "a\n"}
    path.write_text(written.get(path.suffix[1:], '{"text": "a", "b": "b"}'))
    options: dict[str, Any] = {asked: ["nope"] if asked == "columns" else "nope"}
    with pytest.raises(ReadError, match=r"^.*a\.\w+:1: there is no column 'nope'; the columns are 'text'"):
        read_corpus(path, **options)


@pytest.mark.parametrize("key", [None, [1], {}, float("nan")])
def test_key_that_is_no_name_is_reported(tmp_path: Path, key: object) -> None:
    path = tmp_path / "keys.jsonl"
    path.write_text(json.dumps({"text": "a", "id": key}))
    with pytest.raises(ReadError, match=r":1: column 'id' holds .*; wanted a string or a number"):
        read_corpus(path, key="id")


@pytest.mark.parametrize("name", ["texts.txt.gz", "texts.txt.xz", "texts.txt.zst"])
def test_truncated_compressed_file_is_reported_with_the_line_reached(tmp_path: Path, name: str) -> None:
    data = b"".join(b"line %d\n" % number for number in range(100_000))
    path = tmp_path / name
    if name.endswith("zst"):
        whole = pytest.importorskip("zstandard", reason="needs the extra 'zstd'").ZstdCompressor().compress(data)
    else:
        whole = gzip.compress(data) if name.endswith("gz") else lzma.compress(data)
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ReadError, match=r"^.*texts\.txt\.\w+:\d+: cannot be read from here on .*cut short"):
        read_corpus(path)
    path.write_bytes(whole[: len(whole) // 2] + b"garbage" * 100 + whole[len(whole) // 2 :])
    with pytest.raises(ReadError, match=r"^.*texts\.txt\.\w+:\d+: "):
        read_corpus(path)


def test_missing_file_folder_and_empty_file_are_plain_errors(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match=r"nope\.txt: no such file"):
        read_corpus(tmp_path / "nope.txt")
    with pytest.raises(ReadError, match=r"is a folder; wanted a file.*\*\.txt"):
        read_corpus(tmp_path)
    with pytest.raises(ReadError, match=r"\*\.csv: no file matches"):
        read_corpus(tmp_path / "*.csv")
    with pytest.raises(InputError, match="list of paths is empty"):
        read_corpus([])
    for name, data in (("a.txt", ""), ("b.csv", ""), ("c.json", ""), ("d.jsonl", "")):
        (tmp_path / name).write_text(data)
        with pytest.raises(ReadError, match="is empty; wanted at least one text"):
            read_corpus(tmp_path / name)
    for name, data in (("a.txt", " \n\n"), ("b.csv", "text\n"), ("c.json", "[]"), ("d.jsonl", "\n")):
        (tmp_path / name).write_text(data)
        with pytest.raises(ReadError, match="holds no record; wanted at least one text"):
            read_corpus(tmp_path / name)


def test_unknown_formats_and_encodings_name_the_known_ones(tmp_path: Path) -> None:
    path = tmp_path / "texts.doc"
    path.write_text("one\n")
    with pytest.raises(ReadError, match="does not tell the format; texts are read from txt, csv, tsv, jsonl, json"):
        read_corpus(path)
    with pytest.raises(InputError, match="format is 'doc'; it must be one of txt"):
        read_corpus(path, format="doc")
    assert list(read_corpus(path, format=".TXT").texts) == ["one"]
    for encoding in ("klingon", "hex"):
        with pytest.raises(InputError, match=f"encoding is '{encoding}'"):
            read_corpus(path, format="txt", encoding=encoding)


def test_parquet_that_is_none_is_reported(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow", reason="needs the extra 'parquet'")
    path = tmp_path / "table.parquet"
    path.write_bytes(b"PAR1 but not really")
    with pytest.raises(ReadError, match=r"^.*table\.parquet: is not a Parquet file"):
        read_corpus(path)


def test_parquet_row_without_text_is_reported(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow", reason="needs the extra 'parquet'")
    pytest.importorskip("pyarrow.parquet").write_table(pa.table({"text": ["a", None]}), tmp_path / "t.parquet")
    with pytest.raises(ReadError, match=r"^.*t\.parquet:2: column 'text' holds nothing.*say text='{text}'"):
        read_corpus(tmp_path / "t.parquet", text="text")
    with pytest.raises(ReadError, match=r"^.*t\.parquet:2: the column of texts holds nothing.*say text='{COLUMN}'"):
        read_corpus(tmp_path / "t.parquet")
    assert list(read_corpus(tmp_path / "t.parquet", text="{text}").texts) == ["a", ""]


def test_missing_extra_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("pyarrow", "zstandard", "nearmost.readers.parquet", "nearmost.readers.zstd"):
        monkeypatch.setitem(__import__("sys").modules, module, None)
    (tmp_path / "t.parquet").write_bytes(b"PAR1")
    with pytest.raises(MissingExtraError, match=r"pip install 'nearmost\[parquet\]'"):
        read_corpus(tmp_path / "t.parquet")
    (tmp_path / "t.txt").write_bytes(b"\x28\xb5\x2f\xfd")
    with pytest.raises(MissingExtraError, match=r"pip install 'nearmost\[zstd\]'"):
        read_corpus(tmp_path / "t.txt")


def mutated(data: bytes, random: Random) -> bytes:
    place = random.randrange(len(data))
    kinds = [
        data[:place],
        data[:place] + random.randbytes(1) + data[place + 1 :],
        data[:place] + bytes([data[place] ^ 1 << random.randrange(8)]) + data[place + 1 :],
        data[:place] + random.randbytes(5) + data[place:],
        data[:place] + data[place + 3 :],
    ]
    return random.choice(kinds)


NAMES = ["a.txt", "a.csv", "a.tsv", "a.jsonl", "a.json", "a.txt.gz", "a.npy", "a.npz", "a.parquet"]


def refusal(door: Any, path: Path) -> str:
    """What the door says against the file; the path where it lets it in."""
    try:
        door(path)
    except NearmostError as error:
        return str(error)
    return str(path)


@pytest.mark.parametrize("name", NAMES)
def test_damaged_file_is_read_or_refused_by_name_and_nothing_else(tmp_path: Path, name: str) -> None:
    rows = np.arange(60, dtype=np.float32).reshape(20, 3)
    records = [{"key": str(row), "text": f"text, {row}"} for row in range(20)]
    path = tmp_path / name
    if name.endswith(".npy"):
        np.save(path, rows)
    elif name.endswith(".npz"):
        np.savez_compressed(path, vectors=rows, keys=np.arange(20))
    elif name.endswith(".parquet"):
        pa = pytest.importorskip("pyarrow", reason="needs the extra 'parquet'")
        table = pa.table({"key": list(map(str, range(20))), "text": ["text"] * 20, "vector": rows.tolist()})
        pytest.importorskip("pyarrow.parquet").write_table(table, path)
    else:
        mark = "\t" if name.endswith(".tsv") else ","
        table_text = "\n".join(["key" + mark + "text", *(f"{row}{mark}text" for row in range(20))])
        lines = "\n".join(map(json.dumps, records))
        data = {".csv": table_text, ".tsv": table_text, ".json": json.dumps(records, indent=1)}.get(path.suffix, lines)
        path.write_bytes(gzip.compress(data.encode()) if name.endswith(".gz") else data.encode())
    doors: list[Any] = [read_vectors] if ".np" in name else [read_corpus]
    if name.endswith(".parquet"):
        doors.append(read_vectors)
    whole, random = path.read_bytes(), Random(name)
    for _ in range(300):
        path.write_bytes(mutated(whole, random))
        for door in doors:
            assert refusal(door, path).startswith(str(path))
