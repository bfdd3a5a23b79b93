"""Parquet, the one place that needs pyarrow: columns of texts, and columns of vectors."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from nearmost.readers.selection import TEXT_NAMES, Selection, listed, name_value, text_value
from nearmost.readers.sources import Source
from nearmost.strings import Strings

BATCH = 8192


@contextmanager
def _opened(source: Source) -> Iterator[Any]:
    """A pyarrow ParquetFile; a compressed one, or one from standard input, is held in memory."""
    try:
        if source.is_plain_file():
            file = pq.ParquetFile(source.name)
        else:
            with source.open() as stream:
                file = pq.ParquetFile(pa.BufferReader(stream.read()))
        _ = file.schema_arrow.names  # a damaged file can have names that are not UTF-8
    except (pa.ArrowException, OSError, EOFError, UnicodeDecodeError) as error:
        raise source.error(0, f"is not a Parquet file, or is damaged: {_first_line(error)}") from error
    with file:
        yield file


def _batches(source: Source, file: Any, columns: list[str]) -> Iterator[tuple[int, Any]]:
    """(rows before it, record batch) with these columns, each once, whatever order the file has."""
    rows = 0
    try:
        for batch in file.iter_batches(batch_size=BATCH, columns=sorted(set(columns))):
            yield rows, batch
            rows += len(batch)
            source.taken = source.size * rows // max(1, file.metadata.num_rows)
    except (pa.ArrowException, OSError) as error:
        found = f"cannot be read from here on ({_first_line(error)}); the file is damaged: get it again"
        raise source.error(rows + 1, found) from error


def parquet_rows(source: Source, selection: Selection) -> Iterator[tuple[int, list[Any]]]:
    """The wanted columns of every row, as plain Python values; other columns are not read."""
    with _opened(source) as file:
        wanted = selection.of(file.schema_arrow.names, source, 0)
        for before, batch in _batches(source, file, wanted):
            columns = [_values(batch, name, source, before) for name in wanted]
            for row, values in enumerate(zip(*columns, strict=True), before + 1):
                yield row, list(values)


def _values(batch: Any, name: str, source: Source, before: int) -> list[Any]:
    try:
        return list(batch.column(name).to_pylist())
    except UnicodeDecodeError as error:
        found = f"column {name!r} holds strings that are not UTF-8, here or in one of the next {len(batch)} rows"
        raise source.error(before + 1, found) from error


def parquet_holds_vectors(source: Source) -> bool:
    """Whether a column holds lists of numbers and none has the name of a text column."""
    with _opened(source) as file:
        schema = file.schema_arrow
        texts = [field.name for field in schema if _is_text(field.type) and field.name.lower() in TEXT_NAMES]
        return bool(_vector_names(schema)) and not texts


def parquet_vectors(
    source: Source, vector: str, key: str, text: str | None, limit: int | None
) -> tuple[NDArray[np.float32], list[str] | None, Strings | None]:
    """The rows of the column ``vector``, or of the only one that holds vectors, and the column ``key`` if there is one.

    The column ``text``, where one is named, comes with them. Of a file without rows none come, of dim 0.

    Raises ReadError naming the row, from 1, where a vector is missing or has another length.
    """
    with _opened(source) as file:
        schema = file.schema_arrow
        column = _vector_column(schema, vector, source)
        for wanted in (key, text):
            if wanted not in (None, "key") and wanted not in schema.names:
                raise source.error(0, f"there is no column {wanted!r}; the columns are {listed(schema.names)}")
        named = key in schema.names
        n_rows = file.metadata.num_rows if limit is None else min(limit, file.metadata.num_rows)
        rows: NDArray[np.float32] | None = None
        keys: list[str] = []
        texts: list[str] = []
        others = [name for name in (key if named else None, text) if name is not None]
        for before, batch in _batches(source, file, [column, *others]):
            if before >= n_rows:
                break
            batch = batch.slice(0, n_rows - before)
            part = _batch_rows(batch.column(column), source, column, before, None if rows is None else rows.shape[1])
            if rows is None:
                rows = np.empty((n_rows, part.shape[1]), dtype=np.float32)
            with np.errstate(over="ignore"):  # what becomes infinite is refused where Vectors are made
                rows[before : before + len(part)] = part
            if named:
                values = enumerate(_values(batch, key, source, before), before + 1)
                keys += [name_value(value, key, source, row) for row, value in values]
            if text is not None:
                values = enumerate(_values(batch, text, source, before), before + 1)
                texts += [text_value(value, text, source, row) for row, value in values]
    if rows is None:  # one of many files may be empty
        return np.empty((0, 0), np.float32), None, None
    return rows, keys if named else None, None if text is None else Strings.of(texts)


def _batch_rows(column: Any, source: Source, name: str, before: int, dim: int | None) -> NDArray[Any]:
    """A list column as (n, dim), after a look at every length."""
    if pa.types.is_fixed_size_list(column.type):
        lengths = np.full(len(column), column.type.list_size)
    else:
        lengths = column.value_lengths().fill_null(0).to_numpy(zero_copy_only=False)
    missing = column.is_null().to_numpy(zero_copy_only=False)
    if missing.any():
        row = int(np.argmax(missing))
        raise source.error(before + row + 1, f"column {name!r} holds nothing (null); wanted a vector")
    wanted = int(lengths[0]) if dim is None else dim
    if (lengths != wanted).any():
        row = int(np.argmax(lengths != wanted))
        raise source.error(before + row + 1, f"column {name!r} holds {lengths[row]} numbers, rows before it {wanted}")
    flat = column.flatten()
    if flat.null_count:
        row = int(np.argmax(flat.is_null().to_numpy(zero_copy_only=False))) // wanted
        raise source.error(before + row + 1, f"column {name!r} holds a null among its numbers; every one must be there")
    numbers: NDArray[Any] = flat.to_numpy(zero_copy_only=False).reshape(len(column), wanted)
    return numbers


def _vector_column(schema: Any, vector: str, source: Source) -> str:
    names = _vector_names(schema)
    if vector in names:
        return vector
    if vector == "vector" and len(names) == 1:
        return names[0]
    columns = ", ".join(f"{field.name!r} ({field.type})" for field in schema)
    if vector in schema.names:
        raise source.error(0, f"column {vector!r} does not hold lists of numbers; the columns are {columns}")
    raise source.error(0, f"there is no column {vector!r}; say vector= one of {columns}")


def _vector_names(schema: Any) -> list[str]:
    return [field.name for field in schema if _is_vector(field.type)]


def _is_vector(kind: Any) -> bool:
    lists = pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    return bool(lists and (pa.types.is_floating(kind.value_type) or pa.types.is_integer(kind.value_type)))


def _is_text(kind: Any) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_dictionary(kind))


def _first_line(error: Exception) -> str:
    return str(error).split("\n", 1)[0]


def write_parquet(stream: Any, rows: NDArray[np.float32], keys: list[str]) -> None:
    """Columns "key" and "vector", a list of as many numbers in every row."""
    numbers = pa.FixedSizeListArray.from_arrays(pa.array(rows.reshape(-1), pa.float32()), rows.shape[1])
    pq.write_table(pa.table({"key": pa.array(keys, pa.string()), "vector": numbers}), stream)


@contextmanager
def table_writer(stream: Any) -> Iterator[Callable[[Mapping[str, Sequence[Any]]], None]]:
    """What writes one table after another into a file: columns of strings, but "score", which is float32."""
    writer: Any = None

    def write(table: Mapping[str, Sequence[Any]]) -> None:
        nonlocal writer
        made = pa.table({name: pa.array(column, KINDS.get(name, pa.string())) for name, column in table.items()})
        writer = pq.ParquetWriter(stream, made.schema) if writer is None else writer
        writer.write_table(made)

    try:
        yield write
    finally:
        if writer is not None:
            writer.close()


KINDS = {"score": pa.float32()}


def write_rows(path: Path, rows: list[dict[str, Any]]) -> None:
    """A table of these rows, all of which have the same names; a column without any value becomes text."""
    columns = {name: pa.array([row[name] for row in rows]) for name in rows[0]} if rows else {}
    held = {
        name: column.cast(pa.string()) if pa.types.is_null(column.type) else column for name, column in columns.items()
    }
    pq.write_table(pa.table(held), path)
