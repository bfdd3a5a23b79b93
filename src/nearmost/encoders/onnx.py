"""Any text encoder exported to ONNX, with its tokenizer.json: ``onnx:PATH``, a folder or a .onnx file.

A folder is looked through as exporters leave it: model.onnx or onnx/model.onnx, tokenizer.json, and perhaps
sentence-transformers' own modules.json and 1_Pooling/config.json, which say how pieces become a sentence.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from tokenizers import Tokenizer

from nearmost.encoders.batching import encode_in_batches, n_workers
from nearmost.encoders.options import path_and_options
from nearmost.encoders.protocol import Encoder, Progress, State
from nearmost.errors import EncoderError

POOLINGS = ("mean", "cls")
OPTIONS = {"pooling": POOLINGS, "normalize": ("yes", "no"), "output": None, "max_length": None}
GRAPHS = ("model.onnx", "onnx/model.onnx")
SENTENCES = ("sentence_embedding", "text_embeds", "embeddings", "vectors")
PIECES = ("last_hidden_state", "token_embeddings")
MAX_LENGTH = 512
TYPES = {"tensor(int64)": np.int64, "tensor(int32)": np.int32}


class OnnxEncoder:
    """The encoder ``onnx:PATH``: what the graph makes of the pieces of a text, pooled where it leaves that open.

    Options: ``pooling`` mean or cls (the first piece), ``normalize`` yes or no, ``output`` the name of one of the
    graph's outputs, ``max_length`` in pieces. Without them the files beside the graph say, and else mean, no and 512.
    """

    parallel = "threads"

    def __init__(self, argument: str) -> None:
        self.spec = f"onnx:{argument}"
        path, options = path_and_options("onnx", argument, OPTIONS)
        graph, folder = self._found(Path(path).expanduser())
        self._tokenizer = self._tokenizer_in(folder, options["max_length"])
        self._session = self._opened(graph)
        self._types = {one.name: one.type for one in self._session.get_inputs()}
        unknown = self._types.keys() - {"input_ids", "attention_mask", "token_type_ids"}
        if unknown or "input_ids" not in self._types or not self._types.keys() <= self._whole().keys():
            found = ", ".join(f"{name} {kind}" for name, kind in self._types.items())
            raise self._error(
                f"the graph wants {found}; known are input_ids, attention_mask, token_type_ids, whole numbers"
            )
        self._output = self._chosen(options["output"])
        modules = _json(folder / "modules.json", [])
        self._pooling = options["pooling"] or _pooling_in(_json(folder / "1_Pooling" / "config.json", {}))
        normal = any(str(one.get("type", "")).endswith("Normalize") for one in modules if isinstance(one, dict))
        self._normal = normal if options["normalize"] is None else options["normalize"] == "yes"
        made = self._run(np.array([[0, 0]]), np.array([[1, 1]]))
        self.dim = int(made.shape[1])

    def encode(
        self, texts: Sequence[str], *, progress: Progress | None = None, n_threads: int = 0
    ) -> NDArray[np.float32]:
        """float32 (n, dim), batches on several threads."""
        return encode_in_batches(
            texts, self.dim, self._pieces, self._run, progress=progress, n_threads=n_workers(n_threads)
        )

    def _pieces(self, texts: Sequence[str]) -> list[NDArray[np.int64]]:
        found = self._tokenizer.encode_batch(list(texts))
        return [np.array(one.ids or [0], dtype=np.int64) for one in found]

    def _whole(self) -> dict[str, Any]:
        """The inputs that hold whole numbers, and their type."""
        return {name: TYPES[kind] for name, kind in self._types.items() if kind in TYPES}

    def _run(self, ids: NDArray[np.int64], mask: NDArray[np.int64]) -> NDArray[np.float32]:
        given = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        feed = {name: given[name].astype(kind) for name, kind in self._whole().items()}
        made = self._session.run([self._output], feed)[0].astype(np.float32)
        if made.ndim == 3 and self._pooling == "cls":
            made = made[:, 0]
        elif made.ndim == 3 and self._pooling == "mean":
            weights = mask[:, :, None].astype(np.float32)
            made = (made * weights).sum(axis=1) / weights.sum(axis=1)
        if made.ndim != 2 or len(made) != len(ids):
            raise self._error(
                f"its output {self._output!r} has shape {made.shape} for {ids.shape} pieces; wanted a row a text: "
                "say output= or pooling="
            )
        if self._normal:
            lengths = np.linalg.norm(made, axis=1, keepdims=True)
            made = np.divide(made, lengths, out=np.zeros_like(made), where=lengths > 0)
        return np.ascontiguousarray(made)

    def _chosen(self, wanted: str | None) -> str:
        """The output to take: sentences before pieces before whatever comes first."""
        names = [one.name for one in self._session.get_outputs()]
        if wanted is not None and wanted not in names:
            raise self._error(f"there is no output {wanted!r}; the graph has {', '.join(names)}")
        return wanted or next((name for name in (*SENTENCES, *PIECES) if name in names), names[0])

    def _found(self, path: Path) -> tuple[Path, Path]:
        """The graph, and the folder with tokenizer.json."""
        graphs = [path] if path.is_file() else [path / name for name in GRAPHS if (path / name).is_file()]
        if path.is_dir() and not graphs:
            graphs = sorted(path.glob("*.onnx"))[:2]
        if len(graphs) != 1:
            found = "several .onnx files" if graphs else "no .onnx file" if path.is_dir() else "no such file or folder"
            raise self._error(f"{path}: {found}; name the .onnx file, or a folder with model.onnx and tokenizer.json")
        for folder in (graphs[0].parent, graphs[0].parent.parent):
            if (folder / "tokenizer.json").is_file():
                return graphs[0], folder
        raise self._error(f"there is no tokenizer.json beside {graphs[0]}; export it with the model")

    def _tokenizer_in(self, folder: Path, max_length: str | None) -> Tokenizer:
        try:
            tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        except Exception as error:  # the library raises a bare Exception
            raise self._error(f"{folder / 'tokenizer.json'} cannot be read: {error}") from error
        tokenizer.no_padding()
        said = tokenizer.truncation or {}
        longest = _json(folder / "sentence_bert_config.json", {}).get("max_seq_length") or said.get("max_length")
        if max_length is not None:
            if not max_length.isdecimal() or int(max_length) < 3:
                raise self._error(f"max_length is {max_length!r}; wanted a number of pieces from 3")
            longest = int(max_length)
        tokenizer.enable_truncation(longest if isinstance(longest, int) and longest > 2 else MAX_LENGTH)
        return tokenizer

    def _opened(self, graph: Path) -> onnxruntime.InferenceSession:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1  # batches run side by side
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        try:
            return onnxruntime.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # ONNX Runtime has a dozen classes for it
            raise self._error(f"{graph} cannot be loaded: {error}") from error

    def _error(self, found: str) -> EncoderError:
        return EncoderError(f"encoder {self.spec!r}: {found}")

    def __reduce__(self) -> tuple[Callable[[str], Encoder], tuple[str]]:
        return load, (self.spec.removeprefix("onnx:"),)


def load(argument: str, state: State | None = None) -> Encoder:
    """The registry's door."""
    return OnnxEncoder(argument)


def _json(path: Path, otherwise: Any) -> Any:
    """What a file beside the model says; ``otherwise`` where it is not there or says another kind of thing."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return otherwise
    return found if isinstance(found, type(otherwise)) else otherwise


def _pooling_in(config: dict[str, Any]) -> str:
    return "cls" if config.get("pooling_mode_cls_token") is True else "mean"
