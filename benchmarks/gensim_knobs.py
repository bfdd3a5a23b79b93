"""What gensim's users can turn, and what it does: Annoy's num_trees beside our recall and quality. Draws the figure.

    python benchmarks/gensim_knobs.py [--vectors FILE.bin] [--queries 500] [-o docs/figures/gensim.png]

Recall of the ten nearest, CPU time of one thread a query, CPU time to build. Medians of rounds in turn.
"""

from __future__ import annotations

import argparse
import os
import statistics
from pathlib import Path
from typing import Any

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import matplotlib as mpl  # noqa: E402
import numpy as np  # noqa: E402

mpl.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402
from gensim.models import KeyedVectors  # noqa: E402
from gensim.similarities.annoy import AnnoyIndexer  # noqa: E402
from matplotlib.ticker import ScalarFormatter  # noqa: E402

import datasets  # noqa: E402
from gensim_indexers import K, cpu_of  # noqa: E402
from nearmost.compat.gensim import NearmostIndexer  # noqa: E402

TREES = (5, 10, 25, 50, 100, 200, 400)
RECALLS = (0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99)
QUALITIES = ("fast", "default", "best")
ROUNDS = 5
OURS, THEIRS = "#0072b2", "#d55e00"


def truth_of(vectors: Any, rows: Any) -> list[set[str]]:
    normed = vectors.get_normed_vectors()
    best = np.argpartition(-(normed[rows] @ normed.T), K, axis=1)[:, :K]
    return [{vectors.index_to_key[row] for row in found} for found in best]


def look(indexer: Any, asked: list[Any], truth: list[set[str]]) -> tuple[float, float]:
    """Microseconds a query, and recall."""
    found = [{key for key, _ in indexer.most_similar(vector, K)} for vector in asked]
    recall = statistics.mean(len(one & other) / K for one, other in zip(found, truth, strict=True))
    spent = [cpu_of(lambda: [indexer.most_similar(vector, K) for vector in asked]) for _ in range(ROUNDS)]
    return statistics.median(spent) / len(asked) * 1e6, recall


def draw(ours: Any, built: Any, annoy: Any, path: Path) -> None:
    """Left: recall and time of a search. Right: recall and time of a build."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4.2), sharey=True)
    left.plot(*zip(*ours, strict=True), "o-", color=OURS, label="NearmostIndexer, by recall=")
    for (time, found), asked in zip(ours, RECALLS, strict=True):
        left.annotate(f"{asked:g}", (time, found), (-7, 1), textcoords="offset points", ha="right", color=OURS, size=8)
    left.plot([row[1] for row in annoy], [row[2] for row in annoy], "s--", color=THEIRS, label="AnnoyIndexer, by trees")
    right.plot([row[0] for row in annoy], [row[2] for row in annoy], "s--", color=THEIRS)
    for trees, row in zip(TREES, annoy, strict=True):
        for axes, x in ((left, row[1]), (right, row[0])):
            axes.annotate(
                f"{trees}", (x, row[2]), (0, -13), textcoords="offset points", ha="left", color=THEIRS, size=8
            )
    for (time, found), quality, shift in zip(built, QUALITIES, (-34, -18, -2), strict=True):
        right.plot([time], [found], "o", color=OURS)
        right.annotate(
            quality, (time, found), (8, shift), textcoords="offset points", color=OURS, size=8, va="center",
            arrowprops={"arrowstyle": "-", "color": OURS, "lw": 0.6},
        )  # fmt: skip
    left.set(
        xscale="log",
        xlim=(12, 1600),
        xlabel="microseconds a query",
        ylabel="share of the ten nearest found",
        ylim=(0, 1.05),
    )
    right.set(xscale="log", xlim=(0.6, 45), xlabel="seconds to build, CPU")
    left.set_title("a search", loc="left", size=10)
    right.set_title("a build (ours at recall=0.99)", loc="left", size=10)
    left.legend(loc="lower right", frameon=False, fontsize=9)
    for axes in (left, right):
        axes.xaxis.set_major_formatter(ScalarFormatter())
        axes.grid(color="#dddddd", which="both", lw=0.5)
        axes.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    figure.savefig(path, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vectors", type=Path, default=datasets.data_folder() / "words" / "word2vec-71k-100.bin")
    parser.add_argument("--queries", type=int, default=500)
    parser.add_argument("-o", "--output", type=Path, default=Path("docs/figures/gensim.png"))
    asked = parser.parse_args()
    vectors = KeyedVectors.load_word2vec_format(str(asked.vectors), binary=True)
    rows = np.random.default_rng(0).choice(len(vectors), asked.queries, replace=False)
    queries, truth = list(vectors.get_normed_vectors()[rows]), truth_of(vectors, rows)
    ours, built, annoy = [], [], []
    for quality in QUALITIES:
        made: list[NearmostIndexer] = []
        spent = cpu_of(lambda made=made, quality=quality: made.append(NearmostIndexer(vectors, quality=quality)))
        built.append((spent, look(made[0], queries, truth)[1]))
        print(f"quality {quality}: {spent:.2f} s, recall {built[-1][1]:.3f}")
        if quality == "default":
            for recall in RECALLS:
                made[0].recall = recall
                ours.append(look(made[0], queries, truth))
                print(f"recall={recall}: {ours[-1][0]:.0f} us, recall {ours[-1][1]:.3f}")
    for trees in TREES:
        planted: list[Any] = []
        spent = cpu_of(lambda planted=planted, trees=trees: planted.append(AnnoyIndexer(vectors, trees)))
        annoy.append((spent, *look(planted[0], queries, truth)))
        print(f"num_trees={trees}: {spent:.2f} s, {annoy[-1][1]:.0f} us, recall {annoy[-1][2]:.3f}")
    draw(ours, built, annoy, asked.output)


if __name__ == "__main__":
    main()
