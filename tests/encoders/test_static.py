"""``static``: the tokenizer's own pieces, MiniLM's own neighbours more often than not, and a cache that heals."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import nearmost as nm
from nearmost.encoders import static
from nearmost.encoders.minilm import MiniLM

TRICKY = [
    "", " ", "a", "Don't stop!", "[MASK] [CLS] text [PAD]", "tab\tline\nreturn\r end", "naïve café ŒUVRE", "東京 tower",
    "zero\x00null", "nel\x85x", "unit\x1fsep", "no\u00a0break", "para\u2029graph", "x" * 150, "a_b-c/d", "I ❤ NY",
    "ﬁne", "ﷺ", "e\u0301", " \u0301 ", "‘quoted’ – dash…", "100% [x] {y}", "Ⅷ ½", "\ufeffbom", "soft\u00adhyphen",
]  # fmt: skip


NAMES = ["Cooks, Restaurant", "Software Developers", "Registered Nurses", "Truck Drivers"]
ASKED = ["restaurant chef", "programmer", "hospital nurse", "lorry driver"]
ANIMALS = "dog cat wolf car truck bus apple pear plum run walk jump red blue green king queen prince".split()  # noqa: SIM905


@pytest.fixture(scope="module")
def encoder(minilm_folder):
    """Distilled as at first use, but for the pieces that these tests do not look at: it would take half a minute."""
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed; distilling in NumPy takes minutes")

    def some_pieces(self, ids, n_threads=0):
        rows = np.zeros((len(ids), 384), dtype=np.float32)
        wanted = np.unique([*range(2000, 5000), *(i for t in (*NAMES, *ASKED, *ANIMALS) for i in piece_ids(self, t))])
        rows[wanted] = encode_pieces(self, wanted)
        rows[static.FIRST_WORD :][~rows[static.FIRST_WORD :].any(axis=1)] = rows[wanted].mean(axis=0)
        return rows

    encode_pieces = MiniLM.encode_pieces
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(MiniLM, "encode_pieces", some_pieces)
        return nm.load_encoder("static")


def piece_ids(model, text):
    return model._tokenizer.encode(text, add_special_tokens=False).ids


def test_pieces_are_those_of_the_tokenizer(encoder, texts):
    for text in [*TRICKY, *texts]:
        assert encoder.pieces(text) == encoder._tokenizer.encode(text, add_special_tokens=False).ids, text


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.text(max_size=30)
    | st.text("aB1 .-'[]\t\n\u00a0é\u0301東\x1f\x85", max_size=20)
    | st.lists(st.sampled_from(TRICKY), max_size=3).map(" ".join)
)
def test_pieces_of_any_text_are_those_of_the_tokenizer(encoder, text):
    assert encoder.pieces(text) == encoder._tokenizer.encode(text, add_special_tokens=False).ids


def test_rows_are_the_normalised_sums_of_their_pieces_and_of_nothing_beside_them(encoder, texts):
    many = [*TRICKY, *texts, "word " * 400]
    rows = encoder.encode(many)
    assert rows.shape == (len(many), 256)
    assert rows.dtype == np.float32
    for row, text in zip(rows, many, strict=True):
        total = encoder._vectors[encoder.pieces(text)].astype(np.float64).sum(axis=0)
        length = np.linalg.norm(total)
        np.testing.assert_allclose(row, total / length if length > 1e-9 else 0 * total, atol=1e-5)
        np.testing.assert_array_equal(encoder.encode([text])[0], row)
    assert encoder.encode([]).shape == (0, 256)


def test_meaning_is_kept_in_the_large(encoder):
    index = nm.Index.build(nm.Corpus.of(NAMES), encoder=encoder)
    assert [index.texts[row] for row in index.search(ASKED, k=1).ids[:, 0]] == NAMES


def test_its_neighbours_agree_with_the_teachers_better_than_chance(encoder, minilm_folder):
    teacher = nm.load_encoder("minilm").encode(ANIMALS)
    student = encoder.encode(ANIMALS)
    upper = np.triu_indices(len(ANIMALS), 1)
    assert np.corrcoef((teacher @ teacher.T)[upper], (student @ student.T)[upper])[0, 1] > 0.8


def test_a_damaged_cache_is_made_anew_and_a_sound_one_is_not(encoder, cache, monkeypatch):
    (kept,) = cache.glob("static-*.npy")
    sound = kept.read_bytes()
    made = []

    def distil(teacher, n_pieces):
        made.append(n_pieces)
        return np.load(io.BytesIO(sound))

    monkeypatch.setattr(static, "distil", distil)
    nm.load_encoder("static")
    assert made == []
    for content in (b"", sound[:1000], sound[:-1], b"\x93NUMPY nonsense"):
        kept.write_bytes(content)
        nm.load_encoder("static")
        assert kept.read_bytes() == sound
    assert len(made) == 4


def test_an_index_knows_it_again_and_an_argument_is_refused(encoder, tmp_path):
    path = tmp_path / "x.nearmost"
    nm.Index.build(nm.Corpus.of(["a dog", "a truck"]), encoder="static").save(path)
    with nm.Index.open(path) as index:
        assert index.nearest(text="dog", k=1)[0][0] == "0"
    with pytest.raises(nm.EncoderError, match="no argument"):
        nm.load_encoder("static:64")
