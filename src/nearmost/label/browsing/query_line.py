"""The browse line, taken apart: words, "phrases", name:value, name<number, and a minus before what must not be."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, TypeAlias, cast

from nearmost.errors import InputError

Sign: TypeAlias = Literal[":", "=", "<", "<=", ">", ">="]
TERM = re.compile(
    r"""\s*(?P<minus>-)?
    (?:(?P<name>"[^"]*"|[^\s":<>=]+)(?P<sign>:|<=|>=|=|<|>)(?=\S))?
    (?P<values>(?:"[^"]*"|[^\s"])+)""",
    re.VERBOSE,
)
VALUE = re.compile(r'((?:"[^"]*"|[^",])+)')
RANGE = re.compile(r"(?P<low>-?[\d.]*\d|-?\d+\.)?\.\.(?P<high>-?[\d.]*\d)?")


@dataclass(frozen=True, slots=True)
class Term:
    """One condition: ``name`` is "" where there are only words; any one of ``values`` fulfils it."""

    name: str
    sign: Sign
    values: tuple[str, ...]
    negated: bool
    quoted: bool = False
    """Whether the name stood in quotes: then it is an attribute's, whatever else is called so."""


def terms(line: str) -> list[Term]:
    """The conditions of a line, all of which a record must fulfil. Raises InputError where a quote is left open."""
    line = line.replace("\0", " ").encode("utf-8", "replace").decode()
    if line.count('"') % 2:
        raise InputError(f"the query {line!r:.80} opens a quote and never closes it; add the other one")
    found = []
    for match in TERM.finditer(line):
        name, sign, values = match["name"], match["sign"], match["values"]
        if name is None and match["minus"] is None and values == "-":
            continue
        parts = VALUE.findall(values) if name is not None else [values]
        found.append(
            Term(
                "" if name is None else name.strip('"'),
                cast(Sign, sign or ":"),
                tuple(part.replace('"', "") for part in parts) or ("",),
                match["minus"] is not None,
                name is not None and name.startswith('"'),
            )
        )
    return found


def number(text: str, name: str) -> float:
    """A number as it is written in a line. Raises InputError, saying what it stands for."""
    try:
        return float(text)
    except ValueError:
        raise InputError(
            f"{name} is compared with {text!r}; wanted a number, as in {name}<0.6 or {name}:0.5..0.9"
        ) from None


def bounds(value: str, sign: Sign, name: str) -> list[tuple[str, float]]:
    """The comparisons (operator, number) that a term with a number means: ``:`` takes 5, or 1..5 with both ends."""
    if sign == ":" and (match := RANGE.fullmatch(value)) and (match["low"] or match["high"]):
        ends = [(">=", match["low"]), ("<=", match["high"])]
        return [(operator, number(end, name)) for operator, end in ends if end]
    return [("=" if sign == ":" else sign, number(value, name))]
