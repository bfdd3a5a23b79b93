"""The encoder that an index was built with, as its file records it: a spec, what it learnt, and how it answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nearmost.encoders import Encoder, Fitted, check_fingerprint, fingerprint, load_encoder
from nearmost.encoders.fingerprint import NEAR_ENOUGH, agreement
from nearmost.encoders.tfhub import require_fetched
from nearmost.errors import DamagedFileError

PROBES = "encoder.probes"
STATE = "encoder.state."


@dataclass(frozen=True, slots=True, eq=False)
class RecordedEncoder:
    """A spec and named arrays: the fingerprint, float32 (probes, dim), and the state of an encoder that was fitted."""

    spec: str
    arrays: Mapping[str, NDArray[Any]]

    @classmethod
    def of(cls, encoder: Encoder) -> RecordedEncoder:
        """The record of this encoder, as it answers now."""
        state = encoder.state() if isinstance(encoder, Fitted) else {}
        return cls(
            encoder.spec, {PROBES: fingerprint(encoder), **{STATE + name: array for name, array in state.items()}}
        )

    @classmethod
    def found(cls, spec: object, sections: Mapping[str, NDArray[Any]], dim: int) -> RecordedEncoder | None:
        """The record in a file's header and sections; None where the index was built from bare vectors."""
        if spec is None:
            return None
        arrays = {name: array for name, array in sections.items() if name == PROBES or name.startswith(STATE)}
        probes = arrays.get(PROBES)
        if (
            not isinstance(spec, str)
            or probes is None
            or probes.dtype != np.float32
            or probes.ndim != 2
            or probes.shape[1] != dim
            or not len(probes)
        ):
            raise DamagedFileError(f"encoder {spec!r:.60} is recorded without a sound fingerprint: the file is damaged")
        return cls(spec, arrays)

    def load(self) -> Encoder:
        """The encoder itself, found to answer as it did when the index was built."""
        require_fetched(self.spec)
        state = {name.removeprefix(STATE): array for name, array in self.arrays.items() if name.startswith(STATE)}
        return self._checked(load_encoder(self.spec, state=state or None))

    def given(self, encoder: str | Encoder) -> Encoder:
        """``encoder``, unless it is another one than recorded: EncoderMismatchError names both."""
        found = load_encoder(encoder)
        unfitted = isinstance(found, Fitted) and not found.state()
        return self.load() if unfitted and found.spec == self.spec else self._checked(found)

    def same_as(self, other: RecordedEncoder) -> bool:
        """Whether both records are of one encoder: one spec, and the same vectors of the probes."""
        own, others = self.arrays[PROBES], other.arrays[PROBES]
        return self.spec == other.spec and own.shape == others.shape and agreement(own, others) >= NEAR_ENOUGH

    def _checked(self, encoder: Encoder) -> Encoder:
        check_fingerprint(encoder, self.spec, self.arrays[PROBES])
        return encoder
