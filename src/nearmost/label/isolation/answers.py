"""What comes back from a process apart: taken in only after it was checked, since a user's code may have written it."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from nearmost.label.isolation.job import Job, Outcome, Status, Trouble
from nearmost.label.votes.folds import N_FOLDS

Values = Mapping[str, Any]


class ForgedAnswerError(Exception):
    """An answer that no worker gives."""


class Answers:
    """Collects the answers of one run into its outcome."""

    def __init__(self, job: Job, records: Sequence[Values], outcome: Outcome) -> None:
        self._job, self._records, self._outcome = job, records, outcome

    def take(self, answer: dict[str, Any]) -> None:
        """Adds an answer. Whatever may be raised here means that it was forged."""
        for index, votes in answer.get("votes", ()):
            if not isinstance(index, int) or not 0 <= index < len(self._records):
                raise ForgedAnswerError("answers for a record that was not given")
            for label, confidence, start, end in votes:
                self._add_vote(index, str(label), float(confidence), int(start), int(end))
        for index, votes in answer.get("held_out", ()):
            labels = {str(label) for label, *_ in votes}
            if index not in self._job.held_out or len(labels) > 1 or not labels <= set(self._job.labels):
                raise ForgedAnswerError("says something about a record that was not asked")
            self._outcome.held_out[index] = next(iter(labels), None)
        if (error := answer.get("error")) is not None:
            self._add_error(int(error["index"]), error["kind"], str(error["what"]), str(error["traceback"]))
        if "soft" in answer:
            self._add_soft(answer)

    def _add_vote(self, index: int, label: str, confidence: float, start: int, end: int) -> None:
        job, votes = self._job, self._outcome.votes
        if label not in job.labels:
            self._refuse(f"the function gave the label {label!r:.80}; the task has {', '.join(job.labels)}", index)
            return
        if not 0 <= confidence <= 1:
            raise ForgedAnswerError("a confidence is not between 0 and 1")
        if job.kind == "span":
            text = self._records[index].get(job.attribute or "")
            if not 0 <= start < end <= len(text if isinstance(text, str) else ""):
                raise ForgedAnswerError("a span lies outside of its text")
        elif (start, end) != (-1, -1):
            raise ForgedAnswerError("a span in a task without spans")
        if job.kind == "class":
            for other in job.labels:
                if other != label and (index, other, -1, -1) in votes:
                    self._refuse(f"the function gave two labels, {other} and {label}; the task wants one", index)
                    return
        place = (index, label, start, end)
        votes[place] = max(confidence, votes.get(place, 0.0))

    def _add_error(self, index: int, kind: str, what: str, traceback: str) -> None:
        where = index if 0 <= index < len(self._records) else None
        if self._job.go_on and where is not None:
            self._outcome.troubles.append(Trouble(what, where, traceback))
        else:
            status: Status = "timeout" if kind == "timeout" else "memory" if kind == "memory" else "error"
            self._outcome.fail(status, what, where, traceback)

    def _refuse(self, what: str, index: int) -> None:
        if self._job.go_on:
            self._outcome.troubles.append(Trouble(what, index))
        else:
            self._outcome.fail("error", what, index)

    def _add_soft(self, answer: dict[str, Any]) -> None:
        """A learner's probabilities, and the votes that follow from them."""
        n_records, labels = len(self._records), self._job.labels
        soft = np.frombuffer(base64.b85decode(answer["soft"]), "<f4").reshape(n_records, len(labels))
        copies = np.frombuffer(base64.b85decode(answer["copies"]), "<f2").reshape(N_FOLDS, *soft.shape)
        for rows, least in ((soft, 1e-3), (copies.astype(np.float32), 1e-2)):
            if not (np.isfinite(rows).all() and (rows >= 0).all() and np.allclose(rows.sum(axis=-1), 1, atol=least)):
                raise ForgedAnswerError("probabilities are negative or do not add up to 1")
        names = answer["label_names"]
        if unknown := sorted(set(map(str, names or ())) - set(labels)):
            what = f"params_inference names the label {unknown[0]!r}; the task has {', '.join(labels)}"
            self._outcome.fail("error", what)
            return
        allowed = np.array([names is None or label in names for label in labels])
        best = soft.argmax(axis=1)
        sure = soft[np.arange(n_records), best]
        self._outcome.soft, self._outcome.copies = soft.astype(np.float32), rows / rows.sum(axis=-1, keepdims=True)
        for record in np.flatnonzero((sure > float(answer["min_confidence"])) & allowed[best]).tolist():
            self._outcome.votes[record, labels[best[record]], -1, -1] = float(min(sure[record], 1.0))
