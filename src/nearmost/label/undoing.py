"""How each kind of change is taken back."""

from __future__ import annotations

from nearmost.label import annotations as by_hand
from nearmost.label import comments, journal, records, slices, terms
from nearmost.label.opened import Opened

RESTORERS: dict[str, journal.Restore] = {
    "annotate": by_hand.restore,
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
