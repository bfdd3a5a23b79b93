"""Tables whose first row names the columns: comma-separated with quotes, tab-separated without."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from itertools import chain
from typing import Any

from nearmost.readers.lines import iter_lines
from nearmost.readers.selection import Selection, listed
from nearmost.readers.sources import Source

LONGEST_FIELD = 2**31 - 1


def csv_rows(source: Source, selection: Selection) -> Iterator[tuple[int, list[Any]]]:
    """Rows of a .csv file: fields may stand in double quotes, and hold line ends there.

    The delimiter is the comma; where the header holds none, the semicolon or the tab that it holds.
    """
    if csv.field_size_limit() < LONGEST_FIELD:
        csv.field_size_limit(LONGEST_FIELD)  # one limit for the whole process, 128 KiB if nobody raises it
    lines = iter_lines(source)
    start, header = next(((number, line) for number, line in lines if line.strip("\r\n")), (0, ""))
    if not header:
        return
    delimiter = next((mark for mark in ",;\t" if mark in header), ",")
    reader = csv.reader(chain([header], (line for _, line in lines)), delimiter=delimiter, strict=True)
    before = start - 1
    names: list[str] = []
    try:
        for row in reader:
            if not names:
                names = row
                wanted = selection.of(names, source, start)
                places = [names.index(name) for name in wanted]
            elif row:
                if len(row) != len(names):
                    raise _uneven(source, start, len(row), names, "put fields that hold the delimiter in quotes")
                yield start, [row[place] for place in places]
            start = before + reader.line_num + 1
    except csv.Error as error:
        if "unexpected end" in str(error):
            raise source.error(start, "a quote is opened here and never closed; close it, or double it") from error
        raise source.error(start, f"{error}; wanted fields in quotes or without any") from error


def tsv_rows(source: Source, selection: Selection) -> Iterator[tuple[int, list[Any]]]:
    """Rows of a .tsv file, split at tabs and nowhere else: a quote is a character like any other.

    For tab-separated files with quoted fields say ``format="csv"``.
    """
    names: list[str] = []
    for number, line in iter_lines(source):
        row = line.rstrip("\r\n").split("\t")
        if not names:
            if row == [""]:
                continue
            names = row
            wanted = selection.of(names, source, number)
            places = [names.index(name) for name in wanted]
            alone = len(names) == len(places) == 1
        elif len(row) > 1 or row[0]:
            if len(row) != len(names):
                advice = 'a value cannot hold a tab; for quoted fields say format="csv"'
                raise _uneven(source, number, len(row), names, advice)
            yield number, row if alone else [row[place] for place in places]


def _uneven(source: Source, line: int, found: int, names: list[str], advice: str) -> Exception:
    columns = "1 column" if found == 1 else f"{found} columns"
    return source.error(line, f"has {columns}, the header has {len(names)} ({listed(names)}); {advice}")
