"""BERT made fit for 8 bits: columns that are large in every token are made smaller, and their weights larger.

After some normalisations a few columns of x are ten times as large as the others. They alone decide how wide the 8-bit
levels of a token are, and the others are rounded to almost nothing. So x @ weight.T is computed as
(x / f) @ (weight * f).T, with f_j = most_j^0.7 / widest_j^0.3, most_j the largest |x_j| seen and widest_j the largest
weight of column j (SmoothQuant, Xiao et al. 2022, https://arxiv.org/abs/2211.10438, equation 4). Only the inputs of
``qkv`` and ``widen`` have such columns.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from nearmost.encoders.bert import Bert, Floats, Linear
from nearmost.encoders.bert_numpy import NumpyBert

MOVED = 0.7  # of the largeness of a column goes into its weights; .6 to .8 are equally good
# What is large is so for any text: word pieces drawn by chance show the same columns as headlines and job titles do.
TEXTS, LENGTH = 64, 16


def smoothed(bert: Bert) -> Bert:
    """The same function with other weights, which lose less in 8 bits; half a second of one core."""
    ids = np.random.default_rng(0).integers(0, len(bert.word), (TEXTS, min(LENGTH, len(bert.position))))
    most = largest_inputs(bert, ids)
    return replace(
        bert,
        layers=tuple(
            replace(layer, qkv=_smoothed(layer.qkv, first), widen=_smoothed(layer.widen, second))
            for layer, (first, second) in zip(bert.layers, most, strict=True)
        ),
    )


def largest_inputs(bert: Bert, ids: NDArray[np.int64]) -> list[tuple[Floats, Floats]]:
    """For each layer the largest |x_j| of every column that ``qkv`` and that ``widen`` see with these tokens."""
    seen: dict[int, Floats] = {}

    def watch(linear: Linear, x: Floats) -> None:
        seen[id(linear)] = np.abs(x).max(axis=0)

    NumpyBert(bert, "f32", watch=watch)(ids, np.ones_like(ids))
    return [(seen[id(layer.qkv)], seen[id(layer.widen)]) for layer in bert.layers]


def _smoothed(linear: Linear, most: Floats) -> Linear:
    widest = np.abs(linear.weight).max(axis=0)
    sizes = MOVED * np.log2(np.maximum(most, 1e-6)) - (1 - MOVED) * np.log2(np.maximum(widest, 1e-6))
    factors = np.exp2(-np.rint(sizes)).astype(np.float32)  # powers of 2: nothing is rounded, on no machine otherwise
    return Linear(linear.weight / factors, linear.bias, factors)
