"""Which columns of an input are wanted, and what their values may be."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from nearmost.readers.sources import Source

TEXT_NAMES = ("text", "title", "headline", "sentence", "description", "content")
"""What a column of texts is called where the caller does not say; the first that is there is taken."""
FIELD = re.compile(r"\{([^{}]+)\}")
"""A column in a template of texts, such as "{title}. {description}"."""


@dataclass(frozen=True, slots=True)
class Selection:
    """The columns that a caller asked for by name; ``text`` may be a template of several."""

    text: str | None
    key: str | None
    label: str | None
    columns: tuple[str, ...]
    fields: tuple[str, ...] = field(init=False)
    """The columns of the template, in its order; empty where the text is one column."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "fields", tuple(FIELD.findall(self.text or "")))

    def of(self, names: Sequence[str], source: Source, line: int) -> list[str]:
        """The names to read, in the order text, key, label, columns, from the ``names`` that are there.

        Raises ReadError, listing them, where one is missing or stands there twice.
        """
        text = self.text if self.text is not None else self._text_among(names, source, line)
        asked = [
            *(self.fields or (text,)),
            *(name for name in (self.key, self.label) if name is not None),
            *self.columns,
        ]
        for name in asked:
            if name not in names:
                raise source.error(line, f"there is no column {name!r}; the columns are {listed(names)}")
            if names.count(name) > 1:
                raise source.error(line, f"{names.count(name)} columns are called {name!r}; rename all but one")
        return asked

    def text_of(self, values: Iterator[Any], source: Source, line: int) -> str:
        """The text of a row whose values are these, as far as they are its text; of a template nothing is "".

        Raises ReadError where it is none.
        """
        if not self.fields:
            return text_value(next(values), self.text, source, line)
        found = [
            "" if value is None else name_value(value, name, source, line)
            for name, value in zip(self.fields, values, strict=False)
        ]
        parts = iter(found)
        return FIELD.sub(lambda _: next(parts), self.text or "")

    def _text_among(self, names: Sequence[str], source: Source, line: int) -> str:
        if len(names) == 1:
            return names[0]
        lower = {name.lower(): name for name in reversed(names)}
        for name in TEXT_NAMES:
            if name in lower:
                return lower[name]
        raise source.error(line, f"which column holds the text? Say text= one of {listed(names)}")


def listed(names: Sequence[str]) -> str:
    """Column names as errors show them."""
    return ", ".join(repr(name) for name in names) or "(none)"


def text_value(value: Any, column: str | None, source: Source, line: int) -> str:
    """A text as it stands in the input. Raises ReadError for anything but a string that UTF-8 can hold."""
    if not isinstance(value, str):
        hint = f"; say text='{{{column or 'COLUMN'}}}' to take nothing for an empty text" if value is None else ""
        raise source.error(line, f"{_column(column)} holds {_shown(value)}; a text must be a string{hint}")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            says = f"{_column(column)} holds half a character (a lone surrogate); write the whole character"
            raise source.error(line, says) from None
    return value


def _column(name: str | None) -> str:
    return "the column of texts" if name is None else f"column {name!r}"


def name_value(value: Any, column: str, source: Source, line: int) -> str:
    """A key or label: a string as it is, 17 as "17", true as "true". Raises ReadError for anything else."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) or (isinstance(value, float) and value - value == 0):
        return str(value)
    if isinstance(value, str):
        return text_value(value, column, source, line)
    raise source.error(line, f"column {column!r} holds {_shown(value)}; wanted a string or a number")


def _shown(value: Any) -> str:
    return "nothing (null)" if value is None else f"{type(value).__name__} {value!r:.40}"
