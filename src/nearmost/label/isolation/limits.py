"""What code of a heuristic may use up."""

from __future__ import annotations

from dataclasses import dataclass

from nearmost.errors import InputError


@dataclass(frozen=True, slots=True)
class Limits:
    """How much time, memory and output a run of a heuristic may take before it is ended."""

    seconds: float = 300.0
    """For all records together; for a learner, to train and predict."""
    seconds_per_record: float = 5.0
    """A function that takes longer over one record is stopped there, and the record is reported."""
    memory: int = 1 << 30
    """Bytes, beside what Python and the libraries take that were loaded before the code."""
    output: int = 1 << 24
    """Bytes that may be printed; the first ``log`` of them are kept."""
    log: int = 1 << 16
    votes_per_record: int = 1000

    def __post_init__(self) -> None:
        for name in self.__slots__:
            if not getattr(self, name) > 0:
                raise InputError(f"the limit {name} is {getattr(self, name)!r}; it must be above 0")
