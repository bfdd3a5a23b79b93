"""``st:`` is sentence-transformers itself behind three members."""

from __future__ import annotations

import numpy as np
import pytest

from nearmost.encoders import load_encoder
from nearmost.errors import EncoderError

library = pytest.importorskip("sentence_transformers", reason="sentence-transformers is not installed")


def test_vectors_are_the_models_own(minilm_folder, texts):
    encoder = load_encoder(f"st:{minilm_folder}")
    assert (encoder.spec, encoder.dim) == (f"st:{minilm_folder}", 384)
    calls = []
    found = encoder.encode(texts + texts, progress=lambda *call: calls.append(call))
    wanted = library.SentenceTransformer(str(minilm_folder)).encode(texts)
    np.testing.assert_allclose(found, np.concatenate([wanted, wanted]), atol=1e-5)
    assert calls[-1] == (2 * len(texts), 2 * len(texts))
    assert encoder.encode([]).shape == (0, 384)


def test_a_model_that_is_not_there_is_an_encoder_error(tmp_path):
    with pytest.raises(EncoderError, match="cannot load"):
        load_encoder(f"st:{tmp_path / 'nothing'}")
    with pytest.raises(EncoderError, match="names no model"):
        load_encoder("st")
