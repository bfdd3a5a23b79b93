"""Texts from files: record by record in bounded memory, or all of them as a Corpus."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Generator, Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from nearmost.errors import DuplicateKeyError, InputError, MissingExtraError, ReadError
from nearmost.readers.examples import tfrecord_rows
from nearmost.readers.lines import text_rows
from nearmost.readers.objects import json_rows, jsonl_rows
from nearmost.readers.selection import Selection, name_value
from nearmost.readers.sources import Path, Source, expand, suffix_of
from nearmost.readers.tables import csv_rows, tsv_rows
from nearmost.strings import OnDuplicate, Strings
from nearmost.values import Corpus

Progress: TypeAlias = Callable[[int, int], object]
Rows: TypeAlias = Iterator[tuple[int, list[Any]]]
"""(line, values in the order of ``Selection.of``): what every format comes down to."""


def _parquet_rows(source: Source, selection: Selection) -> Rows:
    try:
        from nearmost.readers.parquet import parquet_rows
    except ImportError as error:
        raise MissingExtraError("reading Parquet needs pyarrow: pip install 'nearmost[parquet]'") from error
    return parquet_rows(source, selection)


FORMATS: dict[str, Callable[[Source, Selection], Rows]] = {
    "txt": text_rows,
    "csv": csv_rows,
    "tsv": tsv_rows,
    "jsonl": jsonl_rows,
    "json": json_rows,
    "parquet": _parquet_rows,
    "tfrecord": tfrecord_rows,
}
OTHER_NAMES = {
    "text": "txt",
    "tab": "tsv",
    "ndjson": "jsonl",
    "pq": "parquet",
    "tfrecords": "tfrecord",
    "tfrec": "tfrecord",
}
REPORT_EVERY = 1024


class Record(NamedTuple):
    """One text and what belongs to it, and where it was found."""

    key: str
    text: str
    label: str | None
    columns: dict[str, Any]
    path: str
    line: int
    """Counted from 1; in Parquet the row, in TFRecord the record; where a record spans lines, its first."""


def read_corpus(
    path: Path | Sequence[Path],
    *,
    text: str | None = None,
    key: str | None = None,
    label: str | None = None,
    columns: Sequence[str] = (),
    on_duplicate: OnDuplicate = "error",
    limit: int | None = None,
    encoding: str = "utf-8",
    format: str | None = None,
    progress: Progress | None = None,
) -> Corpus:
    """All texts of one or more files as a Corpus; the arguments are those of ``iter_records``.

    Where two records have the same key, ``on_duplicate`` says whether that is an "error" (DuplicateKeyError
    naming both places) or the "first" or the "last" of them is kept.
    """
    texts, labels = _Pack(), _Pack()
    keys: list[str] = []
    extra: dict[str, list[Any]] = {name: [] for name in _names(columns)}
    places: list[tuple[int, str]] = []  # (first row, path) of each file
    lines = array("Q")
    for record in iter_records(
        path, text=text, key=key, label=label, columns=columns, limit=limit, encoding=encoding, format=format,
        progress=progress,
    ):  # fmt: skip
        if not places or places[-1][1] != record.path:
            places.append((len(lines), record.path))
        lines.append(record.line)
        texts.append(record.text)
        if key is not None:
            keys.append(record.key)
        if record.label is not None:
            labels.append(record.label)
        for name, values in extra.items():
            values.append(record.columns[name])
    try:
        return Corpus.of(
            texts.strings(),
            None if key is None else keys,
            labels=None if label is None else labels.strings(),
            columns=extra,
            on_duplicate=on_duplicate,
        )
    except DuplicateKeyError:
        raise _duplicate(keys, places, lines) from None


def iter_records(
    path: Path | Source | Sequence[Path],
    *,
    text: str | None = None,
    key: str | None = None,
    label: str | None = None,
    columns: Sequence[str] = (),
    limit: int | None = None,
    encoding: str = "utf-8",
    format: str | None = None,
    progress: Progress | None = None,
) -> Iterator[Record]:
    """The records of one or more files, one at a time, in memory that does not grow with the files.

    ``path`` is a path, a pattern such as ``corpus/*.txt``, several of either, or ``-`` for standard input
    (a text a line, unless ``format`` says otherwise). The name tells the format (txt, csv, tsv, jsonl, json,
    parquet, tfrecord) and ``format`` overrules it; the first bytes tell the compression.

    ``text``, ``key``, ``label`` and ``columns`` name columns. Without ``text`` it is the only column, or the
    first of text, title, headline, sentence, description, content (in any case) that is there; a template such as
    "{title}. {description}" makes it of several, leaving out what is null. Without ``key`` records are numbered from
    "0" over all files. Keys and labels that are numbers become strings; a label that is null becomes "". Values of
    ``columns`` stay what the format makes of them.

    .txt is a text a line. .csv may quote fields. .tsv may not: real ones have stray quotes, so that a quote is
    a character like any other (for the other kind, ``format="csv"``). .json is a list of objects. Blank lines
    are skipped. ``progress(done, total)`` counts bytes of the files; total is 0 for standard input.

    Raises ReadError, starting with ``FILE:LINE: ``, for whatever cannot be read, and for files without records.
    """
    if limit is not None and limit < 1:
        raise InputError(f"limit is {limit}; it must be at least 1, or None for all records")
    selection = Selection(text, key, label, _names(columns))
    sources = [path] if isinstance(path, Source) else [Source(one, encoding) for one in expand(path)]
    count = yield from records_of(sources, selection, format, limit, progress)
    if not count:
        found = "is empty" if not any(source.taken for source in sources) else "holds no record"
        raise ReadError(f"{', '.join(source.name for source in sources)}: {found}; wanted at least one text")


def records_of(
    sources: Sequence[Source],
    selection: Selection,
    format: str | None = None,
    limit: int | None = None,
    progress: Progress | None = None,
) -> Generator[Record, None, int]:
    """The records of these files, and at the end how many they were: none of files without."""
    readers = [FORMATS[format_of(source, format)] for source in sources]
    total = sum(source.size for source in sources) if all(source.size for source in sources) else 0
    count, before = 0, 0
    for source, rows in zip(sources, readers, strict=True):
        left = None if limit is None else limit - count
        for line, values in islice(rows(source, selection), left):
            yield _record(count, values, selection, source, line)
            count += 1
            if progress is not None and count % REPORT_EVERY == 0:
                progress(min(before + source.taken, total or before + source.taken), total)
        before += source.taken
        if count == limit:
            break
    if progress is not None and count:
        progress(total or before, total or before)
    return count


def _record(count: int, values: list[Any], selection: Selection, source: Source, line: int) -> Record:
    """Values in the order text, key, label, columns, checked and named."""
    found = iter(values)
    text = selection.text_of(found, source, line)
    if len(values) == 1:  # most files, and half the time
        return Record(str(count), text, None, {}, source.name, line)
    key, label = str(count), None
    if selection.key is not None:
        key = name_value(next(found), selection.key, source, line)
    if selection.label is not None:
        value = next(found)
        label = "" if value is None else name_value(value, selection.label, source, line)
    return Record(key, text, label, dict(zip(selection.columns, found, strict=True)), source.name, line)


def format_of(source: Source, wanted: str | None) -> str:
    """The name of the format, from what the caller says or from the file's name."""
    name = wanted or ("txt" if source.name == "<stdin>" else suffix_of(source.name))
    name = name.lower().lstrip(".")
    name = OTHER_NAMES.get(name, name)
    if name in FORMATS:
        return name
    known = ", ".join(FORMATS)
    if wanted is not None:
        raise InputError(f"format is {wanted!r}; it must be one of {known}")
    raise ReadError(
        f"{source.name}: the name does not tell the format; texts are read from {known} "
        "(each also .gz, .bz2, .xz, .zst), or say format="
    )


def _names(columns: Sequence[str]) -> tuple[str, ...]:
    return (columns,) if isinstance(columns, str) else tuple(columns)


class _Pack:
    """Strings gathered without an object each."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.ends = array("Q", [0])

    def append(self, string: str) -> None:
        self.data += string.encode()
        self.ends.append(len(self.data))

    def strings(self) -> Strings:
        return Strings(np.frombuffer(self.data, dtype=np.uint8), np.frombuffer(self.ends, dtype=np.uint64))


def _duplicate(keys: list[str], places: list[tuple[int, str]], lines: array[int]) -> DuplicateKeyError:
    """The error about the first key that stands twice, naming both places."""
    rows: dict[str, int] = {}
    second = next(row for row, key in enumerate(keys) if rows.setdefault(key, row) != row)
    first = rows[keys[second]]
    where = [
        f"{next(path for start, path in reversed(places) if start <= row)}:{lines[row]}" for row in (first, second)
    ]
    return DuplicateKeyError(
        f"{where[1]}: has the key {keys[second]!r}, and so has {where[0]}; keys must be unique "
        '(or say on_duplicate="first" or "last")'
    )
