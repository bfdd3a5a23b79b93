"""Records written as JSON objects: one a line, or in a list."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from nearmost.readers.lines import iter_chunks, iter_lines
from nearmost.readers.selection import Selection, listed
from nearmost.readers.sources import Source

SPACE = " \t\r\n"


def jsonl_rows(source: Source, selection: Selection) -> Iterator[tuple[int, list[Any]]]:
    """One object a line; blank lines are skipped."""
    return _picked(jsonl_objects(source), source, selection)


def json_rows(source: Source, selection: Selection) -> Iterator[tuple[int, list[Any]]]:
    """The objects of one list, or one after the other without a list, taken off as they come."""
    return _picked(json_objects(source), source, selection)


def jsonl_objects(source: Source) -> Iterator[tuple[int, Any]]:
    """(line, what stands there) for every line that is not blank."""
    for number, line in iter_lines(source):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except json.JSONDecodeError as error:
            found = f"is not JSON: {error.msg} in column {error.colno}; wanted one whole object a line"
            raise source.error(number, found) from error
        except (ValueError, RecursionError) as error:
            raise source.error(number, f"is JSON that cannot be used: {error}") from error
        yield number, record


def json_objects(source: Source) -> Iterator[tuple[int, Any]]:
    """(line on which it starts, value) for every value of a list, or of values one after the other."""
    return _Stream(source).records()


def _picked(
    records: Iterator[tuple[int, Any]], source: Source, selection: Selection
) -> Iterator[tuple[int, list[Any]]]:
    """The wanted values of each object."""
    wanted: list[str] | None = None
    for line, record in records:
        wanted = wanted or selection.of(_names(record, source, line), source, line)
        yield line, _values(record, wanted, source, line)


class _Stream:
    """A window on a JSON text: what is parsed is dropped, what is missing is read."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.chunks = iter_chunks(source)
        self.text = ""
        self.at = 0
        self.line = 1
        self.decoder = json.JSONDecoder()

    def records(self) -> Iterator[tuple[int, Any]]:
        """(line on which it starts, value) for every value."""
        in_list = self.peek() == "["
        if in_list:
            self.at += 1
            if self.peek() == "]":
                self.at += 1
                return self.end()
        while self.peek():
            yield self.line, self.value()
            if in_list:
                mark = self.peek()
                self.at += 1
                if mark == "]":
                    return self.end()
                if mark != ",":
                    raise self.source.error(self.line, f"is not JSON: {mark or 'the end'!r} where , or ] was wanted")
                self.peek()
        if in_list:
            raise self.source.error(self.line, "is not JSON: the list ends with a comma")

    def peek(self) -> str:
        """The next character that is not space, "" at the end."""
        while True:
            start = self.at
            while self.at < len(self.text) and self.text[self.at] in SPACE:
                self.at += 1
            self.line += self.text.count("\n", start, self.at)
            if self.at < len(self.text):
                return self.text[self.at]
            self.text, self.at = next(self.chunks, None) or "", 0
            if not self.text:
                return ""

    def value(self) -> Any:
        """The next value; reads on, twice as much each time, until it is whole."""
        while True:
            try:
                value, stop = self.decoder.raw_decode(self.text, self.at)
            except (ValueError, RecursionError) as error:
                parsed = self.text[self.at : error.pos] if isinstance(error, json.JSONDecodeError) else ""
                if self.grow():
                    continue
                raise self.unreadable(error, self.line + parsed.count("\n")) from error
            self.line += self.text.count("\n", self.at, stop)
            self.at = stop
            return value

    def grow(self) -> bool:
        """Drop what was parsed and read at least as much again as is left; False at the end."""
        pieces = [self.text[self.at :]]
        self.at = 0
        more = 0
        for chunk in self.chunks:
            pieces.append(chunk)
            more += len(chunk)
            if more >= len(pieces[0]) and more:
                break
        self.text = "".join(pieces)
        return more > 0

    def unreadable(self, error: Exception, line: int) -> Exception:
        if not isinstance(error, json.JSONDecodeError):
            return self.source.error(line, f"is JSON that cannot be used: {error}")
        return self.source.error(line, f"is not JSON: {error.msg}; wanted a list of objects: [{{...}}, {{...}}]")

    def end(self) -> None:
        mark = self.peek()
        if mark:
            raise self.source.error(self.line, f"is not JSON: {mark!r} follows the end of the list")


def _names(record: Any, source: Source, line: int) -> list[str]:
    if not isinstance(record, dict):
        raise source.error(line, f'found {json.dumps(record)[:40]}; wanted an object: {{"text": "..."}}')
    return list(record)


def _values(record: Any, wanted: list[str], source: Source, line: int) -> list[Any]:
    try:
        return [record[name] for name in wanted]
    except (KeyError, TypeError, IndexError):
        names = _names(record, source, line)
    missing = next(name for name in wanted if name not in record)
    raise source.error(line, f"there is no {missing!r} here; the object has {listed(names)}: write null for no value")
