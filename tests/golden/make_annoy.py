"""Made the files *.ann beside it with the real Annoy 1.17.3: python tests/golden/make_annoy.py

One a metric: 60 numbers of which every seventh is left out, dim 6, three trees, two equal vectors, one of zeros.
"""

from __future__ import annotations

from pathlib import Path

import annoy
import numpy as np

HERE = Path(__file__).parent


def main() -> None:
    for metric in ("angular", "euclidean", "manhattan", "hamming", "dot"):
        rows = np.random.default_rng(17).standard_normal((60, 6)).astype(np.float32)
        rows[11], rows[20] = rows[10], 0
        index = annoy.AnnoyIndex(6, metric)
        for number, row in enumerate(rows > 0 if metric == "hamming" else rows):
            if number % 7:
                index.add_item(number, row)
        index.build(3, n_jobs=1)
        index.save(str(HERE / f"{metric}.ann"))


if __name__ == "__main__":
    main()
