"""Labelling functions: found in a file's code, called on a record, and what they give made into votes."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Literal, TypeAlias

from nearmost.errors import InputError
from nearmost.label.isolation.text import Text

Kind: TypeAlias = Literal["class", "multi", "span"]
Vote: TypeAlias = tuple[str, float, int, int]
"""A label, a confidence, and where a span begins and ends in characters; -1 and -1 for the whole record."""


def labelling_function(namespace: Mapping[str, Any], name: str) -> Callable[[Any], Any]:
    """The function of this name in a file's code, else ``lf``, else the only one there. Raises InputError."""
    for wanted in (name, "lf"):
        if inspect.isfunction(namespace.get(wanted)):
            return namespace[wanted]  # type: ignore[no-any-return]
    own = {
        key: thing
        for key, thing in namespace.items()
        if inspect.isfunction(thing) and not key.startswith("_") and thing.__globals__ is namespace
    }
    if len(own) == 1:
        return next(iter(own.values()))
    have = ", ".join(own) or "none"
    raise InputError(f"the file defines {have}; it must define one function, called {name} or lf, or only one at all")


def record_of(values: Mapping[str, Any], texts: Iterable[str]) -> dict[str, Any]:
    """What a function is given: strings as Text, nothing as an empty one where the attribute holds ``texts``."""
    record = {name: Text(value) if isinstance(value, str) else value for name, value in values.items()}
    for name in texts:
        if record.get(name) is None:
            record[name] = Text("")
    return record


def votes_of(given: Any, kind: Kind, text: Text | None, most: int) -> Iterator[Vote]:
    """What a function returned or yielded, as votes. Raises InputError where it is none of what the task wants."""
    if given is None:
        return
    if kind == "span":
        yield from _spans(given, text if text is not None else Text(""), most)
        return
    several = inspect.isgenerator(given) or (kind == "multi" and isinstance(given, list | set | frozenset | tuple))
    if several and isinstance(given, tuple) and len(given) == 2 and _is_number(given[1]):
        several = False
    for vote in _some(given, most) if several else [given]:
        label, confidence = vote if isinstance(vote, tuple) and len(vote) == 2 else (vote, 1.0)
        yield _label(label), _confidence(confidence), -1, -1


def _spans(given: Any, text: Text, most: int) -> Iterator[Vote]:
    if isinstance(given, tuple) and len(given) in (3, 4) and isinstance(given[0], str):
        given = [given]  # returned, not yielded
    if isinstance(given, str) or not hasattr(given, "__iter__"):
        raise InputError(f"the function gave {given!r:.80}; for spans it must yield label, start, end")
    for vote in _some(given, most):
        if not isinstance(vote, tuple | list) or len(vote) not in (3, 4):
            raise InputError(f"the function gave {vote!r:.80}; for spans it must yield label, start, end")
        if not all(hasattr(place, "__index__") for place in vote[1:3]):
            raise InputError(f"a span goes from {vote[1]!r:.40} to {vote[2]!r:.40}; both must be whole numbers")
        start, end = text.characters(vote[1], vote[2])
        if not 0 <= start < end <= len(text):
            raise InputError(f"a span goes from {vote[1]} to {vote[2]}, outside of a text of {len(text)} characters")
        yield _label(vote[0]), _confidence(vote[3] if len(vote) == 4 else 1.0), start, end


def _some(given: Iterable[Any], most: int) -> Iterator[Any]:
    for number, vote in enumerate(given):
        if number >= most:
            raise InputError(f"the function gave more than {most:,} votes on one record, the limit votes_per_record")
        if vote is not None:
            yield vote


def _label(label: Any) -> str:
    if not isinstance(label, str):
        raise InputError(f"the function gave {label!r:.80}; it must give the name of a label, or None to abstain")
    return str(label)


def _confidence(confidence: Any) -> float:
    if not _is_number(confidence) or not 0 <= confidence <= 1:
        raise InputError(f"a confidence is {confidence!r:.40}; it must be a number from 0 to 1")
    return float(confidence)


def _is_number(value: Any) -> bool:
    return not isinstance(value, bool | str) and hasattr(value, "__float__")
