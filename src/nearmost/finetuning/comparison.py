"""Before beside after: the same queries in two embeddings of the same rows, and what to be wary of."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nearmost.errors import InputError, ShapeError
from nearmost.finetuning import page, wording
from nearmost.finetuning.movement import Moved, moved, nearest, overlap, vote_accuracy
from nearmost.finetuning.probe import probe_accuracy
from nearmost.finetuning.retrieval import KS, QUERIES, Retrieval, chosen_queries, codes_of, measured
from nearmost.values import float_rows

VOTERS = 10
MOST_MOVED = 10
CURVE = tuple(digit * 10**power for power in range(6) for digit in (1, 2, 5))
PROBE_FALL = 0.02
Floats = NDArray[np.float64]
Limits = tuple[float, float]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class RetrievalComparison:
    """How much nearer rows of a group came. ``print(comparison)`` shows the most important; ``save`` writes all of it.

    ``changes`` has limits of every figure's change, by bootstrap over the queries.
    """

    before: Retrieval
    after: Retrieval
    labels: Sequence[str]
    """Names of the groups."""
    ks: tuple[int, ...]
    changes: Mapping[str, Limits]
    level: float
    """Of these limits."""
    probe: tuple[float, float] | None
    """Accuracy of a linear classifier before and after; None where it had no two groups to learn."""
    votes: tuple[float, float]
    """Accuracy of the vote of the 10 nearest rows, before and after."""
    overlap: Mapping[int, float]
    """k -> the share of the k nearest rows that stayed the same."""
    class_changes: Mapping[str, Limits]
    """Limits of the change of a group's R-precision."""
    unseen: frozenset[str]
    """Groups that are said not to have been in training."""
    gained: tuple[Moved, ...]
    lost: tuple[Moved, ...]
    n_rows: int
    texts: Sequence[str] | None

    @property
    def figures(self) -> dict[str, tuple[float, float]]:
        """Name -> value before and after."""
        before, after = self.before.figures, self.after.figures
        wanted = [f"{name}@{k}" for name in ("precision", "recall", "ndcg") for k in self.ks]
        return {name: (before[name], after[name]) for name in (*wanted, "r_precision", "mrr")}

    @property
    def warnings(self) -> list[str]:
        """What became worse by more than chance, in sentences."""
        return wording.warnings(self.plain(), PROBE_FALL)

    def plain(self) -> dict[str, Any]:
        """What ``json`` writes, as plain values."""
        return {
            "n_rows": self.n_rows,
            "n_queries": len(self.before.queries),
            "alone": self.before.alone,
            "level": self.level,
            "figures": {
                name: {"before": one, "after": other, "change": list(self.changes[name])}
                for name, (one, other) in self.figures.items()
            },
            "linear_probe": None if self.probe is None else dict(zip(("before", "after"), self.probe, strict=True)),
            "knn_accuracy": dict(zip(("before", "after"), self.votes, strict=True)),
            "overlap": {str(k): share for k, share in self.overlap.items()},
            "curve": {name: self._curve(side) for name, side in (("before", self.before), ("after", self.after))},
            "classes": list(self._classes()),
            "gained": [self._told(each) for each in self.gained],
            "lost": [self._told(each) for each in self.lost],
        }

    def text(self) -> str:
        """The figures before and after, groups, and warnings, for a terminal."""
        return wording.text(self.plain(), self.warnings)

    def __str__(self) -> str:
        return self.text()

    def __repr__(self) -> str:
        before, after = self.figures["r_precision"]
        return f"<RetrievalComparison of {len(self.before.queries)} queries, R-precision {before:.4f} to {after:.4f}>"

    def json(self) -> str:
        """All figures, groups, warnings and what moved, as one JSON document."""
        return json.dumps({**self.plain(), "warnings": self.warnings}, ensure_ascii=False, allow_nan=False, indent=1)

    def html(self, title: str = "Before and after fine-tuning") -> str:
        """One page that needs nothing else: figures, curve, groups, and the queries that moved most."""
        return page.page(self.plain(), self.warnings, title)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the comparison; the suffix says what: .txt, .json or .html."""
        formats = {".txt": self.text, ".json": self.json, ".html": self.html}
        suffix = Path(path).suffix.lower()
        if suffix not in formats:
            raise InputError(f"{os.fspath(path)}: the suffix is {suffix!r}; it must be one of {', '.join(formats)}")
        Path(path).write_text(formats[suffix]().rstrip("\n") + "\n", encoding="utf-8", errors="backslashreplace")

    def _curve(self, side: Retrieval) -> dict[str, float]:
        return {str(k): float(side.values[f"precision@{k}"].mean()) for k in side.ks}

    def _classes(self) -> Iterable[dict[str, Any]]:
        for code, label in enumerate(self.labels):
            own = self.before.groups == code
            if own.any():
                sides = (self.before.values["r_precision"], self.after.values["r_precision"])
                before, after = (float(values[own].mean()) for values in sides)
                yield {
                    "label": label,
                    "queries": int(own.sum()),
                    "before": before,
                    "after": after,
                    "change": list(self.class_changes[label]),
                    "unseen": label in self.unseen,
                }

    def _told(self, one: Moved) -> dict[str, Any]:
        def row(number: int) -> dict[str, Any]:
            return {"row": number, "text": None if self.texts is None else self.texts[number]}

        def near(neighbors: Iterable[tuple[int, float, bool]]) -> list[dict[str, Any]]:
            return [{**row(number), "score": score, "same": same} for number, score, same in neighbors]

        group = int(self.before.groups[np.searchsorted(self.before.queries, one.row)])
        return {
            **row(one.row),
            "label": self.labels[group],
            "before": one.before,
            "after": one.after,
            "neighbors_before": near(one.neighbors_before),
            "neighbors_after": near(one.neighbors_after),
        }


def compare_retrieval(
    before: ArrayLike,
    after: ArrayLike,
    groups: Any,
    *,
    taught: tuple[ArrayLike, ArrayLike, Any] | None = None,
    unseen: Iterable[str] = (),
    texts: Sequence[str] | None = None,
    queries: int = QUERIES,
    ks: Sequence[int] = KS,
    seed: int = 0,
    samples: int = 1000,
    level: float = 0.95,
) -> RetrievalComparison:
    """How well rows of a group find each other in two embeddings of the same rows: a RetrievalComparison.

    ``before`` (n, dim), ``after`` (n, any dim) and ``groups``, a label a row ("" or None for none), should be of rows
    that training has not seen. ``queries`` of them, drawn with ``seed``, are asked in both. The linear probe learns
    from ``taught``, (before, after, groups) of the rows that the head was trained on, or else from one half of these
    rows, and is tried on the other. ``unseen`` names groups that were not in training, to be told apart. ``texts`` are
    shown beside what moved.
    """
    sides = float_rows(before, "rows before"), float_rows(after, "rows after")
    codes, names = codes_of(groups)
    if not len(sides[0]) == len(sides[1]) == len(codes) or (texts is not None and len(texts) != len(codes)):
        counts = f"{len(sides[0])}, {len(sides[1])}, {len(codes)}" + ("" if texts is None else f", {len(texts)}")
        raise ShapeError(f"before, after, groups and texts have {counts} rows; they must be of the same ones")
    asked = np.sort(chosen_queries(codes, queries, seed))
    kept = tuple(sorted({k for k in ks if k < len(codes)}))
    found = [measured(side, codes, asked, (*kept, *CURVE)) for side in sides]
    asked = found[0].queries
    near = [nearest(side, asked, max((VOTERS, *(k for k in kept if k <= 100)))) for side in sides]
    voted = [vote_accuracy(ids[:, :VOTERS], codes, found[0].groups) for ids, _ in near]
    generator = np.random.default_rng(seed)
    r_precision = [side.values["r_precision"] for side in found]
    own = {names[code]: found[0].groups == code for code in np.unique(found[0].groups).tolist()}
    measure = f"precision@{kept[0]}" if kept else "r_precision"
    gain = found[1].values[measure] - found[0].values[measure]
    order = np.lexsort((found[1].values["r_precision"] - found[0].values["r_precision"], gain))
    best = [place for place in order[::-1][:MOST_MOVED].tolist() if gain[place] > 0]
    worst = [place for place in order[:MOST_MOVED].tolist() if gain[place] < 0]
    seen = [side.values[measure] for side in found]
    both = ((seen[0], seen[1]), (near[0], near[1]))
    return RetrievalComparison(
        before=found[0],
        after=found[1],
        labels=tuple(names),
        ks=kept,
        changes={
            name: _limits(found[1].values[name] - found[0].values[name], samples, level, generator)
            for name in found[0].values
        },
        level=level,
        probe=_probed(sides, codes, taught, names, generator),
        votes=(voted[0], voted[1]),
        overlap={k: overlap(near[0][0][:, :k], near[1][0][:, :k]) for k in kept if k <= near[0][0].shape[1]},
        class_changes={
            name: _limits((r_precision[1] - r_precision[0])[rows], samples, level, generator)
            for name, rows in own.items()
        },
        unseen=frozenset(map(str, unseen)),
        gained=moved(asked, *both, codes, best, VOTERS),
        lost=moved(asked, *both, codes, worst, VOTERS),
        n_rows=len(codes),
        texts=texts,
    )


def _limits(changes: Floats, samples: int, level: float, generator: np.random.Generator) -> Limits:
    """Limits of the mean change: the middle of ``samples`` bootstrap samples of the queries (Efron 1979)."""
    n = len(changes)
    counts = generator.multinomial(n, np.full(n, 1 / n), size=samples)
    low, high = np.quantile(counts @ changes / n, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _probed(
    sides: tuple[NDArray[np.float32], NDArray[np.float32]],
    codes: NDArray[np.int64],
    taught: tuple[ArrayLike, ArrayLike, Any] | None,
    names: Sequence[str],
    generator: np.random.Generator,
) -> tuple[float, float] | None:
    known = np.flatnonzero(codes >= 0)
    if taught is None:
        order = generator.permutation(known)
        learn, ask = order[: len(order) // 2], order[len(order) // 2 :]
        given, lessons = codes[learn], [side[learn] for side in sides]
    else:
        place = {name: code for code, name in enumerate(names)}
        own, labels = codes_of(taught[2])
        lesson_codes = np.array([place.get(labels[code], -1) if code >= 0 else -1 for code in own.tolist()])
        learn = np.flatnonzero(lesson_codes >= 0)
        given, lessons = lesson_codes[learn], [float_rows(rows, "rows taught")[learn] for rows in taught[:2]]
        ask = known[np.isin(codes[known], given)]  # a class that was not taught cannot be given
    if len(np.unique(given)) < 2 or len(ask) == 0:
        return None
    before, after = (
        probe_accuracy(_even(lesson), given, _even(side[ask]), codes[ask])
        for lesson, side in zip(lessons, sides, strict=True)
    )
    return before, after


def _even(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rows of length 1, so that the ridge weighs as much on both sides."""
    lengths = np.sqrt((rows.astype(np.float64) ** 2).sum(axis=1, keepdims=True))
    return (rows / np.where(lengths > 0, lengths, 1)).astype(np.float32)
