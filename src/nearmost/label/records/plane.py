"""The map of a project: its records as points of a plane."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nearmost.label.records.vectors import FILE, index
from nearmost.label.store.opened import Opened, n_rows
from nearmost.projecting import PCAProjection

_last: dict[tuple[str, int, int, int, int], NDArray[np.float32]] = {}
"""The map that was made last, by the file that it is of: pages ask for it again and again."""


def map_points(project: Opened) -> NDArray[np.float32]:
    """x and y of each record, float32 (n_records, 2): the two principal components of the vectors, NaN where none is.

    The same vectors give the same map. Raises InputError before ``embed``.
    """
    with index(project) as found:
        path = project.folder / FILE
        file = path.stat()
        state = (str(path.resolve()), file.st_ino, file.st_mtime_ns, file.st_size, n_rows(project))
        held = _last.get(state)
        if held is not None:
            return held.copy()
        rows = found.vectors().rows
    points = np.full((n_rows(project), 2), np.nan, dtype=np.float32)
    if rows.shape[1] < 2:
        rows = np.pad(rows, ((0, 0), (0, 1)))
    points[: len(rows)] = PCAProjection.fit(rows, 2).apply(rows)[: len(points)]
    _last.clear()
    _last[state] = points.copy()
    return points
