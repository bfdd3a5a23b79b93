"""Vectors from files, mapped into memory where their bytes are already what an index wants."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any, TypeAlias

from numpy.typing import NDArray

from nearmost.errors import EncoderError, InputError, MissingExtraError, ReadError, ShapeError
from nearmost.readers.archives import split_member
from nearmost.readers.arrays import matrix_among, npy_vectors, npz_vectors
from nearmost.readers.bigann import bigann_vectors
from nearmost.readers.blocks import head, whole
from nearmost.readers.examples import holds_vectors, joined, tfrecord_vectors
from nearmost.readers.lines import iter_lines
from nearmost.readers.pickles import pickle_vectors
from nearmost.readers.recognise import SUFFIXES, not_recognised, recognised
from nearmost.readers.sources import STDIN, Path, Source, expand, suffix_of
from nearmost.readers.tfrecord import is_tfrecord
from nearmost.readers.wordbytes import word_bytes
from nearmost.readers.wordtext import word_text
from nearmost.rows import stacked
from nearmost.safetensors import parse_safetensors
from nearmost.strings import OnDuplicate, Strings
from nearmost.values import Vectors

TABLES = (".csv", ".tsv", ".tab", ".json", ".jsonl", ".ndjson")
"""Names of texts, whatever they hold."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the caller of ``read_vectors`` asked for."""

    vector: str
    key: str
    text: str | None
    limit: int | None
    mmap: bool
    errors: str
    n_threads: int


Found: TypeAlias = (
    tuple[NDArray[Any], list[str] | Strings | None] | tuple[NDArray[Any], list[str] | Strings | None, Strings | None]
)
"""Rows (n, dim) of numbers, the keys if the file holds them, and of formats that may hold texts these."""


def _npy(source: Source, wanted: Wanted) -> Found:
    return npy_vectors(source.name, wanted.mmap, _held(source))[: wanted.limit], None


def _npz(source: Source, wanted: Wanted) -> Found:
    rows, keys = npz_vectors(source.name, wanted.vector, wanted.key)
    return rows[: wanted.limit], None if keys is None else keys[: wanted.limit]


def _parquet(source: Source, wanted: Wanted) -> Found:
    try:
        from nearmost.readers.parquet import parquet_vectors
    except ImportError as error:
        raise MissingExtraError("reading Parquet needs pyarrow: pip install 'nearmost[parquet]'") from error
    return parquet_vectors(source, wanted.vector, wanted.key, wanted.text, wanted.limit)


def _hdf5(source: Source, wanted: Wanted) -> Found:
    try:
        from nearmost.readers.hdf5 import hdf5_vectors
    except ImportError as error:
        raise MissingExtraError("reading HDF5 needs h5py: pip install 'nearmost[hdf5]'") from error
    return hdf5_vectors(source, wanted.vector, wanted.key, wanted.limit)


def _safetensors(source: Source, wanted: Wanted) -> Found:
    try:
        arrays, keys = parse_safetensors(source.name, whole(source).data)
    except EncoderError as error:
        raise ReadError(str(error)) from error
    rows = matrix_among(arrays, source.name, wanted.vector)
    return rows[: wanted.limit], None if keys is None else keys[: wanted.limit]


def _pickle(source: Source, wanted: Wanted) -> Found:
    return pickle_vectors(source, wanted.vector, wanted.limit)


def _bigann(source: Source, wanted: Wanted) -> Found:
    return bigann_vectors(source, wanted.limit), None


def _word2vec(source: Source, wanted: Wanted) -> Found:
    return word_bytes(source, limit=wanted.limit, errors=wanted.errors)


def _word2vec_text(source: Source, wanted: Wanted) -> Found:
    return word_text(source, header=True, limit=wanted.limit, errors=wanted.errors, n_threads=wanted.n_threads)


def _glove(source: Source, wanted: Wanted) -> Found:
    return word_text(source, header=False, limit=wanted.limit, errors=wanted.errors, n_threads=wanted.n_threads)


def _tfrecord(source: Source, wanted: Wanted) -> Found:
    return tfrecord_vectors(source, wanted.vector, wanted.key, wanted.text, wanted.limit)


FORMATS: dict[str, Callable[[Source, Wanted], Found]] = {
    "word2vec": _word2vec,
    "word2vec-text": _word2vec_text,
    "glove": _glove,
    "npy": _npy,
    "npz": _npz,
    "parquet": _parquet,
    "hdf5": _hdf5,
    "safetensors": _safetensors,
    "pickle": _pickle,
    "bigann": _bigann,
    "tfrecord": _tfrecord,
}
"""Who reads what: a new format is a function in a file of its own, a line here, and one in ``recognise``."""


def read_vectors(
    path: Path | Sequence[Path],
    *,
    keys: Path | Iterable[str] | None = None,
    vector: str = "vector",
    key: str = "key",
    text: str | None = None,
    format: str | None = None,
    on_duplicate: OnDuplicate = "error",
    lowercase: bool = False,
    limit: int | None = None,
    encoding: str = "utf-8",
    errors: str = "strict",
    mmap: bool = True,
    n_threads: int = 0,
) -> Vectors:
    """The vectors of a file with their keys, float32 (n, dim). What it holds tells its format, not its name.

    A pattern such as ``emb-*.tfrecord``, or a list of files, gives the rows of all of them, one file after the other.

    * Words with their numbers: word2vec's text ("word2vec-text"; fastText's .vec is the same) and binary ("word2vec"),
      and GloVe's text ("glove"). Words may hold spaces.
    * "npy": a 2-D array of numbers. A float32 one in C order is mapped, not loaded (unless ``mmap=False``).
    * "npz", "hdf5", "safetensors": the array called ``vector``, "vectors" or "rows" ("train" in HDF5), or the only
      2-D one; keys from the array called ``key``, "keys" or "labels".
    * "parquet": the column called ``vector``, or the only one that holds lists of numbers; keys from the
      column called ``key``, texts from the one called ``text`` where that is said.
    * "pickle": a dictionary of words and vectors, vectors with their labels, or what gensim's ``save`` writes, with
      the .npy files beside it. It is read as data: nothing in it is imported or run.
    * "tfrecord": records of tf.Example, compressed with zlib too: the feature called ``vector`` or "embedding", or the
      only list of floats; keys from the one called ``key`` or "id", texts from the one called ``text``, or else text,
      title, headline, sentence, description or content. TensorFlow is not needed.
    * "bigann": .fvecs, .bvecs, .fbin, .u8bin, .i8bin and .hbin.

    Any of them may be compressed as .gz, .bz2, .xz, .zst or .zip (``ARCHIVE.zip/MEMBER`` names one file of several).
    ``format`` says which it is where it cannot be told. ``encoding`` and ``errors`` are those of ``open``, for words.
    ``keys``, the path of a text file with a key a line (which may be compressed) or the keys themselves, overrules the
    file's own; without any, row i is called ``str(i)``. ``lowercase`` makes all keys lower-case and, unless
    ``on_duplicate`` says otherwise, keeps the first of those that become equal. ``limit`` takes the first rows only.
    Raises ReadError, naming file, line and reason, for what cannot be read, NotFiniteError for NaN.
    """
    if limit is not None and limit < 1:
        raise InputError(f"limit is {limit}; it must be at least 1, or None for all rows")
    if format is not None and format not in FORMATS:
        raise InputError(f"format is {format!r}; it must be one of {', '.join(FORMATS)}")
    sources = [Source(one, encoding) for one in expand(path)]
    if any(source.name == "<stdin>" for source in sources):
        raise ReadError("vectors are read from a file, not from standard input; save it first, and name it")
    rows, own_keys, texts = _together(sources, Wanted(vector, key, text, limit, mmap, errors, n_threads), format)
    name = sources[0].name if len(sources) == 1 else f"{sources[0].name} and {len(sources) - 1} more"
    named = renamed(own_keys, keys, limit, lowercase)
    if named is not None and len(named) != len(rows):
        raise ShapeError(f"{name}: {len(named)} keys were given for {len(rows)} rows; there must be one a row")
    if lowercase and on_duplicate == "error":
        on_duplicate = "first"
    try:
        return Vectors.of(rows, named, texts=texts, on_duplicate=on_duplicate)
    except InputError as error:
        raise type(error)(f"{name}: {error}") from error


def _together(
    sources: list[Source], wanted: Wanted, format: str | None
) -> tuple[NDArray[Any], Sequence[str] | None, Strings | None]:
    """The rows of the files one after the other, their keys and their texts; all have keys, or none."""
    names: list[Sequence[str] | None] = []
    texts: list[Strings | None] = []

    def tables() -> Iterator[NDArray[Any]]:
        dim, left = 0, wanted.limit
        for source in sources:
            found = format or recognised(source)
            if found is None:
                raise not_recognised(source)
            rows, keys, *rest = FORMATS[found](source, replace(wanted, limit=left))
            if rows.shape[1] == 0:  # one of many shards may be empty
                continue
            if names and rows.shape[1] != dim:
                first = f"{sources[0].name} of dim {dim}"
                raise ReadError(f"{source.name}: holds rows of dim {rows.shape[1]}, {first}; all must have the same")
            if names and (keys is None) != (names[0] is None):
                found = f"only one of it and {sources[0].name} holds keys"
                raise ReadError(f"{source.name}: {found}; all must, or say keys=")
            dim = rows.shape[1]
            names.append(keys)
            texts.append(rest[0] if rest else None)
            yield rows
            if left is not None:
                left -= len(rows)
                if left == 0:
                    return

    parts = tables()
    some = next(parts, None)
    if some is None:
        raise ReadError(f"{sources[0].name}: holds no record; wanted at least one vector")
    rows = stacked(chain([some], parts))
    if len(names) == 1:
        return rows, names[0], texts[0]
    strings = [one for one in names if isinstance(one, Strings)]
    if len(strings) == len(names):
        return rows, joined(strings), joined(texts)
    return rows, None if names[0] is None else [key for one in names for key in one or ()], joined(texts)


def renamed(
    own: Sequence[str] | None, keys: Path | Iterable[str] | None, limit: int | None, lowercase: bool
) -> Sequence[str] | None:
    """The keys that a caller wants in place of a file's own, or those; in lower case if so asked."""
    named = own if keys is None else _keys(keys, limit)
    return [key.lower() for key in named] if lowercase and named is not None else named


def is_vectors(path: Path) -> bool:
    """Whether ``read_vectors`` is the door for this file, and not ``read_corpus``.

    .npy and .npz are vectors by name, .csv, .tsv and .json texts. TFRecord is vectors where records hold a list of
    floats. Parquet is looked into: it is vectors where a column
    holds lists of numbers and no column is called as texts are (text, title, headline, sentence, description, content).
    Of any other file the first lines tell: in a text file of vectors each ends with the same number of numbers.
    """
    name, suffix = os.fspath(path), suffix_of(path)
    if suffix in (".npy", ".npz"):
        return True
    if suffix in TABLES or name == STDIN or (not os.path.isfile(split_member(name)[0]) and suffix not in SUFFIXES):
        return False
    source = Source(path)
    try:
        found = SUFFIXES.get(suffix) or recognised(source)
    except ReadError:
        return False  # whoever reads it says what is wrong
    if found == "tfrecord":
        return holds_vectors(source)
    if found != "parquet":
        return found is not None
    try:
        from nearmost.readers.parquet import parquet_holds_vectors
    except ImportError as error:
        raise MissingExtraError("reading Parquet needs pyarrow: pip install 'nearmost[parquet]'") from error
    return parquet_holds_vectors(source)


def is_records(path: Path) -> bool:
    """Whether a file is a TFRecord, which may hold vectors and the texts that they were made of."""
    return os.path.isfile(path) and is_tfrecord(head(Source(path), 1 << 10))


def _held(source: Source) -> io.BytesIO | None:
    """A compressed file's bytes, for readers that want to seek."""
    return None if source.is_plain_file() else io.BytesIO(whole(source).tobytes())


def _keys(keys: Path | Iterable[str], limit: int | None) -> list[str]:
    """Keys from a list, or from the lines of a file: a blank line is a key, so that rows stay in step."""
    if isinstance(keys, str) or hasattr(keys, "__fspath__"):
        found = [line.rstrip("\r\n") for _, line in iter_lines(Source(keys))]  # type: ignore[arg-type]
    else:
        found = list(keys)
    return found[:limit]
