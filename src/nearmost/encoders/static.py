"""``static``: a vector a word piece, distilled from all-MiniLM-L6-v2 once; a text is the mean of its pieces.

For millions of rows: some hundred times as fast as ``minilm``, less accurate (docs/classification.md has both), 256
columns, blind to word order. In the manner of model2vec (https://github.com/MinishLab/model2vec): each piece of the
vocabulary goes through the model by itself, principal components keep 256 of 384 columns, and frequent pieces weigh
less (smooth inverse frequency, Arora et al. 2017; frequencies by Zipf's law from the order of the vocabulary).
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterable, Sequence
from itertools import chain

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from nearmost.encoders.batching import distinct
from nearmost.encoders.cache import cache_folder, write_whole
from nearmost.encoders.minilm import MiniLM
from nearmost.encoders.protocol import Encoder, Progress, State
from nearmost.encoders.weights import SHA256, find_weights
from nearmost.errors import EncoderError

DIM = 256
VERSION = 1  # part of the cached file's name: raise it whenever ``distil`` makes other vectors
PIECES = 30522
SPECIAL = 999  # ids up to here are [PAD], [UNK], [CLS], ... and unused ones
FIRST_WORD = 1996  # the id of "the": single letters and marks stand before it, words by frequency after it
SMOOTH = 1e-5
CHUNK = 2048  # texts whose sums fit a processor's cache
LONG = 64  # pieces that are added text beside text; what a text has beyond is added by itself
WORDS_KEPT = 500_000

PLAIN = re.compile(r"[\t\n\r -Z\\-~]*")  # ASCII without control codes, and without "[", which may begin a [MASK]
GAP = re.compile(r"[ \t\n\r]+")
WORD = re.compile(r"[a-z0-9]+|[^\sa-z0-9]")


class Static:
    """The encoder ``static``: rows of length 1, or zero where a text has no known piece."""

    spec = "static"
    dim = DIM
    parallel = "processes"

    def __init__(self) -> None:
        """Distils at first use (half a minute of one core) and keeps the result, 16 MB, in the cache folder."""
        files = find_weights()
        self._tokenizer = Tokenizer.from_file(str(files.tokenizer))
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        cached = cache_folder() / f"static-{SHA256['model.safetensors'][:16]}-{DIM}-v{VERSION}.npy"
        pieces = _kept(cached.read_bytes()) if cached.is_file() else None
        if pieces is None:
            pieces = distil(MiniLM(), self._tokenizer.get_vocab_size())
            content = io.BytesIO()
            np.save(content, pieces)
            write_whole(cached, content.getvalue())
        self._vectors = pieces.astype(np.float32)
        self._ids_of: dict[str, list[int]] = {}

    def encode(
        self, texts: Sequence[str], *, progress: Progress | None = None, n_threads: int = 0
    ) -> NDArray[np.float32]:
        """float32 (n, 256). Texts are not cut. ``n_threads`` is not used: this takes microseconds a text."""
        kinds, place_of = distinct(texts)
        vectors = np.zeros((len(kinds), DIM), dtype=np.float32)
        for start in range(0, len(kinds), CHUNK):
            pieces = [self.pieces(text) for text in kinds[start : start + CHUNK]]
            vectors[start : start + len(pieces)] = self._means(pieces)
            if progress is not None:
                progress(min(start + CHUNK, len(kinds)) * len(texts) // len(kinds), len(texts))
        return vectors if len(kinds) == len(texts) else vectors[place_of]

    def pieces(self, text: str) -> list[int]:
        """The ids of the text's word pieces, as the tokenizer finds them: word by word from memory where it can be."""
        known = self._ids_of
        ids: list[int] = []
        for word in self._words(text):
            try:
                ids += known[word]
            except KeyError:
                if len(known) >= WORDS_KEPT:
                    known.clear()
                known[word] = self._tokenizer.encode(word, add_special_tokens=False).ids
                ids += known[word]
        return ids

    def _words(self, text: str) -> Iterable[str]:
        """Parts of the text that no word piece crosses."""
        if PLAIN.fullmatch(text):
            return WORD.findall(text.lower())
        return chain.from_iterable(
            WORD.findall(part.lower()) if PLAIN.fullmatch(part) else (part,) for part in GAP.split(text)
        )

    def _means(self, pieces: list[list[int]]) -> NDArray[np.float32]:
        """The texts' directions. Pieces are added one after the other, first those of all texts, then the second ones:
        a row's sum has the same order whatever stands beside it.
        """
        lengths = np.fromiter(map(len, pieces), dtype=np.int64, count=len(pieces))
        order = np.argsort(-lengths, kind="stable")
        flat = np.fromiter(chain.from_iterable(pieces[row] for row in order.tolist()), np.int64, int(lengths.sum()))
        lengths = lengths[order]
        starts = np.cumsum(lengths) - lengths
        sums = np.zeros((len(pieces), DIM), dtype=np.float32)
        for place in range(int(min(lengths.max(initial=0), LONG))):
            some = int(np.searchsorted(-lengths, -place))  # texts with more than so many pieces
            sums[:some] += self._vectors[flat[starts[:some] + place]]
        for row in range(int(np.searchsorted(-lengths, -LONG))):
            rest = self._vectors[flat[starts[row] + LONG : starts[row] + lengths[row]]]
            sums[row] += rest.sum(axis=0, dtype=np.float64).astype(np.float32)
        sizes = np.sqrt(np.einsum("ij,ij->i", sums, sums))[:, None]
        rows = np.empty_like(sums)
        rows[order] = np.divide(sums, sizes, out=np.zeros_like(sums), where=sizes > 1e-9)
        return rows

    def __reduce__(self) -> tuple[Callable[[], Encoder], tuple[()]]:
        return load, ()


def load(argument: str = "", state: State | None = None) -> Encoder:
    """The registry's door."""
    if argument:
        raise EncoderError(f"encoder 'static:{argument}': static takes no argument; write static")
    return Static()


def distil(teacher: MiniLM, n_pieces: int, n_threads: int = 0) -> NDArray[np.float16]:
    """A vector for each word piece, float16 (n_pieces, 256), its length its weight in a text."""
    ids = np.arange(n_pieces)
    rows = teacher.encode_pieces(ids, n_threads=n_threads).astype(np.float64)
    words = rows[FIRST_WORD:] if n_pieces > FIRST_WORD else rows
    mean = words.mean(axis=0)
    _, axes = np.linalg.eigh((words - mean).T @ (words - mean))
    axes = axes[:, ::-1][:, :DIM]
    axes = axes * np.where(axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])] < 0, -1, 1)
    chance = 1 / np.maximum(ids - FIRST_WORD + 2, 2)
    chance /= chance.sum()
    weights = SMOOTH / (SMOOTH + chance)
    weights[: SPECIAL + 1] = 0
    weighed = (rows - mean) @ axes * weights[:, None]
    return np.asarray(weighed / np.abs(weighed).max(), dtype=np.float16)


def _kept(content: bytes) -> NDArray[np.float16] | None:
    """The vectors in a cached file, or None where it is damaged."""
    try:
        pieces = np.load(io.BytesIO(content), allow_pickle=False)
    except (ValueError, EOFError, OSError):
        return None
    fits = pieces.shape == (PIECES, DIM) and pieces.dtype == np.float16 and bool(np.isfinite(pieces).all())
    return pieces if fits else None
