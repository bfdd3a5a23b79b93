"""Writes BERT as an ONNX graph: token ids and mask in, finished sentence vectors out.

Tokens lie flat, (rows * length, dim), so that each linear map is one matrix product. Standard operators of opset 20,
which ONNX Runtime fuses where it pays, and in 8 bits one of its own: MatMulIntegerToFloat makes floats of the integers
while they are in registers (1.12 times as fast as MatMulInteger, Cast and Mul).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper, numpy_helper

from nearmost.encoders.bert import (
    EPSILON,
    GELU_LEVELS,
    GELU_LOWEST,
    GELU_ZERO,
    LEVELS,
    MASKED,
    PROBE,
    PROBED,
    WEIGHT_LEVELS,
    ZERO,
    Bert,
    Layer,
    Linear,
    Norm,
)

OPSET, IR = 20, 10
OWN = "com.microsoft"  # the domain of ONNX Runtime's own operators


def bert_graph(bert: Bert, precision: str) -> bytes:
    """The ONNX model in "f32" or "int8", for inputs ``ids`` and ``mask``, int64 (rows, length)."""
    nodes = _Nodes()
    shape = nodes.add("Shape", "ids")
    heads = nodes.add("Concat", shape, nodes.ints(3, bert.n_heads, bert.dim // bert.n_heads), axis=0)
    length = nodes.add("Slice", shape, nodes.ints(1), nodes.ints(2), nodes.ints(0))
    position = nodes.add("Slice", nodes.constant(bert.position), nodes.ints(0), length, nodes.ints(0))
    hidden = nodes.add("Add", nodes.add("Gather", nodes.constant(bert.word), "ids"), position)
    hidden = nodes.add("Reshape", _normalised(nodes, hidden, bert.norm), nodes.ints(-1, bert.dim))
    real = nodes.add("Cast", "mask", to=TensorProto.FLOAT)
    padding = nodes.add("Sub", nodes.floats(1), nodes.add("Unsqueeze", real, nodes.ints(1, 2)))
    bias = nodes.add("Mul", padding, nodes.floats(float(MASKED)))
    for layer in bert.layers:
        hidden = _layer(nodes, hidden, bias, heads, layer, bert.dim, precision)
    hidden = nodes.add("Reshape", hidden, nodes.add("Concat", shape, nodes.ints(bert.dim), axis=0))
    total = nodes.add("MatMul", nodes.add("Unsqueeze", real, nodes.ints(1)), hidden)
    total = nodes.add("Squeeze", total, nodes.ints(1))
    size = nodes.add("Max", nodes.add("ReduceL2", total, nodes.ints(1), keepdims=1), nodes.floats(1e-12))
    nodes.add("Div", total, size, output="vectors")  # the mean's own divisor cancels out
    if precision == "int8":
        most = np.full((1, PROBED), 255, np.uint8), np.full((PROBED, PROBED), WEIGHT_LEVELS, np.int8)
        nodes.add("MatMulInteger", *map(nodes.constant, most), output=PROBE)
    return nodes.model(bert.dim)


def _layer(nodes: _Nodes, hidden: str, bias: str, heads: str, layer: Layer, dim: int, precision: str) -> str:
    parts = nodes.add("Reshape", _applied(nodes, hidden, layer.qkv, precision), heads)
    names = nodes.add_many(3, "Split", parts, axis=2, num_outputs=3)
    query, key, value = (nodes.add("Squeeze", name, nodes.ints(2)) for name in names)
    query = nodes.add("Transpose", query, perm=[0, 2, 1, 3])
    key = nodes.add("Transpose", key, perm=[0, 2, 3, 1])
    value = nodes.add("Transpose", value, perm=[0, 2, 1, 3])
    weights = nodes.add("Softmax", nodes.add("Add", nodes.add("MatMul", query, key), bias), axis=-1)
    attended = nodes.add("Transpose", nodes.add("MatMul", weights, value), perm=[0, 2, 1, 3])
    attended = _applied(nodes, nodes.add("Reshape", attended, nodes.ints(-1, dim)), layer.out, precision)
    hidden = _normalised(nodes, nodes.add("Add", attended, hidden), layer.out_norm)
    wide = nodes.add("Gelu", _applied(nodes, hidden, layer.widen, precision))
    narrow = _applied(nodes, wide, layer.narrow, precision, after_gelu=True)
    return _normalised(nodes, nodes.add("Add", narrow, hidden), layer.narrow_norm)


def _normalised(nodes: _Nodes, x: str, norm: Norm) -> str:
    return nodes.add(
        "LayerNormalization", x, nodes.constant(norm.weight), nodes.constant(norm.bias), epsilon=EPSILON, axis=-1
    )


def _applied(nodes: _Nodes, x: str, linear: Linear, precision: str, *, after_gelu: bool = False) -> str:
    if linear.factors is not None:
        x = nodes.add("Mul", x, nodes.constant(linear.factors))
    if precision == "f32":
        return nodes.add("Gemm", x, nodes.constant(linear.weight), nodes.constant(linear.bias), transB=1)
    steps, zero = _token_steps(nodes, x, after_gelu=after_gelu)
    step_of = nodes.add("Squeeze", steps, nodes.ints(1))
    zeros = nodes.add("Expand", nodes.constant(np.array([zero], np.uint8)), nodes.add("Shape", step_of))
    whole = nodes.add("QuantizeLinear", x, step_of, zeros, axis=0)
    weight, scales = linear.quantized()
    product = nodes.add(
        "MatMulIntegerToFloat",
        whole,
        nodes.constant(weight.T),
        nodes.floats(1),  # what it takes here is one step for all tokens
        nodes.constant(scales),
        nodes.constant(np.uint8(zero)),
        domain=OWN,
    )
    return nodes.add("Add", nodes.add("Mul", product, steps), nodes.constant(linear.bias))


def _token_steps(nodes: _Nodes, x: str, *, after_gelu: bool) -> tuple[str, int]:
    """As bert_numpy.token_steps."""
    last = nodes.ints(-1)
    if after_gelu:
        steps = nodes.add("Mul", nodes.add("ReduceMax", x, last, keepdims=1), nodes.floats(1 / GELU_LEVELS))
        return nodes.add("Max", steps, nodes.floats(GELU_LOWEST / GELU_ZERO)), GELU_ZERO
    size = nodes.add("ReduceMax", nodes.add("Abs", x), last, keepdims=1)
    return nodes.add("Max", nodes.add("Mul", size, nodes.floats(1 / LEVELS)), nodes.floats(1e-12)), ZERO


class _Nodes:
    """The graph while it is written: each ``add`` gives the name of what the new node computes."""

    def __init__(self) -> None:
        self._nodes: list[NodeProto] = []
        self._constants: dict[str, TensorProto] = {}

    def add(self, operator: str, *inputs: str, output: str | None = None, **attributes: Any) -> str:
        name = output or f"{operator}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(operator, inputs, [name], name=f"node_{len(self._nodes)}", **attributes))
        return name

    def add_many(self, n_outputs: int, operator: str, *inputs: str, **attributes: Any) -> list[str]:
        names = [f"{operator}_{len(self._nodes)}_{number}" for number in range(n_outputs)]
        self._nodes.append(helper.make_node(operator, inputs, names, name=f"node_{len(self._nodes)}", **attributes))
        return names

    def constant(self, array: NDArray[Any] | np.generic, name: str | None = None) -> str:
        name = name or f"constant_{len(self._constants)}"
        if name not in self._constants:
            self._constants[name] = numpy_helper.from_array(np.ascontiguousarray(array).reshape(np.shape(array)), name)
        return name

    def ints(self, *values: int) -> str:
        return self.constant(np.array(values, np.int64), f"ints_{values}")

    def floats(self, value: float) -> str:
        return self.constant(np.float32(value), f"float_{float(value)!r}")

    def model(self, dim: int) -> bytes:
        both = [helper.make_tensor_value_info(name, TensorProto.INT64, ["rows", "length"]) for name in ("ids", "mask")]
        outputs = [helper.make_tensor_value_info("vectors", TensorProto.FLOAT, ["rows", dim])]
        if any(PROBE in node.output for node in self._nodes):
            outputs.append(helper.make_tensor_value_info(PROBE, TensorProto.INT32, [1, PROBED]))
        graph = helper.make_graph(self._nodes, "bert", both, outputs, list(self._constants.values()))
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(OWN, 1)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=IR)
        return bytes(model.SerializeToString(deterministic=True))
