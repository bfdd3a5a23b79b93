"""Which format of vectors a file has, told by what it holds; its name decides only where bytes mean nothing."""

from __future__ import annotations

import os
import re

from nearmost.errors import ReadError
from nearmost.readers.archives import is_arrays
from nearmost.readers.bigann import bigann_of
from nearmost.readers.blocks import head, is_utf8
from nearmost.readers.sources import Source, suffix_of
from nearmost.readers.tfrecord import is_tfrecord
from nearmost.readers.wordtext import HEADER, NUMBER, numbers_a_line, sample_of

LOOKED_AT = 1 << 18
UTF_16 = (b"\xff\xfe", b"\xfe\xff")
MAGICS = {
    b"\x93NUMPY": "npy",
    b"PAR1": "parquet",
    b"\x89HDF\r\n\x1a\n": "hdf5",
}
SUFFIXES = {
    ".npy": "npy",
    ".npz": "npz",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".pkl": "pickle",
    ".pickle": "pickle",
    ".hdf5": "hdf5",
    ".h5": "hdf5",
    ".safetensors": "safetensors",
    ".tfrecord": "tfrecord",
    ".tfrecords": "tfrecord",
    ".tfrec": "tfrecord",
}
"""Names that tell a format where the bytes do not: of a file that is not there, empty or damaged."""


def recognised(source: Source) -> str | None:
    """The format of a file of vectors, "glove" or "npy" say, or None for anything else."""
    if os.path.isfile(source.name) and source.is_archive() and is_arrays(source.name):
        return "npz"
    first = head(source, LOOKED_AT)
    for magic, name in MAGICS.items():
        if first.startswith(magic):
            return name
    if first[:1] == b"\x80" and first[1:2] in (b"\2", b"\3", b"\4", b"\5"):
        return "pickle"
    if len(first) > 9 and first[8:9] == b"{" and 1 < int.from_bytes(first[:8], "little") < 1 << 40:
        return "safetensors"
    if is_tfrecord(first):
        return "tfrecord"
    if first[:2] in UTF_16 and is_utf8(source.encoding):
        raise source.error(1, f'is UTF-16, not {source.encoding}; say encoding="utf-16"')
    if bigann_of(source, first) is not None:
        return "bigann"
    return _of_text(source, first) or SUFFIXES.get(suffix_of(source.name))


def _of_text(source: Source, first: bytes) -> str | None:
    ended = len(first) < LOOKED_AT
    header = HEADER.match(first)
    if header is not None and _is_binary(first[header.end() :]):
        return "word2vec"
    if not is_utf8(source.encoding):
        try:
            first = first.decode(source.encoding, errors="ignore").encode()
        except LookupError:
            return None
        header = HEADER.match(first)
    first = first.removeprefix(b"\xef\xbb\xbf").removeprefix("\ufeff".encode())
    header = HEADER.match(first)
    if header is not None:
        if _fits(first[header.end() :], int(header[2]), ended):
            return "word2vec-text"
        return None if numbers_a_line(sample_of(first, ended=ended)) < 2 else "glove"
    lines = sample_of(first, ended=ended)
    if not lines or b"\0" in first:
        return None
    return "glove" if numbers_a_line(lines) >= 2 else None


def _is_binary(body: bytes) -> bool:
    """Whether floats follow a word: text has no control characters, and is UTF-8 or near it."""
    return bool(re.search(rb"[\0-\x08\x0e-\x1f]", body[:4096]))


def _fits(body: bytes, dim: int, ended: bool) -> bool:
    """Whether the first line that is there looks like a word and dim numbers; its end may lie further on."""
    lines = sample_of(body, ended=ended)
    if not lines:
        return False
    fields = lines[0].split()
    if len(fields) > dim:
        return bool(NUMBER.fullmatch(fields[-1]))
    return numbers_a_line(lines[:1]) >= min(dim, 2) - 1 or not ended


def not_recognised(source: Source) -> ReadError:
    """What to raise about a file that holds no vectors that we know."""
    return ReadError(
        f"{source.name}: this is no format of vectors that nearmost knows: GloVe and word2vec text, word2vec binary, "
        ".npy .npz .parquet .hdf5 .safetensors .tfrecord .fvecs .bvecs .fbin, pickled arrays and gensim's .kv; "
        'if it is text of another encoding, say encoding="latin-1", say'
    )
