"""Pairs that ``join`` finds, written to a file batch by batch, whole or not at all."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, BinaryIO

from nearmost.errors import InputError, MissingExtraError
from nearmost.joining import Pairs
from nearmost.readers.sources import Path, suffix_of
from nearmost.store import replacing
from nearmost.writers import compressed

COLUMNS = ("key", "neighbor", "score", "text", "neighbor_text")
Table = dict[str, Sequence[Any]]
"""Column -> one value a pair: keys, float scores, and texts where both indexes keep them."""


def write_pairs(path: Path, batches: Iterable[Pairs]) -> int:
    """Writes pairs to .tsv, .csv, .jsonl (also .gz, .bz2, .xz) or .parquet, as the name says; returns how many.

    Columns ``key``, ``neighbor`` and ``score``, and where both indexes keep texts ``text`` and ``neighbor_text``. A
    .tsv has no room for tabs and line ends: blanks take their place.
    """
    suffix = require_pairs_path(path)
    written = 0
    with replacing(path) as file, compressed(file, os.fspath(path)) as stream, FORMATS[suffix](stream) as write:
        for batch in batches:
            write(_table(batch))
            written += len(batch)
    return written


def require_pairs_path(path: Path) -> str:
    """The suffix that says how pairs are written. Raises InputError, naming them, for any other."""
    suffix = suffix_of(path)
    if suffix not in FORMATS:
        raise InputError(f"{os.fspath(path)}: pairs are written to {', '.join(FORMATS)}; the suffix says which")
    return suffix


def _table(batch: Pairs) -> Table:
    table: Table = {
        "key": batch.keys,
        "neighbor": batch.neighbor_keys,
        "score": list(map(float, map(str, batch.scores))),
    }
    texts, others = batch.texts, batch.neighbor_texts
    return table if texts is None or others is None else {**table, "text": texts, "neighbor_text": others}


Write = Callable[[Table], None]


@contextmanager
def _tsv(stream: BinaryIO) -> Iterator[Write]:
    def line(row: Iterable[Any]) -> str:
        return "\t".join(cell if cell.isprintable() else _plain(cell) for cell in map(str, row)) + "\n"

    yield _with_head(stream, lambda rows: "".join(map(line, rows)))


def _plain(cell: str) -> str:
    return " ".join(cell.splitlines()).replace("\t", " ")


@contextmanager
def _csv(stream: BinaryIO) -> Iterator[Write]:
    def lines(rows: Iterable[Sequence[Any]]) -> str:
        text = io.StringIO()
        plain, careful = (
            csv.writer(text, lineterminator="\n"),
            csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL),
        )
        for row in rows:  # the module forgets to quote a lone \r
            (careful if any("\r" in str(cell) for cell in row) else plain).writerow(row)
        return text.getvalue()

    yield _with_head(stream, lines)


def _with_head(stream: BinaryIO, lines: Callable[[Iterable[Sequence[Any]]], str]) -> Write:
    """Writes the names of the columns before the first table."""
    headed = False

    def write(table: Table) -> None:
        nonlocal headed
        if not headed:
            stream.write(lines([list(table)]).encode())
            headed = True
        stream.write(lines(zip(*table.values(), strict=True)).encode())

    return write


@contextmanager
def _jsonl(stream: BinaryIO) -> Iterator[Write]:
    def write(table: Table) -> None:
        rows = (dict(zip(table, row, strict=True)) for row in zip(*table.values(), strict=True))
        stream.write("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode())

    yield write


@contextmanager
def _parquet(stream: BinaryIO) -> Iterator[Write]:
    try:
        from nearmost.readers.parquet import table_writer
    except ImportError as error:
        raise MissingExtraError("writing Parquet needs pyarrow: pip install 'nearmost[parquet]'") from error
    with table_writer(stream) as write:
        yield write


FORMATS: dict[str, Callable[[BinaryIO], Any]] = {".tsv": _tsv, ".csv": _csv, ".jsonl": _jsonl, ".parquet": _parquet}
