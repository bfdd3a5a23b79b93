"""``tf:PATH``: a real SavedModel of strings to vectors answers through every door as it does by itself."""

from __future__ import annotations

import http.server
import importlib.util
import os
import pickle
import sys
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nearmost import Index
from nearmost.encoders import Encoder, Fitted, load_encoder
from nearmost.errors import EncoderError
from nearmost.values import Corpus

if importlib.util.find_spec("tensorflow") is None:
    pytest.skip("TensorFlow is not installed: pip install tensorflow-cpu", allow_module_level=True)
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import tensorflow as tf

BUCKETS, DIM = 1000, 16
TABLE = np.random.default_rng(0).normal(size=(BUCKETS, DIM)).astype(np.float32)
SPEC = tf.TensorSpec([None], tf.string)


class Embedder(tf.Module):
    """As NNLM on TF-Hub: words hashed to rows of a table, their mean."""

    def __init__(self) -> None:
        super().__init__()
        self.table = tf.Variable(TABLE)

    @tf.function(input_signature=[SPEC])
    def __call__(self, texts):
        words = tf.strings.split(texts)
        rows = tf.gather(self.table, tf.strings.to_hash_bucket_fast(words.values, BUCKETS))
        sums = tf.math.segment_sum(rows, words.value_rowids())
        sums = tf.pad(sums, [[0, tf.shape(texts)[0] - tf.shape(sums)[0]], [0, 0]])
        return sums / tf.maximum(tf.cast(words.row_lengths(), tf.float32), 1)[:, None]

    @tf.function(input_signature=[SPEC])
    def described(self, texts):
        vectors = self(texts)
        return {"pooled_output": vectors, "twice": 2 * vectors, "lengths": tf.strings.length(texts)}

    @tf.function(input_signature=[SPEC, tf.TensorSpec([None], tf.float32)])
    def weighted(self, texts, weights):
        return self(texts) * weights[:, None]


class Served(tf.Module):
    """A model that cannot be called, with signatures only, as TensorFlow 1 left them."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = Embedder()


@pytest.fixture(scope="module")
def expected(texts: list[str]) -> np.ndarray:
    """What the model means, by NumPy: the mean of the rows of each text's words."""
    rows = np.zeros((len(texts), DIM), np.float32)
    for row, text in enumerate(texts):
        words = tf.strings.split([text]).values
        if len(words):
            rows[row] = TABLE[tf.strings.to_hash_bucket_fast(words, BUCKETS).numpy()].mean(axis=0)
    return rows


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    model, served = Embedder(), Served()
    tf.saved_model.save(model, folder / "called")
    signatures = {"serving_default": served.inner.described, "weighted": served.inner.weighted}
    tf.saved_model.save(served, folder / "served", signatures=signatures)
    tf.saved_model.save(served, folder / "useless", signatures={"weighted": served.inner.weighted})
    with tarfile.open(folder / "model.tar.gz", "w:gz") as archive:
        for path in sorted((folder / "called").rglob("*")):
            archive.add(path, path.relative_to(folder / "called"), recursive=False)
    return folder


def check(encoder: Encoder, texts: list[str], expected: np.ndarray) -> None:
    assert isinstance(encoder, Encoder)
    assert not isinstance(encoder, Fitted)
    assert encoder.dim == DIM
    found = encoder.encode(texts)
    assert found.dtype == np.float32
    assert found.flags.c_contiguous
    np.testing.assert_allclose(found, expected, atol=1e-4)  # TensorFlow adds 400 float32 up one by one


def test_a_model_that_is_called_with_strings(saved, texts, expected):
    check(load_encoder(f"tf:{saved / 'called'}"), texts, expected)


def test_signatures_with_several_outputs(saved, texts, expected):
    check(load_encoder(f"tf:{saved / 'served'}"), texts, expected)
    check(load_encoder(f"tf:{saved / 'served'}?output=twice"), texts, 2 * expected)
    check(load_encoder(f"tf:{saved / 'served'}?signature=serving_default&output=pooled_output"), texts, expected)


def test_what_cannot_be_called_with_strings_is_told(saved, tmp_path):
    with pytest.raises(EncoderError, match="there is no signature 'x'; it has serving_default, weighted"):
        load_encoder(f"tf:{saved / 'served'}?signature=x")
    with pytest.raises(EncoderError, match="there is no output 'x'; it has"):
        load_encoder(f"tf:{saved / 'served'}?output=x")
    with pytest.raises(EncoderError, match=r"weighted: wants .*, not one string"):
        load_encoder(f"tf:{saved / 'useless'}")
    (tmp_path / "saved_model.pb").write_bytes(b"no model")
    with pytest.raises(EncoderError, match="cannot be loaded"):
        load_encoder(f"tf:{tmp_path}")


def test_keras_models_saved_and_exported(tmp_path, texts):
    layers = tf.keras.layers
    words = layers.TextVectorization(max_tokens=200, output_sequence_length=8)
    words.adapt(texts)
    steps = [tf.keras.Input(shape=(1,), dtype=tf.string), words, layers.Embedding(200, 12)]
    model = tf.keras.Sequential([*steps, layers.GlobalAveragePooling1D()])
    wanted = model(tf.constant(texts)[:, None]).numpy()
    model.save(tmp_path / "model.keras")
    model.export(str(tmp_path / "exported"), verbose=False)
    for name in ("model.keras", "exported"):
        encoder = load_encoder(f"tf:{tmp_path / name}")
        assert encoder.dim == 12
        np.testing.assert_allclose(encoder.encode(texts), wanted, atol=1e-6)
    layer = layers.TFSMLayer(str(tmp_path / "exported"), call_endpoint="serve")
    np.testing.assert_allclose(layer(tf.constant(texts)[:, None]).numpy(), wanted, atol=1e-6)


def test_rows_do_not_depend_on_their_neighbours_and_no_texts_are_no_rows(saved, texts, expected):
    encoder = load_encoder(f"tf:{saved / 'called'}")
    many = [f"{text} {number}" for number in range(40) for text in texts]
    np.testing.assert_allclose(encoder.encode(many)[1234], encoder.encode([many[1234]])[0], atol=1e-6)
    np.testing.assert_array_equal(encoder.encode([texts[-1]] * 3), np.stack([encoder.encode([texts[-1]])[0]] * 3))
    assert encoder.encode([]).shape == (0, DIM)
    again = pickle.loads(pickle.dumps(encoder))
    np.testing.assert_array_equal(again.encode(texts), encoder.encode(texts))
    told: list[tuple[int, int]] = []
    encoder.encode(many, progress=lambda *so_far: told.append(so_far))
    assert told[-1] == (len(many), len(many))


def test_an_index_keeps_the_spec_and_refuses_another_model(saved, texts, tmp_path):
    spec = f"tf:{saved / 'called'}"
    Index.build(Corpus.of(texts), encoder=spec).save(tmp_path / "a.nearmost")
    with Index.open(tmp_path / "a.nearmost") as index:
        assert index.info()["encoder"] == spec
        assert index.search(texts[10], k=1).scores[0] == pytest.approx(1, abs=1e-5)


def test_an_archive_is_unpacked_once(saved, texts, expected, cache):
    before = set((cache / "tfhub").glob("*"))
    check(load_encoder(f"tf:{saved / 'model.tar.gz'}"), texts, expected)
    check(load_encoder(f"tf:{saved / 'model.tar.gz'}"), texts, expected)
    assert len(set((cache / "tfhub").glob("*")) - before) == 1


@pytest.fixture
def hub(saved: Path) -> Iterator[Any]:
    """A server that answers as TF-Hub does, and what it was asked."""

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            server.asked.append(self.path)
            if self.path != "/google/nnlm/2?tf-hub-format=compressed":
                self.send_error(404)
                return
            self.send_response(200)
            self.end_headers()
            self.wfile.write((saved / "model.tar.gz").read_bytes())

        def log_message(self, *_: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Answer) as server:
        server.asked = []
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def test_a_handle_is_fetched_once_and_never_for_an_index_alone(hub, texts, expected, tmp_path, monkeypatch):
    handle = f"tf:http://127.0.0.1:{hub.server_port}/google/nnlm/2"
    check(load_encoder(handle), texts, expected)
    check(load_encoder(handle), texts, expected)
    assert hub.asked == ["/google/nnlm/2?tf-hub-format=compressed"]
    Index.build(Corpus.of(texts), encoder=handle).save(tmp_path / "a.nearmost")
    assert Index.open(tmp_path / "a.nearmost").search("a text", k=1).ids.shape == (1,)
    monkeypatch.setenv("NEARMOST_CACHE", str(tmp_path / "another machine"))
    with pytest.raises(EncoderError, match="if you trust it, fetch it once with load_encoder"):
        Index.open(tmp_path / "a.nearmost").search("a text")
    assert len(hub.asked) == 1
    with pytest.raises(EncoderError, match=r"cannot be fetched \(HTTP Error 404.*download it from there"):
        load_encoder(f"tf:http://127.0.0.1:{hub.server_port}/other/1")


def test_tensorflow_is_imported_only_where_it_is_wanted():
    import subprocess

    say = "import sys, nearmost, nearmost.encoders; print('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", say], capture_output=True, text=True, check=True).stdout == "False\n"
