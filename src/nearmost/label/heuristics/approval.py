"""Which code may run: a person has looked at it, and its digest is kept outside of every project.

A project that was copied, unpacked or pulled brings code, but never the leave to run it.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

FILE = "approved"


def state_folder() -> Path:
    """$NEARMOST_STATE, or nearmost/ in $XDG_STATE_HOME, or ~/.local/state/nearmost. It need not exist yet."""
    if own := os.environ.get("NEARMOST_STATE"):
        return Path(own)
    shared = os.environ.get("XDG_STATE_HOME")
    return (Path(shared) if shared and Path(shared).is_absolute() else Path.home() / ".local" / "state") / "nearmost"


def digest(source: str) -> str:
    """What code is known by: change a letter, and it is other code."""
    return hashlib.sha256(source.encode("utf-8", "surrogatepass")).hexdigest()


def approve(source: str) -> None:
    """Says that this very code may run, for this user, in every project."""
    if is_approved(source):
        return
    folder = state_folder()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (folder / FILE).open("a", encoding="ascii") as file:
        file.write(f"{digest(source)}\n")


def is_approved(source: str) -> bool:
    """Whether this very code may run."""
    try:
        known = (state_folder() / FILE).read_text(encoding="ascii", errors="replace").split()
    except OSError:
        return False
    return digest(source) in known
