"""Zip files from strangers: what is in one, after a look at everything that a hostile one could hold."""

from __future__ import annotations

import json
import os
import stat
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePosixPath
from typing import Any

from nearmost.errors import InputError

MOST_MEMBERS = 10_000
MOST_BYTES = 4 << 30
"""Unpacked, all members together."""
MOST_RATIO = 200
"""Unpacked to packed, of members that are SMALL or larger: text comes to about 10."""
SMALL = 1 << 20
CHUNK = 1 << 20


class Archive:
    """The members of a zip that was found harmless; make one with ``opened``."""

    def __init__(self, name: str, archive: zipfile.ZipFile, members: dict[str, zipfile.ZipInfo]) -> None:
        self.name = name
        self._archive = archive
        self._members = members

    def __iter__(self) -> Iterator[str]:
        return iter(self._members)

    def __contains__(self, member: object) -> bool:
        return member in self._members

    def read(self, member: str) -> bytes:
        """The bytes of a member: as many as it says it has. Raises InputError where it has others."""
        info = self._members[member]
        parts: list[bytes] = []
        left = info.file_size
        try:
            with self._archive.open(info) as stream:
                while part := stream.read(min(CHUNK, left + 1)):
                    left -= len(part)
                    if left < 0:
                        raise InputError(
                            f"{self.name}: {member} holds more than it says; the archive is hostile or damaged"
                        )
                    parts.append(part)
        except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError) as error:
            raise InputError(
                f"{self.name}: {member} cannot be unpacked ({error}); damaged, or locked by a password"
            ) from None
        return b"".join(parts)

    def text(self, member: str) -> str:
        """The text of a member. Raises InputError where it is not UTF-8."""
        try:
            return self.read(member).decode()
        except UnicodeDecodeError as error:
            raise InputError(f"{self.name}: {member} is not UTF-8 ({error.reason})") from None

    def json(self, member: str) -> Any:
        """What a member of JSON says."""
        try:
            return json.loads(self.read(member))
        except (ValueError, RecursionError) as error:
            raise InputError(f"{self.name}: {member} is not JSON: {error}") from None


@contextmanager
def opened(path: str | os.PathLike[str]) -> Iterator[Archive]:
    """The archive at this path, looked at as a whole before anything is unpacked.

    Raises InputError for members with absolute or climbing paths, links, devices, two of one name, passwords, and
    where unpacking would take more than MOST_BYTES or MOST_RATIO times the packed size. Nothing is written to disk.
    """
    name = os.fspath(path)
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
        raise InputError(f"{name}: is no zip file, or is damaged ({error})") from None
    with archive:
        yield Archive(name, archive, _looked_at(name, archive.infolist()))


def _looked_at(name: str, infos: list[zipfile.ZipInfo]) -> dict[str, zipfile.ZipInfo]:
    if len(infos) > MOST_MEMBERS:
        raise InputError(f"{name}: has {len(infos):,} members; at most {MOST_MEMBERS:,} are unpacked")
    if sum(info.file_size for info in infos) > MOST_BYTES:
        raise InputError(f"{name}: unpacks to more than {MOST_BYTES >> 30} GiB; that is refused")
    members: dict[str, zipfile.ZipInfo] = {}
    for info in infos:
        if why := _objection(info):
            raise InputError(f"{name}: {info.filename!r} {why}; nothing of this archive is unpacked")
        if info.filename in members:
            raise InputError(f"{name}: has two members {info.filename!r}; nothing of it is unpacked")
        if not info.is_dir():
            members[info.filename] = info
    return members


def _objection(info: zipfile.ZipInfo) -> str | None:
    """What is wrong with a member, or None."""
    name = info.filename
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or ":" in name or "\0" in info.orig_filename:
        return "would lie outside of the folder"
    mode = info.external_attr >> 16
    if mode and not (stat.S_ISREG(mode) or stat.S_ISDIR(mode) or not stat.S_IFMT(mode)):
        return "is a link or a device"
    if info.flag_bits & 1:
        return "is locked by a password: unpack it yourself, or export it without one"
    if info.file_size >= SMALL and info.file_size > MOST_RATIO * max(1, info.compress_size):
        return f"unpacks to {info.file_size // max(1, info.compress_size)} times its size"
    return None
