"""Measures nearmost and other libraries on one's own vectors, side by side."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from nearmost.bench.crew import Member, MethodFailedError
from nearmost.bench.curve import MODES, Comparison, Curve, Mode
from nearmost.bench.machine import machine, version_of
from nearmost.bench.peers import OURS, PEERS, Peer
from nearmost.bench.rounds import Trial, climb, take_turns
from nearmost.bench.truth import Rows, Truth, held_out
from nearmost.errors import InputError, ShapeError
from nearmost.metrics import Metric, metric_named
from nearmost.values import Vectors, float_rows


@dataclass(frozen=True)
class Entrant:
    """A method that is to be measured."""

    name: str
    library: str
    peer: Peer
    options: Mapping[str, Any]


def compare(
    vectors: Vectors | ArrayLike,
    *,
    against: Sequence[str] | None = None,
    metric: str | Metric = "cosine",
    k: int = 10,
    queries: ArrayLike | None = None,
    n_queries: int = 1000,
    kinds: Sequence[str] = ("auto",),
    quality: str = "default",
    modes: Sequence[Mode] = MODES,
    n_threads: int = 1,
    seed: int = 0,
    rounds: int = 5,
    seconds_per_point: float = 1.0,
    progress: Callable[[int, int], None] | None = None,
) -> Comparison:
    """How many of the k nearest nearmost and others find, and how fast, on these vectors.

    ``against`` names libraries of ``PEERS``; None takes those that are installed. ``queries`` (q, dim), or as many rows
    held out with the seed, which no method then sees. Each method builds and searches in a process of its own, limited
    to n_threads. Recall is that of exact search, by score: of rows that score alike, any will do. In each of the rounds
    every setting of every method is timed once, for about ``seconds_per_point`` in all; a point is the median. With one
    thread it is time of the processor, else of the wall. ``progress(done, total)`` counts what was done.
    """
    rows = vectors.rows if isinstance(vectors, Vectors) else float_rows(vectors, "vectors")
    chosen = metric_named(metric)
    entrants, left_out = _entrants(against, kinds, quality, chosen)
    rows, asked = _split(rows, queries, n_queries, seed)
    if not 1 <= k <= len(rows):
        raise InputError(f"k is {k}; with {len(rows)} rows it must be from 1 to {len(rows)}")
    if rounds < 1 or seconds_per_point <= 0 or n_threads < 1 or not modes:
        raise InputError("rounds and n_threads must be at least 1, seconds_per_point above 0, and one mode be named")
    truth = Truth.of(chosen, rows, asked, k)
    tick = _ticker(len(entrants) * (1 + len(modes) + rounds), progress)
    with tempfile.TemporaryDirectory() as place, ExitStack() as stack:
        folder = Path(place)
        np.save(folder / "rows.npy", rows)
        np.save(folder / "queries.npy", asked)
        crew: dict[str, tuple[Member, list[Trial]]] = {}
        built: dict[str, Mapping[str, Any]] = {}
        for entrant in entrants:
            member = stack.enter_context(Member(entrant.name, folder, n_threads))
            try:
                built[entrant.name] = _build(member, entrant, truth, n_threads, seed, folder)
                tick()
                trials = []
                for mode in modes:
                    trials += climb(member, entrant.peer.ladders_of(entrant.name), mode, truth, folder)
                    tick()
                crew[entrant.name] = (member, trials)
            except MethodFailedError as error:
                if entrant.peer is OURS:
                    raise InputError(f"{entrant.name} cannot be measured: {error}") from error
                left_out[entrant.name] = str(error)
                member.close()
        turns = take_turns(crew, n_queries=len(asked), rounds=rounds, seconds_per_point=seconds_per_point, tick=tick)
        left_out.update(turns)
    curves = [_curve(e, built[e.name], crew[e.name][1]) for e in entrants if e.name in crew and e.name not in left_out]
    facts = {
        **{"n_rows": len(rows), "dim": rows.shape[1], "n_queries": len(asked), "metric": chosen.name, "k": k},
        **{"n_threads": n_threads, "rounds": rounds, "seed": seed, "machine": machine()},
        "queries": "held out" if queries is None else "given",
        "clock": "processor" if n_threads == 1 else "wall",
        "versions": {e.library: version_of(e.peer.package) for e in entrants},
    }
    return Comparison(tuple(curves), facts, left_out)


def _ticker(total: int, progress: Callable[[int, int], None] | None) -> Callable[[], None]:
    """What to call whenever one more of ``total`` things is done."""
    done = 0

    def tick() -> None:
        nonlocal done
        done += 1
        if progress is not None:
            progress(min(done, total), total)

    return tick


def _split(rows: Rows, queries: ArrayLike | None, n_queries: int, seed: int) -> tuple[Rows, Rows]:
    if queries is not None:
        asked = float_rows(queries, "queries")
        if len(asked) < 1 or asked.shape[1] != rows.shape[1]:
            raise ShapeError(
                f"queries have shape {asked.shape}; they must have dim {rows.shape[1]}, as the vectors have"
            )
        return rows, asked
    if not 1 <= n_queries <= len(rows) // 2:
        raise InputError(
            f"{n_queries} queries cannot be held out of {len(rows)} vectors; it must be from 1 to half of them"
        )
    return held_out(rows, n_queries, seed)


def _entrants(
    against: Sequence[str] | None, kinds: Sequence[str], quality: str, metric: Metric
) -> tuple[list[Entrant], dict[str, str]]:
    unknown = [name for name in against or () if name not in PEERS]
    if unknown:
        raise InputError(f"no library {unknown[0]!r} is known to measure; known are {', '.join(PEERS)}")
    found = [
        Entrant("nearmost" if kind == "auto" else f"nearmost {kind}", "ours", OURS, {"kind": kind, "quality": quality})
        for kind in kinds
    ]
    left_out: dict[str, str] = {}
    for name in PEERS if against is None else dict.fromkeys(against):
        peer = PEERS[name]
        if not peer.installed:
            left_out[name] = f"not installed: pip install {peer.package}"
        elif metric.name not in peer.metrics:
            left_out[name] = f"does not know {metric.name}"
        else:
            found += [Entrant(method, name, peer, options) for method, options in peer.methods.items()]
    return found, left_out


def _build(
    member: Member, entrant: Entrant, truth: Truth, n_threads: int, seed: int, folder: Path
) -> Mapping[str, Any]:
    with tempfile.TemporaryDirectory(dir=folder) as saved:  # gone when its size is known
        return member.ask(
            do="build",
            library=entrant.library,
            options=dict(entrant.options),
            rows=str(folder / "rows.npy"),
            queries=str(folder / "queries.npy"),
            metric=truth.metric.name,
            k=truth.k,
            threads=n_threads,
            seed=seed,
            save=str(Path(saved) / "index"),
        )


def _curve(entrant: Entrant, built: Mapping[str, Any], trials: list[Trial]) -> Curve:
    points = {
        mode: tuple(sorted((t.point() for t in trials if t.mode == mode), key=lambda point: point.recall))
        for mode in dict.fromkeys(trial.mode for trial in trials)
    }
    library = "nearmost" if entrant.library == "ours" else entrant.library
    return Curve(
        entrant.name,
        library,
        built["described"],
        float(built["build_seconds"]),
        int(built["file_bytes"]),
        int(built["memory_bytes"]),
        points,
    )
