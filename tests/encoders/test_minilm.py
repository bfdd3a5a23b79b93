"""The default encoder: the vectors of sentence-transformers, without torch."""

from __future__ import annotations

import pickle
import sys

import numpy as np
import pytest

from nearmost.encoders import check_fingerprint, fingerprint, load_encoder
from nearmost.errors import EncoderMismatchError, InputError

SPECS = ["minilm", "minilm:int8"]


def cosines(left, right):
    return np.einsum("ij,ij->i", left, right)


@pytest.fixture(scope="module", params=SPECS)
def encoder(request, minilm_folder):
    return load_encoder(request.param)


@pytest.fixture(scope="module")
def full(minilm_folder):
    return load_encoder("minilm")


def test_vectors_agree_with_sentence_transformers(full, texts, minilm_folder):
    library = pytest.importorskip("sentence_transformers", reason="sentence-transformers is not installed")
    wanted = library.SentenceTransformer(str(minilm_folder), device="cpu").encode(texts, normalize_embeddings=True)
    assert cosines(full.encode(texts), wanted).min() > 0.99999


def test_eight_bits_keep_a_cosine_of_998(full, texts):
    found = cosines(full.encode(texts), load_encoder("minilm:int8").encode(texts))
    assert found.min() > 0.99
    assert found.mean() > 0.998


def test_numpy_gives_the_vectors_of_onnx(full, texts):
    texts = texts[:16]
    from nearmost.encoders.minilm import MiniLM

    if full.backend != "onnx":
        pytest.skip("onnxruntime and onnx are not both installed")
    np.testing.assert_allclose(MiniLM(backend="numpy").encode(texts), full.encode(texts), atol=1e-5)
    eight = cosines(MiniLM("int8", backend="numpy").encode(texts), load_encoder("minilm:int8").encode(texts))
    assert eight.min() > 0.99  # one value rounded the other way early grows: each is as near to the full precision


def test_without_onnxruntime_numpy_takes_over(monkeypatch, full):
    monkeypatch.delitem(sys.modules, "nearmost.encoders.bert_onnx", raising=False)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    encoder = load_encoder("minilm")
    assert encoder.backend == "numpy"
    np.testing.assert_allclose(encoder.encode(["hello"]), full.encode(["hello"]), atol=1e-5)


def test_rows_are_unit_float32_and_repeat_for_repeated_texts(encoder, texts):
    vectors = encoder.encode(texts + texts[::-1])
    assert vectors.shape == (2 * len(texts), encoder.dim)
    assert vectors.dtype == np.float32
    assert vectors.flags.c_contiguous
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    np.testing.assert_array_equal(vectors[: len(texts)], vectors[: len(texts) - 1 : -1])


def test_one_by_one_equals_together_in_any_order_and_threads(encoder, texts):
    together = encoder.encode(texts)
    np.testing.assert_allclose(np.concatenate([encoder.encode([text]) for text in texts]), together, atol=1e-5)
    np.testing.assert_allclose(encoder.encode(texts[::-1], n_threads=1)[::-1], together, atol=1e-5)
    np.testing.assert_allclose(encoder.encode(texts, n_threads=3), together, atol=1e-5)


def test_no_texts_give_no_rows(encoder):
    assert encoder.encode([]).shape == (0, 384)


def test_long_texts_are_cut_at_256_tokens(full):
    vectors = full.encode(["word " * 254, "word " * 254 + "and quite another end", "word " * 5000])
    np.testing.assert_allclose(vectors[1:], vectors[[0, 0]], atol=1e-6)


def test_what_is_not_text_is_refused_with_its_row(full):
    with pytest.raises(InputError, match="row 1 of the texts is float"):
        full.encode(["a", float("nan")])


def test_meaning_is_near(full):
    rows = full.encode(["copy a whole directory tree", "recursively duplicate a folder", "the price of wheat fell"])
    assert rows[0] @ rows[1] > 0.5 > rows[0] @ rows[2] + 0.3


def test_it_pickles_by_its_spec(encoder):
    again = pickle.loads(pickle.dumps(encoder))
    assert again.spec == encoder.spec
    np.testing.assert_array_equal(again.encode(["hello"]), encoder.encode(["hello"]))


def test_a_folder_gives_the_same_encoder_under_the_portable_name(full, minilm_folder):
    by_folder = load_encoder(f"minilm:{minilm_folder}")
    assert by_folder.spec == "minilm"
    check_fingerprint(by_folder, "minilm", fingerprint(full))


def test_precisions_are_told_apart_by_spec(full):
    with pytest.raises(EncoderMismatchError, match="'minilm:int8' and is queried with 'minilm'"):
        check_fingerprint(full, "minilm:int8", fingerprint(full))


def test_the_graph_is_cached_under_the_hash_of_its_weights(encoder, cache):
    if encoder.backend != "onnx":
        pytest.skip("onnxruntime and onnx are not both installed")
    precision = "int8" if encoder.spec.endswith("int8") else "f32"
    assert [path.name for path in cache.glob(f"bert-53aa51172d142c89-{precision}-v*.onnx")]
    assert not list(cache.glob("*.part"))
