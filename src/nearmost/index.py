"""The index: built from text or vectors, saved as one file, opened as a map, searched."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nearmost import store
from nearmost.analogy import Given, solve
from nearmost.building import build, refitted
from nearmost.contents import Contents
from nearmost.encoders import Encoder, load_encoder
from nearmost.errors import EncoderError, InputError, ShapeError
from nearmost.kinds.flat import Progress
from nearmost.kinds.packing import Kind
from nearmost.kinds.partitioning import Quality
from nearmost.metrics import Metric
from nearmost.nearest import nearest
from nearmost.projection import Projection
from nearmost.queries import whole
from nearmost.rows import Store
from nearmost.searching import queries_of, search
from nearmost.shards import Paths, Shards, paths_of, read, shown
from nearmost.stacked import StackedKeys, StackedStrings
from nearmost.strings import Keys, OnDuplicate, Strings
from nearmost.values import Corpus, Neighbors, Vectors


class Index:
    """Vectors that can be searched, with their keys and perhaps their texts and the encoder that made them.

    Make one with ``Index.build`` or ``Index.open``. It never changes, so any number of threads may search it at once,
    and processes that open the same file share its memory.
    """

    def __init__(self, contents: Contents | Shards, *, encoder: Encoder | None = None) -> None:
        self._contents: Contents | Shards | None = contents
        self._encoder = encoder  # loaded when first asked for
        self._path: Paths | None = None  # as it was given, for people
        self._absolute: list[Path] | None = None
        self._checksums: tuple[int, ...] = ()

    @classmethod
    def build(
        cls,
        rows: Vectors | Corpus | ArrayLike | Iterator[ArrayLike],
        *,
        keys: Iterable[str] | None = None,
        metric: str | Metric = "cosine",
        encoder: str | Encoder | None = None,
        on_duplicate: OnDuplicate = "error",
        kind: Kind = "auto",
        exact: bool = False,
        quality: Quality = "default",
        store: Store = "auto",
        projection: Projection | str | os.PathLike[str] | int | None = None,
        keep_full: bool | None = None,
        scratch: str | os.PathLike[str] | None = None,
        seed: int = 0,
        n_threads: int = 0,
        progress: Progress | None = None,
    ) -> Index:
        """An index of vectors, or of a corpus, whose texts an encoder ("minilm" where none is named) makes vectors of.

        ``rows``: Vectors, a Corpus, anything array-like of shape (n, dim), or an iterator of such batches, which go
        through a file; a mapped array is read where it lies. With vectors, ``encoder`` names what made them, so that
        the index can be searched by text. ``keys`` and ``on_duplicate`` as in ``Vectors.of``.
        ``kind="flat"`` (the same as ``exact=True``) looks at every row and is exact; "partition" and
        "graph" look at the most promising ones, and how many of the nearest they find is up to ``search``; from 20,000
        rows on "auto" takes the one that suits the rows.
        ``store``: the type that rows are kept in. "auto" takes the shortest of uint8, int8, float16 and float32 that
        loses nothing; "f16" and "i8" round where they must. ``scratch``: a folder for what a build needs beside its
        rows; without it that is memory, or the system's own such folder where a mapped array exceeds 1 GiB.
        ``projection``: what rows go through first, and queries from then on: a Projection, a number of columns
        (what loses least), "pca:64", "gaussian:64", "sparse:64", "truncate:64", or a file. ``info`` says what it costs.
        ``keep_full`` keeps the rows as they were beside it, and candidates are scored by them.
        ``quality`` ("fast", "default", "best") trades time to build for time to search. The same rows, seed and quality
        give the same bytes.
        ``progress(done, total)`` is called about ten times a second from this thread. n_threads=0: all cores.
        """
        if exact and kind not in ("auto", "flat"):
            raise InputError(f"exact=True and kind={kind!r} exclude each other; a flat index is the exact one")
        contents, loaded = build(
            rows, keys=keys, metric=metric, encoder=encoder, on_duplicate=on_duplicate, scratch=scratch,
            kind="flat" if exact else kind, quality=quality, store=store, projection=projection, keep_full=keep_full,
            seed=seed, n_threads=n_threads, progress=progress,
        )  # fmt: skip
        return cls(contents, encoder=loaded)

    @classmethod
    def open(cls, path: Paths, *, verify: store.Verify = "header", encoder: str | Encoder | None = None) -> Index:
        """The index in this file, mapped: a few milliseconds whatever its size, and memory shared between processes.

        A pattern such as ``headlines-*.nearmost``, or a list of paths: those files as one index, see ``nearmost.open``.
        ``verify="full"`` also checks every byte against its checksum. ``encoder`` takes the place of the one recorded
        in the file and must be the same; EncoderMismatchError names both where it is not.
        """
        found = paths_of(path)
        contents, checksums = read(found, verify)
        index = cls(contents)
        index._lies_at(path if isinstance(path, str | os.PathLike) else found, found, checksums)
        if encoder is not None:
            made = index._encoder = contents.encoder.given(encoder) if contents.encoder else load_encoder(encoder)
            if made.dim != contents.dim_in:
                raise ShapeError(f"encoder {made.spec!r} has dim {made.dim}, the index has dim {contents.dim_in}")
        return index

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the index to this file, whole or not at all: whatever happens, the old or the new one is there."""
        parts = self._parts().one("save")
        self._lies_at(path, [path], (store.write(path, parts.header(), parts.arrays()),))

    def search(
        self,
        queries: ArrayLike | str | Sequence[str],
        k: int = 10,
        *,
        recall: float = 0.95,
        effort: int | None = None,
        allow: ArrayLike | Iterable[str] | None = None,
        deny: ArrayLike | Iterable[str] | None = None,
        leave_out: ArrayLike | Sequence[str] | None = None,
        radius: float | None = None,
        rescore: int | None = None,
        n_threads: int = 0,
        progress: Progress | None = None,
    ) -> Neighbors:
        """The k nearest rows of each query, nearest first: ``ids, scores = index.search(queries)``.

        ``recall`` is the share of them to find: the index was calibrated for it when it was built, on rows held out as
        queries (``tune`` does so on queries of your own), and 1 is exact. ``effort``, the number of lists to look
        through or a graph's margin in thousandths, takes its place for those who know. Scores are exact in any case.

        ``allow`` and ``deny``, each a bool mask (n,), row numbers or keys, say which rows may be found: the k nearest
        of those come, however few they are among all. ``leave_out``, a row number or key for each query, is the row
        that must not be its neighbor: its own. ``radius`` leaves out what is farther by the metric's own distance.
        ``rescore``: where full rows were kept beside projected ones, so many candidates, 10 k unless given, are scored
        by them; 0 leaves it be, and so does a head that was trained, unless a number is given.

        ``queries`` is one vector (dim,), many (q, dim), one text or a list of texts. One query gives (k,) arrays,
        many give (q, k). Where fewer than k rows exist the rest is -1 and -inf.
        """
        rows, single = self._query_rows(queries, n_threads)
        found = search(
            self._parts(), rows, k, recall=recall, effort=effort, allow=allow, deny=deny, leave_out=leave_out,
            radius=radius, rescore=rescore, n_threads=n_threads, progress=progress,
        )  # fmt: skip
        return Neighbors(found.ids[0], found.scores[0], found.metric) if single else found

    def nearest(
        self,
        key: str | None = None,
        *,
        text: str | None = None,
        vector: ArrayLike | None = None,
        k: int = 10,
        recall: float = 0.95,
        n_threads: int = 0,
    ) -> list[tuple[str, float]]:
        """(key, score) of the k rows nearest to a row, a text or a vector; a row is not its own neighbour."""
        return nearest(self, key, text, vector, whole(k, "k", 1), recall, n_threads)

    def analogy(
        self, positive: Given = (), negative: Given = (), k: int = 10, *, recall: float = 0.95, n_threads: int = 0
    ) -> list[tuple[str, float]]:
        """(key, score) of the k rows nearest to king + woman - man: directions added, the rows put in left out."""
        return solve(self, positive, negative, whole(k, "k", 1), recall, n_threads)

    def tune(self, queries: ArrayLike | Sequence[str], *, n_threads: int = 0) -> Index:
        """The same index calibrated on these queries, some hundreds of them, for when they are unlike the rows.

        Save it to keep that. A flat index needs none and comes back as it is.
        """
        rows, _ = self._query_rows(queries, n_threads)
        return Index(self._parts().tuned(rows, n_threads), encoder=self._encoder)

    def refit(
        self,
        projection: Projection | str | os.PathLike[str] | int | None,
        *,
        kind: Kind = "auto",
        quality: Quality = "default",
        store: Store = "auto",
        keep_full: bool | None = None,
        seed: int = 0,
        n_threads: int = 0,
        progress: Progress | None = None,
    ) -> Index:
        """A new index of the same rows put through another projection (None: none), without encoding anything again.

        It takes the rows as they were given: of an index without a projection, or of one that keeps full rows.
        """
        parts = refitted(
            self._parts().one("refit"), projection, kind=kind, quality=quality, store=store, keep_full=keep_full,
            seed=seed, n_threads=n_threads, progress=progress,
        )  # fmt: skip
        return Index(parts, encoder=self._encoder)

    def vector(self, key: str) -> NDArray[np.float32]:
        """The vector of this key as it was given, or as a projection left it, float32. Raises UnknownKeyError."""
        return self._parts().vector(self._parts().keys.row(key))

    def text(self, key: str) -> str:
        """The text of this key. Raises UnknownKeyError, or InputError where the index keeps no texts."""
        return self._parts().text(self._parts().keys.row(key))

    def vectors(self) -> Vectors:
        """All rows as they were given, with their keys and texts, in memory."""
        return self._parts().vectors()

    @property
    def keys(self) -> Keys | StackedKeys:
        """The keys in row order: ``index.keys[id]`` is a key, ``index.keys.row(key)`` an id."""
        return self._parts().keys

    @property
    def texts(self) -> Strings | StackedStrings | None:
        """The texts in row order, or None where it was built from vectors."""
        return self._parts().texts

    @property
    def metric(self) -> Metric:
        """The metric that it was built for."""
        return self._parts().packed.metric

    @property
    def dim(self) -> int:
        """Columns."""
        return self._parts().packed.dim

    @property
    def encoder(self) -> Encoder:
        """What turns text into this index's vectors, loaded when first asked for. Raises EncoderError without one."""
        if self._encoder is None:
            recorded = self._parts().encoder
            if recorded is None:
                raise EncoderError("the index names no encoder; open it with encoder=... to search it by text")
            self._encoder = recorded.load()
        return self._encoder

    def info(self) -> dict[str, Any]:
        """What is inside, as plain values."""
        return {"path": self._path and shown(self._path), **self._parts().info()}

    def close(self) -> None:
        """Lets go of the file; the map goes once no array of it is left."""
        self._contents = self._encoder = None

    def __enter__(self) -> Index:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __len__(self) -> int:
        return self._parts().packed.n_rows

    def __contains__(self, key: object) -> bool:
        return key in self._parts().keys

    def __repr__(self) -> str:
        if self._contents is None:
            return "<Index, closed>"
        where = "" if self._path is None else f" from {shown(self._path)}"
        return f"<Index of {len(self)} x {self.dim}, {self.metric}{where}>"

    def __reduce__(self) -> tuple[Any, ...]:
        if self._absolute is not None:
            return _reopen, (self._absolute, self._checksums)
        parts = self._parts().one("to pickle what was tuned")
        return _unpickle, (parts.header(), parts.arrays())

    def _lies_at(self, path: Paths, found: Sequence[str | os.PathLike[str]], checksums: tuple[int, ...]) -> None:
        self._path, self._checksums = path, checksums
        self._absolute = [Path(each).absolute() for each in found]

    def _parts(self) -> Contents | Shards:
        if self._contents is None:
            raise InputError("the index is closed; open it again with Index.open")
        return self._contents

    def _query_rows(self, queries: Any, n_threads: int) -> tuple[NDArray[np.float32], bool]:
        return queries_of(self._parts(), queries, lambda t: self.encoder.encode(t, n_threads=n_threads))


def _unpickle(header: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> Index:
    return Index(Contents.of(header, arrays))


def _reopen(paths: list[Path], checksums: tuple[int, ...]) -> Index:  # what unpickling calls: the same files
    index = Index.open(paths)
    if index._checksums != checksums:
        raise InputError(f"{index.info()['path']} has been replaced since the index was pickled; open it afresh")
    return index
