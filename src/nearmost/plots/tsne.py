"""A plane by t-SNE (van der Maaten and Hinton 2008), with scikit-learn."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.manifold import TSNE


def lay(rows: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    """A point (x, y) for each row of length 1; neighbours are those of largest cosine."""
    perplexity = min(30.0, (len(rows) - 1) / 3)
    found = TSNE(n_components=2, perplexity=perplexity, init="pca", random_state=seed).fit_transform(rows)
    return np.asarray(found, dtype=np.float64)
