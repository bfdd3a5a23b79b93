"""Every row of one index with its nearest rows of another, or of its own: in batches, so that memory does not grow."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nearmost.contents import Contents
from nearmost.errors import EncoderMismatchError, InputError, ShapeError
from nearmost.index import Index
from nearmost.kinds.flat import Progress
from nearmost.queries import whole
from nearmost.searching import search
from nearmost.shards import Paths, Shards, same_projection


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Some rows of ``left``, each beside a near row of ``right``: by row, and of one row the nearest first.

    ``ids`` and ``neighbors``, int64 (m,), are row numbers in the two indexes, ``scores`` float32 (m,).
    """

    ids: NDArray[np.int64]
    neighbors: NDArray[np.int64]
    scores: NDArray[np.float32]
    left: Index
    right: Index

    @property
    def keys(self) -> list[str]:
        """The key of each row."""
        return self.left.keys.take(self.ids)

    @property
    def neighbor_keys(self) -> list[str]:
        """The key of each neighbour."""
        return self.right.keys.take(self.neighbors)

    @property
    def texts(self) -> list[str] | None:
        """The text of each row, or None where its index keeps none."""
        return None if self.left.texts is None else self.left.texts.take(self.ids)

    @property
    def neighbor_texts(self) -> list[str] | None:
        """The text of each neighbour, or None where its index keeps none."""
        return None if self.right.texts is None else self.right.texts.take(self.neighbors)

    def __len__(self) -> int:
        return len(self.ids)


def join(
    left: Index | Paths,
    right: Index | Paths | None = None,
    k: int = 10,
    *,
    recall: float = 0.95,
    radius: float | None = None,
    min_score: float | None = None,
    rows: range | None = None,
    batch_size: int = 1024,
    n_threads: int = 0,
    progress: Progress | None = None,
) -> Iterator[Pairs]:
    """Pairs of each row of ``left`` with the k nearest rows of ``right``, in batches, by row.

    Both are indexes, files or patterns. Without ``right`` each row is paired with others of its own index, and never
    with itself. ``recall`` as in ``Index.search``. ``radius`` leaves out what is farther by the metric's own distance,
    ``min_score`` what scores less; the metric is that of ``right``. ``rows`` takes those of ``left`` alone, such as
    ``range(0, 1000)``, so that many workers may share the work. ``batch_size`` rows are searched for at a time.
    ``progress(done, total)`` counts rows. Raises ShapeError where the dims differ, EncoderMismatchError where two
    encoders made the rows.
    """
    one = left if isinstance(left, Index) else Index.open(left)
    other = one if right is None else right if isinstance(right, Index) else Index.open(right)
    itself = other is one or _of_same_files(one, other)
    asked = range(len(one)) if rows is None else rows
    if asked.step != 1 or not 0 <= asked.start <= asked.stop <= len(one):
        raise InputError(f"rows is {rows}; it must be a range with step 1 among the {len(one)} rows of the first")
    if min_score is not None and not np.isfinite(min_score):
        raise InputError(f"min_score is {min_score!r}; it must be a number")
    sought = _sought(one._parts(), other._parts())
    knobs: dict[str, Any] = {"recall": recall, "radius": radius, "n_threads": n_threads}
    return _pairs(
        one,
        other,
        sought,
        whole(k, "k", 1),
        itself,
        min_score,
        asked,
        whole(batch_size, "batch_size", 1),
        knobs,
        progress,
    )


def _pairs(
    left: Index,
    right: Index,
    sought: Contents | Shards,
    k: int,
    itself: bool,
    min_score: float | None,
    rows: range,
    batch_size: int,
    knobs: dict[str, Any],
    progress: Progress | None,
) -> Iterator[Pairs]:
    for start in range(rows.start, max(rows.stop, rows.start + 1), batch_size):  # of no rows one batch without pairs
        own = np.arange(start, min(rows.stop, start + batch_size))
        found = search(
            sought, left._parts().given(own), k, effort=None, allow=None, deny=None, rescore=None, progress=None,
            leave_out=own if itself else None, **knobs,
        )  # fmt: skip
        kept = found.ids >= 0
        if min_score is not None:
            kept &= found.scores >= np.float32(min_score)
        if progress is not None:
            progress(start + len(own) - rows.start, len(rows))
        yield Pairs(np.repeat(own, kept.sum(axis=1)), found.ids[kept], found.scores[kept], left, right)


def _of_same_files(one: Index, other: Index) -> bool:
    """Whether both were opened from the same files, by whatever names, and none was replaced in between."""
    if one._absolute is None or other._absolute is None or one._checksums != other._checksums:
        return False
    return [path.resolve() for path in one._absolute] == [path.resolve() for path in other._absolute]


def _sought(left: Contents | Shards, right: Contents | Shards) -> Contents | Shards:
    """What rows of ``left``, as they are kept, are searched for in."""
    if left.encoder is not None and right.encoder is not None and not left.encoder.same_as(right.encoder):
        raise EncoderMismatchError(
            f"the rows of one index were made by encoder {left.encoder.spec!r}, those of the other by "
            f"{right.encoder.spec!r} or another state of it; index both with the same one"
        )
    if left.projected is None or left.projected.full is not None:
        if left.dim_in != right.dim_in:
            raise ShapeError(f"one index has rows of dim {left.dim_in}, the other of dim {right.dim_in}")
        return right
    if right.projected is None or not same_projection(right.projected, left.projected):
        raise InputError(
            f"one index keeps its rows as a projection ({left.projected.projection}) left them, and the other went "
            "through another one or none; project both alike, or build the first with keep_full=True"
        )
    return replace(right, projected=None)
