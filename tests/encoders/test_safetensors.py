"""A file of weights is believed only after every bound is checked."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nearmost.errors import EncoderError
from nearmost.safetensors import read_safetensors

ARRAYS = {
    "a": np.arange(6, dtype=np.float32).reshape(2, 3),
    "b": np.array([1, 2], dtype=np.int64),
    "none": np.zeros((0, 4), np.float32),
}


def test_arrays_come_back_as_they_were_written(tmp_path, write_safetensors):
    found = read_safetensors(write_safetensors(tmp_path / "w", ARRAYS))
    assert found.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(found[name], array)
        assert found[name].dtype == array.dtype
        assert not found[name].flags.writeable


def test_every_truncation_is_refused(tmp_path, write_safetensors):
    whole = write_safetensors(tmp_path / "w", ARRAYS).read_bytes()
    for size in range(len(whole)):
        (tmp_path / "cut").write_bytes(whole[:size])
        with pytest.raises(EncoderError):
            read_safetensors(tmp_path / "cut")
    (tmp_path / "cut").write_bytes(whole + b"x")
    with pytest.raises(EncoderError, match="too long"):
        read_safetensors(tmp_path / "cut")


def entry(dtype="F32", shape=(2,), offsets=(0, 8)):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}


@pytest.mark.parametrize(
    "header",
    [
        {"a": entry(offsets=(0, 16))},  # longer than its shape
        {"a": entry(offsets=(8, 16))},  # a hole at the start
        {"a": entry(), "b": entry()},  # two in one place
        {"a": entry(), "b": entry(offsets=(4, 12))},
        {"a": entry(shape=(-2,), offsets=(0, 8))},
        {"a": entry(shape=(2.0,))},
        {"a": entry(shape=(True, 2))},
        {"a": entry(shape=(1 << 61, 8), offsets=(0, 1 << 61))},
        {"a": entry(shape=(1 << 63, 2), offsets=(0, 8))},
        {"a": entry(shape=[1] * 80, offsets=(0, 4)), "b": entry(offsets=(4, 12))},
        {"a": entry(offsets=(8, 0))},
        {"a": entry(offsets=(0, 8, 9))},
        {"a": entry(dtype="BF16")},
        {"a": entry(dtype=["F32"])},
        {"a": [1]},
        {"a": {}},
        [1, 2],
        3,
    ],
)
def test_a_lying_header_is_refused(tmp_path, header):
    text = json.dumps(header).encode()
    (tmp_path / "w").write_bytes(len(text).to_bytes(8, "little") + text + bytes(16))
    with pytest.raises(EncoderError):
        read_safetensors(tmp_path / "w")


@pytest.mark.parametrize("text", [b"{", b"[" * 100_000, b"\xff\xfe", b"", b'{"a": NaN}'])
def test_a_header_that_is_no_json_object_is_refused(tmp_path, text):
    (tmp_path / "w").write_bytes(len(text).to_bytes(8, "little") + text)
    with pytest.raises(EncoderError):
        read_safetensors(tmp_path / "w")


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_damaged_file_is_refused_or_read_within_bounds(tmp_path, write_safetensors, data):
    content = bytearray(write_safetensors(tmp_path / "w", ARRAYS).read_bytes())
    for at in data.draw(st.lists(st.integers(0, len(content) - 1), min_size=1, max_size=4)):
        content[at] = data.draw(st.integers(0, 255))
    (tmp_path / "w").write_bytes(content)
    try:
        found = read_safetensors(tmp_path / "w")
    except EncoderError:
        return
    for array in found.values():
        array.sum()
