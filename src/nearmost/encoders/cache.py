"""The user's cache folder: files that can be made again at any time, written whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def cache_folder() -> Path:
    """$NEARMOST_CACHE, or nearmost/ in $XDG_CACHE_HOME, or ~/.cache/nearmost. It need not exist yet."""
    if own := os.environ.get("NEARMOST_CACHE"):
        return Path(own)
    shared = os.environ.get("XDG_CACHE_HOME")
    return (Path(shared) if shared else Path.home() / ".cache") / "nearmost"


def write_whole(path: Path, content: bytes) -> bool:
    """True when ``path`` now holds ``content``; False, leaving what was there, where it cannot be written.

    A temporary file beside it is renamed over it: no reader ever sees half of it.
    """
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError:  # no room, no right, no home: the caller goes on without a cache
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
        return False
    except BaseException:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
        raise
    return True
