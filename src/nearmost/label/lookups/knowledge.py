"""The module ``knowledge``, from which a heuristic imports lookup lists: made from data, never from source text."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Mapping, Sequence
from types import ModuleType

NAME = "knowledge"


def variable(name: str) -> str:
    """What a lookup list is called in code: "Sci/Tech words" is ``scitech_words``, as in refinery."""
    bare = re.sub(r"\W", "", re.sub(r"\s", "_", name.strip().lower()))
    return f"_{bare}" if bare[:1].isdigit() else bare


def module(lists: Mapping[str, Sequence[str]]) -> ModuleType:
    """A module whose variables are these lists, each under its ``variable`` name; put it into ``sys.modules``."""
    made = ModuleType(NAME, "Lookup lists of the project.")
    for name, terms in lists.items():
        setattr(made, variable(name), list(terms))

    def missing(name: str) -> list[str]:
        if name.startswith("__"):
            raise AttributeError(name)
        have = ", ".join(sorted(variable(each) for each in lists))
        raise ImportError(f"there is no lookup list {name!r}; the project has {have or 'none'}")

    made.__getattr__ = missing  # type: ignore[method-assign]
    return made


def imported(source: str, names: Iterable[str]) -> list[str]:
    """Which of these lists a heuristic's code uses: all where it does not say."""
    names = list(names)
    if NAME not in source:
        return []
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return names
    used: set[str] = set()
    n_mentions = 0
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == NAME and not node.level:
            used |= {alias.name for alias in node.names}
            n_mentions += 1
    if "*" in used or source.count(NAME) > n_mentions:
        return names
    return [name for name in names if variable(name) in used]
