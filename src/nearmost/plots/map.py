"""The figure of texts and labels as points of a plane."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from nearmost.errors import ShapeError
from nearmost.plots import style
from nearmost.plots.plane import plane
from nearmost.values import float_rows

NAMES = {"pca": "principal components", "tsne": "t-SNE", "umap": "UMAP"}
MOST_POINTS = 20_000
NAME_LENGTH = 34


def embedding_map(
    vectors: ArrayLike,
    labels: Sequence[Any],
    label_vectors: Mapping[str, ArrayLike] | None = None,
    *,
    most: int = 7,
    method: str = "pca",
    seed: int = 0,
    title: str = "",
    show: bool = False,
) -> Figure:
    """Texts as points, those of the ``most`` largest classes in colours, and the points of their labels with names."""
    rows = float_rows(vectors, "vectors")
    names = [str(label) for label in labels]
    if len(names) != len(rows):
        raise ShapeError(f"{len(names)} labels were given for {len(rows)} vectors; there must be one a row")
    top = [name for name, _ in Counter(names).most_common(most)]
    kept = np.flatnonzero([name in top for name in names])
    if len(kept) > MOST_POINTS:
        kept = np.sort(np.random.default_rng(seed).permutation(kept)[:MOST_POINTS])
    points, marked = [rows[kept]], [name for name in top if label_vectors is not None and name in label_vectors]
    if label_vectors is not None and marked:
        points.append(float_rows(np.stack([np.asarray(label_vectors[name]) for name in marked]), "label vectors"))
    laid = plane(np.vstack(points), method, seed=seed)
    texts, stars = laid[: len(kept)], laid[len(kept) :]
    of, looks = np.array(names)[kept], dict(zip(top, style.looks(len(top)), strict=True))
    with style.drawn(10.5, 6.4, show=show) as figure:
        axes = figure.subplots()
        for name, look in looks.items():
            own = texts[of == name]
            way = {"color": look["color"], "marker": look["marker"], "label": f"{_cut(name)} ({len(own):,})"}
            axes.scatter(own[:, 0], own[:, 1], s=26, linewidths=0, alpha=0.75, **way)
        for name, (x, y) in zip(marked, stars.tolist(), strict=True):
            axes.scatter(x, y, s=560, marker="*", color="white", linewidths=0, zorder=3)
            axes.scatter(x, y, s=260, marker="*", color=looks[name]["color"], edgecolors=style.INK, zorder=4)
        axes.set_xticks([])
        axes.set_yticks([])
        for spine in axes.spines.values():
            spine.set_color(style.FAINT)
        says = "texts of each class" + (", \N{BLACK STAR} its name" if marked else "")
        figure.legend(loc="outside right center", frameon=False, title=says, alignment="left")
        axes.set_title(title or f"{len(kept):,} texts of {len(top)} classes, {NAMES[method]}", color=style.INK)
    return figure


def _cut(label: str) -> str:
    shown = " ".join(label.split())
    return shown if len(shown) <= NAME_LENGTH else f"{shown[: NAME_LENGTH - 1]}…"
