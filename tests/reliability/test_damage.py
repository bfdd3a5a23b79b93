"""Damaged, foreign and hostile files: refused with a sentence, and never a crash or a silent wrong answer.

NEARMOST_LONG=1 opens 100,000 of them instead of 3,000.
"""

from __future__ import annotations

import json
import os
import struct
from pathlib import Path
from typing import Any

import damage
import mutations
import numpy as np
import pytest
import samples
from numpy.typing import NDArray

from nearmost import store
from nearmost.errors import DamagedFileError, InputError, NewerFormatError, NotAnIndexError

LONG = bool(os.environ.get("NEARMOST_LONG"))


def test_damaged_files_never_crash_hang_or_answer_wrongly() -> None:
    counts, examples = damage.run(100_000 if LONG else 3_000, seed=1_000_000, workers=2)
    assert not examples, f"{damage.table(counts)}\n{examples}"
    assert sum(counts[f"verify, blind: {what}"] for what in damage.OUTCOMES) > 1_000
    assert counts["verify, blind: silent wrong"] == 0
    assert counts["verify, repaired: other answer"] > 0, "the mutations never got past the header"


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    made = samples.contents("cosine", 20, 5, keys=True, texts=True, encoder=True)
    store.write(tmp_path / "sound.nearmost", made.header(), made.arrays())
    return tmp_path / "sound.nearmost"


def test_a_flipped_bit_in_any_byte_is_found(sound: Path) -> None:
    whole = sound.read_bytes()
    with open(sound, "r+b", buffering=0) as file:
        for position, byte in enumerate(whole):
            os.pwrite(file.fileno(), bytes([byte ^ 1 << position % 8]), position)
            with pytest.raises((DamagedFileError, NotAnIndexError, NewerFormatError)):
                store.read(sound, "full")
            os.pwrite(file.fileno(), bytes([byte]), position)
    store.read(sound, "full")


def test_truncated_file_is_refused_at_every_length(sound: Path) -> None:
    whole = sound.read_bytes()
    for length in range(0, len(whole), 7):
        sound.write_bytes(whole[:length])
        with pytest.raises((DamagedFileError, NotAnIndexError)):
            store.read(sound)


def test_text_mode_copy_is_recognised(sound: Path) -> None:
    sound.write_bytes(sound.read_bytes().replace(b"\r\n", b"\n"))
    with pytest.raises(NotAnIndexError, match="text mode"):
        store.read(sound)


def test_newer_format_asks_for_a_newer_nearmost(sound: Path) -> None:
    whole = bytearray(sound.read_bytes())
    struct.pack_into("<H", whole, 12, store.MAJOR + 1)
    struct.pack_into("<I", whole, 36, store._crc_bytes(bytes(whole[:36])))
    sound.write_bytes(whole)
    with pytest.raises(NewerFormatError, match="install a newer one"):
        store.read(sound)


def test_pipe_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(NotAnIndexError, match="pipe"):
        store.read(tmp_path / "pipe")
    with pytest.raises(InputError, match="pipe"):
        store.write(tmp_path / "pipe", {}, {"a": np.zeros(3)})


@pytest.mark.parametrize(
    "header",
    [b'{"sections": ' + b"[" * 100_000, b'{"sections": [], "n": ' + b"9" * 400 + b"}", b'{"sections": [], "n": NaN}',
     b'{"sections": [], "n": 1e999}', b'{"sections": [], "spec": "\\ud800"}', b'"sections"', b"[]", b"\xff\xfe{\0}\0"],
)  # fmt: skip
def test_header_that_no_nearmost_writes_is_refused(tmp_path: Path, header: bytes) -> None:
    end = store.PREAMBLE.size + len(header)
    length = -(-end // store.ALIGNMENT) * store.ALIGNMENT
    start = store.PREAMBLE.pack(
        store.MAGIC, store.MAJOR, store.MINOR, length, len(header), store._crc_bytes(header), 0
    )[:-4]
    start += struct.pack("<I", store._crc_bytes(start))
    (tmp_path / "hostile").write_bytes(start + header + bytes(length - end))
    with pytest.raises(DamagedFileError, match="header"):
        store.read(tmp_path / "hostile")


@pytest.mark.parametrize(
    "shape", [[0, *[1 << 20] * 7], [0, 1 << 62], [1 << 63], [-1], [2.0], [True], [None], [[1]], "ab", [1] * 9]
)
def test_impossible_shape_is_refused(sound: Path, shape: object) -> None:
    header, sections = mutations.parts(sound.read_bytes())
    sections[-1]["shape"] = shape
    sound.write_bytes(mutations.assembled(header, sections))
    with pytest.raises(DamagedFileError):
        store.read(sound)


@pytest.mark.parametrize("shape", [(0,), (0, 4096), (7, 0, 3), ()])
def test_empty_arrays_come_back(tmp_path: Path, shape: tuple[int, ...]) -> None:
    arrays: dict[str, NDArray[Any]] = {"first": np.zeros(shape, np.float32), "last": np.arange(3)}
    store.write(tmp_path / "a", {"kind": "test"}, arrays)
    stored = store.read(tmp_path / "a", "full")
    assert stored.header == {"kind": "test"}
    assert stored.arrays["first"].shape == shape
    assert stored.arrays["last"].tolist() == [0, 1, 2]


def test_a_file_without_sections_has_nothing_after_its_header(tmp_path: Path) -> None:
    store.write(tmp_path / "a", {"kind": "test"}, {})
    assert store.read(tmp_path / "a", "full").arrays == {}
    header = json.dumps({"kind": "test", "sections": []}, sort_keys=True).encode()
    start = store.PREAMBLE.pack(store.MAGIC, 1, 0, 4096, len(header), store._crc_bytes(header), 0)[:-4]
    whole = start + struct.pack("<I", store._crc_bytes(start)) + header
    (tmp_path / "a").write_bytes(whole.ljust(4096, b"x"))
    with pytest.raises(DamagedFileError, match="ends at"):
        store.read(tmp_path / "a")
