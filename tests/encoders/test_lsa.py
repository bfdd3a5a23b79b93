"""LSA equals scikit-learn's own pipeline, and travels as arrays without losing a bit."""

from __future__ import annotations

import numpy as np
import pytest

from nearmost.encoders import Encoder, Fitted, fingerprint, load_encoder
from nearmost.errors import DamagedFileError, EncoderError, InputError

pytest.importorskip("sklearn", reason="scikit-learn is not installed")


@pytest.fixture(scope="module")
def fitted(texts):
    return load_encoder("lsa:20").fit(texts)


def test_vectors_equal_scikit_learns_pipeline(fitted, texts):
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import Normalizer

    pipeline = make_pipeline(
        TfidfVectorizer(sublinear_tf=True, dtype=np.float32), TruncatedSVD(20, random_state=0), Normalizer()
    )
    pipeline.fit(texts)
    found, wanted = fitted.encode(texts), pipeline.transform(texts)
    signs = np.sign(np.einsum("ij,ij->j", found, wanted))  # a singular vector has no sign of its own
    np.testing.assert_allclose(found * signs, wanted, atol=1e-5)


def test_state_round_trip_is_bit_for_bit(fitted, texts):
    state = {name: np.frombuffer(a.tobytes(), a.dtype).reshape(a.shape) for name, a in fitted.state().items()}
    again = load_encoder(fitted.spec, state=state)
    assert (again.spec, again.dim) == ("lsa:20", 20)
    np.testing.assert_array_equal(again.encode(texts), fitted.encode(texts))
    np.testing.assert_array_equal(fingerprint(again), fingerprint(fitted))
    for name, array in again.state().items():
        np.testing.assert_array_equal(array, fitted.state()[name])


def test_the_same_texts_give_the_same_encoder(fitted, texts):
    np.testing.assert_array_equal(load_encoder("lsa:20").fit(texts).encode(texts), fitted.encode(texts))


def test_it_is_an_encoder_that_is_fitted(fitted):
    waiting = load_encoder("lsa")
    for encoder in (waiting, fitted):
        assert isinstance(encoder, Encoder)
        assert isinstance(encoder, Fitted)
    assert (waiting.spec, waiting.dim) == ("lsa", 256)
    assert load_encoder("lsa:256").spec == "lsa"


def test_rows_are_unit_or_zero_and_do_not_depend_on_their_neighbours(fitted, texts):
    vectors = fitted.encode([*texts, "zzzzqqq"])
    lengths = np.linalg.norm(vectors, axis=1)
    assert vectors.dtype == np.float32
    assert (lengths[:2] == 0).all()  # texts[:2] are blank
    assert lengths[-1] == 0
    assert np.isin(np.round(lengths, 5), [0, 1]).all()
    np.testing.assert_allclose(np.concatenate([fitted.encode([text]) for text in texts]), vectors[:-1], atol=1e-6)
    assert fitted.encode([]).shape == (0, 20)


def test_progress_reaches_the_end(fitted, texts):
    calls = []
    fitted.encode(texts, progress=lambda done, total: calls.append((done, total)))
    assert calls[-1] == (len(texts), len(texts))


@pytest.mark.parametrize(("texts", "dim"), [(["one text only here"], 1), (["apples", "pears"], 2), (["aa aa"], 1)])
def test_tiny_corpora_shrink_the_dim(texts, dim):
    encoder = load_encoder("lsa").fit(texts)
    assert encoder.dim == dim
    assert (encoder.spec, encoder.encode(texts).shape) == ("lsa", (len(texts), dim))
    np.testing.assert_allclose(np.linalg.norm(encoder.encode(texts), axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("texts", [[], [""], ["!", "?"]])
def test_texts_without_words_are_refused(texts):
    with pytest.raises(EncoderError, match="lsa cannot learn"):
        load_encoder("lsa").fit(texts)


def test_a_large_corpus_forgets_words_that_stand_once():
    texts = [f"shared words number{row % 10} once{row}" for row in range(2000)]
    words = bytes(load_encoder("lsa:8").fit(texts).state()["vocabulary_data"])
    assert b"shared" in words
    assert b"once" not in words


def test_encode_before_fit_says_what_to_do():
    with pytest.raises(EncoderError, match=r"encoder = encoder\.fit\(texts\)"):
        load_encoder("lsa").encode(["a"])


@pytest.mark.parametrize("spec", ["lsa:0", "lsa:x", "lsa:-3", "lsa:²", "lsa:1e3", "lsa:9999999"])
def test_a_spec_without_a_number_of_columns_is_refused(spec):
    with pytest.raises(EncoderError, match="not a number of columns"):
        load_encoder(spec)


def test_what_is_not_text_is_refused_with_its_row(fitted):
    with pytest.raises(InputError, match="row 1 of the texts is NoneType"):
        load_encoder("lsa").fit(["a", None])
    with pytest.raises(InputError, match="row 0 of the texts is int"):
        fitted.encode([1])


@pytest.mark.parametrize(
    "damage",
    [
        lambda s: s.pop("idf"),
        lambda s: s.update(idf=s["idf"][1:]),
        lambda s: s.update(idf=s["idf"].astype(np.float64)),
        lambda s: s.update(idf=s["idf"] * np.float32(np.nan)),
        lambda s: s.update(components=s["components"][:, 1:]),
        lambda s: s.update(components=s["components"][:0]),
        lambda s: s.update(components=s["components"][0]),
        lambda s: s.update(vocabulary_offsets=s["vocabulary_offsets"][1:]),
        lambda s: s.update(vocabulary_offsets=s["vocabulary_offsets"][::-1].copy()),
        lambda s: s.update(vocabulary_offsets=np.zeros_like(s["vocabulary_offsets"])),
        lambda s: s.update(vocabulary_data=s["vocabulary_data"][:5]),
        lambda s: s.update(vocabulary_data=s["vocabulary_data"] | np.uint8(0x80)),
    ],
)
def test_a_damaged_state_is_refused(fitted, damage):
    state = fitted.state()
    damage(state)
    with pytest.raises(DamagedFileError):
        load_encoder("lsa:20", state=state)
