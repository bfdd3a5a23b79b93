"""Latent semantic analysis: TF-IDF and a truncated SVD, learned from your own texts. No download.

Deerwester et al. 1990; the SVD is the randomised one of Halko, Martinsson & Tropp 2011
(https://arxiv.org/abs/0909.4061), both as scikit-learn computes them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.utils.extmath import randomized_svd

from nearmost.encoders.batching import distinct
from nearmost.encoders.protocol import Encoder, Progress, State
from nearmost.errors import DamagedFileError, EncoderError
from nearmost.strings import Strings

DIM = 256
MAX_TERMS = 50_000  # the most frequent words; components take 4 * dim bytes each in the index file
MANY_TEXTS = 1000  # from here on a word must stand in two texts
CHUNK = 4096
ARRAYS = ("vocabulary_data", "vocabulary_offsets", "idf", "components")
DTYPES = ["uint8", "uint64", "float32", "float32"]


class LSA:
    """The encoder ``lsa`` or ``lsa:DIM``: rows of length 1, or zero where a text has no known word.

    ``fit`` gives the fitted one, whose ``dim`` is smaller than asked where the texts are few.
    """

    parallel = "processes"

    def __init__(self, dim: int = DIM) -> None:
        self.spec = "lsa" if dim == DIM else f"lsa:{dim}"
        self.dim = dim

    def fit(self, texts: Sequence[str]) -> FittedLSA:
        """A new encoder that knows the words of these texts; the same texts give the same one.

        Raises EncoderError where the texts have no word at all (of two letters or more).
        """
        distinct(texts)  # refuses what is not text, naming the row
        vectorizer = _vectorizer(min_df=2 if len(texts) >= MANY_TEXTS else 1, max_features=MAX_TERMS)
        try:
            weights = vectorizer.fit_transform(texts)
        except ValueError as error:
            raise EncoderError(f"lsa cannot learn from these {len(texts)} texts: {error}") from error
        components = randomized_svd(weights, min(self.dim, *weights.shape), n_iter=5, random_state=0)[2]
        terms = sorted(vectorizer.vocabulary_, key=vectorizer.vocabulary_.__getitem__)
        return FittedLSA(self.spec, terms, vectorizer.idf_, components)

    def encode(
        self, texts: Sequence[str], *, progress: Progress | None = None, n_threads: int = 0
    ) -> NDArray[np.float32]:
        """Always raises EncoderError: fit comes first."""
        raise EncoderError(f"encoder {self.spec!r} has not learned from texts yet: encoder = encoder.fit(texts)")

    def state(self) -> dict[str, NDArray[Any]]:
        """Nothing: there is nothing learned yet."""
        return {}


class FittedLSA:
    """An ``lsa`` encoder that has learned; ``state()`` and ``load_encoder(spec, state=...)`` move it."""

    parallel = "processes"

    def __init__(self, spec: str, terms: Sequence[str], idf: NDArray[Any], components: NDArray[Any]) -> None:
        """``idf`` (terms,) and ``components`` (dim, terms), both kept as float32."""
        self.spec = spec
        self.dim = len(components)
        self._terms = list(terms)
        self._idf = np.ascontiguousarray(idf, dtype=np.float32)
        self._components = np.ascontiguousarray(components, dtype=np.float32)
        self._vectorizer = _vectorizer(vocabulary={term: column for column, term in enumerate(self._terms)})
        self._vectorizer.idf_ = self._idf

    def fit(self, texts: Sequence[str]) -> FittedLSA:
        """Another encoder of the same spec that knows these texts instead."""
        return _asked_for(self.spec).fit(texts)

    def encode(
        self, texts: Sequence[str], *, progress: Progress | None = None, n_threads: int = 0
    ) -> NDArray[np.float32]:
        """Rows of length 1 or zero, float32 (n, dim). ``n_threads`` is not used: this takes microseconds a text."""
        distinct(texts)
        vectors = np.zeros((len(texts), self.dim), dtype=np.float32)
        for start in range(0, len(texts), CHUNK):
            weights = self._vectorizer.transform(texts[start : start + CHUNK])
            rows = np.asarray(weights @ self._components.T)
            lengths = np.sqrt(np.sum(rows * rows, axis=1, keepdims=True))
            np.divide(rows, lengths, out=vectors[start : start + len(rows)], where=lengths > 0)
            if progress is not None:
                progress(start + len(rows), len(texts))
        return vectors

    def state(self) -> dict[str, NDArray[Any]]:
        """What was learned, by name: the words as a string table, idf (terms,) and components (dim, terms)."""
        words = Strings.of(self._terms)
        arrays = (words.data, words.offsets, self._idf, self._components)
        return dict(zip(ARRAYS, arrays, strict=True))


def load(argument: str, state: State | None = None) -> Encoder:
    """The registry's door: the fitted encoder where there is a state, else one that waits for ``fit``."""
    asked = _asked_for(f"lsa:{argument}" if argument else "lsa")
    return _restored(asked.spec, state) if state else asked


def _asked_for(spec: str) -> LSA:
    argument = spec.removeprefix("lsa").removeprefix(":")
    if argument and not (argument.isascii() and argument.isdecimal() and len(argument) < 6 and int(argument) > 0):
        raise EncoderError(f"encoder {spec!r}: {argument!r} is not a number of columns; write lsa or, say, lsa:128")
    return LSA(int(argument) if argument else DIM)


def _restored(spec: str, state: State) -> FittedLSA:
    """Raises DamagedFileError where the arrays, which come from a file, do not belong together."""
    missing = [name for name in ARRAYS if name not in state]
    if missing:
        raise DamagedFileError(f"the state of encoder {spec!r} lacks {', '.join(missing)}")
    data, offsets, idf, components = (state[name] for name in ARRAYS)
    shapes_fit = (
        data.ndim == offsets.ndim == idf.ndim == 1
        and components.shape == (len(components), len(idf))
        and len(offsets) == len(idf) + 1
        and components.size > 0
    )
    types_fit = [array.dtype.name for array in (data, offsets, idf, components)] == DTYPES
    if not (shapes_fit and types_fit and np.isfinite(idf).all() and np.isfinite(components).all()):
        raise DamagedFileError(f"the arrays in the state of encoder {spec!r} do not belong together")
    terms = list(Strings(data, offsets))
    if len(set(terms)) != len(terms):
        raise DamagedFileError(f"the state of encoder {spec!r} names a word twice")
    return FittedLSA(spec, terms, idf, components)


def _vectorizer(**options: Any) -> TfidfVectorizer:
    return TfidfVectorizer(sublinear_tf=True, dtype=np.float32, **options)
