"""Any text embedder that TensorFlow saved, strings in and vectors out: ``tf:PATH``.

PATH is the folder of a SavedModel, an archive of one (.tar.gz), a .keras file, or a handle of TF-Hub. TensorFlow runs
in this process: it costs some seconds and hundreds of MB when an encoder of this kind is loaded, and nothing before. A
process of its own would cost the same, and a copy of every text and vector.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nearmost.encoders.batching import distinct
from nearmost.encoders.options import path_and_options
from nearmost.encoders.protocol import Encoder, Progress, State
from nearmost.encoders.tfhub import model_path
from nearmost.errors import EncoderError

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before the import: else it reports on the processor
import tensorflow as tf

BATCH = 512
OPTIONS = {"signature": None, "output": None}
SIGNATURES = ("serving_default", "serve", "default")
OUTPUTS = ("sentence_embedding", "embedding", "embeddings", "default", "pooled_output", "outputs", "output_0")

Run = Callable[[Any], Any]


class TFEncoder:
    """The encoder ``tf:PATH``: a model's vectors as it makes them.

    Options: ``signature`` names a signature of a SavedModel, ``output`` one of several vectors that a model gives.
    Without them, what the model does when it is called comes first, then its signatures, and of those the first that
    makes a vector of each string.
    """

    def __init__(self, argument: str) -> None:
        self.spec = f"tf:{argument}"
        path, options = path_and_options("tf", argument, OPTIONS)
        self._output = options["output"]
        self._run, self.dim = self._found(model_path(path), options["signature"])

    def encode(
        self, texts: Sequence[str], *, progress: Progress | None = None, n_threads: int = 0
    ) -> NDArray[np.float32]:
        """float32 (n, dim). Threads are TensorFlow's own (``tf.config.threading``); ``n_threads`` is not used."""
        kinds, place_of = distinct(texts)
        vectors = np.empty((len(kinds), self.dim), dtype=np.float32)
        for start in range(0, len(kinds), BATCH):
            some = kinds[start : start + BATCH]
            try:
                vectors[start : start + len(some)] = self._vectors(self._run, some)
            except (tf.errors.OpError, ValueError, TypeError) as error:
                raise EncoderError(f"{self.spec!r} fails on texts from {some[0]!r:.60} on: {error}") from error
            if progress is not None:
                progress((start + len(some)) * len(texts) // len(kinds), len(texts))
        return vectors if len(kinds) == len(texts) else vectors[place_of]

    def _vectors(self, run: Run, texts: Sequence[str]) -> NDArray[np.float32]:
        made = run(tf.constant(list(texts), dtype=tf.string))
        if isinstance(made, Mapping):
            made = self._chosen(made, len(texts))
        elif isinstance(made, list | tuple):
            made = made[0]
        rows = np.asarray(made, dtype=np.float32)
        if rows.ndim != 2 or len(rows) != len(texts):
            raise ValueError(f"it makes shape {rows.shape} of {len(texts)} strings; wanted a row for each")
        return rows

    def _chosen(self, made: Mapping[str, Any], n_rows: int) -> Any:
        """The output that is asked for; else the only one that is a table of floats, or the one with a known name."""
        if self._output is not None:
            if self._output not in made:
                raise _OutputError(f"there is no output {self._output!r}; it has {', '.join(map(str, made))}")
            return made[self._output]
        tables = {
            name: one
            for name, one in made.items()
            if getattr(one, "dtype", tf.string).is_floating and len(one.shape) == 2 and one.shape[0] == n_rows
        }
        known = [name for name in OUTPUTS if name in tables] or list(tables)
        if not known or (len(tables) > 1 and known[0] not in OUTPUTS):
            shapes = ", ".join(f"{name} {tuple(one.shape)}" for name, one in made.items())
            raise _OutputError(f"it gives {shapes}; say output= which of them is the vector")
        return tables[known[0]]

    def _found(self, path: Path, signature: str | None) -> tuple[Run, int]:
        """The first way to call the model that makes a vector of each string, and the columns."""
        faults = []
        try:
            for name, run in _ways(path, signature):
                for shaped in (run, lambda texts, run=run: run(texts[:, None])):  # Keras likes a column
                    try:
                        return shaped, self._vectors(shaped, ["one text", "another"]).shape[1]
                    except _OutputError as error:  # it took the strings: in no other shape it would give another
                        faults.append(f"{name}: {error}")
                        break
                    except (tf.errors.OpError, ValueError, TypeError, KeyError) as error:
                        faults.append(f"{name}: {str(error).strip().splitlines()[0]:.200}")
        except Exception as error:  # whatever a model's loading raises: it is told apart by nobody
            hint = "; it may want pip install tensorflow-text" if "Op type not registered" in str(error) else ""
            raise EncoderError(f"{self.spec!r}: {path} cannot be loaded: {error}{hint}") from error
        said = "; ".join(dict.fromkeys(faults)) or "it cannot be called and has no signature"
        raise EncoderError(f"{self.spec!r}: no way to make vectors of strings was found ({said})")

    def __reduce__(self) -> tuple[Callable[[str], Encoder], tuple[str]]:
        return load, (self.spec.removeprefix("tf:"),)


class _OutputError(ValueError):
    """None of what the model gives is what was asked for."""


def load(argument: str, state: State | None = None) -> Encoder:
    """The registry's door."""
    return TFEncoder(argument)


def _ways(path: Path, signature: str | None) -> Iterator[tuple[str, Run]]:
    """Names and functions from a tensor of strings."""
    if path.suffix == ".keras":
        yield "the model", tf.keras.models.load_model(path)
        return
    model = tf.saved_model.load(str(path))
    signatures = getattr(model, "signatures", {})
    if signature is not None:
        if signature not in signatures:
            raise ValueError(f"there is no signature {signature!r}; it has {', '.join(signatures) or 'none'}")
        yield signature, _by_name(signatures[signature], model)
        return
    if callable(model):
        yield "the model", model
    for name in (*SIGNATURES, *sorted(set(signatures) - set(SIGNATURES))):
        if name in signatures:
            yield name, _by_name(signatures[name], model)


def _by_name(function: Any, model: Any) -> Run:
    """A signature, which takes its only string by name. The model is held, since its variables go with it."""
    inputs = function.structured_input_signature[1]

    def run(texts: Any, held: Any = model) -> Any:
        strings = [name for name, one in inputs.items() if one.dtype == tf.string]
        if len(strings) != 1 or len(inputs) != 1:
            wanted = ", ".join(f"{name} {one.dtype.name}" for name, one in inputs.items())
            raise ValueError(f"wants {wanted}, not one string")
        return function(**{strings[0]: texts})

    return run
