"""``gensim:PATH``: the mean of word vectors as NumPy and gensim have it, and SIF as its paper has it."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from nearmost import Index, Vectors, write_vectors
from nearmost.encoders import Encoder, Fitted, load_encoder
from nearmost.errors import DamagedFileError, EncoderError
from nearmost.values import Corpus

WORDS = ["the", "of", "king", "queen", "don't", "New_York", "café", "Paris", "paris", "state-of-the-art", "rare"]
ROWS = np.random.default_rng(0).normal(size=(len(WORDS), 8)).astype(np.float32)
TABLE = dict(zip(WORDS, ROWS.astype(np.float64), strict=True))
TEXTS = [
    "The king of Paris, the queen of New_York!",
    "Don't: a state-of-the-art café (rare)",
    "paris PARIS Paris",
    "",
    "...",
    "nobody knows these",
    "the king",
]
FOUND = [
    ["the", "king", "of", "Paris", "the", "queen", "of", "New_York"],
    ["don't", "state-of-the-art", "café", "rare"],
    ["paris", "paris", "Paris"],
    [],
    [],
    [],
    ["the", "king"],
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    write_vectors(tmp_path / "words.bin", Vectors.of(ROWS, WORDS))
    return tmp_path / "words.bin"


def means(weights: dict[str, float]) -> np.ndarray:
    return np.array([np.mean([weights[w] * TABLE[w] for w in some], axis=0) if some else np.zeros(8) for some in FOUND])


def sif(weights: dict[str, float]) -> np.ndarray:
    """As in the paper: weighted means less their projection on the first singular vector."""
    rows = means(weights)
    first = np.linalg.svd(rows, full_matrices=False)[2][0]
    return rows - np.outer(rows @ first, first)


def test_a_text_is_the_mean_of_its_words(path):
    encoder = load_encoder(f"gensim:{path}")
    assert isinstance(encoder, Encoder)
    assert not isinstance(encoder, Fitted)
    assert (encoder.spec, encoder.dim) == (f"gensim:{path}", 8)
    found = encoder.encode(TEXTS)
    assert (found.dtype, found.flags.c_contiguous) == (np.float32, True)
    np.testing.assert_allclose(found, means(dict.fromkeys(WORDS, 1)), atol=1e-6)
    for row, text in enumerate(TEXTS):
        np.testing.assert_array_equal(encoder.encode([text])[0], found[row])
    np.testing.assert_array_equal(encoder.encode(TEXTS * 700)[-7:], found)
    assert encoder.encode([]).shape == (0, 8)


def test_it_is_the_mean_that_gensim_gives(path):
    gensim = pytest.importorskip("gensim", reason="gensim is not installed")
    model = gensim.models.KeyedVectors.load_word2vec_format(str(path), binary=True)
    wanted = model.get_mean_vector(FOUND[0], pre_normalize=False)
    np.testing.assert_allclose(load_encoder(f"gensim:{path}").encode(TEXTS)[0], wanted, atol=1e-6)


@pytest.mark.parametrize("p", ["rank", "corpus"])
def test_sif_is_that_of_the_paper(path, p):
    if p == "rank":
        chances = 1 / np.arange(2, len(WORDS) + 2)
    else:
        chances = np.array([sum(some.count(word) for some in FOUND) for word in WORDS], dtype=float)
    weights = dict(zip(WORDS, 1e-3 / (1e-3 + chances / chances.sum()), strict=True))
    waiting = load_encoder(f"gensim:{path}?weights=sif&p={p}")
    assert isinstance(waiting, Fitted)
    with pytest.raises(EncoderError, match="fit"):
        waiting.encode(TEXTS)
    np.testing.assert_allclose(waiting.fit(TEXTS).encode(TEXTS), sif(weights), atol=1e-7)


def test_what_sif_learnt_travels_in_the_index(path, tmp_path):
    spec = f"gensim:{path}?weights=sif"
    fitted = load_encoder(spec).fit(TEXTS)
    again = load_encoder(spec, state=fitted.state())
    np.testing.assert_array_equal(again.encode(TEXTS), fitted.encode(TEXTS))
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(fitted)).encode(TEXTS), fitted.encode(TEXTS))
    Index.build(Corpus.of(TEXTS), encoder=spec).save(tmp_path / "a.nearmost")
    with Index.open(tmp_path / "a.nearmost") as index:
        np.testing.assert_allclose(index.encoder.encode(TEXTS), fitted.encode(TEXTS), atol=1e-7)
        assert index.search("king of paris").ids[0] in (0, 2, 6)
    write_vectors(path, Vectors.of(ROWS[:9], WORDS[:9]))
    with pytest.raises(DamagedFileError, match="is it another file than when the index was built"):
        load_encoder(spec, state=fitted.state())
    with pytest.raises(DamagedFileError, match="component is missing"):
        load_encoder(spec, state={"weights": np.ones(9, np.float32)})


def test_any_file_of_words_will_do(path, tmp_path):
    wanted = load_encoder(f"gensim:{path}").encode(TEXTS)
    for name in ("words.txt.gz", "words.vec", "words.npz", "words.safetensors", "words.tfrecord"):
        write_vectors(tmp_path / name, Vectors.of(ROWS, WORDS))
        np.testing.assert_array_equal(load_encoder(f"gensim:{tmp_path / name}").encode(TEXTS), wanted)


def test_what_cannot_be_used_is_told(path, tmp_path):
    np.save(tmp_path / "bare.npy", ROWS)
    for argument, said in (
        ("", "names no file; write gensim:PATH"),
        (tmp_path / "nothing.bin", "no such file"),
        (tmp_path / "bare.npy", "holds vectors without words"),
        (f"{path}?weight=sif", r"no option 'weight'; known are weights=mean\|sif, p=rank\|corpus"),
        (f"{path}?weights=tfidf", "weights is 'tfidf'; wanted mean or sif"),
        (f"{path}?p=rank", "p is for weights=sif"),
    ):
        with pytest.raises(EncoderError, match=said):
            load_encoder(f"gensim:{argument}")
