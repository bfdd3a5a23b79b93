"""An index is never queried with another encoder than its own."""

from __future__ import annotations

import numpy as np
import pytest

from nearmost.encoders import PROBES, check_fingerprint, fingerprint
from nearmost.errors import EncoderMismatchError, ShapeError


class Fixed:
    """Answers the probes with the rows it is given."""

    def __init__(self, rows, spec="fixed"):
        self.rows, self.spec, self.dim = np.asarray(rows, dtype=np.float32), spec, len(rows[0])

    def encode(self, texts, *, progress=None, n_threads=0):
        assert tuple(texts) == PROBES
        return self.rows


ROWS = np.eye(3, 4, dtype=np.float32)


def test_the_same_encoder_passes_at_any_length_and_with_zero_rows():
    check_fingerprint(Fixed(ROWS), "fixed", fingerprint(Fixed(ROWS)))
    check_fingerprint(Fixed(5 * ROWS), "fixed", ROWS)
    zero = np.array([[0, 0], [1, 0], [0, 0]], dtype=np.float32)
    check_fingerprint(Fixed(zero), "fixed", zero)


def test_another_spec_is_refused_naming_both():
    with pytest.raises(EncoderMismatchError, match="built with encoder 'minilm' and is queried with 'fixed'"):
        check_fingerprint(Fixed(ROWS), "minilm", ROWS)


def test_another_dim_is_refused():
    with pytest.raises(EncoderMismatchError, match=r"of dim 2 .* of dim 4"):
        check_fingerprint(Fixed(ROWS), "fixed", np.ones((3, 2), np.float32))


@pytest.mark.parametrize(
    "stored",
    [
        np.eye(3, 4)[::-1],  # other sentences
        np.array([[0, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0]]),  # a zero row where there was none
        np.eye(3, 4) + 0.2,  # a cosine of .97
        np.full((3, 4), np.nan),
    ],
)
def test_other_vectors_of_the_probes_are_refused(stored):
    with pytest.raises(EncoderMismatchError, match="agree only to cosine"):
        check_fingerprint(Fixed(ROWS), "fixed", stored.astype(np.float32))


def test_a_cosine_above_the_bound_passes():
    check_fingerprint(Fixed(ROWS), "fixed", ROWS + np.float32(0.05))


def test_an_encoder_that_breaks_its_promise_of_shape_is_named():
    encoder = Fixed(ROWS)
    encoder.dim = 5
    with pytest.raises(ShapeError, match="'fixed' made shape"):
        fingerprint(encoder)
