"""The ONNX graph and the NumPy path compute the same BERT, and it is the BERT of the paper."""

from __future__ import annotations

import math

import numpy as np
import pytest

from nearmost.encoders.bert import Bert, Linear
from nearmost.encoders.bert_numpy import NumpyBert
from nearmost.encoders.bert_smooth import smoothed
from nearmost.errors import EncoderError

N_HEADS = 4


@pytest.fixture
def batch():
    """Six texts of 1 to 12 tokens, padded."""
    rng = np.random.default_rng(1)
    mask = (np.arange(12) < np.array([12, 1, 5, 7, 12, 2])[:, None]).astype(np.int64)
    return rng.integers(1, 100, mask.shape) * mask, mask


def by_the_paper(arrays, ids):
    """The vector of one text in float64, written as Devlin et al. and Vaswani et al. write it, head by head."""
    w = {name: array.astype(np.float64) for name, array in arrays.items()}

    def linear(x, name):
        return x @ w[f"{name}.weight"].T + w[f"{name}.bias"]

    def norm(x, name):
        x = (x - x.mean(axis=1, keepdims=True)) / x.std(axis=1, keepdims=True)
        return x * w[f"{name}.weight"] + w[f"{name}.bias"]

    x = w["embeddings.word_embeddings.weight"][ids] + w["embeddings.position_embeddings.weight"][: len(ids)]
    x = norm(x + w["embeddings.token_type_embeddings.weight"][0], "embeddings.LayerNorm")
    for layer in range(2):
        name = f"encoder.layer.{layer}."
        query, key, value = (linear(x, f"{name}attention.self.{part}") for part in ("query", "key", "value"))
        heads = []
        for columns in np.split(np.arange(x.shape[1]), N_HEADS):
            scores = np.exp(query[:, columns] @ key[:, columns].T / math.sqrt(len(columns)))
            heads.append(scores / scores.sum(axis=1, keepdims=True) @ value[:, columns])
        x = norm(linear(np.hstack(heads), f"{name}attention.output.dense") + x, f"{name}attention.output.LayerNorm")
        wide = linear(x, f"{name}intermediate.dense")
        wide = wide * 0.5 * (1 + np.vectorize(math.erf)(wide / math.sqrt(2)))
        x = norm(linear(wide, f"{name}output.dense") + x, f"{name}output.LayerNorm")
    vector = x.mean(axis=0)
    return vector / np.linalg.norm(vector)


def onnx_bert(bert, precision, path):
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    graph = pytest.importorskip("nearmost.encoders.bert_graph", reason="onnx is not installed")
    from nearmost.encoders.bert_onnx import OnnxBert

    return OnnxBert(path, lambda: graph.bert_graph(bert, precision))


def test_numpy_computes_what_the_paper_says(small_arrays, batch):
    ids, mask = batch
    found = NumpyBert(Bert.of(small_arrays, N_HEADS), "f32")(ids, mask)
    wanted = [by_the_paper(small_arrays, row[real.astype(bool)]) for row, real in zip(ids, mask, strict=True)]
    np.testing.assert_allclose(found, wanted, atol=2e-6)
    assert found.dtype == np.float32


def test_the_graph_computes_what_numpy_does(small_arrays, batch, tmp_path):
    bert = Bert.of(small_arrays, N_HEADS)
    np.testing.assert_allclose(
        onnx_bert(bert, "f32", tmp_path / "g.onnx")(*batch), NumpyBert(bert, "f32")(*batch), atol=1e-5
    )


def test_eight_bits_lose_little_and_both_paths_lose_the_same(small_arrays, batch, tmp_path):
    bert = Bert.of(small_arrays, N_HEADS)
    exact, rounded = NumpyBert(bert, "f32")(*batch), NumpyBert(bert, "int8")(*batch)
    assert np.einsum("ij,ij->i", exact, rounded).min() > 0.999
    assert np.abs(exact - rounded).max() > 1e-4  # it does round
    by_graph = onnx_bert(bert, "int8", tmp_path / "g.onnx")(*batch)
    assert np.einsum("ij,ij->i", by_graph, rounded).min() > 0.9999


@pytest.mark.parametrize("precision", ["f32", "int8"])
def test_a_vector_does_not_depend_on_the_texts_beside_it(small_arrays, batch, tmp_path, precision):
    ids, mask = batch
    bert = Bert.of(small_arrays, N_HEADS)
    for run in (NumpyBert(bert, precision), onnx_bert(bert, precision, tmp_path / f"{precision}.onnx")):
        together = run(ids, mask)
        for row, length in enumerate(mask.sum(axis=1)):
            alone = run(ids[row : row + 1, :length], mask[row : row + 1, :length])
            np.testing.assert_allclose(alone[0], together[row], atol=1e-5)


def test_quantized_weights_are_within_half_a_step():
    weight = np.random.default_rng(2).normal(size=(8, 30)).astype(np.float32)
    weight[3] = 0
    whole, scales = Linear(weight, np.zeros(8, np.float32)).quantized()
    assert whole.dtype == np.int8
    assert np.abs(whole).max() == 127
    assert (np.abs(whole * scales[:, None] - weight) <= scales[:, None] * 0.5001).all()


def uneven(arrays):
    """A BERT in which two columns are large after every normalisation but the last, and weigh little, as in trained
    ones.
    """
    arrays = dict(arrays)
    for name, array in arrays.items():
        large = np.where(np.isin(np.arange(array.shape[-1]), [3, 17]), 25, 1).astype(np.float32)
        if name.endswith("LayerNorm.weight") and name != "encoder.layer.1.output.LayerNorm.weight":
            arrays[name] = array * large
        elif name.endswith(("query.weight", "key.weight", "value.weight", "intermediate.dense.weight")):
            arrays[name] = array / large
    return Bert.of(arrays, N_HEADS)


def test_smoothing_changes_the_weights_and_not_what_they_compute(small_arrays, batch, tmp_path):
    bert = uneven(small_arrays)
    smooth = smoothed(bert)
    assert np.log2(smooth.layers[0].qkv.factors).std() > 0
    np.testing.assert_allclose(NumpyBert(smooth, "f32")(*batch), NumpyBert(bert, "f32")(*batch), atol=2e-6)
    np.testing.assert_allclose(
        onnx_bert(smooth, "f32", tmp_path / "g.onnx")(*batch), NumpyBert(bert, "f32")(*batch), atol=1e-5
    )


def test_smoothing_takes_most_of_the_loss_of_eight_bits_away(small_arrays, batch):
    bert = uneven(small_arrays)
    exact = NumpyBert(bert, "f32")(*batch)
    rough, fine = (1 - (NumpyBert(one, "int8")(*batch) * exact).sum(axis=1).mean() for one in (bert, smoothed(bert)))
    assert fine < rough / 2


def test_a_processor_that_adds_wrong_gets_the_slower_exact_products(small_arrays, batch, tmp_path, monkeypatch):
    bert = smoothed(Bert.of(small_arrays, N_HEADS))
    wanted = onnx_bert(bert, "int8", tmp_path / "g.onnx")(*batch)
    from nearmost.encoders import bert_onnx

    opened = []
    plain = bert_onnx._with_options
    monkeypatch.setattr(
        bert_onnx, "_with_options", lambda model, **entries: opened.append(entries) or plain(model, **entries)
    )
    monkeypatch.setattr(bert_onnx, "adds_right", lambda session: False)
    np.testing.assert_allclose(onnx_bert(bert, "int8", tmp_path / "g.onnx")(*batch), wanted, atol=1e-6)
    assert opened == [{}, {"session.x64quantprecision": "1"}]


def test_the_probe_sees_products_that_do_not_fit_16_bits(small_arrays, tmp_path):
    bert = smoothed(Bert.of(small_arrays, N_HEADS))
    onnx_bert(bert, "int8", tmp_path / "g.onnx")
    from nearmost.encoders import bert_onnx

    class Saturating:
        """A session on a processor whose sums of two products stop at 32767."""

        def __init__(self, one):
            self._one = one

        def get_outputs(self):
            return self._one.get_outputs()

        def run(self, names, feed):
            return [np.minimum(value, 32 * 32767) for value in self._one.run(names, feed)]

    exact = bert_onnx._with_options(str(tmp_path / "g.onnx"), **{"session.x64quantprecision": "1"})
    assert bert_onnx.adds_right(exact)
    assert not bert_onnx.adds_right(Saturating(exact))


@pytest.mark.parametrize("damage", ["missing", "shape", "dtype", "axes"])
def test_weights_that_do_not_fit_are_named(small_arrays, damage):
    name = "encoder.layer.1.output.dense.weight" if damage != "missing" else "encoder.layer.1.output.dense.bias"
    arrays = dict(small_arrays)
    if damage == "missing":
        del arrays[name]
    else:
        array = arrays[name]
        arrays[name] = {"shape": array[:, 1:], "dtype": array.astype(np.int64), "axes": array[0]}[damage]
    with pytest.raises(EncoderError, match=name):
        Bert.of(arrays, N_HEADS)


def test_heads_must_divide_the_columns(small_arrays):
    with pytest.raises(EncoderError, match="dim 32 cannot have 5 heads"):
        Bert.of(small_arrays, 5)


def test_a_damaged_graph_is_made_again(small_arrays, batch, tmp_path):
    bert = Bert.of(small_arrays, N_HEADS)
    path = tmp_path / "g.onnx"
    first = onnx_bert(bert, "f32", path)(*batch)
    whole = path.read_bytes()
    for damaged in (b"", b"nonsense", whole[: len(whole) // 2]):
        path.write_bytes(damaged)
        np.testing.assert_array_equal(onnx_bert(bert, "f32", path)(*batch), first)
        assert path.read_bytes() == whole


def test_a_cache_that_cannot_be_written_costs_only_time(small_arrays, batch, tmp_path):
    (tmp_path / "file").write_text("a file where the folder should be")
    bert = Bert.of(small_arrays, N_HEADS)
    assert onnx_bert(bert, "f32", tmp_path / "file" / "g.onnx")(*batch).shape == (6, 32)
