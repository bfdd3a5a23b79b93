"""Texts as means of word vectors, from any file of words that nearmost reads: ``gensim:PATH``; gensim is not needed.

``gensim:PATH?weights=sif`` weighs words by smooth inverse frequency and takes off what all texts have in common, as
Arora, Liang & Ma 2017 do (A simple but tough-to-beat baseline for sentence embeddings, ICLR): a word of probability p
weighs a / (a + p), and the first principal component of the texts' vectors is subtracted from each.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nearmost.encoders.batching import distinct
from nearmost.encoders.options import path_and_options
from nearmost.encoders.protocol import Encoder, Progress, State
from nearmost.errors import DamagedFileError, EncoderError, InputError
from nearmost.readers import read_vectors
from nearmost.values import Vectors

WORD = re.compile(r"[^\W_]+(?:['’_-][^\W_]+)*")
CHUNK = 2048
SMOOTH = 1e-3  # a in the paper, whose results hardly change from 1e-4 to 1e-2
OPTIONS = {"weights": ("mean", "sif"), "p": ("rank", "corpus")}


class WordMean:
    """The encoder ``gensim:PATH``: the mean of the vectors of a text's words, zero where it has none that is known.

    A word is letters and digits, with an apostrophe, a hyphen or an underscore inside; it is looked up as it stands,
    then in lower case. Words that the file does not have count for nothing.
    """

    def __init__(self, argument: str, words: Vectors, weights: NDArray[np.float32] | None = None) -> None:
        """``weights``, float32 (words,): what each counts for; None is 1."""
        self.spec = f"gensim:{argument}"
        self.dim = words.dim
        self._words = words
        self._weights = weights

    def encode(
        self, texts: Sequence[str], *, progress: Progress | None = None, n_threads: int = 0
    ) -> NDArray[np.float32]:
        """float32 (n, dim). ``n_threads`` is not used: this takes microseconds a text."""
        kinds, place_of = distinct(texts)
        vectors = np.zeros((len(kinds), self.dim), dtype=np.float32)
        for start in range(0, len(kinds), CHUNK):
            some = kinds[start : start + CHUNK]
            rows, owners = self.found(some)
            if len(rows):
                vectors[start + np.unique(owners)] = self._means(rows, owners)
            if progress is not None:
                progress((start + len(some)) * len(texts) // len(kinds), len(texts))
        return vectors if len(kinds) == len(texts) else vectors[place_of]

    def found(self, texts: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The words of the texts that are known, as rows of the file, and which text each stands in."""
        words = [WORD.findall(text) for text in texts]
        flat = [word for some in words for word in some]
        owners = np.repeat(np.arange(len(texts)), [len(some) for some in words])
        rows = self._words.keys.rows(flat)
        missing = np.flatnonzero(rows < 0)
        if len(missing):
            rows[missing] = self._words.keys.rows([flat[place].lower() for place in missing.tolist()])
        known = rows >= 0
        return rows[known], owners[known]

    def _means(self, rows: NDArray[np.int64], owners: NDArray[np.int64]) -> NDArray[np.float64]:
        """A row for each text that owns a word; each word by word from the first, whatever text stands beside it."""
        starts = np.flatnonzero(np.diff(owners, prepend=-1))
        held = self._words.rows[rows].astype(np.float64)
        if self._weights is not None:
            held *= self._weights[rows][:, None]
        sums = np.add.reduceat(held, starts, axis=0)
        return np.asarray(sums / np.diff(starts, append=len(rows))[:, None])

    def __reduce__(self) -> tuple[Callable[[str], Encoder], tuple[str]]:
        return load, (self.spec.removeprefix("gensim:"),)


class SIF:
    """The encoder ``gensim:PATH?weights=sif``; ``fit`` gives the one that encodes.

    ``p=rank``, unless said otherwise, takes a word's probability from its place in the file by Zipf's law, since files
    of words are in the order of their frequency. ``p=corpus`` counts the words of the texts that it is fitted to.
    """

    def __init__(self, argument: str, words: Vectors, counted: bool) -> None:
        self.spec = f"gensim:{argument}"
        self.dim = words.dim
        self._words = words
        self._counted = counted

    def fit(self, texts: Sequence[str]) -> FittedSIF:
        """A new encoder that knows how often these texts' words are and what they have in common."""
        if not len(texts):
            raise EncoderError(f"{self.spec!r} cannot learn from no texts")
        plain = WordMean("", self._words)
        n_words = len(self._words)
        if self._counted:
            counts = np.zeros(n_words)
            for start in range(0, len(texts), CHUNK):
                counts += np.bincount(plain.found(texts[start : start + CHUNK])[0], minlength=n_words)
        else:
            counts = 1 / np.arange(2, n_words + 2)
        weights = (SMOOTH / (SMOOTH + counts / max(1, counts.sum()))).astype(np.float32)
        weighed = WordMean("", self._words, weights)
        squares = np.zeros((self.dim, self.dim))
        for start in range(0, len(texts), CHUNK):
            rows = weighed.encode(texts[start : start + CHUNK]).astype(np.float64)
            squares += rows.T @ rows
        component = np.linalg.eigh(squares)[1][:, -1]
        component *= 1 if component[np.abs(component).argmax()] > 0 else -1
        return FittedSIF(self.spec, self._words, weights, component.astype(np.float32))

    def encode(
        self, texts: Sequence[str], *, progress: Progress | None = None, n_threads: int = 0
    ) -> NDArray[np.float32]:
        """Always raises EncoderError: fit comes first."""
        raise EncoderError(f"encoder {self.spec!r} has not learned from texts yet: encoder = encoder.fit(texts)")

    def state(self) -> dict[str, NDArray[Any]]:
        """Nothing: there is nothing learned yet."""
        return {}


class FittedSIF:
    """A SIF encoder that has learned; ``state()`` and ``load_encoder(spec, state=...)`` move it."""

    def __init__(self, spec: str, words: Vectors, weights: NDArray[Any], component: NDArray[Any]) -> None:
        """``weights`` float32 (words,), ``component`` float32 (dim,) of length 1."""
        self.spec = spec
        self.dim = words.dim
        self._words = words
        self._weights = weights
        self._component = component
        self._mean = WordMean(spec.removeprefix("gensim:"), words, weights)

    def fit(self, texts: Sequence[str]) -> FittedSIF:
        """Another encoder of the same spec that knows these texts instead."""
        return _unfitted(self.spec.removeprefix("gensim:"), self._words).fit(texts)

    def encode(
        self, texts: Sequence[str], *, progress: Progress | None = None, n_threads: int = 0
    ) -> NDArray[np.float32]:
        """float32 (n, dim). ``n_threads`` is not used: this takes microseconds a text."""
        rows = self._mean.encode(texts, progress=progress)
        shared = np.einsum("ij,j->i", rows.astype(np.float64), self._component.astype(np.float64))
        return np.asarray(rows - shared[:, None] * self._component, dtype=np.float32)

    def state(self) -> dict[str, NDArray[Any]]:
        """What was learned: the words' weights, float32 (words,), and the component, float32 (dim,)."""
        return {"weights": self._weights, "component": self._component}

    def __reduce__(self) -> tuple[Callable[..., Encoder], tuple[str, State]]:
        return load, (self.spec.removeprefix("gensim:"), self.state())


def load(argument: str, state: State | None = None) -> Encoder:
    """The registry's door."""
    path, options = path_and_options("gensim", argument, OPTIONS)
    if options["p"] and options["weights"] != "sif":
        raise EncoderError(f"encoder 'gensim:{argument}': p is for weights=sif")
    try:
        words = read_vectors(path, on_duplicate="first")
    except InputError as error:
        raise EncoderError(f"encoder 'gensim:{argument}': {error}") from error
    if words.keys.strings is None:
        raise EncoderError(f"encoder 'gensim:{argument}': {path} holds vectors without words; wanted word vectors")
    if options["weights"] != "sif":
        return WordMean(argument, words)
    return _restored(argument, words, state) if state else _unfitted(argument, words)


def _unfitted(argument: str, words: Vectors) -> SIF:
    return SIF(argument, words, path_and_options("gensim", argument, OPTIONS)[1]["p"] == "corpus")


def _restored(argument: str, words: Vectors, state: State) -> FittedSIF:
    """Raises DamagedFileError where the arrays, which come from a file, do not fit these words."""
    weights, component = state.get("weights"), state.get("component")
    spec = f"gensim:{argument}"
    for name, array, length in (("weights", weights, len(words)), ("component", component, words.dim)):
        if array is None or array.dtype != np.float32 or array.shape != (length,) or not np.isfinite(array).all():
            found = "missing" if array is None else f"{array.dtype} {array.shape}"
            raise DamagedFileError(
                f"the state of encoder {spec!r}: {name} is {found}; wanted float32 ({length},) for the words that "
                "the file has now: is it another file than when the index was built?"
            )
    assert weights is not None
    assert component is not None
    return FittedSIF(spec, words, weights, component)
