"""The weights of a BERT sentence encoder, checked and laid out for the two paths that run it.

bert_graph.py writes them into an ONNX graph, bert_numpy.py multiplies them with NumPy; both compute

    x = norm(word[ids] + position)                                   (tokens, dim)
    per layer:  q, k, v = qkv(x), heads of dim / n_heads columns
                x = norm(out(softmax(q k' + bias of the mask) v) + x)
                x = norm(narrow(gelu(widen(x))) + x)
    vector = the mean of x over the real tokens, divided by its length

(Devlin et al. 2019, https://arxiv.org/abs/1810.04805; pooling of Reimers & Gurevych 2019,
https://arxiv.org/abs/1908.10084.)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nearmost.errors import EncoderError

Floats = NDArray[np.float32]
EPSILON = 1e-12  # of every normalisation in BERT
GRAPH_VERSION = 2  # part of a cached graph's file name: raise it whenever bert_graph.py writes other nodes
MASKED = np.float32(-1e4)  # added to a score before softmax, where the token is only padding

# 8-bit: weights are signed, one scale an output column. Activations are unsigned, one scale a *token*: a text's vector
# does not depend on the texts beside it, as it would with the one scale a batch of ONNX Runtime's own dynamic
# quantisation.
WEIGHT_LEVELS = 127
PROBE = "probe"  # a product of the largest numbers, by which bert_onnx.py sees whether the processor adds right
PROBED = 64  # of them
ZERO = 128
LEVELS = 127.0
GELU_ZERO = 64  # gelu never falls below -0.17, so that more of its levels can lie above zero
GELU_LEVELS = 191.0
GELU_LOWEST = 0.17


@dataclass(frozen=True, slots=True, eq=False)
class Linear:
    """x -> x * factors @ weight.T + bias; weight float32 (out, in), bias float32 (out,), factors float32 (in,).

    There are ``factors`` only where bert_smooth.py has put them.
    """

    weight: Floats
    bias: Floats
    factors: Floats | None = None

    def quantized(self) -> tuple[NDArray[np.int8], Floats]:
        """The weight as int8 (out, in) and one float32 scale an output: weight is about int8 * scale."""
        scales = np.maximum(np.abs(self.weight).max(axis=1), np.float32(1e-12)) / np.float32(WEIGHT_LEVELS)
        return np.rint(self.weight / scales[:, None]).astype(np.int8), scales.astype(np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Norm:
    """x -> (x - mean) / sqrt(variance + EPSILON) * weight + bias, along the last axis."""

    weight: Floats
    bias: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """One transformer layer; ``qkv`` has the factor 1 / sqrt(head columns) in its q part."""

    qkv: Linear
    out: Linear
    out_norm: Norm
    widen: Linear
    narrow: Linear
    narrow_norm: Norm


@dataclass(frozen=True, slots=True, eq=False)
class Bert:
    """All weights: word (words, dim), position (longest text, dim) with token type 0 added to it."""

    n_heads: int
    word: Floats
    position: Floats
    norm: Norm
    layers: tuple[Layer, ...]

    @property
    def dim(self) -> int:
        """Columns of a vector."""
        return int(self.word.shape[1])

    @classmethod
    def of(cls, arrays: Mapping[str, NDArray[Any]], n_heads: int) -> Bert:
        """From the arrays of a checkpoint of Hugging Face's BertModel.

        Raises EncoderError naming the array that is missing or has another shape or dtype.
        """
        word = _array(arrays, "embeddings.word_embeddings.weight", None, None)
        dim = word.shape[1]
        if n_heads < 1 or dim % n_heads:
            raise EncoderError(f"a BERT of dim {dim} cannot have {n_heads} heads")
        position = _array(arrays, "embeddings.position_embeddings.weight", None, dim)
        kind = _array(arrays, "embeddings.token_type_embeddings.weight", None, dim)
        n_layers = 0
        while f"encoder.layer.{n_layers}.output.dense.weight" in arrays:
            n_layers += 1
        layers = tuple(_layer(arrays, f"encoder.layer.{number}.", dim, n_heads) for number in range(n_layers))
        return cls(n_heads, word, position + kind[0], _norm(arrays, "embeddings.LayerNorm", dim), layers)


def _layer(arrays: Mapping[str, NDArray[Any]], name: str, dim: int, n_heads: int) -> Layer:
    own = f"{name}attention.self."
    query, key, value = (_linear(arrays, own + part, dim, dim) for part in ("query", "key", "value"))
    factor = np.float32(1 / np.sqrt(dim // n_heads))
    widen = _linear(arrays, f"{name}intermediate.dense", None, dim)
    return Layer(
        qkv=Linear(
            np.concatenate([query.weight * factor, key.weight, value.weight]),
            np.concatenate([query.bias * factor, key.bias, value.bias]),
        ),
        out=_linear(arrays, f"{name}attention.output.dense", dim, dim),
        out_norm=_norm(arrays, f"{name}attention.output.LayerNorm", dim),
        widen=widen,
        narrow=_linear(arrays, f"{name}output.dense", dim, len(widen.bias)),
        narrow_norm=_norm(arrays, f"{name}output.LayerNorm", dim),
    )


def _linear(arrays: Mapping[str, NDArray[Any]], name: str, n_out: int | None, n_in: int) -> Linear:
    weight = _array(arrays, f"{name}.weight", n_out, n_in)
    return Linear(weight, _array(arrays, f"{name}.bias", len(weight)))


def _norm(arrays: Mapping[str, NDArray[Any]], name: str, dim: int) -> Norm:
    return Norm(_array(arrays, f"{name}.weight", dim), _array(arrays, f"{name}.bias", dim))


def _array(arrays: Mapping[str, NDArray[Any]], name: str, *shape: int | None) -> Floats:
    """The array of this name as float32; None in ``shape`` stands for any length of at least 1."""
    array = arrays.get(name)
    if array is None:
        raise EncoderError(f"the weights lack {name!r}: not a BERT sentence encoder")
    fits = array.ndim == len(shape) and all(
        have == want if want is not None else have > 0 for have, want in zip(array.shape, shape, strict=True)
    )
    if not fits or array.dtype.kind != "f":
        wanted = tuple("any" if length is None else length for length in shape)
        raise EncoderError(f"the weights {name!r} are {array.dtype} {array.shape}; floats {wanted} were wanted")
    return np.ascontiguousarray(array, dtype=np.float32)
