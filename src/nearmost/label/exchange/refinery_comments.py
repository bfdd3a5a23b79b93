"""Comments of refinery, which its later snapshots hold: each put on the same thing here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from nearmost.label.store.opened import Opened


def add_comments(
    project: Opened,
    comments: Iterable[Mapping[str, Any]],
    targets: Mapping[str, str],
    rows: Mapping[str, int],
    authors: Mapping[str, str],
) -> list[str]:
    """What could not be taken along: comments on users, on embeddings, and on what the snapshot does not hold."""
    kept, left = [], 0
    for each in comments:
        where, body = targets.get(each["xfkey"]), str(each.get("comment") or "").strip()
        if where is None or not body:
            left += where is None
            continue
        made = str(each["created_at"]).replace(" ", "T") + "Z"
        author = authors.get(str(each.get("created_by")), "refinery")
        kept.append((where, rows.get(each["xfkey"]), author, body, made))
    project.database.write_many(
        "INSERT INTO comment (target, record_id, author, body, created) VALUES (?, ?, ?, ?, ?)",
        sorted(kept, key=lambda row: row[4]),
    )
    return [f"{left} comment{'s' * (left != 1)} on what is not here"] if left else []
