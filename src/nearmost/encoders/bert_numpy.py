"""BERT with nothing but NumPy: the same vectors as the ONNX graph, for machines without ONNX Runtime.

About half as fast as ONNX Runtime; threads are left to NumPy's BLAS. The 8-bit mode computes the same
integers in float32 (what sums beyond 2^24 lose is nothing beside the rounding itself), so it gains no speed.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from nearmost.encoders.bert import (
    EPSILON,
    GELU_LEVELS,
    GELU_LOWEST,
    GELU_ZERO,
    LEVELS,
    MASKED,
    ZERO,
    Bert,
    Floats,
    Layer,
    Linear,
    Norm,
)

Apply = Callable[[Floats], Floats]
Watch = Callable[[Linear, Floats], object]


class NumpyBert:
    """Call it with token ids and mask, int64 (rows, length): vectors, float32 (rows, dim), of length 1."""

    def __init__(self, bert: Bert, precision: str, *, watch: Watch | None = None) -> None:
        """``precision`` is "f32" or "int8"; ``watch`` is shown each linear map and what it is applied to."""
        self._bert = bert
        self._layers = [
            (
                _applied(layer.qkv, precision, watch),
                _applied(layer.out, precision, watch),
                _applied(layer.widen, precision, watch),
                _applied(layer.narrow, precision, watch, after_gelu=True),
                layer,
            )
            for layer in bert.layers
        ]

    def __call__(self, ids: NDArray[np.int64], mask: NDArray[np.int64]) -> Floats:
        real = mask.astype(np.float32)
        hidden = _normalised(self._bert.word[ids] + self._bert.position[: ids.shape[1]], self._bert.norm)
        hidden = hidden.reshape(-1, self._bert.dim)
        bias = ((1 - real) * MASKED)[:, None, None, :]
        for qkv, out, widen, narrow, layer in self._layers:
            hidden = self._attended(hidden, qkv, out, bias, layer, ids.shape)
            hidden = _normalised(narrow(_gelu(widen(hidden))) + hidden, layer.narrow_norm)
        vectors = (real[:, None, :] @ hidden.reshape(*ids.shape, -1))[:, 0]
        lengths = np.sqrt(np.sum(vectors * vectors, axis=1, keepdims=True))
        return np.asarray(vectors / np.maximum(lengths, np.float32(1e-12)), dtype=np.float32)

    def _attended(
        self, hidden: Floats, qkv: Apply, out: Apply, bias: Floats, layer: Layer, shape: tuple[int, ...]
    ) -> Floats:
        heads = self._bert.n_heads
        query, key, value = qkv(hidden).reshape(*shape, 3, heads, -1).transpose(2, 0, 3, 1, 4)
        scores = query @ key.swapaxes(2, 3) + bias
        np.exp(scores - scores.max(axis=-1, keepdims=True), out=scores)
        scores /= scores.sum(axis=-1, keepdims=True)
        attended = (scores @ value).transpose(0, 2, 1, 3).reshape(hidden.shape)
        return _normalised(out(attended) + hidden, layer.out_norm)


def _applied(linear: Linear, precision: str, watch: Watch | None, *, after_gelu: bool = False) -> Apply:
    apply = _exact(linear) if precision == "f32" else _rounded(linear, after_gelu=after_gelu)
    factors = linear.factors
    if watch is None and factors is None:
        return apply

    def applied(x: Floats) -> Floats:
        if watch is not None:
            watch(linear, x)
        return apply(x if factors is None else x * factors)

    return applied


def _exact(linear: Linear) -> Apply:
    return lambda x: x @ linear.weight.T + linear.bias


def _rounded(linear: Linear, *, after_gelu: bool) -> Apply:
    weight, scales = linear.quantized()
    floats = weight.astype(np.float32)

    def apply(x: Floats) -> Floats:
        steps, zero = token_steps(x, after_gelu=after_gelu)
        whole = np.clip(np.rint(x / steps), -zero, 255 - zero)
        product: Floats = whole @ floats.T
        return product * scales * steps + linear.bias

    return apply


def token_steps(x: Floats, *, after_gelu: bool) -> tuple[Floats, int]:
    """The size of one 8-bit level for each token, float32 (tokens, 1), and the level that means 0."""
    if after_gelu:
        steps = x.max(axis=1, keepdims=True) * np.float32(1 / GELU_LEVELS)
        return np.maximum(steps, np.float32(GELU_LOWEST / GELU_ZERO)), GELU_ZERO
    steps = np.abs(x).max(axis=1, keepdims=True) * np.float32(1 / LEVELS)
    return np.maximum(steps, np.float32(1e-12)), ZERO


def _normalised(x: Floats, norm: Norm) -> Floats:
    centred = x - x.mean(axis=-1, keepdims=True)
    variance = np.mean(centred * centred, axis=-1, keepdims=True)
    normalised: Floats = centred / np.sqrt(variance + np.float32(EPSILON)) * norm.weight + norm.bias
    return normalised


def _gelu(x: Floats) -> Floats:
    """x times the normal distribution function of x (Hendrycks & Gimpel 2016)."""
    share: Floats = 1 + _erf(x * np.float32(1 / math.sqrt(2)))
    return np.float32(0.5) * x * share


def _erf(x: Floats) -> Floats:
    """Error function to 2e-7: Abramowitz & Stegun 7.1.26."""
    size = np.abs(x)
    t = 1 / (1 + np.float32(0.3275911) * size)
    series = np.full_like(t, 1.061405429)
    for coefficient in (-1.453152027, 1.421413741, -0.284496736, 0.254829592):
        series = series * t + np.float32(coefficient)
    found: Floats = np.copysign(1 - series * t * np.exp(-size * size), x)
    return found
