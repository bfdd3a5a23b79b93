"""Attributes of records: which types their values have, and values made into those."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from nearmost.errors import InputError
from nearmost.label.store.settings import Type

Value: TypeAlias = str | int | float | bool | None
WHOLE = re.compile(r"-?(0|[1-9]\d{0,17})")
NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?")
TRUTH = {"true": True, "false": False}
FEW = 50
"""Different strings that an attribute may have and still be a category, if each stands there ten times on average."""
SHORT = 64
INDEXED: tuple[Type, ...] = ("category", "integer", "float", "boolean")
"""What the browse query compares; the others it searches for words."""


def plain(value: Any) -> Value:
    """A value as the database keeps it: lists become JSON, times ISO 8601, NaN nothing, half characters ?."""
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-8", "replace").decode()  # half a character becomes ?
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if hasattr(value, "isoformat"):
        return str(value.isoformat())
    if hasattr(value, "item") and getattr(value, "ndim", 0) == 0:
        return plain(value.item())
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    try:
        return json.dumps(value, ensure_ascii=False, default=str)
    except (TypeError, ValueError):
        return str(value)


def inferred(values: Iterable[Value]) -> Type:
    """The narrowest type that holds all of these without loss: "007" stays text."""
    seen = [value for value in values if value is not None and value != ""]
    if not seen:
        return "text"
    if all(isinstance(value, bool) or (isinstance(value, str) and value.lower() in TRUTH) for value in seen):
        return "boolean"
    if any(isinstance(value, bool) for value in seen):
        return "text"
    if all(_is_whole(value) for value in seen):
        return "integer"
    if all(isinstance(value, int | float) or NUMBER.fullmatch(value) for value in seen):
        return "float"
    strings = Counter(map(str, seen))
    few = len(strings) <= FEW and len(seen) >= 10 * len(strings) and all(len(each) <= SHORT for each in strings)
    return "category" if few else "text"


def converted(value: Value, kind: Type, name: str, where: str) -> Value:
    """The value in the attribute's type; "" is nothing where it is not text. Raises InputError, saying where."""
    if value is None or kind == "text":
        return value if value is None or isinstance(value, str) else _written(value)
    if isinstance(value, str) and not value.strip():
        return None
    if kind == "category":
        return value if isinstance(value, str) else _written(value)
    if kind == "boolean":
        if isinstance(value, bool):
            return value
        if isinstance(value, str) and value.lower() in TRUTH:
            return TRUTH[value.lower()]
    elif kind == "integer":
        if _is_whole(value):
            return int(value)
    elif isinstance(value, int | float) or NUMBER.fullmatch(value):
        return float(value)
    raise InputError(
        f"{where}: attribute {name!r} holds {value!r:.60}, and its type is {kind}; mend it, or leave it empty"
    )


def types_of(rows: Iterable[Mapping[str, Value]]) -> dict[str, Type]:
    """The narrowest types of all attributes that occur, in the order in which they do."""
    columns: dict[str, list[Value]] = {}
    for row in rows:
        for name, value in row.items():
            columns.setdefault(name, []).append(value)
    return {name: inferred(values) for name, values in columns.items()}


def _is_whole(value: Value) -> bool:
    if isinstance(value, str):
        return bool(WHOLE.fullmatch(value))
    if isinstance(value, float):
        return value.is_integer() and abs(value) < 2**53
    return isinstance(value, int) and -(2**63) <= value < 2**63


def _written(value: Value) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else str(value)
