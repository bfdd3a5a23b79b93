"""An encoder on its way to the workers: a spec that each of them loads, and what was learned, in a file that they read.

What an encoder learned can be 50 MB, too much to be part of a pipeline's graph. Each worker that loads it compares its
vectors of three sentences with those that were made where the pipeline was started, as every index does.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nearmost.encoders import Encoder, load_encoder
from nearmost.encoders.recorded import RecordedEncoder
from nearmost.errors import InputError
from nearmost.pipeline.files import Files


@dataclass(frozen=True, slots=True, eq=False)
class Carried:
    """An encoder's spec with the file of its record, or with the record itself, or with neither."""

    spec: str
    path: str | None = None
    record: RecordedEncoder | None = None

    @classmethod
    def of(cls, encoder: str | Encoder | Carried) -> Carried:
        """What is given, ready to travel; a spec alone is loaded by the workers and compared with nothing."""
        if isinstance(encoder, Carried):
            return encoder
        if isinstance(encoder, str):
            return cls(encoder)
        return cls(encoder.spec, record=RecordedEncoder.of(encoder))

    def kept(self, files: Files, path: str) -> Carried:
        """The same with its record in this file."""
        arrays: dict[str, Any] = dict(self.recorded(files).arrays)
        packed = io.BytesIO()
        np.savez(packed, **arrays)
        with files.create(path) as file:
            file.write(packed.getvalue())
        return Carried(self.spec, path)

    def recorded(self, files: Files) -> RecordedEncoder:
        """The record that an index keeps."""
        if self.record is not None:
            return self.record
        if self.path is None:
            return RecordedEncoder.of(load_encoder(self.spec))
        with files.open(self.path) as file, np.load(io.BytesIO(file.read()), allow_pickle=False) as arrays:
            return RecordedEncoder(self.spec, dict(arrays))

    def load(self, files: Files) -> Encoder:
        """The encoder itself. Raises EncoderMismatchError where this machine's is another than was meant."""
        if self.path is None and self.record is None:
            return load_encoder(self.spec)
        return self.recorded(files).load()


def encoded(encoder: Encoder, texts: list[str], n_threads: int) -> NDArray[np.float32]:
    """The vectors of these texts. Raises InputError, where there is one, for what is not text."""
    strange = next((text for text in texts if not isinstance(text, str)), None)
    if strange is not None:
        raise InputError(f"a text is {type(strange).__name__} {strange!r:.40}; it must be a str")
    return encoder.encode(texts, n_threads=n_threads)
