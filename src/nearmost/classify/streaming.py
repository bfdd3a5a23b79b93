"""Whole files through a classifier: any number of rows, in memory that does not grow, and resumable."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from nearmost.classify.classifier import LabelClassifier
from nearmost.classify.sheet import Row, Sheet
from nearmost.errors import InputError

ROWS = 8192  # between two checkpoints
REMEMBERED = 200_000  # texts whose answer is known without asking again, twice that many at most


Record: TypeAlias = tuple[str, str]
"""The key and the text of a row."""


class Answer(NamedTuple):
    """What is written about a text, whatever row it stands in."""

    label: str
    score: str
    runner_up: str
    margin: str
    abstained: str


Cell: TypeAlias = list[Answer]
"""What is known of a text: its answer, or nothing yet."""


def classify_stream(
    classifier: LabelClassifier,
    records: Iterable[Record],
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
    incoming = iter(records)
    with Sheet(output, {**identity(classifier), **(made_of or {})}, restart=restart) as sheet:
        for row in _again(sheet, incoming):
            memory.keep(row[1] if clean is None else clean(row[1]), Answer(*row[0][2:]))
            if watch is not None:
                watch([row[0]])
        with _Behind(classifier, sheet, watch) as behind:
            while some := list(islice(incoming, ROWS)):
                texts = [text for _, text in some] if clean is None else [clean(text) for _, text in some]
                cells, fresh, empty = memory.cells(texts)
                behind.write(some, cells, empty, _encoded(classifier, fresh))
        sheet.finish()
        return sheet.n_rows


class _Behind:
    """Searches, votes and writes in a thread of its own, while the encoder is busy with the rows that follow."""

    def __init__(self, classifier: LabelClassifier, sheet: Sheet, watch: Callable[[list[Row]], object] | None) -> None:
        self._classifier, self._sheet, self._watch = classifier, sheet, watch
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="nearmost-write")
        self._writing: Future[list[Row]] | None = None

    def __enter__(self) -> _Behind:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self._finish()
        finally:
            self._thread.shutdown()  # also where the next rows cannot be read or encoded, what is begun gets written

    def write(self, some: list[Record], cells: list[Cell], empty: list[Cell], rows: NDArray[np.float32] | None) -> None:
        """Begins to write these, once those before them are written; whatever went wrong with them is raised here."""
        self._finish()
        self._writing = self._thread.submit(self._write, some, cells, empty, rows)

    def _finish(self) -> None:
        if self._writing is None:
            return
        rows = self._writing.result()
        if self._watch is not None:
            self._watch(rows)

    def _write(
        self, some: list[Record], cells: list[Cell], empty: list[Cell], rows: NDArray[np.float32] | None
    ) -> list[Row]:
        if rows is not None:
            for cell, answer in zip(empty, answers_of(self._classifier, rows), strict=True):
                cell.append(answer)
        written = [(*record, *cell[0]) for record, cell in zip(some, cells, strict=True)]
        self._sheet.add(written)
        return [] if self._watch is None else [Row._make(row) for row in written]


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
    refused = np.zeros(len(rows), bool)
    if classifier.reject_below is not None:
        refused = confidence < classifier.reject_below
    scores, margins = ([f"{value:.6f}" for value in column.tolist()] for column in (confidence, signs[:, 2]))
    abstained = np.where(refused, "true", "false").tolist()
    return list(map(Answer._make, zip(best.tolist(), scores, second.tolist(), margins, abstained, strict=True)))


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
    """Cells for the answers to the latest texts, in two generations; what it knows depends on the rows so far and on
    nothing else.

    So a resumed run, which is shown the same rows, asks the encoder about the same texts in the same batches.
    """

    def __init__(self) -> None:
        self._young: dict[str, Cell] = {}
        self._old: dict[str, Cell] = {}

    def keep(self, text: str, answer: Answer) -> None:
        self._hold(text, [answer])

    def cells(self, texts: list[str]) -> tuple[list[Cell], list[str], list[Cell]]:
        """The cell of each text; the texts that are new, and their cells, which are still to be filled."""
        found: list[Cell] = []
        fresh: list[str] = []
        empty: list[Cell] = []
        for text in texts:
            cell = self._young.get(text)
            if cell is None:
                cell = self._old.get(text)
                if cell is None:
                    cell = []
                    fresh.append(text)
                    empty.append(cell)
                self._hold(text, cell)
            found.append(cell)
        return found, fresh, empty

    def _hold(self, text: str, cell: Cell) -> None:
        self._young[text] = cell
        if len(self._young) >= REMEMBERED:
            self._old, self._young = self._young, {}
