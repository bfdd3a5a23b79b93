"""Models of TensorFlow are found, unpacked whole and inside their folder or not at all; TensorFlow is not needed."""

from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path

import pytest

from nearmost.encoders.tfhub import model_path, require_fetched
from nearmost.errors import EncoderError


def archive(path: Path, *members: tuple[str, bytes | tarfile.TarInfo]) -> Path:
    with tarfile.open(path, "w:gz") as file:
        for name, content in members:
            if isinstance(content, bytes):
                member = tarfile.TarInfo(name)
                member.size = len(content)
                file.addfile(member, io.BytesIO(content))
            else:
                content.name = name
                file.addfile(content)
    return path


def link(kind: bytes, target: str) -> tarfile.TarInfo:
    member = tarfile.TarInfo()
    member.type, member.linkname = kind, target
    return member


def test_an_archive_is_unpacked_into_the_cache_once(tmp_path, cache):
    path = archive(tmp_path / "m.tar.gz", ("./saved_model.pb", b"pb"), ("variables/variables.index", b"v"))
    found = model_path(str(path))
    assert cache in found.parents
    assert (found / "variables" / "variables.index").read_bytes() == b"v"
    stamp = os.stat(found / "saved_model.pb").st_mtime_ns
    assert model_path(str(path)) == found
    assert os.stat(found / "saved_model.pb").st_mtime_ns == stamp


def test_a_model_may_lie_in_the_only_folder_of_an_archive(tmp_path):
    path = archive(tmp_path / "m.tgz", ("nnlm/saved_model.pb", b"pb"), ("nnlm/assets/tokens.txt", b"a"))
    assert model_path(str(path)).name == "nnlm"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("../outside", b"x"),
        ("a/../../outside", b"x"),
        ("link", link(tarfile.SYMTYPE, "../../..")),
        ("link", link(tarfile.SYMTYPE, "/etc")),
        ("link", link(tarfile.LNKTYPE, "../../outside")),
        ("pipe", link(tarfile.FIFOTYPE, "")),
    ],
)
def test_nothing_in_an_archive_leaves_its_folder(tmp_path, cache, name, content):
    before = sorted((cache / "tfhub").glob("*")) if (cache / "tfhub").exists() else []
    path = archive(tmp_path / "m.tar.gz", ("saved_model.pb", os.urandom(8)), (name, content))
    with pytest.raises(EncoderError, match="cannot be unpacked"):
        model_path(str(path))
    assert sorted((cache / "tfhub").glob("*")) == before
    assert not (cache / "outside").exists()


def test_a_damaged_archive_leaves_nothing_behind(tmp_path, cache):
    path = archive(tmp_path / "m.tar.gz", ("saved_model.pb", os.urandom(5000)))
    whole = path.read_bytes()
    for content in (whole[:2000], b"", b"no archive", whole[:100] + bytes(50) + whole[150:]):
        path.write_bytes(content)
        with pytest.raises(EncoderError, match="cannot be unpacked"):
            model_path(str(path))
    assert not list((cache / "tfhub").glob(".unpacking-*"))


def test_an_archive_that_would_fill_the_disk_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("nearmost.encoders.tfhub.MOST_BYTES", 1 << 20)
    path = archive(tmp_path / "m.tar.gz", ("saved_model.pb", os.urandom(4)), ("zeros", bytes(2 << 20)))
    with pytest.raises(EncoderError, match="holds more than"):
        model_path(str(path))


def test_what_is_no_model_is_told(tmp_path):
    for given, said in (
        (tmp_path / "nothing", "no such file or folder"),
        (tmp_path, r"there is no saved_model\.pb in it"),
        (archive(tmp_path / "m.tar.gz", ("readme", b"x")), r"there is no saved_model\.pb in it"),
        (Path(__file__), r"wanted a folder with saved_model\.pb, a \.keras file, or an archive"),
    ):
        with pytest.raises(EncoderError, match=said):
            model_path(str(given))


def test_of_two_models_in_a_folder_none_is_taken(tmp_path):
    for name in ("1", "2"):
        (tmp_path / "served" / name).mkdir(parents=True)
        (tmp_path / "served" / name / "saved_model.pb").write_bytes(b"model")
    with pytest.raises(EncoderError, match="there are 2 models in it: 1, 2; name the folder of one"):
        model_path(str(tmp_path / "served"))
    assert model_path(str(tmp_path / "served" / "2")) == tmp_path / "served" / "2"


def test_a_handle_that_cannot_be_reached_says_what_to_do_instead():
    with pytest.raises(EncoderError, match=r"tf-hub-format=compressed cannot be fetched .*name the archive"):
        model_path("http://127.0.0.1:9/google/nnlm/2")


def test_a_file_never_decides_what_is_fetched():
    for spec in ("tf:https://example.com/model/1", "tf:http://127.0.0.1:9/m?signature=x"):
        with pytest.raises(EncoderError, match="if you trust it"):
            require_fetched(spec)
    for spec in ("minilm", "tf:some/folder", "st:https://example.com"):
        require_fetched(spec)
