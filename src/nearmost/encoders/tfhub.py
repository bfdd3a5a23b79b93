"""Where a TensorFlow model lies on this machine: a folder, an archive that is unpacked once, or a handle of TF-Hub.

A handle such as https://tfhub.dev/google/nnlm-en-dim128/2 is fetched as an archive, as TF-Hub's protocol has it
(https://www.tensorflow.org/hub/hosting), and kept in the cache folder. TensorFlow is not needed for any of that.
"""

from __future__ import annotations

import hashlib
import http.client
import os
import shutil
import tarfile
import tempfile
import urllib.error
import urllib.request
import zlib
from pathlib import Path

from nearmost.encoders.cache import cache_folder
from nearmost.errors import EncoderError

ARCHIVES = (".tar.gz", ".tgz", ".tar")
MODEL = "saved_model.pb"
MOST_BYTES = 1 << 36
MOST_FILES = 100_000
PATIENCE_SECONDS = 30


def model_path(given: str) -> Path:
    """The folder, or .keras file, of a model that is given as such, as an archive or as a handle.

    Raises EncoderError, saying what else to do, where it cannot be had.
    """
    if is_handle(given):
        target = _place_of(given)
        return _model_in(target) if target.is_dir() else _fetched(given, target)
    path = Path(given).expanduser()
    if path.is_dir():
        return _model_in(path)
    if not path.is_file():
        raise EncoderError(f"encoder 'tf:{given}': no such file or folder (the working folder is {os.getcwd()})")
    if path.name.endswith(ARCHIVES):
        with path.open("rb") as file:
            target = _folder() / hashlib.file_digest(file, "sha256").hexdigest()[:32]
        return _model_in(target if target.is_dir() else _unpacked(path, target))
    if path.name.endswith(".keras"):
        return path
    raise EncoderError(
        f"encoder 'tf:{given}': wanted a folder with {MODEL}, a .keras file, or an archive ({' '.join(ARCHIVES)})"
    )


def is_handle(given: str) -> bool:
    """Whether this is an address, not a path."""
    return given.startswith(("https://", "http://"))


def require_fetched(spec: str) -> None:
    """Raises EncoderError where a spec, found in a file, names a model that would have to be fetched.

    A SavedModel is a program, and no file that is merely opened decides which one to download and run.
    """
    handle = spec.removeprefix("tf:").partition("?")[0]
    if spec.startswith("tf:") and is_handle(handle) and not _place_of(handle).is_dir():
        raise EncoderError(
            f"the index was built with encoder {spec!r}, which is not on this machine; a model is a program: if you "
            f"trust it, fetch it once with load_encoder({spec!r})"
        )


def _folder() -> Path:
    return cache_folder() / "tfhub"


def _place_of(handle: str) -> Path:
    return _folder() / hashlib.sha256(handle.encode()).hexdigest()[:32]


def _fetched(handle: str, target: Path) -> Path:
    address = handle + ("&" if "?" in handle else "?") + "tf-hub-format=compressed"
    descriptor, name = tempfile.mkstemp(suffix=".tar.gz")
    try:
        with (
            os.fdopen(descriptor, "wb") as file,
            urllib.request.urlopen(address, timeout=PATIENCE_SECONDS) as answer,
        ):
            left = MOST_BYTES
            while left > 0 and (block := answer.read(1 << 20)):
                file.write(block)
                left -= len(block)
        return _model_in(_unpacked(Path(name), target))
    except (urllib.error.URLError, http.client.HTTPException, OSError, ValueError) as error:
        raise EncoderError(
            f"encoder 'tf:{handle}': {address} cannot be fetched ({error}); where there is a network, download it from "
            "there and name the archive: tf:FILE.tar.gz"
        ) from error
    finally:
        os.unlink(name)


def _unpacked(archive: Path, target: Path) -> Path:
    """The archive in a folder of its own, whole or not at all; nothing in it may lie or point outside."""
    if not hasattr(tarfile, "data_filter"):
        raise EncoderError(f"{archive}: this Python cannot unpack archives safely; wanted 3.11.4, 3.12 or later")
    target.parent.mkdir(parents=True, exist_ok=True)
    made = tempfile.mkdtemp(prefix=".unpacking-", dir=target.parent)
    try:
        with tarfile.open(archive, "r:*") as files:
            n_files = n_bytes = 0
            for member in files:
                n_files, n_bytes = n_files + 1, n_bytes + member.size
                if n_files > MOST_FILES or n_bytes > MOST_BYTES:
                    raise EncoderError(f"{archive}: holds more than {MOST_FILES:,} files or {MOST_BYTES >> 30} GiB")
                files.extract(member, made, filter="data")
        os.rename(made, target)
    except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
        if not target.is_dir():  # else another process was faster
            raise EncoderError(f"{archive}: cannot be unpacked ({error}); it is damaged, or no archive") from error
    finally:
        shutil.rmtree(made, ignore_errors=True)
    return target


def _model_in(folder: Path) -> Path:
    """The folder, or the only one in it, that holds a SavedModel."""
    if (folder / MODEL).is_file():
        return folder
    inside = [found for found in sorted(folder.iterdir()) if (found / MODEL).is_file()]
    if len(inside) > 1:
        names = ", ".join(found.name for found in inside[:5]) + (", ..." if len(inside) > 5 else "")
        raise EncoderError(f"{folder}: there are {len(inside)} models in it: {names}; name the folder of one")
    if inside:
        return inside[0]
    raise EncoderError(f"{folder}: there is no {MODEL} in it; wanted what tf.saved_model.save or model.export writes")
