"""Runs heuristics over the records of a project."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nearmost.errors import InputError
from nearmost.label.heuristics import approval, catalogue, files
from nearmost.label.heuristics.asking import Progress, not_approved, outcome_of
from nearmost.label.heuristics.files import HeuristicFile
from nearmost.label.isolation.limits import Limits
from nearmost.label.lookups.lists import Lookup
from nearmost.label.manual.tasks import Task, task, tasks
from nearmost.label.records import records
from nearmost.label.records.records import Record
from nearmost.label.store.opened import Opened, n_rows
from nearmost.label.votes import runs

REFUSED = "refused"
"""The status of a run that did not take place."""


@dataclass(frozen=True, slots=True)
class RunReport:
    """What came of running a heuristic. Unless ``status`` is "done", its earlier votes are those that still count."""

    task: str
    heuristic: str
    status: str
    """"done"; or "error", "timeout", "memory", "output", "crash", and "refused" for code that nobody approved."""
    n_votes: int
    seconds: float
    error: str | None = None
    record: str | None = None
    """The key of the record at which it went wrong."""
    traceback: str = ""
    log: str = ""
    """What the code printed."""
    missing: tuple[str, ...] = ()
    """What the system could not keep the code from: "files", "network", "processes", "memory"."""

    @property
    def isolated(self) -> bool:
        """Whether the code could reach nothing. If not, a reader should be told so."""
        return not self.missing


def run(
    project: Opened,
    task_name: str | None = None,
    names: str | Iterable[str] | None = None,
    *,
    stale_only: bool = False,
    limits: Limits | None = None,
    progress: Progress | None = None,
) -> list[RunReport]:
    """A report for each heuristic that was run: those of these names, or all of the task, or of every task.

    Votes take the place of the earlier ones where the run is done. Code runs in a process apart, and only after it was
    approved. ``stale_only`` leaves out what has run and would vote the same again.
    """
    wanted = None if names is None else [names] if isinstance(names, str) else list(names)
    chosen = _chosen(project, task_name, wanted, stale_only)
    if not chosen:
        return []
    held = records.records(project)
    total, reports = len(held) * len(chosen), []
    with tempfile.TemporaryDirectory(prefix="nearmost-") as folder:
        known = catalogue.lookups_of(project)
        for place, (about, file) in enumerate(chosen):
            before = place * len(held)

            def tell(done: int, _: int, before: int = before) -> None:
                if progress is not None:
                    progress(before + done, total)

            reports.append(_run_one(project, about, file, held, known, limits, tell, Path(folder)))
            tell(len(held), 0)
    return reports


def _chosen(
    project: Opened, task_name: str | None, names: Sequence[str] | None, stale_only: bool
) -> list[tuple[Task, HeuristicFile]]:
    """The heuristics to run. Raises UnknownKeyError for a name that is none."""
    found = []
    for about in tasks(project) if task_name is None else (task(project, task_name),):
        for info in catalogue.heuristics_of(project, about.name):
            if names is not None and info.name not in names:
                continue
            fresh = info.last_run is not None and info.last_run.current and not info.stale
            if info.path is None or info.problem is not None:
                if names is not None:
                    raise InputError(
                        f"{about.name}/{info.name} cannot be run: {info.problem or 'its votes were imported'}"
                    )
                continue
            if info.kind != "import" and not (stale_only and fresh):
                found.append((about, files.read(info.path, about.name)))
    unknown = set(names or ()) - {file.name for _, file in found}
    if unknown and not stale_only:
        files.file(project.folder, task(project, task_name).name, sorted(unknown)[0])
    return found


def _run_one(
    project: Opened,
    about: Task,
    file: HeuristicFile,
    held: list[Record],
    known: dict[str, Lookup],
    limits: Limits | None,
    progress: Progress,
    folder: Path,
) -> RunReport:
    if file.is_code and not approval.is_approved(file.text):
        return RunReport(about.name, file.name, REFUSED, 0, 0.0, not_approved(about, file))
    fingerprint = catalogue.fingerprint(project, about, file, known)
    outcome = outcome_of(project, about, file, held, known, limits, progress, folder)
    trouble = outcome.trouble
    record = None if trouble is None or trouble.record is None else held[trouble.record]
    error = None if trouble is None else trouble.what if record is None else f"record {record.key!r}: {trouble.what}"
    votes: list[runs.Vote] = [
        (held[at].id, label, sure, start, end) for (at, label, start, end), sure in outcome.votes.items()
    ]
    with project.database.writing():
        runs.register(project, about.name, file.name, file.kind, str(file.path.relative_to(project.folder)))
        runs.save_votes(
            project, about.name, file.name, fingerprint, votes, status=outcome.status, seconds=outcome.seconds,
            log=outcome.log, error=error, soft=_everywhere(project, outcome.soft, held),
            copies=_everywhere(project, outcome.copies, held),
            held_out={held[at].id: label for at, label in outcome.held_out.items()} or None,
        )  # fmt: skip
    return RunReport(
        about.name,
        file.name,
        outcome.status,
        len(votes) if outcome.status == "done" else 0,
        outcome.seconds,
        None if trouble is None else trouble.what,
        None if record is None else record.key,
        "" if trouble is None else trouble.traceback,
        outcome.log,
        outcome.missing or (),
    )


def _everywhere(
    project: Opened, soft: NDArray[np.float32] | None, held: Sequence[Record]
) -> NDArray[np.float32] | None:
    """A learner's probabilities at the records' ids; the same for every label where a record was deleted."""
    if soft is None:
        return None
    *several, _, n_labels = soft.shape
    rows = np.full((*several, n_rows(project), n_labels), 1 / n_labels, dtype=np.float32)
    rows[..., [record.id for record in held], :] = soft
    return rows
