"""One method climbs its settings alone, to see where its recall lies; then all methods take turns and are timed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from nearmost.bench.crew import Member, MethodFailedError
from nearmost.bench.curve import Mode, Point
from nearmost.bench.peers import Ladder
from nearmost.bench.peers.built import Setting
from nearmost.bench.truth import Truth

PATIENCE = 15.0  # seconds that one setting may take while climbing; slower ones are no longer of interest
ENOUGH = 0.9995  # recall at which climbing ends
SMALL = 0.70  # points below are not timed, unless there is nothing else
FEW = 50  # queries that tell whether a setting is worth asking all
BATCH = 100  # queries that a batch has at least


@dataclass
class Trial:
    """A setting that was tried: its recall, about how long a query takes, and later the seconds of each round."""

    mode: Mode
    setting: Setting
    recall: float
    about: float
    seconds: list[float] = field(default_factory=list)

    def point(self) -> Point:
        """The median of the rounds."""
        speeds = 1 / np.array(self.seconds)
        return Point(
            dict(self.setting),
            round(self.recall, 5),
            float(np.median(speeds)),
            float(speeds.min()),
            float(speeds.max()),
        )


def climb(member: Member, ladders: Sequence[Ladder], mode: Mode, truth: Truth, folder: Path) -> list[Trial]:
    """The settings worth timing: none that another beats clearly in speed and in recall."""
    tried: list[Trial] = []
    for ladder in ladders:
        last: list[float] = []
        for setting in ladder:
            trial = _try(member, setting, mode, truth, folder)
            tried.append(trial)
            last.append(trial.recall)
            stuck = "recall" not in setting and len(last) > 4 and last[-1] - last[-5] < 0.001 and last[-1] > 0.8
            if trial.recall >= ENOUGH or stuck or trial.about * len(truth.queries) > PATIENCE:
                break
    return _worth_timing(tried)


def _try(member: Member, setting: Setting, mode: Mode, truth: Truth, folder: Path) -> Trial:
    n, out = len(truth.queries), folder / "found.npy"

    def ask(count: int) -> float:
        asked = {"do": "answer", "mode": mode, "setting": dict(setting), "first": 0, "count": count, "times": 1}
        return float(member.ask(**asked, out=str(out))["seconds"]) / count

    few = min(n, FEW)
    about = ask(few)
    if few < n and truth.recall(np.load(out)) > SMALL - 0.1:  # else it is of no interest how small it is
        about = ask(n if about * n < PATIENCE else max(few, min(n, int(PATIENCE / about))))
    return Trial(mode, setting, truth.recall(np.load(out)), max(about, 1e-9))


def _worth_timing(tried: list[Trial]) -> list[Trial]:
    def beaten(trial: Trial) -> bool:
        return any(
            other is not trial and other.recall >= trial.recall and other.about * 1.2 < trial.about for other in tried
        )

    kept = [trial for trial in tried if not beaten(trial)]
    if any("recall" in trial.setting for trial in tried):
        return tried  # what was asked for is told beside what was found, even where that is no faster
    near = [trial for trial in kept if trial.recall >= SMALL]
    return near or kept[-1:]


def take_turns(
    crew: dict[str, tuple[Member, list[Trial]]],
    *,
    n_queries: int,
    rounds: int,
    seconds_per_point: float,
    tick: Callable[[], None],
) -> Iterator[tuple[str, str]]:
    """Times each trial of each method once a round, so that a slow moment hits all; yields (method, why it failed)."""
    turn = seconds_per_point / rounds
    failed: set[str] = set()
    for number in range(rounds):
        order = list(crew.items())
        for name, (member, trials) in order if number % 2 == 0 else reversed(order):
            if name in failed:
                continue
            try:
                for trial in trials:
                    trial.seconds.append(_time(member, trial, number, n_queries, turn))
            except MethodFailedError as error:
                failed.add(name)
                yield name, str(error)
            tick()


def _time(member: Member, trial: Trial, number: int, n_queries: int, turn: float) -> float:
    """Seconds a query, over as many queries as fit in a turn; in each round others, where not all of them do."""
    wanted = max(1, round(turn / trial.about))
    least = min(n_queries, BATCH if trial.mode == "batch" else 20)
    if trial.mode == "batch" and wanted * 4 > n_queries:
        least = n_queries  # how fast a batch is depends on how large it is
    count = min(n_queries, max(least, wanted))
    times = max(1, round(wanted / count))
    first = (number * count) % (n_queries - count + 1)
    asked = {"do": "answer", "mode": trial.mode, "setting": dict(trial.setting), "first": first, "count": count}
    return max(float(member.ask(**asked, times=times, out="")["seconds"]) / (count * times), 1e-9)
