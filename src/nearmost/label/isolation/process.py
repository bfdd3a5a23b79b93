"""Runs a job in a process of its own, watches over it, and believes nothing that comes back until it is checked."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import IO

import nearmost.errors
from nearmost.label.isolation.answers import Answers, ForgedAnswerError, Values
from nearmost.label.isolation.job import Job, Outcome
from nearmost.label.isolation.limits import Limits
from nearmost.label.isolation.watch import Watch, kill, on_slate

BATCH = 256
LAST_WORD = 1.0
"""Seconds for a process that says nothing any more to end by itself, so that its exit status can be told."""
LINE = 1 << 26
"""The longest answer, in bytes."""
ANSWERS = 1 << 26, 1 << 12
"""How many bytes may come back: so many, and so many more for each record."""
BOOT = "import sys; sys.path += {paths!r}; from nearmost.label.isolation.worker import main; main({settings!r})"

Progress = Callable[[int, int], object]


def run(job: Job, records: Sequence[Values], limits: Limits | None = None, progress: Progress | None = None) -> Outcome:
    """What the job's code says of these records. Whatever the code does, this returns within the limits."""
    limits = limits or Limits()
    outcome = Outcome()
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="nearmost-") as folder:
        slate = Path(folder, "slate")
        slate.write_bytes(struct.pack("<q", -1))
        with _process(job, Path(folder), limits) as process:
            watch = Watch(process, slate, job, limits, outcome)
            try:
                watch.start()
                feeding = threading.Thread(target=_feed, args=(process.stdin, job, records, limits), daemon=True)
                feeding.start()
                _listen(process.stdout, job, records, outcome, watch, progress)
                if not watch.done and outcome.status == "done":
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        process.wait(LAST_WORD)
            finally:
                kill(process)
                watch.stop()
                feeding.join()
        _conclude(process.returncode, watch, outcome, slate, len(records))
    outcome.log = watch.log
    outcome.seconds = time.monotonic() - started
    return outcome


def _process(job: Job, folder: Path, limits: Limits) -> subprocess.Popen[bytes]:
    readable = [] if job.training is None else [job.training.vectors]
    settings = {
        "slate": str(folder / "slate"),
        "memory": limits.memory,
        "seconds": limits.seconds,
        "seconds_per_record": limits.seconds_per_record,
        "readable": readable,
        "learning": job.training is not None,
    }
    paths = [path for path in sys.path if Path(path).is_absolute() and Path(path).name.endswith("-packages")]
    ours = str(Path(nearmost.errors.__file__).parents[1])
    boot = BOOT.format(paths=[*paths, ours], settings=json.dumps(settings))
    environment = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    if sys.platform == "win32":
        environment["SYSTEMROOT"] = os.environ.get("SYSTEMROOT", "")
    return subprocess.Popen(
        [sys.executable, "-I", "-B", "-X", "utf8", "-c", boot],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=folder,
        env=environment,
        close_fds=True,
        start_new_session=True,
    )


def _feed(pipe: IO[bytes] | None, job: Job, records: Sequence[Values], limits: Limits) -> None:
    """Writes the job and the records, as fast as they are taken."""
    assert pipe is not None
    given = asdict(job) | {"votes_per_record": limits.votes_per_record, "held_out": None}
    with contextlib.suppress(OSError, ValueError):  # the process has ended, or was
        pipe.write(json.dumps(given).encode() + b"\n")
        if job.training is None:
            for first in range(0, len(records), BATCH):
                batch = [[first + place, dict(values)] for place, values in enumerate(records[first : first + BATCH])]
                pipe.write(json.dumps(batch).encode() + b"\n")
            for place, without in job.held_out.items():
                pipe.write(json.dumps([[place, dict(records[place]), without]]).encode() + b"\n")
        pipe.close()


def _listen(
    pipe: IO[bytes] | None,
    job: Job,
    records: Sequence[Values],
    outcome: Outcome,
    watch: Watch,
    progress: Progress | None,
) -> None:
    """Takes answers until the process is done or does something that cannot be."""
    assert pipe is not None
    answers = Answers(job, records, outcome)
    left = ANSWERS[0] + ANSWERS[1] * len(records)
    try:
        while line := pipe.readline(LINE):
            left -= len(line)
            if not line.endswith(b"\n") or left < 0:
                raise ForgedAnswerError("gave more than a run may give")
            answer = json.loads(line)
            if not isinstance(answer, dict):
                raise ForgedAnswerError("gave an answer that is none")
            if outcome.missing is None:  # the first line, from before any code of the user's
                outcome.missing = tuple(answer["ready"])
                watch.ready()
                continue
            if "done" in answer:
                watch.done = True
                return
            answers.take(answer)
            if outcome.status != "done":
                return
            if progress is not None and "at" in answer:
                progress(min(int(answer["at"]) + 1, len(records)), len(records))
    except (ForgedAnswerError, ValueError, TypeError, KeyError, IndexError, RecursionError) as error:
        if isinstance(error, ValueError) and pipe.closed:
            return
        outcome.fail("error", f"the code wrote into the answers of its process: {type(error).__name__}: {error}")


def _conclude(code: int, watch: Watch, outcome: Outcome, slate: Path, n_records: int) -> None:
    """Says what a process meant that ended without saying anything."""
    at = on_slate(slate)
    where = at if 0 <= at < n_records else None
    if outcome.status == "done" and not watch.done:
        if outcome.missing is None:
            last = (watch.log.strip().splitlines() or [f"exit status {code}"])[-1]
            outcome.fail("crash", f"the process did not start: {last}", None, watch.log)
        elif code < 0:
            name = signal.Signals(-code).name if -code in set(signal.Signals) else str(-code)
            outcome.fail("crash", f"the process was ended by {name}", where)
        else:
            outcome.fail("crash", f"the process ended itself with exit status {code}", where)
    if outcome.trouble is not None and outcome.trouble.record is not None and outcome.trouble.record >= n_records:
        outcome.trouble = type(outcome.trouble)(outcome.trouble.what, None, outcome.trouble.traceback)
