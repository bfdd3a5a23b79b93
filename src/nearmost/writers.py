"""Vectors written for other programs, whole or not at all."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import BinaryIO

import numpy as np
from numpy.typing import ArrayLike

from nearmost import _core
from nearmost.errors import InputError, MissingExtraError
from nearmost.readers.sources import Path, suffix_of
from nearmost.store import replacing
from nearmost.tfexample import write_tfrecord
from nearmost.values import Vectors

ROWS = 4096  # written together
LONGEST_NUMBER = 17  # bytes of a float32 in text, with the space before it
BLANKS = " \t\n\r\v\f"
Write = Callable[[BinaryIO, Vectors], None]


def write_vectors(path: Path, vectors: Vectors | ArrayLike, *, format: str | None = None) -> None:
    """Writes vectors and their keys to a file that ``read_vectors``, and the programs that the format is of, read.

    ``format``: "word2vec" (its binary; .bin), "word2vec-text" (.vec), "glove" (.txt), "npy", "npz", "parquet",
    "safetensors" or "tfrecord"; without it the name tells. Names that end in .gz, .bz2 or .xz are compressed. Numbers
    in text have the digits that give the same float32 again. .npy has no room for keys: they go to a file of lines
    beside it, ``words.keys.txt`` for ``words.npy``. Safetensors has the array "vectors", and in its metadata "keys", a
    JSON list. A TFRecord has a tf.Example a row, with the features "key" and "vector", and
    "text" where there are texts.
    Raises InputError where a key cannot be written: word2vec's formats end a word at a blank, text ends at a line end.
    """
    chosen = format_of(path, format)
    held = Vectors.of(vectors)
    if chosen == "npy" and held.keys.strings is not None:
        lines = "".join(f"{key}\n" for key in _checked(held, "\r\n", "a file with a key a line"))
        with replacing(keys_beside(path)) as file:
            io.BufferedWriter(_Open(file)).write(lines.encode())
    with replacing(path) as file, compressed(file, os.fspath(path)) as stream:
        FORMATS[chosen](stream, held)


def format_of(path: Path, format: str | None = None) -> str:
    """The format to write. Raises InputError, naming them, where there is none of that name."""
    if format is not None and format not in FORMATS:
        raise InputError(f"format is {format!r}; it must be one of {', '.join(FORMATS)}")
    found = format or SUFFIXES.get(suffix_of(path))
    if found is None:
        raise InputError(
            f"{os.fspath(path)}: the name does not tell a format; end it in one of {', '.join(SUFFIXES)}, or say "
            f"format= one of {', '.join(FORMATS)}"
        )
    return found


def keys_beside(path: Path) -> str:
    """Where the keys of a .npy file go."""
    name = os.fspath(path)
    at = name.lower().rfind(".npy")
    return (name[:at] if at > 0 else name) + ".keys.txt"


class _Open(io.RawIOBase):
    """A raw file that stays open when what is written through it is closed."""

    def __init__(self, file: io.FileIO) -> None:
        self._file = file

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def write(self, data: object) -> int:
        return self._file.write(data)  # type: ignore[arg-type]


@contextmanager
def compressed(file: io.FileIO, name: str) -> Iterator[BinaryIO]:
    """A stream into the file, compressed as the name says."""
    with io.BufferedWriter(_Open(file), 1 << 20) as plain:
        if name.endswith(".gz"):
            with gzip.GzipFile("", "wb", 6, plain, mtime=0) as packed:
                yield packed  # type: ignore[misc]
        elif name.endswith(".bz2"):
            with bz2.BZ2File(plain, "wb") as packed:
                yield packed  # type: ignore[misc]
        elif name.endswith(".xz"):
            with lzma.LZMAFile(plain, "wb") as packed:
                yield packed  # type: ignore[misc]
        elif name.endswith((".zst", ".zstd", ".zip")):
            raise InputError(f"{name}: is compressed in a way that is only read; end the name in .gz, .bz2 or .xz")
        else:
            yield plain


def _word2vec(stream: BinaryIO, vectors: Vectors) -> None:
    words = _checked(vectors, BLANKS, "word2vec's binary format")
    stream.write(f"{len(vectors)} {vectors.dim}\n".encode())
    rows = vectors.rows.astype("<f4", copy=False)
    for word, row in zip(words, rows, strict=True):
        stream.write(word.encode() + b" " + row.tobytes())


def _word2vec_text(stream: BinaryIO, vectors: Vectors) -> None:
    words = _checked(vectors, BLANKS, "word2vec's text format")
    stream.write(f"{len(vectors)} {vectors.dim}\n".encode())
    _lines(stream, vectors, words)


def _glove(stream: BinaryIO, vectors: Vectors) -> None:
    words = _checked(vectors, "\r\n", "GloVe's text format")
    for word in words:
        if word[:1] in BLANKS or word[-1:] in BLANKS:
            raise InputError(f"the key {word!r:.60} is empty, or begins or ends with a blank; {NO_ROOM}")
    _lines(stream, vectors, words)


def _lines(stream: BinaryIO, vectors: Vectors, words: list[str]) -> None:
    """A word and its numbers a line."""
    room = np.empty(ROWS * vectors.dim * LONGEST_NUMBER, dtype=np.uint8)
    for start in range(0, len(words), ROWS):
        rows = vectors.rows[start : start + ROWS]
        ends = np.empty(len(rows), dtype=np.uint64)
        text = room[: _core.write_numbers(rows, room, ends)].tobytes()
        begin = 0
        for word, end in zip(words[start : start + ROWS], ends.tolist(), strict=True):
            stream.write(word.encode() + text[begin:end] + b"\n")
            begin = end


def _npy(stream: BinaryIO, vectors: Vectors) -> None:
    np.lib.format.write_array(stream, vectors.rows, allow_pickle=False)


def _npz(stream: BinaryIO, vectors: Vectors) -> None:
    keys = np.array(list(vectors.keys), dtype=np.str_) if len(vectors) else np.empty(0, "U1")
    for key, kept in zip(vectors.keys, keys.tolist(), strict=True):
        if key != kept:  # NumPy's strings lose NULs at their end
            raise InputError(f"the key {key!r:.60} ends with a NUL, which .npz cannot hold; {NO_ROOM}")
    np.savez(stream, vectors=vectors.rows, keys=keys)


def _parquet(stream: BinaryIO, vectors: Vectors) -> None:
    try:
        from nearmost.readers.parquet import write_parquet
    except ImportError as error:
        raise MissingExtraError("writing Parquet needs pyarrow: pip install 'nearmost[parquet]'") from error
    write_parquet(stream, vectors.rows, list(vectors.keys))


def _safetensors(stream: BinaryIO, vectors: Vectors) -> None:
    described = {"dtype": "F32", "shape": list(vectors.rows.shape), "data_offsets": [0, vectors.rows.nbytes]}
    keys = json.dumps(list(vectors.keys), ensure_ascii=False)
    header = json.dumps({"__metadata__": {"keys": keys}, "vectors": described}, ensure_ascii=False).encode()
    header += b" " * (-len(header) % 8)
    stream.write(len(header).to_bytes(8, "little") + header)
    stream.write(vectors.rows.astype("<f4", copy=False).data)


NO_ROOM = "write .parquet, .npz or .safetensors, or other keys"


def _checked(vectors: Vectors, forbidden: str, where: str) -> list[str]:
    """The keys. Raises InputError for the first that holds a letter which ends a key there."""
    keys = list(vectors.keys)
    for key in keys:
        if any(letter in key for letter in forbidden):
            blank = "a blank or a line end" if " " in forbidden else "a line end"
            raise InputError(f"the key {key!r:.60} holds {blank}, which {where} has no room for; {NO_ROOM}")
    return keys


FORMATS: dict[str, Write] = {
    "word2vec": _word2vec,
    "word2vec-text": _word2vec_text,
    "glove": _glove,
    "npy": _npy,
    "npz": _npz,
    "parquet": _parquet,
    "safetensors": _safetensors,
    "tfrecord": write_tfrecord,
}
SUFFIXES = {
    ".bin": "word2vec",
    ".vec": "word2vec-text",
    ".txt": "glove",
    ".npy": "npy",
    ".npz": "npz",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".safetensors": "safetensors",
    ".tfrecord": "tfrecord",
    ".tfrecords": "tfrecord",
    ".tfrec": "tfrecord",
}
