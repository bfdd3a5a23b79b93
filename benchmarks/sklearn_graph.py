"""The graph of nearest neighbours for scikit-learn's pipelines, by its own transformer and by ours, in turn.

    python benchmarks/sklearn_graph.py [--rounds 2] [--rows N]

Each fits on the same word vectors and gives the ten nearest of every row by cosine; CPU time of one thread, medians.
Recall is the share of scikit-learn's neighbours, which are exact, that ours has too.
"""

from __future__ import annotations

import argparse
import os
import time
from typing import Any

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import numpy as np  # noqa: E402
from sklearn.neighbors import KNeighborsTransformer  # noqa: E402

import datasets  # noqa: E402
from nearmost.compat.sklearn import NearmostTransformer  # noqa: E402

K = 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--rows", type=int)
    asked = parser.parse_args()
    title, rows = datasets.words()
    rows = rows[: asked.rows]
    times: dict[str, list[float]] = {}
    graphs: dict[str, Any] = {}
    for _ in range(asked.rounds):
        for kind in (NearmostTransformer, KNeighborsTransformer):
            transformer = kind(n_neighbors=K, metric="cosine", n_jobs=1)
            began = time.process_time()
            graphs[kind.__name__] = transformer.fit_transform(rows)
            times.setdefault(kind.__name__, []).append(time.process_time() - began)
    ours, theirs = (graph.indices.reshape(len(rows), K + 1) for graph in graphs.values())
    same = sum(len(set(one) & set(other)) - 1 for one, other in zip(ours.tolist(), theirs.tolist(), strict=True))
    taken, plain = (np.median(each) for each in times.values())
    print(f"{title}: {len(rows):,} rows, k={K}")
    print(f"{taken:.2f} s, recall {same / len(rows) / K:.4f}")
    print(f"scikit-learn {plain:.2f} s, {plain / taken:.1f} times as long")


if __name__ == "__main__":
    main()
