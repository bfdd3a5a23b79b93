"""How much accuracy noise costs: one kind at a time, one level at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from nearmost.errors import InputError
from nearmost.noise import KINDS, noisify
from nearmost.reports.outcomes import outcomes_of
from nearmost.reports.wording import counted

LEVELS = (0.1, 0.25, 0.5)


class Classifier(Protocol):
    """Anything that predicts a label, or a ranking of labels, for each text."""

    def predict(self, texts: Any, /) -> Any:
        """A label a text."""


@dataclass(frozen=True, slots=True, eq=False)
class Robustness:
    """The accuracy on clean texts, and on the same texts with noise: a row a kind, a column a level."""

    clean: float
    kinds: Sequence[str]
    levels: Sequence[float]
    accuracy: NDArray[np.float64]
    n_rows: int

    def __str__(self) -> str:
        heads = "".join(f"{f'level {level:g}':>12}" for level in self.levels)
        lines = [f"{counted(self.n_rows, 'text')}, accuracy when clean: {self.clean:.4f}", "", f"{'noise':<12}{heads}"]
        for kind, row in zip(self.kinds, self.accuracy.tolist(), strict=True):
            lines.append(f"{kind:<12}" + "".join(f"{value:>12.4f}" for value in row))
        return "\n".join(lines) + "\n"

    def plain(self) -> dict[str, Any]:
        """As values that JSON knows."""
        rows = zip(self.kinds, self.accuracy.tolist(), strict=True)
        return {"n_rows": self.n_rows, "clean": self.clean, "levels": list(self.levels), "accuracy": dict(rows)}


def robustness(
    classifier: Classifier | Callable[[list[str]], Any],
    texts: Sequence[str],
    truth: Iterable[Any],
    *,
    kinds: Sequence[str] = tuple(KINDS),
    levels: Sequence[float] = LEVELS,
    seed: int = 0,
    progress: Callable[[int, int], object] | None = None,
) -> Robustness:
    """The accuracy of a classifier on these texts, clean and with each kind of noise at each level.

    Every text gets the noise (``noisify`` with a rate of 1; there the kinds and levels are told). ``classifier`` has
    ``predict``, or is a function from texts to labels; texts that noise leaves as they are are not predicted again.
    ``truth`` may hold several labels a row, as for ``report``. ``progress(done, total)`` counts kinds and levels.
    """
    unknown = [kind for kind in kinds if kind not in KINDS]
    if unknown or not kinds or not levels:
        raise InputError(
            f"kinds is {list(kinds)} and levels {list(levels)}; wanted some of {', '.join(KINDS)}, and a level"
        )
    predict = classifier if callable(classifier) else classifier.predict
    given, true = list(texts), list(truth)
    known: dict[str, Any] = {}

    def accuracy(noisy: Sequence[str]) -> float:
        new = list(dict.fromkeys(text for text in noisy if text not in known))
        if new:
            known.update(zip(new, predict(new), strict=True))
        return float(outcomes_of(true, [known[text] for text in noisy]).correct.mean())

    clean = accuracy(given)
    before = dict(known)
    found = np.empty((len(kinds), len(levels)))
    for row, kind in enumerate(kinds):
        for column, level in enumerate(levels):
            found[row, column] = accuracy(noisify(given, seed=seed, rates={kind: 1.0}, levels=level))
            known = dict(before)
            if progress is not None:
                progress(row * len(levels) + column + 1, found.size)
    return Robustness(clean, tuple(kinds), tuple(levels), found, len(given))
