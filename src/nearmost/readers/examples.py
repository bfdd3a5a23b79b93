"""tf.Example, the message in a TFRecord: lists of strings, floats or whole numbers by name, as vectors and texts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nearmost import _core
from nearmost.errors import ReadError
from nearmost.readers.blocks import Bytes
from nearmost.readers.selection import TEXT_NAMES, Selection, listed
from nearmost.readers.sources import Source
from nearmost.readers.tfrecord import Piece, pieces
from nearmost.readers.wordtext import gathered, not_utf8
from nearmost.rows import stacked
from nearmost.strings import Strings

STRINGS, FLOATS, INTEGERS = 1, 2, 3
KINDS = {0: "nothing", STRINGS: "strings", FLOATS: "floats", INTEGERS: "whole numbers"}
VECTOR_NAMES = ("vector", "embedding", "embeddings", "vectors")
KEY_NAMES = ("key", "id")
LOOKED_AT = 256  # records that must agree about which feature is the vector

Table = tuple[Bytes, NDArray[np.uint64]]


@dataclass(frozen=True, slots=True)
class Names:
    """Which features hold what."""

    vector: str
    key: str | None
    text: str | None


@dataclass(frozen=True, slots=True)
class Batch:
    """Some thousand rows, float32 (n, dim), and the keys and texts that stand beside them, where there are any."""

    rows: NDArray[np.float32]
    keys: Strings | None
    texts: Strings | None


def example_batches(
    source: Source, *, vector: str = "vector", key: str = "key", text: str | None = None, limit: int | None = None
) -> Iterator[Batch]:
    """The vectors of a TFRecord file with keys and texts, in memory that does not grow with the file.

    The vector is the feature of this name, or one called "embedding", or the only list of two floats or more that has
    the same length in the first 256 records; the key is the feature of this name, or "id"; the text the feature of this
    name, or the first of text, title, headline, sentence, description, content. Raises ReadError, naming the record,
    where one lacks any of them or its vector has another length.
    """
    names: Names | None = None
    dim = left = None
    for piece in pieces(source):
        if names is None:
            names = _names(piece, vector, key, text)
            dim = int(_counts(piece, _lists(piece, names.vector), names.vector)[0])
        if limit is not None:
            left = limit - piece.before
            piece = piece.part(0, left)
        rows = _rows(piece, names.vector, dim or 0)
        keys = None if names.key is None else Strings(*_strings(piece, names.key))
        yield Batch(rows, keys, None if names.text is None else Strings(*_strings(piece, names.text)))
        if left is not None and len(rows) == left:
            return


def tfrecord_vectors(
    source: Source, vector: str, key: str, text: str | None, limit: int | None
) -> tuple[NDArray[np.float32], Strings | None, Strings | None]:
    """The rows of a TFRecord file, and its keys and texts if it holds any; of a file without records no rows, dim 0."""
    keys: list[Strings | None] = []
    texts: list[Strings | None] = []

    def tables() -> Iterator[NDArray[np.float32]]:
        for batch in example_batches(source, vector=vector, key=key, text=text, limit=limit):
            keys.append(batch.keys)
            texts.append(batch.texts)
            yield batch.rows

    parts = tables()
    first = next(parts, None)
    if first is None:
        return np.empty((0, 0), dtype=np.float32), None, None
    return stacked(chain([first], parts)), joined(keys), joined(texts)


def joined(parts: Sequence[Strings | None]) -> Strings | None:
    """Strings one after the other; None where any part is."""
    tables = [part for part in parts if part is not None]
    if len(tables) < len(parts) or not tables:
        return None
    starts = np.cumsum([0, *(len(one.data) for one in tables)], dtype=np.uint64)
    offsets = [one.offsets[:-1] + start for one, start in zip(tables, starts[:-1], strict=True)]
    return Strings(np.concatenate([one.data for one in tables]), np.concatenate([*offsets, starts[-1:]]))


def holds_vectors(source: Source) -> bool:
    """Whether records have a list of floats that can be a vector, or there is no record; False where it is damaged."""
    try:
        first = next(pieces(source), None)
        return first is None or bool(_vectors_among(first))
    except ReadError:
        return False


def tfrecord_rows(source: Source, selection: Selection) -> Iterator[tuple[int, list[Any]]]:
    """The wanted features of every record as plain values, None where a record has none; see ``readers.corpus``."""
    wanted: list[str] | None = None
    for piece in pieces(source):
        if wanted is None:
            wanted = selection.of(list(_features(piece, 0)), source, 1)
        columns = [_values(piece, name) for name in wanted]
        for row, values in enumerate(zip(*columns, strict=True), piece.before + 1):
            yield row, list(values)


def _features(piece: Piece, row: int) -> dict[str, NDArray[np.uint64]]:
    """Name to the list (kind, start, stop) of each feature of one record."""
    start, stop = (int(place) for place in piece.spans[row])
    found = np.empty((64, 5), dtype=np.uint64)
    n = _core.list_features(piece.block, start, stop, found)
    if n > len(found):
        found = np.empty((n, 5), dtype=np.uint64)
        n = _core.list_features(piece.block, start, stop, found)
    if n < 0:
        raise piece.error(row, "is no tf.Example")
    names = (piece.block[int(one[0]) : int(one[1])].tobytes().decode(errors="replace") for one in found[:n])
    return {name: one[2:] for name, one in zip(names, found[:n], strict=True)}


def _vectors_among(piece: Piece) -> list[str]:
    """The features that are lists of as many floats, two or more, in each of the first records.

    Those that are called as vectors are, where any of these records has such a list: a record without is an error when
    it is read, and no reason to take the file for texts.
    """
    some = piece.part(0, LOOKED_AT)
    found = []
    for name in VECTOR_NAMES:
        lists = _lists(some, name)
        if ((lists[:, 0] == FLOATS) & (_counts(some, lists, name) > 1)).any():
            found.append(name)
    for name, one in _features(piece, 0).items():
        if int(one[0]) == FLOATS and name not in found:
            lists = _lists(some, name)
            counts = _counts(some, lists, name)
            if (lists[:, 0] == FLOATS).all() and counts[0] > 1 and (counts == counts[0]).all():
                found.append(name)
    return found


def _names(piece: Piece, vector: str, key: str, text: str | None) -> Names:
    features = _features(piece, 0)
    for name in (vector, key, text):
        if name not in features and name not in (None, "vector", "key"):
            raise piece.error(0, f"has no feature {name!r}; it has {_described(features)}")
    single = {name for name, one in features.items() if int(one[0]) in (STRINGS, INTEGERS)}
    chosen = vector if vector in features else None
    if chosen is None:
        vectors = _vectors_among(piece)
        known = [name for name in VECTOR_NAMES if name in vectors]
        chosen = known[0] if known else vectors[0] if len(vectors) == 1 else None
    if chosen is None:
        raise piece.error(0, f"does not tell which feature is the vector: say vector= one of {_described(features)}")
    keys = [key] if key in features else [name for name in KEY_NAMES if name in single]
    strings = {name.lower(): name for name in single if int(features[name][0]) == STRINGS}
    texts = [text] if text is not None else [strings[name] for name in TEXT_NAMES if name in strings]
    return Names(chosen, keys[0] if keys else None, texts[0] if texts else None)


def _described(features: Mapping[str, NDArray[np.uint64]]) -> str:
    return ", ".join(f"{name!r} ({KINDS[int(one[0])]})" for name, one in features.items()) or listed([])


def _lists(piece: Piece, name: str) -> NDArray[np.uint64]:
    lists = np.empty((len(piece.spans), 3), dtype=np.uint64)
    wanted = np.array(bytearray(name.encode()), dtype=np.uint8)
    bad = _core.find_feature(piece.block, piece.spans, wanted, lists)
    if bad < len(lists):
        raise piece.error(bad, "is no tf.Example")
    return lists


def _counts(piece: Piece, lists: NDArray[np.uint64], name: str) -> NDArray[np.uint64]:
    counts = np.empty(len(lists), dtype=np.uint64)
    bad = _core.count_values(piece.block, lists, counts)
    if bad < len(lists):
        raise piece.error(bad, f"has a damaged feature {name!r}")
    return counts


def _rows(piece: Piece, name: str, dim: int) -> NDArray[np.float32]:
    lists = _lists(piece, name)
    counts = _counts(piece, lists, name)
    wrong = (lists[:, 0] < FLOATS) | (counts != dim) | (counts == 0)
    if wrong.any():
        row = int(np.argmax(wrong))
        holds = f"{counts[row]} {KINDS[int(lists[row, 0])]}" if lists[row, 0] else "nothing"
        raise piece.error(row, f"holds {holds} in its feature {name!r}; wanted {dim or 'some'} numbers, as before it")
    rows = np.empty((len(lists), dim), dtype=np.float32)
    _core.take_floats(piece.block, lists, rows)
    return rows


def _strings(piece: Piece, name: str) -> Table:
    """The only string, or whole number, of a feature of each record."""
    lists = _lists(piece, name)
    counts = _counts(piece, lists, name)
    kind = int(lists[0, 0]) if len(lists) else STRINGS
    wrong = (lists[:, 0] != kind) | (counts != 1) | (kind not in (STRINGS, INTEGERS))
    if wrong.any():
        row = int(np.argmax(wrong))
        holds = f"{counts[row]} {KINDS[int(lists[row, 0])]}" if lists[row, 0] else "nothing"
        wanted = "one whole number, as before it" if kind == INTEGERS else "one string"
        raise piece.error(row, f"holds {holds} in its feature {name!r}; wanted {wanted}")
    if kind == INTEGERS:
        numbers = np.empty(len(lists), dtype=np.int64)
        _core.take_integers(piece.block, lists, numbers)
        held = Strings.of([str(number) for number in numbers.tolist()])
        return held.data, held.offsets
    spans = np.empty((len(lists), 2), dtype=np.uint64)
    _core.take_strings(piece.block, lists, spans)
    data, offsets = gathered(piece.block, spans)
    torn = not_utf8(data, offsets)
    if torn is not None:
        start, stop = (int(place) for place in spans[torn])
        shown = piece.block[start : min(stop, start + 30)].tobytes()
        raise piece.error(torn, f"holds {shown!r} in its feature {name!r}, which is not UTF-8; wanted text")
    return data, offsets


def _values(piece: Piece, name: str) -> list[Any]:
    """A feature of each record: a string, a number, a list of numbers, or None where it is not there."""
    lists = _lists(piece, name)
    counts = _counts(piece, lists, name)
    if len(lists) and (lists[:, 0] == STRINGS).all() and (counts == 1).all():
        return list(Strings(*_strings(piece, name)))
    return [_value(piece.part(row, row + 1), name, lists[row : row + 1], int(counts[row])) for row in range(len(lists))]


def _value(piece: Piece, name: str, one: NDArray[np.uint64], n: int) -> Any:
    kind = int(one[0, 0])
    if n == 0:
        return None
    if kind == FLOATS or n > 1:
        floats = np.empty((1, n), dtype=np.float32)
        if kind != STRINGS:
            _core.take_floats(piece.block, one, floats)
            return floats[0].tolist() if n > 1 else float(floats[0, 0])
    found = Strings(*_strings(piece, name))[0]
    return int(found) if kind == INTEGERS else found
