"""What was true and what was predicted of each row, as numbers: checked once, where it is made."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nearmost.errors import InputError, NotFiniteError, ShapeError

ABSTAINED = -1
"""The code of no prediction."""
SEVERAL = (list, tuple, set, frozenset, np.ndarray)


@dataclass(frozen=True, slots=True, eq=False)
class Outcomes:
    """Rows as codes into ``labels``, which are those that occur, sorted.

    Where a row has several true labels, ``truth`` is the predicted one if that is among them, and else the first.
    """

    labels: Sequence[str]
    truth: NDArray[np.int64]
    predicted: NDArray[np.int64]
    """ABSTAINED where there was no prediction."""
    rank: NDArray[np.int64]
    """Where among a row's ranked labels the first true one stands, from 0; ``depth`` where there is none."""
    depth: int
    """How many labels a row were ranked, at most."""
    confidence: NDArray[np.float64] | None = None
    texts: Sequence[str] | None = None
    truths: Sequence[str] | None = None
    """All true labels of each row in words, where some row has several."""

    def __len__(self) -> int:
        return len(self.truth)

    @property
    def correct(self) -> NDArray[np.bool_]:
        """Whether the prediction is a true one; no prediction is not."""
        return np.equal(self.truth, self.predicted)

    @property
    def answered(self) -> NDArray[np.bool_]:
        """Whether there was a prediction."""
        return np.not_equal(self.predicted, ABSTAINED)


def outcomes_of(
    truth: Iterable[Any],
    predicted: Iterable[Any],
    scores: ArrayLike | None = None,
    *,
    labels: Sequence[Any] | None = None,
    texts: Sequence[str] | None = None,
    abstained: ArrayLike | None = None,
    most: int = 10,
) -> Outcomes:
    """Outcomes from what users have; the arguments are those of ``report``. ``most`` labels a row are ranked."""
    true = [_several(value) for value in _rows(truth, "truth")]
    guesses = [_ranked(value) for value in _rows(predicted, "predicted")]
    _same_length("predicted", len(guesses), len(true))
    if not true:
        raise ShapeError("truth is empty; wanted one label a row, and at least one row")
    for row, values in enumerate(true):
        if not values or any(_missing(value) for value in values):
            raise InputError(f"row {row} of truth has no label; leave rows out that nobody knows the truth of")
    if texts is not None:
        texts = list(texts)  # a pandas Series would be asked for row 3 by its index, not by its place
        _same_length("texts", len(texts), len(true))
    known = None if scores is None else _scores(scores, guesses, labels)
    if known is not None and labels is not None and known.ndim == 2:
        guesses, known = _rank_columns(guesses, known, list(labels), most)
    silent = np.array([not guess or _missing(guess[0]) for guess in guesses])
    if abstained is not None:
        mask = np.asarray(abstained, dtype=bool)
        _same_length("abstained", len(mask), len(true))
        silent |= mask
    _same_kind(true, [guess[0] for guess, quiet in zip(guesses, silent.tolist(), strict=True) if not quiet])
    return _coded(true, guesses, silent, _confidence(known, silent), texts)


def _coded(
    true: list[tuple[Any, ...]],
    guesses: list[tuple[Any, ...]],
    silent: NDArray[np.bool_],
    confidence: NDArray[np.float64] | None,
    texts: Sequence[str] | None,
) -> Outcomes:
    first = [
        values[0] if quiet or guess[0] not in values else guess[0]
        for values, guess, quiet in zip(true, guesses, silent.tolist(), strict=True)
    ]
    given = [None if quiet else guess[0] for guess, quiet in zip(guesses, silent.tolist(), strict=True)]
    seen = _sorted({*first, *(guess for guess, quiet in zip(given, silent.tolist(), strict=True) if not quiet)})
    codes = {label: code for code, label in enumerate(seen)}
    depth = max((len(guess) for guess in guesses), default=1) or 1
    rank = np.array(
        [
            depth if quiet else next((place for place, label in enumerate(guess) if label in values), depth)
            for values, guess, quiet in zip(true, guesses, silent.tolist(), strict=True)
        ],
        dtype=np.int64,
    )
    return Outcomes(
        labels=[str(label) for label in seen],
        truth=np.array([codes[label] for label in first], dtype=np.int64),
        predicted=np.array(
            [ABSTAINED if quiet else codes[label] for label, quiet in zip(given, silent.tolist(), strict=True)],
            dtype=np.int64,
        ),
        rank=rank,
        depth=depth,
        confidence=confidence,
        texts=texts,
        truths=["; ".join(map(str, values)) for values in true] if any(len(values) > 1 for values in true) else None,
    )


def _rows(values: Iterable[Any], name: str) -> Iterator[Any]:
    if isinstance(values, str):
        raise InputError(f"{name} is one string; it must be a list of labels, one a row")
    if isinstance(values, np.ndarray):
        if values.ndim == 0 or (values.ndim > 1 and name == "truth") or values.ndim > 2:
            raise ShapeError(f"{name} has shape {values.shape}; wanted one label, or a list of labels, for each row")
        return iter(values.tolist())
    return iter(values)


def _several(value: Any) -> tuple[Any, ...]:
    if isinstance(value, set | frozenset):
        return tuple(_sorted(value))
    return tuple(value.tolist() if isinstance(value, np.ndarray) else value) if isinstance(value, SEVERAL) else (value,)


def _ranked(value: Any) -> tuple[Any, ...]:
    if isinstance(value, set | frozenset):
        raise InputError(f"predicted holds a set, {value}; give one label a row, or several in a list, the best first")
    return _several(value)


def _missing(value: Any) -> bool:
    """None, or the NaN or NA that pandas puts where there is nothing."""
    return value is None or (isinstance(value, float) and value != value) or type(value).__name__ == "NAType"


def _same_kind(true: list[tuple[Any, ...]], guesses: list[Any]) -> None:
    """Raises InputError where one side has strings and the other has none: 7 and "7" would never agree."""
    strings = {isinstance(value, str) for values in true for value in values}
    theirs = {isinstance(value, str) for value in guesses}
    if len(strings) == len(theirs) == 1 and strings != theirs:
        raise InputError(
            f"truth holds {true[0][0]!r:.40} and predicted {guesses[0]!r:.40}: strings never equal other labels; make "
            "both strings"
        )


def _sorted(values: Iterable[Any]) -> list[Any]:
    """In order; labels of several types stand type by type."""
    found = list(values)
    try:
        return sorted(found)
    except TypeError:
        return sorted(found, key=lambda value: (type(value).__name__, str(value)))


def _same_length(name: str, found: int, wanted: int) -> None:
    if found != wanted:
        raise ShapeError(f"{name} has {found} rows and truth has {wanted}; they must be equal")


def _scores(scores: ArrayLike, guesses: list[tuple[Any, ...]], labels: Sequence[Any] | None) -> NDArray[np.float64]:
    """The scores, (n,), (n, ranked) or (n, labels)."""
    found = np.asarray(scores, dtype=np.float64)
    _same_length("scores", len(found) if found.ndim else 0, len(guesses))
    depth = max(map(len, guesses))
    wanted = depth if labels is None else len(labels)
    if found.ndim > 2 or (found.ndim == 2 and found.shape[1] != wanted):
        of = "predicted has" if labels is None else "there are"
        raise ShapeError(
            f"scores have shape {found.shape} and {of} {wanted} labels; wanted ({len(guesses)},) or "
            f"({len(guesses)}, {wanted}); for a column a label, as predict_proba gives, say labels=classifier.classes_"
        )
    return found


def _rank_columns(
    guesses: list[tuple[Any, ...]], scores: NDArray[np.float64], labels: list[Any], most: int
) -> tuple[list[tuple[Any, ...]], NDArray[np.float64]]:
    """Every row's best labels, what was predicted first and equal scores as in ``labels``; the score of the first."""
    columns = {label: column for column, label in enumerate(labels)}
    chosen = np.zeros(len(guesses), dtype=np.int64)
    for row, guess in enumerate(guesses):
        if guess and not _missing(guess[0]):
            if guess[0] not in columns:
                raise InputError(
                    f"row {row} was predicted to be {guess[0]!r}, which is none of the {len(labels)} labels"
                )
            chosen[row] = columns[guess[0]]
    best = np.argsort(-scores, axis=1, kind="stable")[:, : most + 1].tolist()
    ranked = [
        guess
        if not guess or _missing(guess[0])
        else (guess[0], *(labels[column] for column in row if labels[column] != guess[0]))[:most]
        for guess, row in zip(guesses, best, strict=True)
    ]
    return ranked, scores[np.arange(len(guesses)), chosen]


def _confidence(scores: NDArray[np.float64] | None, silent: NDArray[np.bool_]) -> NDArray[np.float64] | None:
    """How sure the prediction of each row is; 0 where there is none."""
    if scores is None:
        return None
    best = scores if scores.ndim == 1 else scores[:, 0]
    wrong = ~np.isfinite(best) & ~silent
    if wrong.any():
        row = int(np.argmax(wrong))
        raise NotFiniteError(f"row {row} of the scores is {best[row]}; the score of a prediction must be finite")
    return np.where(silent, 0.0, best)
