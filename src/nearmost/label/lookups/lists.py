"""Lookup lists: terms that speak for a label, as text files that people and version control can read.

A term stands on a line by itself. ``-term`` is kept but not used, ``term  # from 17`` says from which record it was
taken (several with commas), ``term  # whatever`` is a remark, and a line that begins with ``#`` is left as it is.
A backslash before the first character of a term takes its meaning away; ``\\\\`` is a backslash itself.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from nearmost.errors import InputError, ReadError, UnknownKeyError

SUFFIX = ".txt"
REMARK = re.compile(r"(?<=\S)\s{2,}#(.*)$")
FROM = re.compile(r'\s*from\s+((?:"(?:[^"\\]|\\.)*"|[^",#]+)(?:,(?:\s*"(?:[^"\\]|\\.)*"|[^",#]+))*)\s*(?:#\s*(.*))?$')
KEY = re.compile(r'\s*("(?:[^"\\]|\\.)*"|[^",]+)\s*(?:,|$)')
PLAIN_KEY = re.compile(r"[\w./:@+-](?:[\w ./:@+-]*[\w./:@+-])?")
ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Term:
    """A word or phrase of a list."""

    value: str
    excluded: bool = False
    """Struck out: it stays in the file, and is used no more."""
    sources: tuple[str, ...] = ()
    """Keys of the records from which it was taken, so that it is not judged by those."""
    remark: str = ""
    above: tuple[str, ...] = ()
    """Lines before it that hold no term."""

    def __post_init__(self) -> None:
        if not self.value.strip():
            raise InputError(f"a term is {self.value!r}; it must hold more than spaces")


@dataclass(frozen=True, slots=True)
class Lookup:
    """A lookup list: its name and its terms, in order."""

    name: str
    terms: tuple[Term, ...] = ()
    below: tuple[str, ...] = ()
    """Lines after the last term."""

    @property
    def values(self) -> tuple[str, ...]:
        """The terms that are used: what ``from knowledge import`` gives."""
        return tuple(term.value for term in self.terms if not term.excluded)

    def term(self, value: str) -> Term:
        """The term of this value. Raises UnknownKeyError."""
        for term in self.terms:
            if term.value == value:
                return term
        raise UnknownKeyError(f"the list {self.name!r} has no term {value!r}; it has {len(self.terms)} terms")

    def struck(self, value: str, excluded: bool = True) -> Lookup:
        """The list with one term struck out, or used again."""
        self.term(value)
        terms = (replace(term, excluded=excluded) if term.value == value else term for term in self.terms)
        return replace(self, terms=tuple(terms))

    def added(self, values: Iterable[str], source: str | None = None) -> Lookup:
        """The list with these terms too; of one that it has only the record it was taken from is added."""
        terms = {term.value: term for term in self.terms}
        for value in values:
            sources = () if source is None else (source,)
            old = terms.get(value)
            if old is None:
                terms[value] = Term(value, sources=sources)
            elif old.sources and source is not None and source not in old.sources:
                terms[value] = replace(old, sources=old.sources + sources)
        return replace(self, terms=tuple(terms.values()))

    def without(self, value: str) -> Lookup:
        """The list without a term."""
        self.term(value)
        return replace(self, terms=tuple(term for term in self.terms if term.value != value))

    def text(self) -> str:
        """What its file holds."""
        lines: list[str] = []
        for term in self.terms:
            lines += [*term.above, _line(term)]
        return "".join(f"{line}\n" for line in (*lines, *self.below))


def parse(name: str, text: str) -> Lookup:
    """The list that this text holds; a term that stands there twice counts once, with the sources of both."""
    terms: dict[str, Term] = {}
    above: list[str] = []
    for line in text.removeprefix("\ufeff").split("\n"):
        line = line.removesuffix("\r")
        if not line.strip() or line.lstrip().startswith("#"):
            above.append(line)
            continue
        term = replace(_term(line.strip()), above=tuple(above))
        above = []
        old = terms.get(term.value)
        if old is not None:
            both = tuple(dict.fromkeys(old.sources + term.sources)) if old.sources and term.sources else ()
            term = replace(old, excluded=old.excluded or term.excluded, sources=both)
        terms[term.value] = term
    if above and not above[-1]:
        above.pop()  # what split leaves after the last line end
    return Lookup(name, tuple(terms.values()), tuple(above))


def read(path: Path) -> Lookup:
    """The list in a file. Raises ReadError where it is no text."""
    try:
        return parse(path.stem, path.read_bytes().decode("utf-8"))
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise ReadError(f"{path}, line {line}: is not UTF-8; save the file in that encoding") from None


def write(lookup: Lookup, folder: Path) -> Path:
    """The file into which a list was written, whole or not at all."""
    check_name(lookup.name)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{lookup.name}{SUFFIX}"
    beside = path.with_name(f"{path.name}.new")
    beside.write_bytes(lookup.text().encode("utf-8"))
    os.replace(beside, path)
    return path


def lookups(folder: Path) -> dict[str, Lookup]:
    """All lists in a folder, by name."""
    files = sorted(folder.glob(f"*{SUFFIX}")) if folder.is_dir() else []
    return {path.stem: read(path) for path in files if path.is_file()}


def check_name(name: str, what: str = "a lookup list") -> str:
    """The name, if it can be that of a file on every system. Raises InputError."""
    bad = not name.strip() or name != name.strip() or name.startswith(".") or len(name.encode()) > 200
    if bad or any(letter in '/\\:*?"<>|' or ord(letter) < 32 for letter in name):
        raise InputError(f"{what} is called {name!r}; the name must be that of a file, without slashes and the like")
    return name


def _term(line: str) -> Term:
    """The term on a line."""
    remark, sources = "", tuple[str, ...]()
    if found := REMARK.search(line):
        line, remark = line[: found.start()], found[1].strip()
        if origin := FROM.fullmatch(found[1].rstrip()):
            keys = [each[1].strip() for each in KEY.finditer(origin[1]) if each[1].strip()]
            sources = tuple(_key(key) for key in keys)
            remark = (origin[2] or "").strip()
    excluded = line.startswith("-") and len(line) > 1
    return Term(ESCAPE.sub(_unescaped, line[excluded:].strip()), excluded, sources, remark)


def _line(term: Term) -> str:
    """The line of a term, which ``_term`` reads as the same."""
    value = "".join(_escaped(letter) for letter in term.value)
    ends = len(value) - len(value.lstrip()), len(value) - len(value.rstrip())
    head = "".join(f"\\u{ord(letter):04x}" for letter in value[: ends[0]])
    tail = "".join(f"\\u{ord(letter):04x}" for letter in value[len(value) - ends[1] :])
    value = head + value[ends[0] : len(value) - ends[1]] + tail
    value = re.sub(r"(?<=\s\s)#", r"\\#", value)
    if value[0] in "-#":
        value = f"\\{value}"
    note = ""
    if term.sources:
        keys = ", ".join(key if PLAIN_KEY.fullmatch(key) else json.dumps(key) for key in term.sources)
        note = f"  # from {keys}" + (f" # {_flat(term.remark)}" if term.remark else "")
    elif term.remark:
        plain = _flat(term.remark)
        note = f"  # note: {plain}" if FROM.fullmatch(plain) else f"  # {plain}"
    return f"{'-' * term.excluded}{value}{note}"


def _escaped(letter: str) -> str:
    if letter == "\\":
        return "\\\\"
    return f"\\u{ord(letter):04x}" if ord(letter) < 32 or "\ud800" <= letter <= "\udfff" else letter


def _unescaped(found: re.Match[str]) -> str:
    meant = found[1]
    return chr(int(meant[1:], 16)) if len(meant) == 5 else meant


def _key(written: str) -> str:
    if not written.startswith('"'):
        return written
    try:
        return str(json.loads(written))
    except ValueError:
        return written


def _flat(remark: str) -> str:
    return " ".join(remark.split())
