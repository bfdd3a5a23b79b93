"""Files as Dask reaches them: by fsspec."""

from __future__ import annotations

import os
from typing import BinaryIO, cast

import fsspec

from nearmost.pipeline.files import is_url, match_local, remove_local


class DaskFiles:
    """Whatever fsspec can open: local files, and s3://, gs://, hdfs:// and others where their packages are installed.

    Local ones must lie in a folder that all workers see.
    """

    def match(self, pattern: str) -> list[str]:
        """The files of this name or pattern, sorted."""
        if not is_url(pattern):
            return match_local(pattern)
        system, path = fsspec.core.url_to_fs(pattern)
        return sorted(system.unstrip_protocol(found) for found in system.glob(path) if system.isfile(found))

    def open(self, path: str) -> BinaryIO:
        """The bytes of a file, as they are."""
        return cast(BinaryIO, fsspec.open(path, "rb", compression=None).open())

    def create(self, path: str) -> BinaryIO:
        """A new file to write."""
        return cast(BinaryIO, fsspec.open(path, "wb", compression=None).open())

    def make_folder(self, path: str) -> None:
        """A folder, unless it is there or the file system has none."""
        system, inner = fsspec.core.url_to_fs(path)
        system.makedirs(inner, exist_ok=True)

    def rename(self, old: str, new: str) -> None:
        """Another name for a file; at once on local ones."""
        if not is_url(new):
            os.replace(old, new)
            return
        system, inner = fsspec.core.url_to_fs(old)
        system.mv(inner, fsspec.core.url_to_fs(new)[1])

    def exists(self, path: str) -> bool:
        """Whether there is such a file."""
        system, inner = fsspec.core.url_to_fs(path)
        return bool(system.exists(inner))

    def remove(self, path: str) -> None:
        """Removes a file, or a folder and what is in it, if it is there."""
        if not is_url(path):
            remove_local(path)
            return
        system, inner = fsspec.core.url_to_fs(path)
        if system.exists(inner):
            system.rm(inner, recursive=True)


FILES = DaskFiles()
