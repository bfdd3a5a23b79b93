"""Whole files through a classifier: any number of rows, in memory that does not grow, and resumable."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any, NamedTuple

import numpy as np

from nearmost.classify.classifier import LabelClassifier
from nearmost.classify.sheet import Row, Sheet
from nearmost.errors import InputError

ROWS = 8192  # between two checkpoints
REMEMBERED = 200_000  # texts whose answer is known without asking again, twice that many at most


class Answer(NamedTuple):
    """What is written about a text, whatever row it stands in."""

    label: str
    score: str
    runner_up: str
    margin: str
    abstained: str


def classify_stream(
    classifier: LabelClassifier,
    records: Iterable[tuple[str, str]],
    output: str | os.PathLike[str],
    *,
    clean: Callable[[str], str] | None = None,
    made_of: dict[str, Any] | None = None,
    restart: bool = False,
    watch: Callable[[list[Row]], object] | None = None,
) -> int:
    """Writes a prediction for each (key, text) to ``output`` (.tsv, .csv, .jsonl) and gives their number.

    Every 8,192 rows what is written is made safe. Where an earlier run was interrupted, this one goes on after its
    last safe row, and the file comes out the same, byte for byte; ``records`` must be the same ones again, from the
    beginning. ``clean`` is applied to a text before it is encoded; the text is written as it came. ``made_of`` names
    further things that the rows depend on, for the check that a resumed run is of the same kind. ``watch`` sees all
    rows, those of the earlier run included.
    """
    if classifier.labels_.shape != "single":
        raise InputError("a file is classified into one label a text; this classifier was fitted with several")
    step = clean or _as_it_is
    memory = _Memory()
    incoming = iter(records)
    with Sheet(output, {**identity(classifier), **(made_of or {})}, restart=restart) as sheet:
        for row in _again(sheet, incoming):
            memory.keep(step(row[1]), Answer(*row[0][2:]))
            if watch is not None:
                watch([row[0]])
        while some := list(islice(incoming, ROWS)):
            texts = [step(text) for _, text in some]
            answers = memory.answers(texts, classifier)
            rows = [Row(key, text, *answer) for (key, text), answer in zip(some, answers, strict=True)]
            sheet.add(rows)
            if watch is not None:
                watch(rows)
        sheet.finish()
        return sheet.n_rows


def answers_of(classifier: LabelClassifier, texts: list[str]) -> list[Answer]:
    """What the classifier says of each text, as it is written to a file."""
    ranked, signs, confidence = classifier.decide(texts, 2)
    names = np.append(classifier.classes_.astype(str).astype(object), "")
    best, second = (names[ranked.labels[:, column]] for column in (0, min(1, ranked.labels.shape[1] - 1)))
    if ranked.labels.shape[1] < 2:
        second = np.full(len(best), "", dtype=object)
    refused = np.zeros(len(texts), bool)
    if classifier.reject_below is not None:
        refused = confidence < classifier.reject_below
    columns = (best, map(_number, confidence.tolist()), second, map(_number, signs[:, 2].tolist()), refused.tolist())
    return [
        Answer(label, score, other, margin, "true" if out else "false")
        for label, score, other, margin, out in zip(*columns, strict=True)
    ]


def identity(classifier: LabelClassifier) -> dict[str, Any]:
    """All that the classifier's answers depend on, in short."""
    examples = hashlib.sha256()
    for part in classifier.texts_ if classifier.texts_ is not None else [classifier.vectors_.tobytes()]:
        content = part.encode() if isinstance(part, str) else part
        examples.update(len(content).to_bytes(8, "little") + content)
    examples.update(classifier.labels_.numbers.tobytes() + "\n".join(map(str, classifier.classes_)).encode())
    calibration = None if classifier.calibration_ is None else classifier.calibration_.weights.tolist()
    return {
        "set of labels": examples.hexdigest(),
        "encoder": None if classifier.encoder_ is None else classifier.encoder_.spec,
        "k": classifier.k,
        "weights": classifier.weights if isinstance(classifier.weights, str) else repr(classifier.weights),
        "reject_below": classifier.reject_below,
        "recall": classifier.recall,
        "calibration": calibration,
    }


def _again(sheet: Sheet, incoming: Iterator[tuple[str, str]]) -> Iterator[tuple[Row, str]]:
    """The rows of the earlier run and their texts as they come in now, which must be the same ones."""
    for number, row in enumerate(sheet.rows()):
        key, text = next(incoming, ("", ""))
        if sheet.as_written(key, text) != (row.key, row.text):
            raise InputError(
                f"row {number} of the input is {text!r:.60} and was {row.text!r:.60} when {sheet.path.name} was begun; "
                "the input has changed: say restart (--restart) to begin anew"
            )
        yield row, text


class _Memory:
    """Answers to the latest texts, in two generations; what it knows depends on the rows so far and on nothing else.

    So a resumed run, which is shown the same rows, asks the encoder about the same texts in the same batches.
    """

    def __init__(self) -> None:
        self._young: dict[str, Answer] = {}
        self._old: dict[str, Answer] = {}

    def keep(self, text: str, answer: Answer) -> None:
        self._young[text] = answer
        if len(self._young) >= REMEMBERED:
            self._old, self._young = self._young, {}

    def answers(self, texts: list[str], classifier: LabelClassifier) -> list[Answer]:
        known = {text: self._young.get(text) or self._old.get(text) for text in texts}
        unknown = [text for text, answer in known.items() if answer is None]
        if unknown:
            known.update(zip(unknown, answers_of(classifier, unknown), strict=True))
        found = [known[text] for text in texts]
        for text, answer in zip(texts, found, strict=True):
            self.keep(text, answer)  # type: ignore[arg-type]
        return found  # type: ignore[return-value]


def _number(value: float) -> str:
    return f"{value:.6f}"


def _as_it_is(text: str) -> str:
    return text
