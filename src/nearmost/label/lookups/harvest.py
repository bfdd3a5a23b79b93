"""Marked spans feed lookup lists: the list of a label gets the text, and the record from which it was taken."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from nearmost.label.lookups import lists
from nearmost.label.lookups.knowledge import variable

FOLDER = "lookups"
UNFIT = set('/\\:*?"<>|')


def list_name(label: str, known: dict[str, lists.Lookup]) -> str:
    """The list that a label's spans go to: the one that code would call by the same name, or a new one."""
    same = next((name for name in known if variable(name) == variable(label)), None)
    fit = "".join("_" if letter in UNFIT or ord(letter) < 32 else letter for letter in label).strip(" .")
    return same or fit or "list"


def add(folder: Path, label: str, text: str, key: str) -> None:
    """Adds a text to a label's list, or to a term's sources where the list has it from other records."""
    known = lists.lookups(folder / FOLDER)
    name = list_name(label, known)
    before = known.get(name, lists.Lookup(name))
    after = before.added([text], key) if text.strip() else before
    if after != before:
        lists.write(after, folder / FOLDER)


def take_back(folder: Path, label: str, text: str, key: str) -> None:
    """Undoes ``add``: a term that no other record gave goes too. Terms that were typed in stay."""
    known = lists.lookups(folder / FOLDER)
    before = known.get(list_name(label, known))
    old = None if before is None else next((term for term in before.terms if term.value == text), None)
    if before is None or old is None or key not in old.sources:
        return
    left = tuple(source for source in old.sources if source != key)
    if left:
        after = replace(before, terms=tuple(replace(t, sources=left) if t is old else t for t in before.terms))
    else:
        after = before.without(text)
    lists.write(after, folder / FOLDER)
