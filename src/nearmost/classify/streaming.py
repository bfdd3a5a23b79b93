"""Whole files through a classifier: any number of rows, in memory that does not grow, and resumable."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from nearmost.classify.classifier import LabelClassifier
from nearmost.classify.confidence import refused
from nearmost.classify.sheet import Row, Sheet
from nearmost.errors import InputError

ROWS = 8192  # between two checkpoints
REMEMBERED = 200_000  # texts whose answer is known without asking again, twice that many at most


Record: TypeAlias = tuple[str, str]
"""The key and the text of a row."""


Answer: TypeAlias = tuple[str, str, str, str, str]
"""What is written about a text, whatever row it stands in: label, score, runner-up, margin, whether it abstained.

A bare tuple of strings, of which a row has a plain tuple too: the garbage collector passes over them, and would spend
as long on some hundred thousand named ones as all else here takes.
"""


def classify_stream(
    classifier: LabelClassifier,
    records: Iterable[tuple[object, str]],
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
    memory = _Memory()
    incoming = _pairs(records)
    with Sheet(output, {**identity(classifier), **(made_of or {})}, restart=restart) as sheet:
        for row in _again(sheet, incoming):
            memory.keep(row[1] if clean is None else clean(row[1]), row[0][2:])
            if watch is not None:
                watch([row[0]])
        with _Behind(classifier, sheet, memory, watch) as behind:
            while some := list(islice(incoming, ROWS)):
                texts = [text for _, text in some] if clean is None else [clean(text) for _, text in some]
                known, fresh = memory.look_up(texts)
                behind.write(_Part(some, texts, known, fresh, _encoded(classifier, fresh)))
        sheet.finish()
        return sheet.n_rows


@dataclass(slots=True)
class _Part:
    """Rows of which all is known but the answers to the texts that are new, and to those new in the part before."""

    records: list[Record]
    texts: list[str]  # cleaned
    known: list[Answer | None]
    fresh: list[str]
    vectors: NDArray[np.float32] | None  # of the fresh ones

    def rows(
        self, classifier: LabelClassifier, before: dict[str, Answer]
    ) -> tuple[list[tuple[str, ...]], dict[str, Answer]]:
        """All that is to be written, and the answers to the fresh texts; ``before`` are those of the part before."""
        new = {} if self.vectors is None else dict(zip(self.fresh, answers_of(classifier, self.vectors), strict=True))
        answers = (known or new.get(text) or before[text] for text, known in zip(self.texts, self.known, strict=True))
        return [(*record, *answer) for record, answer in zip(self.records, answers, strict=True)], new


class _Behind:
    """Searches, votes and writes in a thread of its own, while the encoder is busy with the rows that follow."""

    def __init__(
        self,
        classifier: LabelClassifier,
        sheet: Sheet,
        memory: _Memory,
        watch: Callable[[list[Row]], object] | None,
    ) -> None:
        self._classifier, self._sheet, self._memory, self._watch = classifier, sheet, memory, watch
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="nearmost-write")
        self._writing: Future[tuple[list[tuple[str, ...]], dict[str, Answer]]] | None = None

    def __enter__(self) -> _Behind:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self._finish()
        finally:
            self._thread.shutdown()  # also where the next rows cannot be read or encoded, what is begun gets written

    def write(self, part: _Part) -> None:
        """Begins to write this, once what was before is written; whatever went wrong with that is raised here."""
        self._writing = self._thread.submit(self._write, part, self._finish())

    def _finish(self) -> dict[str, Answer]:
        """The answers to the fresh texts of the part that was being written."""
        if self._writing is None:
            return {}
        rows, new = self._writing.result()
        self._memory.fill(new)
        if self._watch is not None:
            self._watch([Row._make(row) for row in rows])
        return new

    def _write(self, part: _Part, before: dict[str, Answer]) -> tuple[list[tuple[str, ...]], dict[str, Answer]]:
        rows, new = part.rows(self._classifier, before)
        self._sheet.add(rows)
        return rows, new


def _encoded(classifier: LabelClassifier, texts: list[str]) -> NDArray[np.float32] | None:
    if not texts:
        return None
    if classifier.encoder_ is None:
        raise InputError("the classifier was fitted on vectors; to classify a file of texts, fit it on texts")
    return classifier.encoder_.encode(texts, n_threads=classifier.n_threads)


def answers_of(classifier: LabelClassifier, rows: NDArray[np.float32]) -> list[Answer]:
    """What the classifier says of each text, given its vector, as it is written to a file."""
    ranked, signs, confidence = classifier.decide(rows, 2)
    names = np.append(classifier.classes_.astype(str).astype(object), "")
    best, second = (names[ranked.labels[:, column]] for column in (0, min(1, ranked.labels.shape[1] - 1)))
    if ranked.labels.shape[1] < 2:
        second = np.full(len(best), "", dtype=object)
    scores, margins = ([f"{value:.6f}" for value in column.tolist()] for column in (confidence, signs[:, 2]))
    abstained = np.where(refused(confidence, classifier.reject_below), "true", "false").tolist()
    return list(zip(best.tolist(), scores, second.tolist(), margins, abstained, strict=True))


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


def _pairs(records: Iterable[tuple[object, str]]) -> Iterator[Record]:
    """Keys, which may be numbers, as they are written, and texts."""
    for record in records:
        if isinstance(record, str):
            raise InputError(f"records are texts, such as {record!r:.40}; wanted pairs (key, text): enumerate(texts)")
        key, text = record
        yield str(key), text


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
    """Answers to the latest texts, in two generations, None while they are being worked on; which texts it knows
    depends on the rows so far and on nothing else.

    So a resumed run, which is shown the same rows, asks the encoder about the same texts in the same batches.
    """

    def __init__(self) -> None:
        self._young: dict[str, Answer | None] = {}
        self._old: dict[str, Answer | None] = {}

    def keep(self, text: str, answer: Answer | None) -> None:
        self._young[text] = answer
        if len(self._young) >= REMEMBERED:
            self._old, self._young = self._young, {}

    def look_up(self, texts: list[str]) -> tuple[list[Answer | None], list[str]]:
        """The answer to each text, None where there is none yet, and the texts that were not known."""
        known: list[Answer | None] = []
        fresh: list[str] = []
        for text in texts:
            if text in self._young:
                answer = self._young[text]
            else:
                answer = self._old.get(text)
                if answer is None and text not in self._old:
                    fresh.append(text)
                self.keep(text, answer)
            known.append(answer)
        return known, fresh

    def fill(self, answers: dict[str, Answer]) -> None:
        """Puts the answers where None stands for them."""
        for some in (self._young, self._old):
            for text, answer in answers.items():
                if text in some:
                    some[text] = answer
