"""``CachedEncoder``: nothing is encoded twice, nothing wrong is ever given back, and processes may share the folder."""

from __future__ import annotations

import multiprocessing
import pickle
import sqlite3

import numpy as np
import pytest

from nearmost.encoders import CachedEncoder, Encoder, vector_cache
from nearmost.errors import DamagedFileError, InputError


class Counting:
    """Vectors from the letters of a text, and a count of texts."""

    dim = 8

    def __init__(self, shift=0.0):
        self.spec = "test-counting"
        self.shift = shift
        self.n_texts = 0

    def encode(self, texts, *, progress=None, n_threads=0):
        self.n_texts += len(texts)
        rows = [[sum(map(ord, text)) % 97, len(text), *map(ord, f"{text:<6.6}")] for text in texts]
        return np.array(rows, dtype=np.float32).reshape(-1, 8) + np.float32(self.shift)


def cached(folder, shift=0.0):
    inner = Counting(shift)
    made = CachedEncoder(inner, folder)
    inner.n_texts = 0  # the fingerprint is not counted
    return inner, made


def test_the_same_vectors_come_back_without_being_made(tmp_path):
    texts = [f"text {row % 700}" for row in range(2000)]
    inner, encoder = cached(tmp_path / "new" / "folder")
    assert isinstance(encoder, Encoder)
    first = encoder.encode(texts)
    np.testing.assert_array_equal(first, Counting().encode(texts))
    assert inner.n_texts == 700
    again, other = cached(tmp_path / "new" / "folder")
    steps = []
    np.testing.assert_array_equal(other.encode([*texts, "one more"])[:-1], first)
    assert again.n_texts == 1
    other.encode(texts, progress=lambda done, total: steps.append((done, total)))
    assert steps[-1] == (2000, 2000)
    assert other.encode([]).shape == (0, 8)


def test_another_encoder_finds_nothing(tmp_path):
    cached(tmp_path)[1].encode(["a"])
    inner, other = cached(tmp_path, shift=1.0)
    np.testing.assert_array_equal(other.encode(["a"]), Counting(1.0).encode(["a"]))
    assert inner.n_texts == 1


def test_what_was_done_before_a_crash_is_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(vector_cache, "WINDOW", 10)
    inner, encoder = cached(tmp_path)
    make = inner.encode

    def fails(texts, **options):
        if inner.n_texts >= 30:
            raise KeyboardInterrupt
        return make(texts, **options)

    monkeypatch.setattr(inner, "encode", fails)
    with pytest.raises(KeyboardInterrupt):
        encoder.encode([str(row) for row in range(100)])
    again, other = cached(tmp_path)
    other.encode([str(row) for row in range(100)])
    assert again.n_texts == 70


def test_a_vector_that_was_altered_is_made_anew(tmp_path):
    _, encoder = cached(tmp_path)
    right = encoder.encode(["a", "b", "c"])
    with sqlite3.connect(encoder.path) as connection:
        connection.execute("UPDATE vectors SET vector = zeroblob(32) WHERE rowid = 1")
        connection.execute("UPDATE vectors SET vector = 'text' WHERE rowid = 2")
    inner, other = cached(tmp_path)
    np.testing.assert_array_equal(other.encode(["a", "b", "c"]), right)
    assert inner.n_texts == 2
    assert cached(tmp_path)[1].encode(["a", "b", "c"]).tolist() == right.tolist()


def test_a_damaged_file_and_an_unusable_folder_are_told_by_name(tmp_path):
    _, encoder = cached(tmp_path)
    encoder.path.write_bytes(b"this is no database, whatever its name says" * 20)
    with pytest.raises(DamagedFileError, match=encoder.path.name):
        encoder.encode(["a"])
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be made"):
        CachedEncoder(Counting(), tmp_path / "file" / "below")


def test_a_copy_uses_the_same_folder(tmp_path):
    _, encoder = cached(tmp_path)
    assert pickle.loads(pickle.dumps(encoder)).path == encoder.path


def _fill(folder, start):
    encoder = CachedEncoder(Counting(), folder)
    for first in range(start, start + 300, 30):
        encoder.encode([f"text {row}" for row in range(first, first + 60)])


def test_processes_share_a_folder(tmp_path):
    context = multiprocessing.get_context("fork")
    children = [context.Process(target=_fill, args=(tmp_path, start)) for start in (0, 100, 200)]
    for child in children:
        child.start()
    for child in children:
        child.join(60)
    assert [child.exitcode for child in children] == [0, 0, 0]
    inner, encoder = cached(tmp_path)
    texts = [f"text {row}" for row in range(500)]
    np.testing.assert_array_equal(encoder.encode(texts), Counting().encode(texts))
    assert inner.n_texts == 0
