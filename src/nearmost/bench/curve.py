"""What was measured: how fast each method finds how many of the nearest, and all methods of one run together."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, TypeAlias

Mode: TypeAlias = Literal["single", "batch"]
MODES: tuple[Mode, ...] = ("single", "batch")
"""Queries one at a time, as a program asks that has only one; and all together."""


@dataclass(frozen=True, slots=True)
class Point:
    """One setting of one method: the recall that was found, and queries per second, the median of the rounds."""

    setting: Mapping[str, float]
    """What was asked: ``{"recall": 0.95}`` of nearmost, ``{"ef": 40}`` of a graph."""
    recall: float
    speed: float
    slowest: float
    """Queries per second in the slowest round, and in the fastest."""
    fastest: float


@dataclass(frozen=True, slots=True)
class Curve:
    """One method: what it took to build, how large it is, and its points, for each mode by increasing recall."""

    name: str
    library: str
    described: str
    """Version and settings of the build."""
    build_seconds: float
    file_bytes: int
    memory_bytes: int
    """Memory of its own that the process had more of after building."""
    points: Mapping[Mode, tuple[Point, ...]]

    @property
    def ours(self) -> bool:
        """Whether it is nearmost itself."""
        return self.library == "nearmost"

    def front(self, mode: Mode) -> list[Point]:
        """The points that no other beats in both recall and speed, by increasing recall."""
        best: list[Point] = []
        for point in sorted(self.points.get(mode, ()), key=lambda point: (-point.recall, -point.speed)):
            if not best or point.speed > best[-1].speed:
                best.append(point)
        return best[::-1]

    def speed_at(self, recall: float, mode: Mode) -> float | None:
        """Queries per second at this recall, on the line between the points around it; None where it never got there.

        The line is straight in the logarithms of speed and of what is missed.
        """
        before = None
        for point in self.front(mode):
            if point.recall >= recall:
                return point.speed if before is None else _between(before, point, recall)
            before = point
        return None


def _between(low: Point, high: Point, recall: float) -> float:
    missed = [math.log(max(1 - at, 1e-4)) for at in (low.recall, high.recall, recall)]
    part = 1.0 if missed[0] == missed[1] else (missed[0] - missed[2]) / (missed[0] - missed[1])
    return math.exp(math.log(low.speed) * (1 - part) + math.log(high.speed) * part)


@dataclass(frozen=True, slots=True)
class Comparison:
    """One run: the curves of nearmost and of the libraries beside it, ours first, and what there is to know of them."""

    curves: tuple[Curve, ...]
    facts: Mapping[str, Any]
    """The data, the machine, k, threads, rounds: what one must know to judge or repeat the run."""
    left_out: Mapping[str, str] = field(default_factory=dict)
    """Library or method -> why it has no curve."""

    @property
    def modes(self) -> tuple[Mode, ...]:
        """The modes that were measured."""
        return tuple(mode for mode in MODES if any(curve.points.get(mode) for curve in self.curves))

    def best(self, recall: float, mode: Mode, *, ours: bool) -> tuple[str, float] | None:
        """Name and queries per second of the fastest at this recall, among our curves or among the others."""
        speeds = [(curve.speed_at(recall, mode), curve.name) for curve in self.curves if curve.ours == ours]
        found = max(((speed, name) for speed, name in speeds if speed is not None), default=None)
        return None if found is None else (found[1], found[0])

    def ahead(self, recall: float, mode: Mode) -> float | None:
        """How many times the queries per second of the best other library ours answers; None where one is missing."""
        ours, other = self.best(recall, mode, ours=True), self.best(recall, mode, ours=False)
        return None if ours is None or other is None else ours[1] / other[1]

    def plain(self) -> dict[str, Any]:
        """As values that JSON knows."""
        return {"facts": dict(self.facts), "left_out": dict(self.left_out), "curves": [asdict(c) for c in self.curves]}

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Comparison:
        """From what ``plain`` gave."""
        curves = []
        for each in plain["curves"]:
            points = {mode: _points(found) for mode, found in each["points"].items()}
            curves.append(Curve(**{**each, "points": points}))
        return cls(tuple(curves), plain["facts"], plain["left_out"])


def _points(found: Iterable[Mapping[str, Any]]) -> tuple[Point, ...]:
    return tuple(Point(**point) for point in found)


def by_speed(curves: Sequence[Curve], mode: Mode, recall: float = 0.95) -> list[Curve]:
    """Ours first, then the fastest at this recall first; those that never reach it last."""
    return sorted(curves, key=lambda curve: (not curve.ours, -(curve.speed_at(recall, mode) or 0)))
