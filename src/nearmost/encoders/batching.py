"""Many texts through a model that takes a few at a time: each distinct text once, short ones together."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import closing
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from nearmost.encoders.protocol import Progress
from nearmost.errors import InputError

WINDOW = 8192  # distinct texts tokenized and sorted together: bounds the memory, costs no speed
FIRST = 1024  # so many by themselves, that the threads need not wait for the first window
AHEAD = 8  # batches a thread that wait while the next window is tokenized
FEW = 8  # not worth a thread
BATCH_ROWS = 64
BATCH_TOKENS = (
    512  # with padding: activations stay in the cache (f32 1.15 x, int8 1.2 x as fast as 2048 at equal lengths)
)

Tokens = NDArray[np.int64]
Run = Callable[[Tokens, Tokens], NDArray[np.float32]]
"""Token ids and mask, both int64 (rows, length), to vectors, float32 (rows, dim)."""


def distinct(texts: Sequence[str]) -> tuple[list[str], NDArray[np.int64]]:
    """The different texts, in order of appearance, and for each text the place of its like among them.

    Raises InputError, naming the row, for anything but text that can be written as UTF-8.
    """
    if isinstance(texts, str):
        raise InputError("texts is one string; it must be a list of strings: [text]")
    places: dict[str, int] = {}
    place_of = np.empty(len(texts), dtype=np.int64)
    for row, text in enumerate(texts):
        place = places.get(text) if isinstance(text, str) else None
        if place is None:
            place = places[_checked(text, row)] = len(places)
        place_of[row] = place
    return list(places), place_of


def _checked(text: object, row: int) -> str:
    if not isinstance(text, str):
        raise InputError(f"row {row} of the texts is {type(text).__name__} {text!r:.40}; it must be a str")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InputError(f"row {row} of the texts, {text!r:.60}, holds half a character (a lone surrogate)") from None
    return text


def encode_in_batches(
    texts: Sequence[str],
    dim: int,
    tokenize: Callable[[Sequence[str]], list[Tokens]],
    run: Run,
    *,
    progress: Progress | None = None,
    n_threads: int = 1,
) -> NDArray[np.float32]:
    """Vectors of the texts, float32 (n, dim), from a model that runs on token ids.

    ``run`` is called from up to ``n_threads`` threads at once, ``progress`` from this one. Ctrl-C ends
    the work after the batches that are running.
    """
    kinds, place_of = distinct(texts)
    weights = np.bincount(place_of, minlength=len(kinds))  # how many rows are done when a kind is done
    vectors = np.empty((len(kinds), dim), dtype=np.float32)
    done = 0
    with closing(_vectors(kinds, tokenize, run, n_threads)) as batch_by_batch:  # an error here stops the threads too
        for rows, found in batch_by_batch:
            vectors[rows] = found
            done += int(weights[rows].sum())
            if progress is not None:
                progress(done, len(texts))
    return vectors if len(kinds) == len(texts) else vectors[place_of]


def _vectors(
    texts: list[str], tokenize: Callable[[Sequence[str]], list[Tokens]], run: Run, n_threads: int
) -> Generator[tuple[NDArray[np.int64], NDArray[np.float32]], None, None]:
    """Rows of ``texts`` and their vectors, a batch at a time, as they get ready."""
    if n_threads == 1 or len(texts) <= FEW:
        for start in range(0, len(texts), WINDOW):
            tokens = tokenize(texts[start : start + WINDOW])
            for rows in batches(tokens):
                yield rows + start, run(*padded(tokens, rows))
        return
    pool = ThreadPoolExecutor(n_threads, thread_name_prefix="nearmost-encode")
    try:
        waiting: dict[Future[NDArray[np.float32]], NDArray[np.int64]] = {}
        starts = [0, *range(min(FIRST, WINDOW), len(texts), WINDOW), len(texts)]
        for start, end in pairwise(starts):
            tokens = tokenize(texts[start:end])
            for rows in batches(tokens):
                waiting[pool.submit(run, *padded(tokens, rows))] = rows + start
            # the next window is tokenized while the pool still has something to do
            while len(waiting) > (AHEAD * n_threads if end < len(texts) else 0):
                for future in wait(waiting, return_when=FIRST_COMPLETED).done:
                    yield waiting.pop(future), future.result()
    finally:
        pool.shutdown(cancel_futures=True)


def run_in_batches(tokens: Sequence[Tokens], dim: int, run: Run, *, n_threads: int = 1) -> NDArray[np.float32]:
    """Vectors, float32 (n, dim), of texts that are token ids already."""
    vectors = np.empty((len(tokens), dim), dtype=np.float32)
    numbers = [str(row) for row in range(len(tokens))]
    with closing(_vectors(numbers, lambda some: [tokens[int(row)] for row in some], run, n_threads)) as batch_by_batch:
        for rows, found in batch_by_batch:
            vectors[rows] = found
    return vectors


def batches(tokens: Sequence[Tokens]) -> Iterator[NDArray[np.int64]]:
    """Row numbers, in batches of like length: at most BATCH_ROWS rows and BATCH_TOKENS tokens each."""
    lengths = np.fromiter(map(len, tokens), dtype=np.int64, count=len(tokens))
    order = np.argsort(-lengths, kind="stable")  # long ones first, so that threads end together
    start = 0
    while start < len(order):
        rows = min(BATCH_ROWS, max(1, BATCH_TOKENS // max(1, int(lengths[order[start]]))))
        yield order[start : start + rows]
        start += rows


def padded(tokens: Sequence[Tokens], rows: NDArray[np.int64]) -> tuple[Tokens, Tokens]:
    """Token ids of these rows filled up with 0, and the mask that is 1 on the real ones."""
    lengths = np.array([len(tokens[row]) for row in rows])
    mask = (np.arange(lengths.max()) < lengths[:, None]).astype(np.int64)
    ids = np.zeros(mask.shape, dtype=np.int64)
    ids[mask.astype(bool)] = np.concatenate([tokens[row] for row in rows])
    return ids, mask


def n_workers(n_threads: int) -> int:
    """Threads to start: ``n_threads``, or for 0 as many as this process may use cores."""
    if n_threads < 0:
        raise InputError(f"n_threads is {n_threads}; it must be 0 (all cores) or more")
    if n_threads:
        return n_threads
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
