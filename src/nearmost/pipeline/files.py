"""Where a pipeline's files lie: what it needs of a file system, and how its shards are called there.

Beam has file systems of its own and so has Dask; both are used by these few verbs, and nothing else is.
"""

from __future__ import annotations

import contextlib
import glob
import os
import re
import shutil
from collections.abc import Iterator, Sequence
from typing import BinaryIO, Protocol

from nearmost import store
from nearmost.errors import FormatError, InputError, NotAnIndexError
from nearmost.locks import alone

OF = re.compile(r"\d{5}-of-\d{5}")


class Files(Protocol):
    """A file system, local or not. Every path may be a URL that the engine knows. Travels to the workers by pickle."""

    def match(self, pattern: str) -> list[str]:
        """The files of this name or pattern, sorted; none where there are none."""
        ...

    def open(self, path: str) -> BinaryIO:
        """The bytes of a file, as they are."""
        ...

    def create(self, path: str) -> BinaryIO:
        """A new file to write."""
        ...

    def make_folder(self, path: str) -> None:
        """A folder, unless it is there or the file system has none."""
        ...

    def rename(self, old: str, new: str) -> None:
        """Another name for a file, in place of a file that may have it: at once where the file system can."""
        ...

    def exists(self, path: str) -> bool:
        """Whether there is such a file."""
        ...

    def remove(self, path: str) -> None:
        """Removes a file, or a folder and what is in it, if it is there."""
        ...


def is_url(path: str) -> bool:
    """Whether a path names another file system than the one of this machine."""
    return "://" in path


def _check_replaced(path: str) -> None:
    """Raises InputError where something else than an index would be replaced; files elsewhere are not looked at."""
    if is_url(path) or not os.path.exists(path):
        return
    if not os.path.isfile(path):
        raise InputError(f"{path} is no plain file; an index is one: name another")
    try:
        if os.path.getsize(path):
            store.read(path)
    except NotAnIndexError:
        raise InputError(f"{path} exists and is no index; it is left as it is: remove it or name another") from None
    except FormatError:
        pass  # a damaged or a newer index may be replaced


def absolute(path: str) -> str:
    """The path as processes in other folders know it."""
    return path if is_url(path) else os.path.abspath(path)


def match_local(pattern: str) -> list[str]:
    """The files of this machine of this name or pattern, sorted."""
    found = [pattern] if os.path.exists(pattern) else glob.glob(pattern, recursive=True)
    return sorted(path for path in found if not os.path.isdir(path))


def remove_local(path: str) -> None:
    """Removes a file or a folder of this machine, if it is there."""
    with contextlib.suppress(OSError):
        os.unlink(path)
    shutil.rmtree(path, ignore_errors=True)


def expand(files: Files, inputs: Sequence[str]) -> list[str]:
    """The files that paths and patterns mean, each once, in the order in which their records are numbered."""
    found: dict[str, None] = {}
    for pattern in inputs:
        matched = files.match(pattern)
        if not matched:
            raise InputError(f"{pattern}: no file matches (the working folder is {os.getcwd()})")
        found |= dict.fromkeys(matched)
    if not found:
        raise InputError("there is no input; name at least one file")
    return list(found)


def _held(path: str) -> int | None:
    """A file that this process alone holds until the handle is closed, or the process ends; None where another does."""
    while True:
        handle = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o666)
        if not alone(handle):
            os.close(handle)
            return None
        with contextlib.suppress(FileNotFoundError):  # the run that had it has just finished
            if os.path.samestat(os.fstat(handle), os.stat(path)):
                return handle
        os.close(handle)


class Output(str):
    """The name of the shards to write: one file, or a pattern with one * for the number of the shard.

    ``headlines-*.nearmost`` with four shards is ``headlines-00000-of-00004.nearmost`` and so on.
    """

    __slots__ = ()

    def shard(self, number: int, shards: int) -> str:
        """The name of a shard."""
        return self.replace("*", f"{number:05d}-of-{shards:05d}")

    def beside(self, suffix: str) -> str:
        """A hidden name beside the output, for what is there while a pipeline runs: ".work", ".encoder"."""
        folder, slash, name = self.rpartition("/")
        return f"{folder}{slash}.{name.replace('*', '')}{suffix}"

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """While the block runs, no other run writes this output; of other file systems nobody can tell.

        Raises InputError where one does: each would take the files of the other for its own.
        """
        if is_url(self):
            yield
            return
        path = self.beside(".lock")
        handle = _held(path)
        if handle is None:
            raise InputError(f"{str(self)!r} is being written by another process; wait for it, or name another output")
        try:
            yield
        finally:
            remove_local(path)
            os.close(handle)

    def check(self, files: Files, shards: int) -> None:
        """Raises InputError, before the work, where shards cannot be written, or would replace or mix with others."""
        self.check_set(files, shards)
        for number in range(shards):
            _check_replaced(self.shard(number, shards))

    def check_set(self, files: Files, shards: int) -> None:
        """Raises InputError where files of these names cannot be written, or would mix with those of another set."""
        stars = self.count("*")
        if stars > 1 or "?" in self or "[" in self:
            raise InputError(
                f"output is {str(self)!r}; wanted a name with at most one * and no other sign of a pattern"
            )
        if not stars and shards > 1:
            raise InputError(
                f"output is {str(self)!r} and there are {shards} shards; put a * where their numbers shall stand, and "
                "quotes around it, so that the shell leaves it alone"
            )
        folder = self.rpartition("/")[0]
        if not is_url(self) and not os.path.isdir(folder or "."):
            raise InputError(f"there is no folder {folder!r} to write {str(self)!r} to; make it first")
        before, _, after = self.partition("*")
        written = {self.shard(number, shards) for number in range(shards)}
        for path in files.match(self) if stars else ():
            middle = path[len(before) : len(path) - len(after)]
            if OF.fullmatch(middle) and path not in written:
                raise InputError(
                    f"{path} is there, and {shards} shards would not replace it: remove it or name another"
                )
