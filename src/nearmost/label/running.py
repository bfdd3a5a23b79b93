"""Runs heuristics over the records of a project, and shows what they would say before they are run."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from nearmost.errors import InputError
from nearmost.label import annotations as by_hand
from nearmost.label import approval, catalogue, heuristics, knowledge, plain, querying, records, runs, vectors
from nearmost.label.heuristics import HeuristicFile
from nearmost.label.isolation.job import Job, Outcome, Training
from nearmost.label.isolation.limits import Limits
from nearmost.label.isolation.process import run as run_apart
from nearmost.label.lookups import Lookup
from nearmost.label.opened import Opened, n_rows, record_id
from nearmost.label.records import Record
from nearmost.label.tasks import Task, task, tasks

Progress = Callable[[int, int], object]
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


@dataclass(frozen=True, slots=True)
class Preview:
    """What a heuristic says of one record."""

    record: Record
    votes: tuple[tuple[str, float, int, int], ...]
    """Label, confidence, and start and end of a span (-1 and -1 for the whole record)."""
    error: str | None = None
    traceback: str = ""
    missing: tuple[str, ...] = ()


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


def preview(
    project: Opened,
    task_name: str,
    name: str,
    n: int = 10,
    *,
    on: Literal["random", "conflicts"] | Iterable[int | str] = "random",
    source: str | None = None,
    limits: Limits | None = None,
    seed: int | None = None,
) -> list[Preview]:
    """What a heuristic says of some records: n at random, n on which others disagree, or those that are named.

    Nothing is kept. ``source`` is tried in the place of what the file says: code that is not saved yet.
    An error on one record is told beside it, and the others are asked all the same.
    """
    about = task(project, task_name)
    if source is None:
        file = catalogue.heuristic_file(project, about.name, name)
    else:
        path = project.folder / heuristics.FOLDER / about.name / f"{name}{heuristics.suffix_of(source)}"
        file = heuristics.of(source, path, about.name)
    saved = source is None or any(
        info.name == name and info.text == source for info in catalogue.heuristics_of(project, about.name)
    )
    if file.is_code and saved and not approval.is_approved(file.text):
        raise InputError(_not_approved(about, file))
    held = records.records(project, _sample(project, about, on, n, seed))
    with tempfile.TemporaryDirectory(prefix="nearmost-") as folder:
        known = catalogue.lookups_of(project)
        outcome = _outcome(project, about, file, held, known, limits, None, Path(folder), go_on=True)
    if outcome.trouble is not None and outcome.trouble.record is None:
        trouble = outcome.trouble
        return [Preview(record, (), trouble.what, trouble.traceback, outcome.missing or ()) for record in held]
    troubles = {each.record: each for each in (*outcome.troubles, outcome.trouble) if each is not None}
    given: dict[int, list[tuple[str, float, int, int]]] = defaultdict(list)
    for (place, label, start, end), sure in outcome.votes.items():
        given[place].append((label, sure, start, end))
    previews = []
    for place, record in enumerate(held):
        error = troubles.get(place)
        what, lines = (None, "") if error is None else (error.what, error.traceback)
        previews.append(Preview(record, tuple(given[place]), what, lines, outcome.missing or ()))
    return previews


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
                found.append((about, heuristics.read(info.path, about.name)))
    unknown = set(names or ()) - {file.name for _, file in found}
    if unknown and not stale_only:
        heuristics.file(project.folder, task(project, task_name).name, sorted(unknown)[0])
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
        return RunReport(about.name, file.name, REFUSED, 0, 0.0, _not_approved(about, file))
    fingerprint = catalogue.fingerprint(project, about, file, known)
    outcome = _outcome(project, about, file, held, known, limits, progress, folder)
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
            log=outcome.log, error=error, soft=_soft(project, outcome, held),
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


def _outcome(
    project: Opened,
    about: Task,
    file: HeuristicFile,
    held: Sequence[Record],
    known: dict[str, Lookup],
    limits: Limits | None,
    progress: Progress | None,
    folder: Path,
    *,
    go_on: bool = False,
) -> Outcome:
    """What a heuristic says of these records."""
    if not file.is_code:
        return plain.votes(project, about, file, held, known)
    texts = [name for name, kind in project.settings.attributes.items() if kind in ("text", "category")]
    training = None
    if file.kind == "learner":
        try:
            training = _training(project, about, held, folder)
        except InputError as error:
            outcome = Outcome(missing=())
            outcome.fail("error", str(error))
            return outcome
    used = {each: known[each] for each in knowledge.imported(file.text, known)}
    job = Job(
        name=file.name,
        filename=str(file.path.relative_to(project.folder)),
        source=file.text,
        labels=about.names,
        kind=about.kind,
        attribute=about.attribute,
        texts=tuple(texts),
        lists={name: each.values for name, each in known.items()},
        training=training,
        held_out={} if go_on or about.kind != "class" or training is not None else plain.own_terms(held, used),
        go_on=go_on,
    )
    return run_apart(job, [record.values for record in held], limits, progress)


def _training(project: Opened, about: Task, held: Sequence[Record], folder: Path) -> Training:
    """What a learner learns from: all labelled records, before those that it is asked about."""
    if about.kind != "class":
        raise InputError(f"task {about.name!r} is of kind {about.kind!r}; a learner wants kind 'class'")
    rows, manual = vectors.vectors(project), by_hand.manual(project, about.name)
    asked = np.array([record.id for record in held], dtype=np.int64)
    others = np.setdiff1d(np.flatnonzero(manual >= 0), asked)
    every = np.concatenate([asked, others])
    path = folder / "vectors.npy"
    np.save(path, rows[every], allow_pickle=False)
    labelled = np.flatnonzero(manual[every] >= 0)
    labels = [about.names[manual[every[place]]] for place in labelled]
    return Training(str(path), labelled.tolist(), labels, n_asked=len(asked), seed=project.settings.seed)


def _soft(project: Opened, outcome: Outcome, held: Sequence[Record]) -> NDArray[np.float32] | None:
    """A learner's probabilities at the records' ids; the same for every label where a record was deleted."""
    if outcome.soft is None or outcome.status != "done":
        return None
    n_labels = outcome.soft.shape[1]
    rows = np.full((n_rows(project), n_labels), 1 / n_labels, dtype=np.float32)
    rows[[record.id for record in held]] = outcome.soft
    return rows


def _sample(project: Opened, about: Task, on: Any, n: int, seed: int | None) -> list[int]:
    if on not in ("random", "conflicts"):
        if isinstance(on, str):
            raise InputError(f"on is {on!r}; it must be 'random', 'conflicts' or records")
        return [record_id(project, each) for each in on]
    ids = querying.matching(project, "conflict" if on == "conflicts" else "", about.name)
    draw = np.random.default_rng(project.settings.seed if seed is None else seed)
    return sorted(draw.permutation(ids)[:n].tolist())


def _not_approved(about: Task, file: HeuristicFile) -> str:
    where = f"{heuristics.FOLDER}/{about.name}/{file.path.name}"
    return (
        f"{where} has not been approved, or has changed since; read it, then approve it with "
        f"project.approve({about.name!r}, {file.name!r}) or nearmost label approve"
    )
