"""Words that are spelt like another: what an unknown key was perhaps meant to be."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FEWEST, MOST = 1, 3
"""Letters that may differ, by the length of the word: a third of it, within these bounds."""


def close_spellings(data: NDArray[np.uint8], offsets: NDArray[np.uint64], word: str, n: int = 3) -> list[str]:
    """The n strings with the fewest letters other than the word's; of equal ones those that begin as it does.

    ``data`` and ``offsets`` as in Strings; what a damaged file holds there is passed over.

    Counted are letters put in, left out, taken for another, or swapped with the next (Damerau 1964, as optimal string
    alignment); upper and lower case are the same letter. All strings of one length are compared at once, so that
    400,000 words take about a tenth of a second.
    """
    letters = np.frombuffer(word.encode(errors="replace"), dtype=np.uint8)
    most = min(MOST, max(FEWEST, len(letters) // 3))
    starts = offsets[:-1].astype(np.int64)
    lengths = offsets[1:].astype(np.int64) - starts
    rows, distances, others = [], [], []
    for length in range(max(1, len(letters) - most), len(letters) + most + 1):
        same = np.flatnonzero((lengths == length) & (starts >= 0) & (starts + length <= len(data)))
        if len(same):
            table = _lowered(data[starts[same][None, :] + np.arange(length)[:, None]])
            rows.append(same)
            distances.append(_distances(_lowered(letters), table))
            others.append(table[0] != _lowered(letters[:1]))
    if not rows:
        return []
    row, distance, other = np.concatenate(rows), np.concatenate(distances), np.concatenate(others)
    near = np.flatnonzero(distance <= most)
    best = near[np.lexsort((row[near], other[near], distance[near]))][:n]
    spans = [(starts[each], starts[each] + lengths[each]) for each in row[best]]
    return [data[start:stop].tobytes().decode(errors="replace") for start, stop in spans]


def did_you_mean(data: NDArray[np.uint8], offsets: NDArray[np.uint64], word: str) -> str:
    """A question to put after an error about an unknown key; empty where nothing is spelt like it."""
    close = close_spellings(data, offsets, word) if 0 < len(word) < 100 else []
    if not close:
        return ""
    *others, last = map(repr, close)
    return f"; did you mean {', '.join(others)} or {last}?" if others else f"; did you mean {last}?"


def _lowered(letters: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.where((letters >= 65) & (letters <= 90), letters + 32, letters).astype(np.uint8)


def _distances(word: NDArray[np.uint8], table: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The distance of a word from each column of a table (length, n)."""
    length, n = table.shape
    before: list[NDArray[np.uint8]] = []
    row = [np.full(n, j, dtype=np.uint8) for j in range(length + 1)]
    for i in range(1, len(word) + 1):
        last, row = row, [np.full(n, i, dtype=np.uint8)]
        for j in range(1, length + 1):
            other = table[j - 1] != word[i - 1]
            best = np.minimum(np.minimum(last[j], row[j - 1]) + np.uint8(1), last[j - 1] + other.view(np.uint8))
            if i > 1 and j > 1:
                swapped = (table[j - 1] == word[i - 2]) & (table[j - 2] == word[i - 1])
                np.minimum(best, before[j - 2] + np.uint8(1), out=best, where=swapped)
            row.append(best)
        before = last
    return row[length]
