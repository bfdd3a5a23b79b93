"""Where records come from: paths, patterns and standard input, opened as plain bytes."""

from __future__ import annotations

import glob
import io
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import BinaryIO, TypeAlias

from nearmost.errors import InputError, ReadError
from nearmost.readers.archives import opened_member, split_member
from nearmost.readers.compression import HEAD, SUFFIXES, compression_of, decompressed

Path: TypeAlias = str | os.PathLike[str]
STDIN = "-"


class Source:
    """One input file, or standard input: opened as plain bytes, and named in every error about it.

    ``opener`` opens what lies elsewhere than in a file system of this machine, by its name.
    """

    __slots__ = ("_member", "_opener", "_path", "encoding", "name", "size", "taken")

    def __init__(self, path: Path, encoding: str = "utf-8", opener: Callable[[str], BinaryIO] | None = None) -> None:
        self.name = os.fspath(path)
        self.encoding = encoding
        self._opener = opener
        self.size = 0
        """Bytes on disk; 0 for standard input and pipes."""
        self.taken = 0
        """Bytes read so far, before decompression."""
        self._path, self._member = (self.name, None) if opener else split_member(self.name)
        if opener is not None:
            return
        if self.name == STDIN:
            self.name = "<stdin>"
        elif os.path.isdir(self.name):
            raise ReadError(f"{self.name}: is a folder; wanted a file: for all in it say {self.name.rstrip('/')}/*.txt")
        elif not os.path.exists(self._path):
            raise ReadError(f"{self.name}: no such file (the working folder is {os.getcwd()})")
        else:
            self.size = os.stat(self._path).st_size

    @contextmanager
    def open(self) -> Iterator[io.BufferedReader]:
        """The bytes of the source, decompressed where its first bytes say that they are compressed."""
        if self.is_archive():
            with (
                opened_member(self._path, self.name, self._member) as stream,
                decompressed(stream, compression_of(stream.peek(HEAD)[:HEAD])) as plain,
            ):
                yield plain
            self.taken = self.size
            return
        with _Counted(self) as counted:
            plain = decompressed(io.BufferedReader(counted, 1 << 17), compression_of(counted.head))
            with plain:
                yield plain

    def is_plain_file(self) -> bool:
        """Whether the path may be handed to who reads files by path: not standard input, not compressed."""
        if self._opener or self.name == "<stdin>" or not os.path.isfile(self.name):
            return False
        with _Counted(self) as counted:
            return compression_of(counted.head) is None and not counted.head.startswith(b"PK\x03\x04")

    def is_archive(self) -> bool:
        """Whether it is a .zip, or a file in one."""
        if self._opener or self.name == "<stdin>":
            return False
        if self._member is not None:
            return True
        if is_pipe(self.name):
            return False
        with _Counted(self) as counted:
            return os.path.isfile(self.name) and counted.head.startswith(b"PK\x03\x04")

    def raw(self) -> BinaryIO:
        """The bytes as they lie there."""
        if self._opener is not None:
            return self._opener(self.name)
        return sys.stdin.buffer if self.name == "<stdin>" else open(self.name, "rb")

    def error(self, line: int, found: str) -> ReadError:
        """What to raise about a line, counted from 1 (in Parquet: a row); 0 stands for the whole file."""
        place = f"{self.name}:{line}" if line else self.name
        return ReadError(f"{place}: {found}")


class _Counted(io.RawIOBase):
    """A raw stream whose first bytes were looked at, counting what is read into ``source.taken``."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._own = source.name != "<stdin>"
        try:
            self._raw = source.raw()
        except OSError as error:
            raise ReadError(f"{source.name}: cannot be opened: {error.strerror or error}") from error
        self.head = self._raw.read(HEAD)
        self._unread = self.head
        self._some: Callable[[int], bytes] = getattr(self._raw, "read1", self._raw.read)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        got = self._unread[: len(buffer)] or self._some(len(buffer))
        self._unread = self._unread[len(got) :]
        buffer[: len(got)] = got
        self._source.taken += len(got)
        return len(got)

    def close(self) -> None:
        if self._own and not self.closed:
            self._raw.close()
        super().close()


def is_pipe(path: Path) -> bool:
    """Whether what is read from there to have a look is gone: a pipe, a terminal."""
    return os.path.exists(path) and not os.path.isfile(path) and not os.path.isdir(path)


def expand(path: Path | Sequence[Path]) -> list[Path]:
    """The files meant by a path, a glob pattern such as ``corpus/*.txt``, or several of either.

    A pattern's files come in sorted order; ``**`` looks into folders. Raises ReadError where none matches.
    """
    if isinstance(path, str | os.PathLike):
        name = os.fspath(path)
        if name == STDIN or os.path.exists(name) or not glob.has_magic(name):
            return [path]
        found = sorted(name for name in glob.glob(name, recursive=True) if not os.path.isdir(name))
        if not found:
            raise ReadError(f"{name}: no file matches (the working folder is {os.getcwd()})")
        return list(found)
    paths = [one for given in path for one in expand(given)]
    if not paths:
        raise InputError("the list of paths is empty; it must name at least one file")
    return paths


def suffix_of(name: Path) -> str:
    """The last suffix of a file name in lower case, ".txt" for ``NOTES.TXT.gz``: compression does not count."""
    stem, suffix = os.path.splitext(os.fspath(name).lower())
    return os.path.splitext(stem)[1] if suffix in SUFFIXES else suffix
