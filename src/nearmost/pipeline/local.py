"""A corpus larger than memory made into an index on one machine, in steps that no crash undoes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nearmost.building import SMALL, build
from nearmost.encoders import Encoder, Fitted, fingerprint, load_encoder
from nearmost.encoders.batching import n_workers
from nearmost.errors import InputError, NearmostError
from nearmost.index import Index
from nearmost.kinds.packing import Kind
from nearmost.kinds.partitioning import Quality
from nearmost.memory import Allocate, aligned, on_disk
from nearmost.metrics import Metric, metric_named
from nearmost.pipeline.encoding import Encoding
from nearmost.pipeline.gathering import Gathered, Gathering, gathered_before, picked
from nearmost.pipeline.learning import learned
from nearmost.pipeline.work import ROWS, WorkFolder, in_words
from nearmost.projecting import require_projection
from nearmost.projection import Projection
from nearmost.readers.archives import split_member
from nearmost.readers.corpus import Record, iter_records
from nearmost.readers.sources import STDIN, expand
from nearmost.rows import Store
from nearmost.strings import Keys, OnDuplicate, Strings

Progress = Callable[[str, int, int], object]
"""(stage, done, total): the stages are reading, learning, encoding, packing and saving."""


def index_corpus(
    path: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    output: str | os.PathLike[str],
    *,
    text: str | None = None,
    key: str | None = None,
    encoder: str | Encoder = "minilm",
    metric: str | Metric = "cosine",
    on_duplicate: OnDuplicate = "error",
    kind: Kind = "auto",
    quality: Quality = "default",
    store: Store = "auto",
    projection: Projection | str | os.PathLike[str] | int | None = None,
    keep_full: bool | None = None,
    scratch: str | os.PathLike[str] | None = None,
    limit: int | None = None,
    encoding: str = "utf-8",
    format: str | None = None,
    seed: int = 0,
    restart: bool = False,
    n_threads: int = 0,
    progress: Progress | None = None,
) -> Index:
    """The index of a corpus of any size, in the file ``output``: read, encoded and packed, whatever stops it meanwhile.

    ``path``, ``text``, ``key``, ``limit``, ``encoding`` and ``format`` as in ``read_corpus``; the rest as in
    ``Index.build``. What is read and encoded goes to the folder ``OUTPUT.partial``, which is gone when the index is
    there. Stopped at any moment, by Ctrl-C, ``kill -9`` or a power cut, the same call goes on where the last one was,
    and the index is the same, byte for byte, as that of a call that nobody stopped. Where the folder is from other
    inputs, columns or another encoder, that is an InputError, unless ``restart`` begins anew; how rows are packed may
    change in between. Packing itself begins again.

    Texts are encoded while others are read, on all cores. An encoder that learns (``lsa``) does so first, from all
    texts, or where they are more than 200,000 or 256 MiB, from so many drawn by ``seed``. Reading and encoding take
    the same memory for any number of texts. Packing maps the vectors and keeps what it needs in ``scratch``, beside
    the output unless another folder is named, from 1 GiB of vectors on; some hundred bytes a row stay in memory. The
    disk holds the vectors three times at the most.

    ``progress(stage, done, total)`` is called from this thread, for the stages reading (in bytes), learning, encoding
    (in records), packing and saving, one after the other; total is 0 where nobody knows it.
    """
    chosen = metric_named(metric)
    if on_duplicate not in ("error", "first", "last"):
        raise InputError(f'on_duplicate is {on_duplicate!r}; it must be "error", "first" or "last"')
    tell = progress or _silent
    loaded = load_encoder(encoder)
    spec = encoder if isinstance(encoder, str) else None
    if projection is not None:
        require_projection(projection, loaded.dim, chosen)  # before the texts are encoded, not after it
    elif keep_full:
        raise InputError("keep_full keeps what a projection shortens; without projection=... rows are full as they are")
    learns = isinstance(loaded, Fitted)
    paths = expand(path)
    sizes, inputs = _inputs(paths)
    made_of: dict[str, Any] = {
        "input": list(sizes), "size": sizes, "text": text, "key": key, "limit": limit, "encoding": encoding,
        "format": format, "encoder": loaded.spec,
    }  # fmt: skip
    if learns:
        made_of |= {"seed": seed, "on_duplicate": on_duplicate}

    def records() -> Iterator[Record]:
        tell("reading", 0, 0)  # what is waited for may be long in coming
        return iter_records(
            paths, text=text, key=key, limit=limit, encoding=encoding, format=format,
            progress=lambda done, total: tell("reading", done, total),
        )  # fmt: skip

    with WorkFolder(output, made_of, None if learns else fingerprint(loaded), restart=restart) as work:
        try:
            with Encoding(work, n_workers(n_threads), tell) as encode:
                if not learns:
                    encode.begin(loaded, spec)
                found = None if STDIN in paths else gathered_before(work, inputs)
                found = found or _gathered(work, records(), key is not None, inputs, encode)
                kept = found.unique(on_duplicate)
                if isinstance(loaded, Fitted):
                    tell("learning", 0, 0)
                    loaded = learned(work, loaded, spec, found, kept, seed)
                    encode.begin(loaded, spec)
                encode.finish(found.pages)
        except KeyboardInterrupt:
            if work.is_new and work.is_bare():
                work.remove()
            raise
        except NearmostError:
            if work.is_new and not work.is_worth_keeping():
                work.remove()
            raise
        tell("packing", 0, 0)
        rows: NDArray[Any] = np.memmap(work.file("vectors"), "<f4", "r", shape=(len(found), loaded.dim))
        if scratch is None and rows.nbytes > SMALL:
            scratch = work.path.parent  # where there is room for the vectors there is room for what packing needs
        rows, texts, names = _without(rows, found, kept, aligned if scratch is None else on_disk(scratch))
        contents, _ = build(
            rows, keys=names, metric=chosen, encoder=loaded, on_duplicate="error", kind=kind, quality=quality,
            store=store, projection=projection, keep_full=keep_full, scratch=scratch, seed=seed, n_threads=n_threads,
            progress=lambda done, total: tell("packing", done, total),
        )  # fmt: skip
        tell("saving", 0, 0)
        Index(replace(contents, texts=texts)).save(output)
        work.remove()
    return Index.open(output)


def _gathered(work: WorkFolder, records: Iterator[Record], keyed: bool, inputs: Any, encode: Encoding) -> Gathered:
    """All records, in the work folder; each page is offered to who encodes as soon as it is there."""
    with Gathering(work, keyed) as gathering:
        for page in gathering.pages(records):
            encode.offer(page)
        return gathering.finish(inputs)


def _without(
    rows: NDArray[Any], found: Gathered, kept: NDArray[np.int64] | None, allocate: Allocate
) -> tuple[NDArray[Any], Strings, Keys]:
    """Vectors, texts and keys of the rows that are kept."""
    texts, names = found.texts, found.keys
    if kept is not None:
        made = allocate((len(kept), rows.shape[1]), np.float32)
        for start in range(0, len(kept), ROWS):
            made[start : start + ROWS] = rows[kept[start : start + ROWS]]
        rows, texts, names = made, picked(texts, kept, allocate), names and picked(names, kept, allocate)
    return rows, texts, Keys(len(rows)) if names is None else Keys.of(names)


def _inputs(paths: Sequence[str | os.PathLike[str]]) -> tuple[dict[str, int], list[list[Any]]]:
    """Path -> bytes of each file, which must stay; and both with the time of its last change, which may not."""
    sizes: dict[str, int] = {}
    inputs: list[list[Any]] = []
    for path in paths:
        name = os.fspath(path)
        file = split_member(name)[0]
        if name == STDIN or not os.path.isfile(file):  # the reader says what is wrong with what is no file
            sizes[in_words(name)] = 0
            continue
        found = os.stat(file)
        said = in_words(os.path.abspath(name))
        sizes[said] = found.st_size
        inputs.append([said, found.st_size, found.st_mtime_ns])
    return sizes, inputs


def _silent(stage: str, done: int, total: int) -> None:
    pass
