"""What was written comes back: every format, every compression, every way to name files."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import json
import lzma
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nearmost.errors import DuplicateKeyError, InputError, ReadError
from nearmost.readers import iter_records, read_corpus

TEXTS = ["a whole tree", 'with "quotes", commas; and\ttabs', "líne\nbreak", "日本語 🙂", " spaces ", ""]
WORDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)
TABLES = st.lists(st.tuples(WORDS, WORDS), min_size=1, max_size=12)
ROUND_TRIP = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@ROUND_TRIP
@given(TABLES)
def test_csv_reads_back_what_the_csv_module_wrote(tmp_path: Path, rows: list[tuple[str, str]]) -> None:
    path = tmp_path / "table.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("text", "year"), *rows])
    corpus = read_corpus(path, text="text", columns=["year"])
    assert list(corpus.texts) == [text for text, _ in rows]
    assert corpus.columns["year"] == [year for _, year in rows]


@ROUND_TRIP
@given(TABLES)
@pytest.mark.parametrize("name", ["rows.jsonl", "rows.ndjson", "list.json", "pretty.json", "objects.json"])
def test_json_reads_back_what_the_json_module_wrote(tmp_path: Path, name: str, rows: list[tuple[str, str]]) -> None:
    objects = [{"text": text, "year": year} for text, year in rows]
    lines = "\n".join(json.dumps(one, ensure_ascii=len(rows) % 2 == 0) for one in objects)
    written = {"list.json": json.dumps(objects), "pretty.json": json.dumps(objects, indent=2)}.get(name, lines)
    (tmp_path / name).write_text(written, encoding="utf-8", newline="")
    corpus = read_corpus(tmp_path / name, columns=["year"])
    assert list(corpus.texts) == [text for text, _ in rows]
    assert corpus.columns["year"] == [year for _, year in rows]


@ROUND_TRIP
@given(TABLES)
def test_parquet_reads_back_what_pyarrow_wrote(tmp_path: Path, rows: list[tuple[str, str]]) -> None:
    pa = pytest.importorskip("pyarrow", reason="needs the extra 'parquet'")
    pq = pytest.importorskip("pyarrow.parquet")
    texts, years = (list(column) for column in zip(*rows, strict=True))
    table = pa.table({"text": texts, "year": years, "kind": pa.array(years).dictionary_encode()})
    pq.write_table(table, tmp_path / "table.parquet", row_group_size=5)
    corpus = read_corpus(tmp_path / "table.parquet", label="kind", columns=["year"])
    assert list(corpus.texts) == texts
    assert corpus.columns["year"] == years == list(corpus.labels or [])


@ROUND_TRIP
@given(
    st.lists(
        st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufeff")).filter(str.strip),
        min_size=1,
    )
)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_txt_holds_a_text_a_line(tmp_path: Path, end: str, encoding: str, texts: list[str]) -> None:
    path = tmp_path / "texts.txt"
    path.write_bytes((end.join(texts) + end * (len(texts) % 3)).encode(encoding))
    corpus = read_corpus(path, encoding="utf-16" if encoding == "utf-16" else "utf-8")
    assert list(corpus.texts) == texts
    assert list(corpus.keys) == [str(row) for row in range(len(texts))]


def test_tsv_takes_quotes_as_they_are_and_format_csv_does_not(tmp_path: Path) -> None:
    path = tmp_path / "table.tsv"
    path.write_text('key\ttext\n1\t6" nails\n2\t"said" he\n')
    assert list(read_corpus(path, key="key").texts) == ['6" nails', '"said" he']
    path.write_text('key\ttext\n1\t"tab\there"\n')
    assert list(read_corpus(path, key="key", format="csv").texts) == ["tab\there"]


@pytest.mark.parametrize("mark", [";", "\t"])
def test_csv_of_spreadsheets_with_another_delimiter_is_read(tmp_path: Path, mark: str) -> None:
    path = tmp_path / "table.csv"
    path.write_text(f'key{mark}text\na{mark}"one, {mark} two"\n')
    assert list(read_corpus(path).texts) == [f"one, {mark} two"]


def test_byte_order_mark_and_crlf_of_excel_do_not_show(tmp_path: Path) -> None:
    path = tmp_path / "excel.csv"
    path.write_bytes(b'\xef\xbb\xbfkey,text\r\n1,"two\r\nlines"\r\n')
    corpus = read_corpus(path, key="key")
    assert (list(corpus.keys), list(corpus.texts)) == (["1"], ["two\r\nlines"])
    (tmp_path / "mark.json").write_bytes(b'\xef\xbb\xbf[{"text": "a"}]')
    assert list(read_corpus(tmp_path / "mark.json").texts) == ["a"]


def test_huge_csv_fields_are_read(tmp_path: Path) -> None:
    path = tmp_path / "huge.csv"
    path.write_text("text\n" + "x" * 1_000_000 + "\n")
    assert len(read_corpus(path).texts[0]) == 1_000_000


def compress(data: bytes, kind: str) -> bytes:
    if kind == "zst":
        zstandard = pytest.importorskip("zstandard", reason="needs the extra 'zstd'")
        half = len(data) // 2  # two frames, as parallel compressors write
        return b"".join(zstandard.ZstdCompressor().compress(part) for part in (data[:half], data[half:]))
    if kind == "zip":
        with zipfile.ZipFile(packed := io.BytesIO(), "w") as archive:
            archive.writestr("texts.json", data)
        return packed.getvalue()
    return {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress}[kind](data)


@pytest.mark.parametrize("kind", ["gz", "bz2", "xz", "zst", "zip"])
@pytest.mark.parametrize("suffix", [True, False])
def test_compression_is_recognised_with_and_without_its_suffix(tmp_path: Path, kind: str, suffix: bool) -> None:
    data = json.dumps([{"text": text} for text in TEXTS]).encode()
    path = tmp_path / (f"texts.json.{kind}" if suffix else "texts.json")
    path.write_bytes(compress(data, kind))
    assert list(read_corpus(path).texts) == TEXTS


def test_plain_text_that_is_called_gz_is_read_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "texts.txt.gz").write_text("BZh is not a bzip2 file\n")
    assert list(read_corpus(tmp_path / "texts.txt.gz").texts) == ["BZh is not a bzip2 file"]


def test_patterns_and_lists_of_files_are_read_in_order(tmp_path: Path) -> None:
    for name in ("b", "a", "c"):
        (tmp_path / f"{name}.txt").write_text(f"{name}1\n\n{name}2\n")
    assert list(read_corpus(tmp_path / "*.txt").texts) == ["a1", "a2", "b1", "b2", "c1", "c2"]
    both = read_corpus([tmp_path / "c.txt", str(tmp_path / "a*")])
    assert list(both.texts) == ["c1", "c2", "a1", "a2"]
    assert list(both.keys) == ["0", "1", "2", "3"]
    records = list(iter_records(tmp_path / "*.txt"))
    assert (Path(records[3].path).name, records[3].line, records[3].key) == ("b.txt", 3, "3")


def test_a_file_whose_name_looks_like_a_pattern_is_read(tmp_path: Path) -> None:
    (tmp_path / "[1].txt").write_text("one\n")
    assert list(read_corpus(tmp_path / "[1].txt").texts) == ["one"]


def test_dash_reads_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    def given_input(data: bytes) -> None:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))

    given_input(b"one\ntwo\n")
    assert list(read_corpus("-").texts) == ["one", "two"]
    given_input(gzip.compress(b"k,text\n1,one\n"))
    assert list(read_corpus("-", format="csv").texts) == ["one"]
    given_input(b"one\n\xff\n")
    with pytest.raises(ReadError, match=r"^<stdin>:2: "):
        read_corpus("-")


@ROUND_TRIP
@given(TABLES)
def test_a_template_makes_a_text_of_several_columns_in_every_format(
    tmp_path: Path, rows: list[tuple[str, str]]
) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    objects = [{"title": title, "body": body or None, "year": 2004} for title, body in rows]
    (tmp_path / "t.jsonl").write_text("".join(json.dumps(each) + "\n" for each in objects))
    (tmp_path / "t.json").write_text(json.dumps(objects))
    with (tmp_path / "t.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("title", "body", "year"), *((*row, "2004") for row in rows)])
    parquet.write_table(pyarrow.Table.from_pylist(objects), tmp_path / "t.parquet")
    for name in ("t.jsonl", "t.json", "t.csv", "t.parquet"):
        corpus = read_corpus(tmp_path / name, text="{title}. {body} ({year}, {title})", columns=["year"])
        assert list(corpus.texts) == [f"{title}. {body} (2004, {title})" for title, body in rows]
        assert [int(year) for year in corpus.columns["year"]] == [2004] * len(rows)
    with pytest.raises(ReadError, match=r"there is no column 'text'; the columns are 'title', 'body', 'year'"):
        read_corpus(tmp_path / "t.csv", text="{title} {text}")


def test_the_text_column_is_found_where_it_is_plain(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    for header, text in (("Headline,year", "a"), ("year,description,Title", "c"), ("anything", "a")):
        path.write_text(header + "\n" + ",".join("abc"[: header.count(",") + 1]) + "\n")
        assert list(read_corpus(path).texts) == [text]
    path.write_text("kind,year\na,b\n")
    with pytest.raises(ReadError, match="which column holds the text\\? Say text= one of 'kind', 'year'"):
        read_corpus(path)


def test_numbers_become_keys_and_labels_and_null_becomes_no_label(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    rows: list[dict[str, Any]] = [{"text": "a", "id": 7, "kind": True}, {"text": "b", "id": 2.5, "kind": None}]
    path.write_text("\n".join(map(json.dumps, rows)))
    corpus = read_corpus(path, key="id", label="kind", columns=["kind"])
    assert (list(corpus.keys), list(corpus.labels or [])) == (["7", "2.5"], ["true", ""])
    assert corpus.columns["kind"] == [True, None]


def test_one_column_may_serve_twice(tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text("king\nqueen\n")
    corpus = read_corpus(tmp_path / "words.txt", key="text", label="text")
    assert list(corpus.keys) == list(corpus.texts) == list(corpus.labels or []) == ["king", "queen"]


def test_duplicate_keys_are_refused_with_both_places_or_kept_as_told(tmp_path: Path) -> None:
    for name, rows in (("a", "1,one\n2,two\n"), ("b", "3,three\n1,four\n")):
        (tmp_path / f"{name}.csv").write_text("key,text\n" + rows)
    with pytest.raises(DuplicateKeyError, match=r"^.*b\.csv:3: has the key '1', and so has .*a\.csv:2; "):
        read_corpus(tmp_path / "*.csv", key="key")
    assert list(read_corpus(tmp_path / "*.csv", key="key", on_duplicate="first").texts) == ["one", "two", "three"]
    assert list(read_corpus(tmp_path / "*.csv", key="key", on_duplicate="last").texts) == ["two", "three", "four"]


def test_limit_stops_reading_before_what_is_wrong(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"text": "a"}\n{"text": "b"}\nnot json\n')
    assert list(read_corpus(path, limit=2).texts) == ["a", "b"]
    with pytest.raises(InputError, match="limit is 0"):
        read_corpus(path, limit=0)
