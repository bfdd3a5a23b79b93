"""The data that benchmarks run on: real files where they are at hand, random numbers of the same shape elsewhere.

``NEARMOST_DATA`` names the folder of real files; without it, ``../shared/data`` is tried.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import nearmost

Rows = NDArray[np.float32]
LSA_DIM = 384
LEARNT_FROM = 100_000


def data_folder() -> Path:
    return Path(os.environ.get("NEARMOST_DATA", Path(__file__).parents[2] / "shared" / "data"))


def words() -> tuple[str, Rows]:
    """Word vectors, (71,290, 100): the file's where it is there."""
    path = data_folder() / "words" / "word2vec-71k-100.bin"
    if not path.exists():
        return "random 71,290 x 100", _random(71_290, 100)
    with path.open("rb") as file:
        n, dim = map(int, file.readline().split())
        rows = np.empty((n, dim), dtype=np.float32)
        for row in rows:
            while file.read(1) != b" ":
                pass
            row[:] = np.frombuffer(file.read(4 * dim), dtype="<f4")
            file.read(1)
    return f"{path.name} {n:,} x {dim}", rows


def headlines() -> tuple[str, Rows]:
    """Sentence vectors, (51,000, 384): the file's where it is there."""
    path = data_folder() / "headlines" / "minilm-50k-384.f16.npy"
    if not path.exists():
        return "random 51,000 x 384", _random(51_000, 384)
    rows = np.load(path).astype(np.float32)
    return f"{path.name} {len(rows):,} x {rows.shape[1]}", rows


def phrases() -> tuple[str, Rows]:
    """Word and phrase vectors, long-tailed, (419,695, 50): the file's where it is there."""
    path = data_folder() / "words" / "phrases-400k-50.f16.npy"
    if not path.exists():
        return "random 419,695 x 50", _random(419_695, 50)
    rows = np.load(path).astype(np.float32)
    return f"{path.name} {len(rows):,} x {rows.shape[1]}", rows


def images() -> tuple[str, Rows, Rows]:
    """Handwritten digits, (60,000, 784), and 1,000 of other writers as queries: the file's where it is there."""
    path = data_folder() / "images" / "mnist-784-u8.npz"
    if not path.exists():
        return "random 60,000 x 784", _random(60_000, 784), _random(1000, 784)[::-1]
    with np.load(path) as file:
        rows, queries = file["base"].astype(np.float32), file["queries"].astype(np.float32)
    return f"{path.name} {len(rows):,} x {rows.shape[1]}", rows, queries


def many_headlines(dim: int, limit: int = 1_100_000) -> tuple[str, Rows]:
    """Vectors of 1.1 million headlines, mapped: of ``lsa:384``, or those projected to fewer columns.

    They are made once and kept in ``NEARMOST_BENCH_CACHE``, else in nearmost/benchmarks/ of the user's cache folder.
    The encoder learns from the first 100,000 headlines.
    """
    if not (data_folder() / "headlines" / "headlines-1.1m.tsv.xz").exists():
        return f"random {limit:,} x {dim}", _random(limit, dim)
    path = cache_folder() / f"headlines-lsa-{dim}.npy"
    if not path.exists():
        made = _headlines_by_lsa() if dim == LSA_DIM else _projected(dim)
        np.save(path.with_suffix(".part.npy"), made)
        path.with_suffix(".part.npy").rename(path)
    rows: Rows = np.load(path, mmap_mode="r")[:limit]
    return f"headlines, lsa, {len(rows):,} x {dim}", rows


def cache_folder() -> Path:
    """Where vectors that take long to make are kept."""
    home = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    folder = Path(os.environ.get("NEARMOST_BENCH_CACHE", home / "nearmost" / "benchmarks"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _headlines_by_lsa() -> Rows:
    path = data_folder() / "headlines" / "headlines-1.1m.tsv.xz"
    texts = nearmost.read_corpus(path, text="headline", key="key", on_duplicate="first").texts
    encoder = nearmost.load_encoder(f"lsa:{LSA_DIM}").fit(texts[:LEARNT_FROM])  # type: ignore[attr-defined]
    return np.float32(encoder.encode(texts))


def _projected(dim: int) -> Rows:
    from sklearn.random_projection import GaussianRandomProjection

    _, rows = many_headlines(LSA_DIM)
    projection = GaussianRandomProjection(dim, random_state=0).fit(rows[:2])
    return np.concatenate([np.float32(projection.transform(rows[i : i + 65_536])) for i in range(0, len(rows), 65_536)])


def held_out(rows: Rows, n: int, seed: int = 0) -> tuple[Rows, Rows]:
    """(the rest, n rows drawn by this seed)."""
    order = np.random.default_rng(seed).permutation(len(rows))
    return np.ascontiguousarray(rows[np.sort(order[n:])]), np.ascontiguousarray(rows[order[:n]])


def unit(rows: Rows) -> Rows:
    """Rows of length 1, as cosine wants them from libraries that know only inner products."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where(lengths > 0, lengths, 1)


def _random(n: int, dim: int) -> Rows:
    print(
        f"no such file in {data_folder()}; random numbers take its place (NEARMOST_DATA names the folder)",
        file=sys.stderr,
    )
    return np.random.default_rng(0).normal(size=(n, dim)).astype(np.float32)


def headlines_by(spec: str, limit: int) -> tuple[str, Rows]:
    """The first ``limit`` headlines as this encoder sees them, made once and kept as ``many_headlines`` are."""
    path = data_folder() / "headlines" / "headlines-1.1m.tsv.xz"
    kept = cache_folder() / f"headlines-{spec.replace(':', '-')}-{limit}.npy"
    if not path.exists():
        return f"random {limit:,} x {LSA_DIM}", _random(limit, LSA_DIM)
    if not kept.exists():
        corpus = nearmost.read_corpus(path, text="headline", key="key", on_duplicate="first", limit=limit)
        np.save(kept.with_suffix(".part.npy"), nearmost.load_encoder(spec).encode(corpus.texts))
        kept.with_suffix(".part.npy").rename(kept)
    rows: Rows = np.load(kept, mmap_mode="r")
    return f"headlines, {spec}, {len(rows):,} x {rows.shape[1]}", rows
