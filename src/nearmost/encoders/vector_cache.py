"""Vectors kept on disk, so that no text is encoded twice: not after a crash, not tomorrow, not by another process.

One SQLite file an encoder, named for its fingerprint: vectors of another model, or of another version of it, are never
found. The key is the SHA-256 of the text; each vector carries a checksum, and one that does not fit is made anew.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nearmost.encoders.batching import WINDOW, distinct
from nearmost.encoders.fingerprint import fingerprint
from nearmost.encoders.protocol import Encoder, Progress, parallel_of
from nearmost.errors import DamagedFileError, InputError

ASKED_TOGETHER = 500  # SQLite takes 999 values a statement everywhere
PATIENCE_SECONDS = 60.0


class CachedEncoder:
    """An encoder with a memory on disk: the same spec, dim and vectors.

    What was encoded is written every few thousand texts; any number of processes may share the folder.
    """

    def __init__(self, encoder: Encoder, folder: str | os.PathLike[str]) -> None:
        """Keeps the vectors of ``encoder`` in ``folder``, which is made where it is not there."""
        self.spec = encoder.spec
        self.dim = encoder.dim
        self.parallel = "threads" if parallel_of(encoder) == "threads" else None
        self._encoder = encoder
        self._folder = Path(folder)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"the cache folder {self._folder} cannot be made: {error.strerror}") from error
        identity = hashlib.sha256(f"{self.spec}\n{self.dim}\n".encode() + fingerprint(encoder).tobytes())
        self.path = self._folder / f"vectors-{identity.hexdigest()[:24]}.sqlite"
        with self._opened():
            pass  # whatever is wrong with the folder or the file is said now, not after an hour of reading

    def encode(
        self, texts: Sequence[str], *, progress: Progress | None = None, n_threads: int = 0
    ) -> NDArray[np.float32]:
        """One row a text, float32 (n, dim): from disk where it is there, else from the encoder, and then to disk."""
        kinds, place_of = distinct(texts)
        keys = [hashlib.sha256(text.encode()).digest() for text in kinds]
        vectors = np.empty((len(kinds), self.dim), dtype=np.float32)
        with self._opened() as connection:
            missing = self._read(connection, keys, vectors)
            done = len(kinds) - len(missing)
            for start in range(0, len(missing), WINDOW):
                rows = missing[start : start + WINDOW]
                vectors[rows] = self._encoder.encode([kinds[row] for row in rows], n_threads=n_threads)
                self._write(connection, [keys[row] for row in rows], vectors[rows])
                done += len(rows)
                if progress is not None:
                    progress(done * len(texts) // len(kinds), len(texts))
        if progress is not None and not missing:
            progress(len(texts), len(texts))
        return vectors if len(kinds) == len(texts) else vectors[place_of]

    def _read(self, connection: sqlite3.Connection, keys: list[bytes], vectors: NDArray[np.float32]) -> list[int]:
        """Fills in the vectors that are there; the rows that are not."""
        place = {key: row for row, key in enumerate(keys)}
        found = np.zeros(len(keys), dtype=bool)
        for start in range(0, len(keys), ASKED_TOGETHER):
            some = keys[start : start + ASKED_TOGETHER]
            marks = ",".join("?" * len(some))
            for key, vector, checksum in connection.execute(
                f"SELECT key, vector, checksum FROM vectors WHERE key IN ({marks})", some
            ):
                if isinstance(vector, bytes) and len(vector) == 4 * self.dim and zlib.crc32(vector) == checksum:
                    vectors[place[key]] = np.frombuffer(vector, dtype="<f4")
                    found[place[key]] = True
        return np.flatnonzero(~found).tolist()

    def _write(self, connection: sqlite3.Connection, keys: list[bytes], vectors: NDArray[np.float32]) -> None:
        rows = [vector.astype("<f4").tobytes() for vector in vectors]
        with connection:  # one transaction: all of them or none
            connection.executemany(
                "INSERT OR REPLACE INTO vectors (key, vector, checksum) VALUES (?, ?, ?)",
                [(key, row, zlib.crc32(row)) for key, row in zip(keys, rows, strict=True)],
            )

    def _opened(self) -> _Opened:
        return _Opened(self.path)

    def __reduce__(self) -> tuple[Callable[..., CachedEncoder], tuple[Encoder, Path]]:
        return CachedEncoder, (self._encoder, self._folder)


class _Opened:
    """The database for the length of a ``with`` block, its faults turned into errors that name the file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> sqlite3.Connection:
        try:
            self._connection = sqlite3.connect(self._path, timeout=PATIENCE_SECONDS)
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute("PRAGMA synchronous=NORMAL")
            self._connection.execute(
                "CREATE TABLE IF NOT EXISTS vectors (key BLOB PRIMARY KEY, vector BLOB, checksum INTEGER)"
            )
        except sqlite3.Error as error:
            self._fail(error)
        return self._connection

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self._connection.close()
        if isinstance(error, sqlite3.Error):
            self._fail(error)

    def _fail(self, error: sqlite3.Error) -> None:
        if isinstance(error, sqlite3.OperationalError):
            raise InputError(f"the cache {self._path} cannot be used ({error}); name another folder") from error
        raise DamagedFileError(
            f"the cache {self._path} is damaged ({error}); remove it: its vectors will be made anew"
        ) from error
