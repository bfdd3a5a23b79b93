"""A run of code apart, as values: the job that goes in, the outcome that comes back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from nearmost.label.isolation.functions import Kind

Status: TypeAlias = Literal["done", "error", "timeout", "memory", "output", "crash"]
"""How a run ended: "error" is an exception or a vote that cannot be; "crash" a process that ended without a word."""


@dataclass(frozen=True, slots=True)
class Training:
    """What a learner learns from: rows of a file of vectors, and the labels of some of them."""

    vectors: str
    """A .npy file, float32 (n_records, dim)."""
    records: Sequence[int]
    """The rows that have a label by hand."""
    labels: Sequence[str]
    """Their labels."""
    folds: Sequence[int]
    """The folds that they are in: each is judged by a copy that has not seen its fold."""
    n_asked: int
    """How many rows, from the first, are asked about; the others are only learnt from."""


@dataclass(frozen=True, slots=True)
class Job:
    """Code, and what it is to be run on."""

    name: str
    filename: str
    """What tracebacks call the file."""
    source: str
    labels: tuple[str, ...]
    kind: Kind = "class"
    attribute: str | None = None
    """In which text spans lie."""
    texts: tuple[str, ...] = ()
    """Attributes that hold text."""
    lists: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Lookup lists, for ``from knowledge import``."""
    training: Training | None = None
    held_out: Mapping[int, Mapping[str, Sequence[str]]] = field(default_factory=dict)
    """Place of a record -> the terms of each list that came from it: the record is asked about without them as well."""
    go_on: bool = False
    """Whether to go on after an error on one record."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """What went wrong, where, and the lines of the user's code that led to it."""

    what: str
    record: int | None
    """The place of the record among those that were given."""
    traceback: str = ""


@dataclass(slots=True)
class Outcome:
    """What came of a run."""

    status: Status = "done"
    votes: dict[tuple[int, str, int, int], float] = field(default_factory=dict)
    """(place of the record, label, start, end) -> confidence."""
    held_out: dict[int, str | None] = field(default_factory=dict)
    """Place of a record -> what the code says without what came from it."""
    soft: NDArray[np.float32] | None = None
    """Of a learner: probabilities (n_records, n_labels), on labelled records those of a copy without their fold."""
    copies: NDArray[np.float32] | None = None
    """Of a learner: probabilities (N_FOLDS, n_records, n_labels) of copies that have each not seen one fold."""
    trouble: Trouble | None = None
    troubles: list[Trouble] = field(default_factory=list)
    """Those after which the run went on."""
    log: str = ""
    seconds: float = 0.0
    missing: tuple[str, ...] | None = None
    """What the system could not keep the code from; None where the process did not even start."""

    @property
    def isolated(self) -> bool:
        """Whether nothing was missing."""
        return self.missing == ()

    def fail(self, status: Status, what: str, record: int | None = None, traceback: str = "") -> None:
        """Ends the run in trouble, if it is not already."""
        if self.status == "done":
            self.status, self.trouble = status, Trouble(what, record, traceback)
