"""What shortening rows costs in recall and gains in bytes and time, beside scikit-learn's projections.

    python benchmarks/projection.py [--encoder lsa|minilm|static] [--n 100000] [--dim 64] [--metric cosine]
                                    [--queries 500]

Truth are the 10 nearest full rows of 500 rows held out. Each projection is learnt or drawn five times where it is
random, and searched exactly; "of 50", "of 100" are the share of the truth among that many candidates, which is what
scoring them by full rows leaves. Build times are CPU seconds of one thread.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from functools import partial
from typing import Any

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import numpy as np  # noqa: E402

import results  # noqa: E402
from datasets import headlines_by, held_out, many_headlines  # noqa: E402
from nearmost import GaussianProjection, Index, PCAProjection, Projection, SparseProjection, truncate  # noqa: E402
from nearmost.bench.machine import machine  # noqa: E402
from nearmost.bench.truth import Truth, scores_of  # noqa: E402
from nearmost.metrics import METRICS  # noqa: E402

K, SEEDS = 10, 5
Apply = Callable[[Any], Any]


def ours(make: Callable[[int], Projection]) -> Callable[[int], Apply]:
    return lambda seed: partial(make(seed).apply, n_threads=1)


def of_sklearn(kind: str, dim: int, base: Any) -> Callable[[int], Apply]:
    from sklearn import decomposition, random_projection

    def make(seed: int) -> Apply:
        if kind == "PCA":
            return decomposition.PCA(dim, random_state=seed).fit(base[::2]).transform  # type: ignore[no-any-return]
        return getattr(random_projection, kind)(dim, random_state=seed).fit(base[:2]).transform  # type: ignore[no-any-return]

    return make


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--encoder", default="lsa")
    parser.add_argument("--n", type=int, default=100_000)
    parser.add_argument("--dim", type=int, default=64)
    parser.add_argument("--metric", default="cosine")
    parser.add_argument("--queries", type=int, default=500)
    options = parser.parse_args()
    dim, metric = options.dim, METRICS[options.metric]
    made = many_headlines(384, options.n) if options.encoder == "lsa" else headlines_by(options.encoder, options.n)
    base, queries = held_out(made[1], options.queries)
    wide = base.shape[1]
    truth = Truth.of(metric, base, queries, K)
    methods: dict[str, tuple[Callable[[int], Apply], int]] = {
        "gaussian": (ours(lambda seed: GaussianProjection(wide, dim, seed)), SEEDS),
        "scikit-learn gaussian": (of_sklearn("GaussianRandomProjection", dim, base), SEEDS),
        "sparse": (ours(lambda seed: SparseProjection(wide, dim, seed)), SEEDS),
        "scikit-learn sparse": (of_sklearn("SparseRandomProjection", dim, base), SEEDS),
        "pca": (ours(lambda seed: PCAProjection.fit(base, dim, center=False, seed=seed)), 1),
        "pca, centered": (ours(lambda seed: PCAProjection.fit(base, dim, seed=seed)), 1),
        "scikit-learn pca": (of_sklearn("PCA", dim, base), 1),
        "truncate": (ours(lambda seed: truncate(dim)), 1),
    }
    rows = []
    print(f"{made[0]} -> {dim}, {metric}, k={K}\n{'':<24} recall@10    +-     of 50   of 100   make+apply CPU s")
    for name, (make, seeds) in methods.items():
        found, spent = [], 0.0
        for seed in range(seeds):
            begin = time.process_time()
            apply = make(seed)
            short = np.ascontiguousarray(apply(base), dtype=np.float32)
            spent += time.process_time() - begin
            flat = Index.build(short, metric=metric, kind="flat", store="f32")
            ids = flat.search(np.float32(apply(queries)), 100).ids
            found.append([truth.recall(ids[:, :10]), share(truth, ids[:, :50]), share(truth, ids)])
        mean, spread = np.mean(found, axis=0), np.std(found, axis=0)[0]
        rows.append([name, *mean.tolist(), float(spread), spent / seeds])
        print(
            f"{name:<24}{mean[0]:>9.4f}{spread:>8.4f}{mean[1]:>9.4f}{mean[2]:>9.4f}{spent / seeds:>12.2f}", flush=True
        )
    builds = built(base, metric.name, dim, options.queries)
    for name, seconds, size, recall in builds:
        print(f"index {name:<26}{seconds:>9.1f} CPU s to build {size / 2**20:>9.1f} MiB   recall found {recall:.4f}")
    results.write(
        f"projection-{options.encoder}-{len(base)}-{dim}-{metric}",
        {"machine": machine(), "data": made[0], "rows": rows, "indexes": builds},
    )


def built(base: Any, metric: str, dim: int, n_queries: int) -> list[tuple[str, float, int, float]]:
    """Indexes as users build them: (name, CPU seconds, bytes, recall@10 of the full truth with default search)."""
    base, queries = held_out(base, n_queries, seed=1)
    truth = Truth.of(METRICS[metric], base, queries, K)
    found: list[tuple[str, float, int, float]] = []
    for name, how in (
        ("full", {}),
        ("full, i8", {"store": "i8"}),
        (f"pca:{dim}", {"projection": f"pca:{dim}"}),
        (f"pca:{dim}, keep_full", {"projection": f"pca:{dim}", "keep_full": True}),
        (f"gaussian:{dim}", {"projection": f"gaussian:{dim}"}),
        (f"gaussian:{dim}, keep_full", {"projection": f"gaussian:{dim}", "keep_full": True}),
    ):
        begin = time.process_time()
        index = Index.build(base, metric=metric, n_threads=1, **how)  # type: ignore[arg-type]
        seconds = time.process_time() - begin
        with tempfile.TemporaryDirectory() as folder:
            index.save(f"{folder}/it.nearmost")
            size = os.path.getsize(f"{folder}/it.nearmost")
        found.append((name, seconds, size, truth.recall(index.search(queries, K).ids)))
    return found


def share(truth: Truth, ids: Any) -> float:
    """The share of the truth among any number of candidates."""
    found = scores_of(truth.metric, truth.rows, truth.queries, ids)
    hits = np.minimum(K, (found >= truth.kth[:, None] - 1e-6 * np.abs(truth.kth[:, None])).sum(axis=1))
    return float(hits.sum()) / ids[:, :K].size


if __name__ == "__main__":
    main()
