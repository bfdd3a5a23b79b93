"""What gensim asks for neighbours: ``model.wv.most_similar("word", topn=10, indexer=indexer)`` over one of our files.

gensim itself is not imported: an indexer is anything with ``most_similar(vector, num_neighbors)``, and a model is
anything with its vectors. ``from nearmost.compat.gensim import AnnoyIndexer`` is the whole migration of code that was
written for gensim's own indexer; docs/gensim.md walks through it.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nearmost.errors import InputError, NotAnIndexError, ReadError
from nearmost.forest import read_forest
from nearmost.index import Index
from nearmost.kinds.flat import Progress
from nearmost.kinds.packing import Kind
from nearmost.kinds.partitioning import Quality
from nearmost.readers.unpickle import unpickled
from nearmost.strings import Keys
from nearmost.values import Vectors

Label = str | int


class NearmostIndexer:
    """The neighbours of a gensim 4 model's vectors, for ``most_similar(..., indexer=indexer)``.

    ``model``: Word2Vec, Doc2Vec (its documents), FastText or KeyedVectors. Its vectors are copied, so that training on
    changes nothing here. Without a model the indexer is empty, for ``load`` to fill. ``num_trees`` is there for code
    that was written for gensim's AnnoyIndexer: it is kept, and nothing depends on it. How many of the nearest are found
    is up to ``recall``; ``kind``, ``quality``, ``seed``, ``n_threads`` and ``progress`` are those of ``Index.build``.
    """

    def __init__(
        self,
        model: Any = None,
        num_trees: int | None = None,
        *,
        recall: float = 0.99,
        kind: Kind = "auto",
        quality: Quality = "default",
        seed: int = 0,
        n_threads: int = 0,
        progress: Progress | None = None,
    ) -> None:
        self.model = model
        self.num_trees = num_trees
        self.recall = recall
        self.index: Index | None = None
        self.labels: Sequence[Label] | None = None
        if model is not None:
            vectors, labels = read_model(model)
            self.index = Index.build(
                vectors, kind=kind, quality=quality, seed=seed, n_threads=n_threads, progress=progress
            )
            self.labels = self.index.keys if all(isinstance(label, str) for label in labels) else labels

    def most_similar(self, vector: ArrayLike, num_neighbors: int) -> list[tuple[Label, float]]:
        """(label, cosine) of the vectors nearest to this one, nearest first.

        As with gensim's own indexers nothing is left out: the word that was asked for is its own nearest neighbour.
        """
        if self.index is None or self.labels is None:
            raise InputError("the indexer is empty: NearmostIndexer(model) fills one, load(fname) opens a saved one")
        ids, scores = self.index.search(vector, num_neighbors, recall=self.recall, n_threads=1)
        if num_neighbors > len(self.index):
            ids = ids[ids >= 0]
        labels = self.labels
        named = labels.take(ids) if isinstance(labels, Keys) else [labels[row] for row in ids.tolist()]
        return list(zip(named, scores.tolist(), strict=False))

    def save(self, fname: str | os.PathLike[str], protocol: int | None = None) -> None:
        """Writes the index, labels and all, to this one file. There is no pickle, so ``protocol`` is of no matter."""
        if self.index is None:
            raise InputError("the indexer is empty, there is nothing to save")
        self.index.save(fname)

    def load(self, fname: str | os.PathLike[str]) -> None:
        """Opens a file that ``save`` wrote, or any cosine index: mapped, so that processes share its memory.

        The model is not in it; ``most_similar`` needs none, and ``indexer.model = model`` puts it back for who does.
        The two files that gensim's AnnoyIndexer wrote, ``fname`` and ``fname.dict``, are read too, and indexed anew;
        of the pickle nothing is run.
        """
        beside = f"{os.fspath(fname)}.dict"
        try:
            index = Index.open(fname)
        except NotAnIndexError:
            if not os.path.exists(beside):
                raise
            index = Index.build(read_annoy_indexer(fname, beside))
        if index.metric.name != "cosine":
            raise InputError(f"{os.fspath(fname)} has metric {index.metric}; gensim's similarity is cosine")
        self.index = index
        self.labels = range(len(index)) if index.keys.strings is None else index.keys

    def __repr__(self) -> str:
        return f"<NearmostIndexer, {'empty' if self.index is None else self.index}>"


AnnoyIndexer = NearmostIndexer
"""The same under the name, and with the arguments, of gensim.similarities.annoy.AnnoyIndexer."""


def read_model(model: Any) -> tuple[Vectors, Sequence[Label]]:
    """A gensim model's vectors, copied, and its labels as gensim has them: words, or a Doc2Vec's tags, perhaps numbers.

    Tags 0, 1, 2, ... become unnamed rows, so that a saved index gives numbers back; of mixed tags it gives strings.
    """
    for place in ("dv", "wv"):
        model = getattr(model, place, model)
    labels, rows = getattr(model, "index_to_key", None), getattr(model, "vectors", None)
    if labels is None or rows is None:
        raise InputError(f"{type(model).__name__} is no Word2Vec, Doc2Vec, FastText or KeyedVectors of gensim 4")
    named = [row for row, label in enumerate(labels) if label is not None]  # room that was made and never filled
    labels = [labels[row] for row in named]
    return _labelled(np.array(rows[named], dtype=np.float32), labels), labels


def read_annoy_indexer(annoy_path: str | os.PathLike[str], pickle_path: str | os.PathLike[str]) -> Vectors:
    """The vectors and labels of the two files that gensim's AnnoyIndexer wrote.

    The pickle is read as data, and nothing in it is run. Raises ReadError where it holds something else.
    """
    name = os.fspath(pickle_path)
    described = unpickled(Path(pickle_path).read_bytes(), name)
    if not isinstance(described, dict) or not isinstance(described.get("labels"), list):
        raise ReadError(f"{name}: this is not what gensim's AnnoyIndexer wrote: there are no labels in it")
    items = read_forest(annoy_path, described.get("f"), "angular")  # type: ignore[arg-type]
    return _labelled(items.rows, described["labels"])


def _labelled(rows: NDArray[np.float32], labels: Sequence[Label]) -> Vectors:
    """Tags 0, 1, 2, ... become unnamed rows, so that a saved index gives numbers back."""
    numbered = all(isinstance(label, int | np.integer) and label == row for row, label in enumerate(labels))
    return Vectors.of(rows, None if numbered else map(str, labels))
