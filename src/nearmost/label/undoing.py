"""How each kind of change is taken back."""

from __future__ import annotations

from nearmost.label.browsing import slices
from nearmost.label.heuristics import terms
from nearmost.label.manual import annotations as by_hand
from nearmost.label.manual import comments
from nearmost.label.records import records
from nearmost.label.store import journal
from nearmost.label.store.opened import Opened

RESTORERS: dict[str, journal.Restore] = {
    "annotate": by_hand.restore,
    "annotate_from": by_hand.restore,
    "annotate_span": by_hand.restore,
    "comment": comments.restore,
    "delete_records": records.restore_deleted,
    "save_lookup": terms.restore,
    "remove_lookup": terms.restore,
    "save_slice": slices.restore,
    "delete_slice": slices.restore,
}


def undo(project: Opened) -> str:
    """What was undone: the latest change of labels, spans, lists, comments, slices or deletions that still stands."""
    return journal.undo(project, RESTORERS)
