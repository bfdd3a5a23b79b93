"""How the command says that something went wrong: one line on stderr, in words for who did not write the program."""

from __future__ import annotations

import os
import sys

from nearmost.cli.output import printable
from nearmost.errors import NearmostError


def report(message: str) -> None:
    """Prints ``nearmost: message`` to stderr, as one line."""
    print(f"nearmost: {printable(message)}", file=sys.stderr)


def sentence(error: NearmostError | OSError | MemoryError) -> str:
    """What the error says; for one of the operating system, which file and why."""
    if isinstance(error, MemoryError):
        return f"there is not enough memory{f': {error}' if str(error) else ' for this'}"
    if isinstance(error, NearmostError) or error.strerror is None:
        return str(error)
    reason = error.strerror[:1].lower() + error.strerror[1:]
    return reason if error.filename is None else f"{os.fsdecode(error.filename)}: {reason}"
