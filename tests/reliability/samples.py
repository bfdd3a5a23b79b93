"""Small sound index files, and every question that can be put to an index."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nearmost import store
from nearmost.contents import Contents
from nearmost.encoders.recorded import PROBES, STATE, RecordedEncoder
from nearmost.index import Index
from nearmost.kinds.flat import Flat
from nearmost.metrics import METRICS
from nearmost.rows import Rows
from nearmost.strings import Strings
from nearmost.values import Vectors

SIZES = [(1, 20, 0), (16, 3, 1), (37, 8, 2), (50, 33, 3), (0, 6, 3)]
"""(rows, dim, extras): a single row, a whole block, several with padded words too, and none at all.

Extras: 0 nothing, 1 keys, 2 keys and texts, 3 an encoder's sections too.
"""
WORDS = ["north", "star", "küste", "深海", "a", "", "sand\tdune"]


def contents(metric: str, rows: int, dim: int, *, keys: bool, texts: bool, encoder: bool, seed: int = 0) -> Contents:
    """Rows drawn from a seed, as an index would hold them."""
    rng = np.random.default_rng([seed, rows, dim])
    values = rng.normal(size=(rows, dim)) if metric != "hamming" else rng.integers(0, 2, (rows, dim))
    named = [f"{WORDS[row % len(WORDS)]} {row}" for row in range(rows)] if keys else None
    vectors = Vectors.of(values, named)
    probes: dict[str, NDArray[Any]] = {
        PROBES: rng.normal(size=(3, dim)).astype(np.float32),
        STATE + "idf": rng.normal(size=5),
    }
    return Contents(
        Flat.pack(METRICS[metric], Rows.of(vectors.rows, METRICS[metric])),
        vectors.keys,
        Strings.of(f"text {row} {WORDS[row % len(WORDS)]}" for row in range(rows)) if texts else None,
        RecordedEncoder("fake:1", probes) if encoder else None,
    )


PARTITIONS = [("cosine", 300, 10), ("euclidean", 90, 130), ("dot", 40, 5)]
"""(metric, rows, dim) of the files whose rows lie in lists; more than 112 columns are turned."""
GRAPHS = [("cosine", 1200, 12), ("euclidean", 60, 130), ("dot", 40, 5)]
"""The same for graphs; more than 56 columns are turned, and only the first is large enough to be calibrated."""


def every_sample(folder: Path) -> Iterator[Path]:
    """Files of each metric: bare, with keys, with keys and texts, with an encoder's sections; and some
    partitions and graphs."""
    for metric, rows, dim in PARTITIONS:
        path = folder / f"partition-{metric}.nearmost"
        values = np.random.default_rng([rows, dim]).normal(size=(rows, dim))
        Index.build(values, metric=metric, kind="partition").save(path)
        yield path
    for metric, rows, dim in GRAPHS:
        path = folder / f"graph-{metric}.nearmost"
        values = np.random.default_rng([rows, dim]).normal(size=(rows, dim))
        Index.build(values, metric=metric, kind="graph").save(path)
        yield path
    for metric in METRICS:
        for rows, dim, extras in SIZES:
            path = folder / f"{metric}-{rows}.nearmost"
            made = contents(metric, rows, dim, keys=extras > 0, texts=extras > 1, encoder=extras > 2)
            store.write(path, made.header(), made.arrays())
            yield path


def answers(index: Index) -> list[object]:
    """What the index says to every kind of question, as values that compare equal where the answers do."""
    rows, dim = len(index), index.dim
    heard: list[object] = [
        rows,
        dim,
        index.metric.name,
        {**index.info(), "path": None, "unit": repr(index.info()["unit"])},
    ]
    queries = np.random.default_rng(7).normal(size=(7, dim)).astype(np.float32) if dim < 1 << 20 else np.ones((1, dim))
    queries[0] = 0
    if index.metric.name == "hamming":
        queries = (queries > 0).astype(np.float32)
    for asked, k in ((queries, 3), (queries[1 % len(queries)], rows + 2 if rows < 1 << 10 else 20)):
        ids, scores = index.search(asked, k)
        heard += [ids.tobytes(), scores.tobytes()]
        ids, scores = index.search(asked, k, recall=0.5, deny=[0, 2][: rows // 2])
        heard += [ids.tobytes(), scores.tobytes()]
    picked = sorted({0, rows // 2, rows - 1} & set(range(rows)))
    heard += [_said(index, row) for row in picked]
    keys = index.keys
    heard.append(
        ["not a key" in index, "" in index, len(keys), keys[:3], None if index.texts is None else index.texts[-3:]]
    )
    recorded = index._parts().encoder
    heard.append(None if recorded is None else [(name, a.tobytes()) for name, a in sorted(recorded.arrays.items())])
    return heard


def _said(index: Index, row: int) -> list[object]:
    key = index.keys[row]
    found = index.keys.row(key)
    text = None if index.texts is None else index.text(key)
    vector = index.vector(key)
    near = index.nearest(key, k=4) if np.isfinite(vector).all() else []
    return [key, found, text, vector.tobytes(), repr(near)]


def with_arrays_on_the_heap(path: str | os.PathLike[str]) -> Index:
    """The index with every array in a block of its own: a sanitizer sees a read past a block, but not past a map."""
    stored = store.read(path)
    return Index(Contents.of(stored.header, {name: array.copy() for name, array in stored.arrays.items()}))
