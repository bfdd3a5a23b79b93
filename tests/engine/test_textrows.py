"""Numbers in text: read and written as Python and NumPy do, whatever the bytes; shapes that do not fit are refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nearmost import _core


def parse(text: bytes, dim: int):
    """(words, rows), or the fault of the first bad line."""
    data = np.frombuffer(text, dtype=np.uint8)
    spans = np.empty((text.count(b"\n") + 1, 2), dtype=np.uint64)
    spans = spans[: _core.find_lines(data, spans)]
    rows = np.empty((len(spans), dim), dtype=np.float32)
    bad = _core.parse_lines(data, spans, rows, 1, None)
    return bad[:2] if bad else ([text[start:stop] for start, stop in spans.tolist()], rows)


@settings(deadline=None, max_examples=500)
@example([float(np.float32(7.0385307e-26)), -float(np.float32(7.0385307e-26))])
@given(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1, max_size=40))
def test_what_is_written_is_read_back_to_the_last_bit(values):
    rows = np.array([values], dtype=np.float32)
    out, ends = np.empty(rows.size * 17, np.uint8), np.empty(1, np.uint64)
    n = _core.write_numbers(rows, out, ends)
    words, back = parse(b"w" + out[:n].tobytes(), len(values))
    assert (words, int(ends[0])) == ([b"w"], n)
    np.testing.assert_array_equal(back.view(np.uint32), rows.view(np.uint32))


@pytest.mark.parametrize(
    "text",
    [
        "0",
        "-0",
        "1",
        "+1",
        "5.",
        ".5",
        "-.5e1",
        "1E5",
        "1e-5",
        "1e+05",
        "00001",
        "0e999",
        "1e-400",
        "-1e-999",
        "3.4028235e38",
        "1e-45",
        "7e-46",
        "16777217",
        "0.1",
        "8.5899345e9",
        "9007199254740993",
        "123456789012345678901234567890",
        "1.17549435e-38",
        "2.2250738585072011e-308",
    ],
)
def test_forms_of_numbers_are_those_of_python(text):
    _, rows = parse(f"word {text}\n".encode(), 1)
    assert rows[0, 0].tobytes() == np.float32(float(text)).tobytes()


@pytest.mark.parametrize("text", ["1e39", "-1e39", "1e400", "nan", "NaN", "inf", "-inf", "Infinity", "3.5e38"])
def test_what_is_not_finite_is_told_from_what_is_no_number(text):
    assert parse(f"word {text}".encode(), 1) == (0, 3)


@pytest.mark.parametrize(
    "text", ["-", "+", ".", "e5", "1e", "1e+", "1.2.3", "--1", "1-1", "0x10", "1_0", "1,5", "１", "1e5x", "word"]
)
def test_what_is_no_number_is_refused(text):
    assert parse(f"good 1\nword {text}".encode(), 1) == (1, 2)


@settings(deadline=None, max_examples=500)
@given(st.binary(max_size=300) | st.text("0123456789.eE+- \t\n\rab", max_size=300).map(str.encode), st.integers(1, 4))
def test_any_bytes_are_read_as_python_reads_them_or_refused(text, dim):
    found = parse(text, dim)
    lines = [stripped for line in text.split(b"\n") if (stripped := line.rstrip(b"\r")).strip(b" \t")]
    if isinstance(found[0], int):
        assert found[0] < len(lines)
        return
    words, rows = found
    assert len(words) == len(lines)
    for line, word, row in zip(lines, words, rows, strict=True):
        fields = line.replace(b"\t", b" ").split(b" ")
        numbers = [field for field in fields if field][-dim:]
        assert [np.float32(float(number)) for number in numbers] == row.tolist()
        assert line.startswith(word)


def test_spans_and_offsets_that_leave_their_arrays_are_refused():
    text, spans = np.frombuffer(b"word 1\n", np.uint8), np.array([[0, 99]], np.uint64)
    assert _core.parse_lines(text, spans.copy(), np.empty((1, 1), np.float32), 1, None) is not None
    with pytest.raises(ValueError, match="leaves the text"):
        _core.gather(text, spans, np.array([0, 99], np.uint64), np.empty(99, np.uint8))
    with pytest.raises(ValueError, match="do not fit"):
        _core.gather(text, spans, np.array([0, 9], np.uint64), np.empty(99, np.uint8))
    with pytest.raises(ValueError, match="out of order"):
        _core.gather(text, spans[[0, 0]], np.array([0, 99, 4], np.uint64), np.empty(4, np.uint8))
    with pytest.raises(ValueError, match="do not fit"):
        _core.parse_records(text, 99, spans, np.empty((1, 1), np.float32))
    with pytest.raises(ValueError, match="too little room"):
        _core.write_numbers(np.ones((2, 2), np.float32), np.empty(3, np.uint8), np.empty(2, np.uint64))
