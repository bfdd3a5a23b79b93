"""One file out of a .zip: the only one in it, or the one that ``ARCHIVE.zip/MEMBER`` names."""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager

from nearmost.errors import ReadError

DAMAGED = (zipfile.BadZipFile, NotImplementedError, RuntimeError)
"""What zipfile raises for archives that are damaged, packed in a way that it does not know, or locked by a password."""


def split_member(name: str) -> tuple[str, str | None]:
    """``glove.zip/glove.50d.txt`` as the archive, which must be there, and its member; else the name and None."""
    at = name.lower().find(".zip" + os.sep)
    if at < 0 or os.path.exists(name) or not os.path.isfile(name[: at + 4]):
        return name, None
    return name[: at + 4], name[at + 5 :]


def is_arrays(name: str) -> bool:
    """Whether a .zip is what np.savez writes: every member an array."""
    try:
        with zipfile.ZipFile(name) as archive:
            members = archive.namelist()
    except (OSError, *DAMAGED):
        return True  # NumPy says what is wrong
    return all(member.endswith(".npy") for member in members)


@contextmanager
def opened_member(path: str, name: str, member: str | None) -> Iterator[io.BufferedReader]:
    """The bytes of a member of the archive at ``path``, which errors call ``name``."""
    with _unpacking(name), zipfile.ZipFile(path) as archive:
        held = [each for each in archive.namelist() if not each.endswith("/") and not each.startswith("__MACOSX/")]
        if member is None and len(held) != 1:
            listed = ", ".join(held[:8]) + (", ..." if len(held) > 8 else "") if held else "no file"
            raise ReadError(f"{name}: holds {listed}; say which: {name}/{held[0] if held else 'FILE'}")
        wanted = held[0] if member is None else member
        if wanted not in held:
            raise ReadError(f"{name}: is not in the archive, which holds {', '.join(held[:8]) or 'no file'}")
        with archive.open(wanted) as stream:
            yield io.BufferedReader(stream, 1 << 17)  # type: ignore[arg-type]


@contextmanager
def _unpacking(name: str) -> Iterator[None]:
    try:
        yield
    except DAMAGED as error:
        raise ReadError(f"{name}: cannot be unpacked ({error}); the archive is damaged or locked") from error
