"""all-MiniLM-L6-v2, the default encoder: 384 columns, rows of length 1, no torch.

The 6-layer English model of https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2 (Apache-2.0).
Texts are cut at 256 word pieces, as sentence-transformers does. It runs in ONNX Runtime, and without
that package in NumPy, with the same vectors. ``minilm:int8`` is faster; its vectors have a cosine of .999 on
average, about .99 at least, to those in full precision.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from nearmost.encoders.batching import Run, Tokens, encode_in_batches, n_workers, run_in_batches
from nearmost.encoders.bert import GRAPH_VERSION, Bert
from nearmost.encoders.bert_numpy import NumpyBert
from nearmost.encoders.bert_smooth import smoothed
from nearmost.encoders.cache import cache_folder
from nearmost.encoders.protocol import Encoder, Progress, State
from nearmost.encoders.weights import SHA256, find_weights
from nearmost.safetensors import read_safetensors

N_HEADS = 12
DIM = 384
MAX_TOKENS = 256


class MiniLM:
    """The encoder ``minilm`` or ``minilm:int8``."""

    dim = DIM
    parallel = "threads"

    def __init__(self, argument: str = "", *, backend: Literal["onnx", "numpy"] | None = None) -> None:
        """``argument`` is "", "int8", or a folder with the weights; ``backend`` None takes the faster there is."""
        precision = "int8" if argument == "int8" else "f32"
        files = find_weights("" if argument == "int8" else argument)
        self.spec = "minilm:int8" if argument == "int8" else "minilm"
        self._argument = argument
        self._tokenizer = Tokenizer.from_file(str(files.tokenizer))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(MAX_TOKENS)

        def bert() -> Bert:
            whole = Bert.of(read_safetensors(files.model), N_HEADS)
            return smoothed(whole) if precision == "int8" else whole

        self.backend, self._run = runner(bert, SHA256["model.safetensors"], precision, backend)

    def encode(
        self, texts: Sequence[str], *, progress: Progress | None = None, n_threads: int = 0
    ) -> NDArray[np.float32]:
        """Rows of length 1, float32 (n, 384). Raises InputError naming the row that is not text."""
        threads = n_workers(n_threads) if self.backend == "onnx" else 1  # NumPy's BLAS brings its own
        return encode_in_batches(texts, DIM, self._tokens, self._run, progress=progress, n_threads=threads)

    def encode_pieces(self, ids: NDArray[np.int64], *, n_threads: int = 0) -> NDArray[np.float32]:
        """The vector of each word piece as a text of its own, float32 (n, 384): what ``static`` is distilled from."""
        begin, end = self._tokenizer.encode("").ids
        texts = [np.array([begin, one, end], dtype=np.int64) for one in ids]
        return run_in_batches(texts, DIM, self._run, n_threads=n_workers(n_threads) if self.backend == "onnx" else 1)

    def _tokens(self, texts: Sequence[str]) -> list[Tokens]:
        # one by one: 2 % of the time, and no threads of the tokenizer's own that a fork would lose
        return [np.array(self._tokenizer.encode(text).ids, dtype=np.int64) for text in texts]

    def __reduce__(self) -> tuple[Callable[[str], Encoder], tuple[str]]:
        return load, (self._argument,)

    def __repr__(self) -> str:
        return f"<MiniLM {self.spec!r} in {self.backend}>"


def load(argument: str = "", state: State | None = None) -> Encoder:
    """The registry's door."""
    return MiniLM(argument)


def runner(
    bert: Callable[[], Bert], sha256: str, precision: str, backend: Literal["onnx", "numpy"] | None = None
) -> tuple[str, Run]:
    """The backend's name and the function that runs this BERT; ``sha256`` names its cached graph."""
    if backend != "numpy":
        try:
            return "onnx", _onnx_runner(bert, sha256, precision)
        except ImportError:
            if backend == "onnx":
                raise
    return "numpy", NumpyBert(bert(), precision)


def _onnx_runner(bert: Callable[[], Bert], sha256: str, precision: str) -> Run:
    from nearmost.encoders.bert_onnx import OnnxBert  # optional: without it NumPy takes over

    def graph() -> bytes:
        from nearmost.encoders.bert_graph import bert_graph  # wanted once, then never again

        return bert_graph(bert(), precision)

    return OnnxBert(cache_folder() / graph_name(sha256, precision), graph)


def graph_name(sha256: str, precision: str) -> str:
    """The cached graph's file name: other weights, another precision or another way to write it, another file."""
    return f"bert-{sha256[:16]}-{precision}-v{GRAPH_VERSION}.onnx"
