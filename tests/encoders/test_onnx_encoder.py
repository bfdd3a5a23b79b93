"""``onnx:PATH``: a graph and a tokenizer as exporters leave them give what NumPy makes of the same weights."""

from __future__ import annotations

import json
import pickle
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from nearmost import Index
from nearmost.encoders import Encoder, Fitted, load_encoder
from nearmost.encoders.weights import SHA256
from nearmost.errors import EncoderError
from nearmost.values import Corpus

onnx = pytest.importorskip("onnx", reason="onnx is not installed")
pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
tokenizers = pytest.importorskip("tokenizers", reason="tokenizers is not installed")
TensorProto, helper, numpy_helper = onnx.TensorProto, onnx.helper, onnx.numpy_helper

WORDS = ["[UNK]", "the", "king", "queen", "of", "paris", "rome", "is", "old", "new"]
TABLE = np.random.default_rng(0).normal(size=(len(WORDS), 6)).astype(np.float32)
TYPES = np.full((2, 6), 0.25, np.float32)
TEXTS = ["the king of paris is old", "queen", "rome is new the queen is new", "nobody", "the"]
IDS = [[WORDS.index(w) if w in WORDS else 0 for w in text.split()] for text in TEXTS]
PIECES = ["input_ids", "attention_mask", "token_type_ids"]


def write(
    folder: Path,
    name: str = "model.onnx",
    inputs: Sequence[str] = PIECES,
    kind: int = onnx.TensorProto.INT64,
    outputs: Sequence[str] = ("last_hidden_state",),
) -> Path:
    """A graph that looks pieces up, adds what their type and mask say, and perhaps a sentence's row (the largest)."""
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    constants = [numpy_helper.from_array(TABLE, "table"), numpy_helper.from_array(TYPES, "types")]
    nodes = [helper.make_node("Gather", ["table", "input_ids"], ["words"])]
    last = "words"
    if "token_type_ids" in inputs:
        nodes += [helper.make_node("Gather", ["types", "token_type_ids"], ["typed"])]
        nodes += [helper.make_node("Add", [last, "typed"], ["sum"])]
        last = "sum"
    nodes += [helper.make_node("Identity", [last], ["last_hidden_state"])]
    shapes = {"last_hidden_state": ["n", "length", 6], "sentence_embedding": ["n", 6], "pooled": ["n", 6]}
    for output in ("sentence_embedding", "pooled"):
        nodes += [helper.make_node("ReduceMax", [last], [output], axes=[1], keepdims=0)]
    graph = helper.make_graph(
        nodes,
        "test",
        [helper.make_tensor_value_info(one, kind, ["n", "length"]) for one in inputs],
        [helper.make_tensor_value_info(one, TensorProto.FLOAT, shapes[one]) for one in outputs],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.save(model, str(folder / name))
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    tokenizer = tokenizers.Tokenizer(
        tokenizers.models.WordLevel({word: row for row, word in enumerate(WORDS)}, unk_token="[UNK]")
    )
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    tokenizer.enable_padding(length=64)  # exporters leave that on
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    return tmp_path


def means(typed: bool = True) -> np.ndarray:
    return np.array([(TABLE[ids] + (TYPES[0] if typed else 0)).mean(axis=0) for ids in IDS])


def test_pieces_are_averaged(folder):
    encoder = load_encoder(f"onnx:{write(folder)}")
    assert isinstance(encoder, Encoder)
    assert not isinstance(encoder, Fitted)
    assert (encoder.dim, encoder.spec) == (6, f"onnx:{folder}")
    found = encoder.encode(TEXTS)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, means(), atol=1e-6)
    np.testing.assert_allclose(encoder.encode(TEXTS * 300, n_threads=2)[-5:], found, atol=1e-6)
    np.testing.assert_allclose(pickle.loads(pickle.dumps(encoder)).encode(TEXTS), found)
    assert encoder.encode([]).shape == (0, 6)
    assert encoder.encode([""]).shape == (1, 6)


@pytest.mark.parametrize("kind", [TensorProto.INT64, TensorProto.INT32])
@pytest.mark.parametrize("inputs", [PIECES[:1], PIECES[:2], PIECES])
def test_the_graph_is_fed_what_it_asks_for(folder, inputs, kind):
    write(folder, inputs=inputs, kind=kind)
    np.testing.assert_allclose(load_encoder(f"onnx:{folder}").encode(TEXTS), means(len(inputs) == 3), atol=1e-6)


def test_a_sentence_that_the_graph_makes_is_taken_before_pieces(folder):
    write(folder, inputs=PIECES[:1], outputs=["last_hidden_state", "pooled", "sentence_embedding"])
    alone = [load_encoder(f"onnx:{folder}").encode([text])[0] for text in TEXTS]
    np.testing.assert_allclose(alone, [TABLE[ids].max(axis=0) for ids in IDS], atol=1e-6)
    found = load_encoder(f"onnx:{folder}?output=last_hidden_state").encode(TEXTS)
    np.testing.assert_allclose(found, means(typed=False), atol=1e-6)


def test_pooling_length_and_scale_come_from_options_or_from_the_files_beside_the_graph(folder):
    write(folder, "onnx/model.onnx", inputs=PIECES[:2])
    first = TABLE[[ids[0] for ids in IDS]]
    scaled = first / np.linalg.norm(first, axis=1, keepdims=True)
    np.testing.assert_allclose(load_encoder(f"onnx:{folder}?pooling=cls").encode(TEXTS), first, atol=1e-6)
    found = load_encoder(f"onnx:{folder}/onnx/model.onnx?pooling=cls&normalize=yes").encode(TEXTS)
    np.testing.assert_allclose(found, scaled, atol=1e-6)
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text(json.dumps({"pooling_mode_cls_token": True}))
    modules = [{"type": f"sentence_transformers.models.{name}"} for name in ("Transformer", "Pooling", "Normalize")]
    (folder / "modules.json").write_text(json.dumps(modules))
    np.testing.assert_allclose(load_encoder(f"onnx:{folder}").encode(TEXTS), scaled, atol=1e-6)
    (folder / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": 3}))
    found = load_encoder(f"onnx:{folder}?pooling=mean&normalize=no").encode(TEXTS)
    np.testing.assert_allclose(found, [TABLE[ids[:3]].mean(axis=0) for ids in IDS], atol=1e-6)
    found = load_encoder(f"onnx:{folder}?pooling=mean&normalize=no&max_length=4").encode(TEXTS)
    np.testing.assert_allclose(found, [TABLE[ids[:4]].mean(axis=0) for ids in IDS], atol=1e-6)


def test_an_index_is_searched_with_it(folder, tmp_path):
    Index.build(Corpus.of(TEXTS), encoder=f"onnx:{write(folder)}").save(tmp_path / "a.nearmost")
    assert Index.open(tmp_path / "a.nearmost").search("queen", k=1).ids.tolist() == [1]


def test_the_graph_of_minilm_makes_the_vectors_of_minilm(minilm_folder, tmp_path, cache, texts):
    wanted = load_encoder("minilm").encode(texts)
    graphs = sorted(cache.glob(f"bert-{SHA256['model.safetensors'][:16]}-f32-*.onnx"))
    assert graphs
    model = onnx.load(str(graphs[0]))
    for node in model.graph.node:
        for old, new in (("ids", "input_ids"), ("mask", "attention_mask")):
            node.input[:] = [new if name == old else name for name in node.input]
    for given in model.graph.input:
        given.name = {"ids": "input_ids", "mask": "attention_mask"}[given.name]
    onnx.save(model, str(tmp_path / "model.onnx"))
    for name in ("tokenizer.json", "sentence_bert_config.json", "modules.json"):
        (tmp_path / name).write_bytes((minilm_folder / name).read_bytes())
    np.testing.assert_allclose(load_encoder(f"onnx:{tmp_path}").encode(texts), wanted, atol=1e-5)


def test_what_cannot_be_used_is_told(folder, tmp_path):
    for argument, said in (
        ("", "names no file"),
        (tmp_path / "nothing", "no such file or folder"),
        (folder, "no .onnx file"),
    ):
        with pytest.raises(EncoderError, match=said):
            load_encoder(f"onnx:{argument}")
    write(folder)
    for argument, said in (
        (f"{folder}?output=x", "there is no output 'x'; the graph has last_hidden_state"),
        (f"{folder}?max_length=many", "wanted a number of pieces"),
        (f"{folder}?pool=mean", "no option 'pool'"),
    ):
        with pytest.raises(EncoderError, match=said):
            load_encoder(f"onnx:{argument}")
    write(folder, inputs=["input_ids", "position_ids"])
    with pytest.raises(EncoderError, match=r"wants .*position_ids tensor\(int64\); known are input_ids"):
        load_encoder(f"onnx:{folder}")
    (folder / "model.onnx").write_bytes(b"no graph")
    with pytest.raises(EncoderError, match=r"model\.onnx cannot be loaded"):
        load_encoder(f"onnx:{folder}")
    (folder / "tokenizer.json").write_text("{}")
    with pytest.raises(EncoderError, match=r"tokenizer\.json cannot be read"):
        load_encoder(f"onnx:{folder}")
    (folder / "tokenizer.json").unlink()
    with pytest.raises(EncoderError, match=r"no tokenizer\.json beside"):
        load_encoder(f"onnx:{folder}")
