"""Heads: small changes of a frozen embedding that can be trained, each a few named arrays.

Every head begins as the identity, or nearly, so that training starts from what the encoder knows; ``linear`` with fewer
columns begins with the axes along which the rows differ most. Gradients are written out by hand: a head is one matrix
or two, and what takes the time is their products.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nearmost.errors import InputError
from nearmost.projection import Projection

Arrays = dict[str, NDArray[Any]]
Floats = NDArray[Any]
GATE = -4.0
"""Where the gate of ``skip`` begins: sigmoid(-4) is 0.018, so that it begins as nearly the identity."""
WIDEN = 2


@dataclass(frozen=True, slots=True)
class Head:
    """What can be done with a head: its first arrays, rows through it, and derivatives back."""

    start: Callable[[Floats, int, np.random.Generator], Arrays]
    """(rows, columns wanted, generator) -> arrays."""
    forward: Callable[[Mapping[str, Floats], Floats], Floats]
    backward: Callable[[Mapping[str, Floats], Floats, Floats], Arrays]
    """(arrays, rows, derivative by what ``forward`` gave) -> derivative by each array."""
    rate: float
    """How long Adam's steps are: what nearly stands still, behind a closed gate, takes longer ones."""


def _linear_start(rows: Floats, dim: int, generator: np.random.Generator) -> Arrays:
    if dim == rows.shape[1]:
        return {"weight": np.eye(dim, dtype=np.float32), "bias": np.zeros(dim, np.float32)}
    products = rows.T.astype(np.float64) @ rows
    axes = np.linalg.eigh(products)[1][:, ::-1][:, :dim]
    axes *= np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(dim)])  # eigenvectors have no sign of their own
    return {"weight": axes.astype(np.float32), "bias": np.zeros(dim, np.float32)}


def _linear(arrays: Mapping[str, Floats], rows: Floats) -> Floats:
    return np.asarray(rows @ arrays["weight"] + arrays["bias"])


def _linear_back(arrays: Mapping[str, Floats], rows: Floats, slope: Floats) -> Arrays:
    return {"weight": rows.T @ slope, "bias": slope.sum(axis=0)}


def _skip_start(rows: Floats, dim: int, generator: np.random.Generator) -> Arrays:
    most = 1 / np.sqrt(dim)
    weight = generator.uniform(-most, most, (dim, dim)).astype(np.float32)
    return {"weight": weight, "bias": np.zeros(dim, np.float32), "gate": np.full(dim, GATE, np.float32)}


def _skip(arrays: Mapping[str, Floats], rows: Floats) -> Floats:
    return np.asarray(rows + _sigmoid(arrays["gate"]) * _linear(arrays, rows))


def _skip_back(arrays: Mapping[str, Floats], rows: Floats, slope: Floats) -> Arrays:
    gate = _sigmoid(arrays["gate"])
    by_gate = (slope * _linear(arrays, rows)).sum(axis=0) * gate * (1 - gate)
    return {**_linear_back(arrays, rows, slope * gate), "gate": by_gate}


def _gated_start(rows: Floats, dim: int, generator: np.random.Generator) -> Arrays:
    return {"gate": np.full(dim, 2.0, np.float32)}


def _gated(arrays: Mapping[str, Floats], rows: Floats) -> Floats:
    return np.asarray(rows * np.tanh(arrays["gate"]))


def _gated_back(arrays: Mapping[str, Floats], rows: Floats, slope: Floats) -> Arrays:
    return {"gate": (slope * rows).sum(axis=0) * (1 - np.tanh(arrays["gate"]) ** 2)}


def _mlp_start(rows: Floats, dim: int, generator: np.random.Generator) -> Arrays:
    wide = WIDEN * dim
    return {
        "weight1": generator.normal(0, np.sqrt(2 / dim), (dim, wide)).astype(np.float32),
        "bias1": np.zeros(wide, np.float32),
        "weight2": np.zeros((wide, dim), np.float32),
        "bias2": np.zeros(dim, np.float32),
        "gate": np.zeros(dim, np.float32),
    }


def _mlp(arrays: Mapping[str, Floats], rows: Floats) -> Floats:
    hidden = np.maximum(rows @ arrays["weight1"] + arrays["bias1"], 0)
    return np.asarray(rows + _sigmoid(arrays["gate"]) * (hidden @ arrays["weight2"] + arrays["bias2"]))


def _mlp_back(arrays: Mapping[str, Floats], rows: Floats, slope: Floats) -> Arrays:
    hidden = np.maximum(rows @ arrays["weight1"] + arrays["bias1"], 0)
    gate = _sigmoid(arrays["gate"])
    made = hidden @ arrays["weight2"] + arrays["bias2"]
    outer = slope * gate
    inner = (outer @ arrays["weight2"].T) * (hidden > 0)
    return {
        "weight1": rows.T @ inner,
        "bias1": inner.sum(axis=0),
        "weight2": hidden.T @ outer,
        "bias2": outer.sum(axis=0),
        "gate": (slope * made).sum(axis=0) * gate * (1 - gate),
    }


def _sigmoid(values: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-values)))


HEADS = {
    "linear": Head(_linear_start, _linear, _linear_back, 3e-4),
    "skip": Head(_skip_start, _skip, _skip_back, 3e-3),
    "gated": Head(_gated_start, _gated, _gated_back, 3e-2),
    "mlp": Head(_mlp_start, _mlp, _mlp_back, 3e-4),
}
"""linear: W x + b. skip: x + sigmoid(g) (W x + b). gated: x tanh(g). mlp: x + sigmoid(g) (W2 relu(W1 x + b1) + b2)."""


def head_named(name: str) -> Head:
    """The head of this name. Raises InputError listing the known ones."""
    if name not in HEADS:
        raise InputError(f"head is {name!r}; it must be one of {', '.join(HEADS)}")
    return HEADS[name]


def projection_of(name: str, arrays: Mapping[str, Floats]) -> Projection:
    """The head as a projection: rows are brought to length 1, go through it, and are brought to length 1 again."""
    length = {"length": np.ones(1, np.float32)}
    return Projection((("unit", length), (name, dict(arrays)), ("unit", length)))


def unit(rows: Floats) -> tuple[Floats, Floats]:
    """The rows brought to length 1, and their lengths (n, 1); a row of zeros stays one, of length 1."""
    lengths = np.sqrt(np.einsum("ij,ij->i", rows, rows))[:, None]
    lengths[lengths == 0] = 1
    return rows / lengths, lengths


def unit_back(unit_rows: Floats, lengths: Floats, slope: Floats) -> Floats:
    """The derivative by rows, of what is known by the rows brought to length 1."""
    along = np.einsum("ij,ij->i", unit_rows, slope)[:, None]
    return np.asarray((slope - unit_rows * along) / lengths)
