"""Beam's file systems as a pipeline uses them."""

from __future__ import annotations

import os
from typing import BinaryIO, cast

from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems

from nearmost.pipeline.files import is_url, match_local, remove_local

PLAIN = CompressionTypes.UNCOMPRESSED


class BeamFiles:
    """Whatever Beam can open: local files, and gs://, s3://, hdfs:// and others where their extras are installed."""

    def match(self, pattern: str) -> list[str]:
        """The files of this name or pattern, sorted."""
        if not is_url(pattern):  # Beam walks through all folders below to match a pattern
            return match_local(pattern)
        return sorted(one.path for one in FileSystems.match([pattern])[0].metadata_list)

    def open(self, path: str) -> BinaryIO:
        """The bytes of a file, as they are."""
        return cast(BinaryIO, FileSystems.open(path, compression_type=PLAIN))

    def create(self, path: str) -> BinaryIO:
        """A new file to write."""
        return cast(BinaryIO, FileSystems.create(path, compression_type=PLAIN))

    def make_folder(self, path: str) -> None:
        """A folder, unless it is there or the file system has none."""
        if is_url(path):
            if not FileSystems.exists(path):
                FileSystems.mkdirs(path)
        else:
            os.makedirs(path, exist_ok=True)

    def rename(self, old: str, new: str) -> None:
        """Another name for a file; at once on local ones."""
        FileSystems.rename([old], [new])

    def exists(self, path: str) -> bool:
        """Whether there is such a file."""
        return bool(FileSystems.exists(path))

    def remove(self, path: str) -> None:
        """Removes a file, or a folder and what is in it, if it is there."""
        if not is_url(path):
            remove_local(path)
            return
        found = [one.path for match in FileSystems.match([path, f"{path}/**"]) for one in match.metadata_list]
        if found:
            FileSystems.delete(sorted(set(found)))


FILES = BeamFiles()
