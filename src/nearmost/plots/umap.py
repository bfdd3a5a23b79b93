"""A plane by UMAP (McInnes, Healy and Melville 2018), with umap-learn."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from umap import UMAP


def lay(rows: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    """A point (x, y) for each row of length 1; neighbours are those of largest cosine."""
    mapper = UMAP(n_neighbors=min(15, len(rows) - 1), metric="cosine", random_state=seed, n_jobs=1)
    return np.asarray(mapper.fit_transform(rows), dtype=np.float64)
