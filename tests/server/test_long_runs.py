"""Long runs tell how far they are, in order, whoever listens and whenever."""

from __future__ import annotations

import json
from typing import Any

from nearmost.server.jobs import Job, Jobs


def told(job: Job) -> list[dict[str, Any]]:
    return [json.loads(line[6:]) for event in job.events() for line in event.splitlines() if line.startswith("data: ")]


def test_a_job_tells_progress_and_its_result_to_every_listener() -> None:
    def work(progress: Any) -> int:
        for done in range(3):
            progress(done, 3)
        return 42

    job = Jobs().start("counting", work)
    first = told(job)
    assert [each.get("done") for each in first] == [None, 0, 1, 2, None]
    assert first[-1] == {"state": "done", "result": 42}
    assert told(job) == first  # a page that was loaded again hears everything once more


def test_a_failure_is_told_and_the_next_job_runs() -> None:
    jobs = Jobs()

    def broken(progress: Any) -> None:
        raise ValueError("no such list")

    failed, good = jobs.start("broken", broken), jobs.start("good", lambda progress: "fine")
    assert told(failed)[-1] == {"state": "failed", "error": "no such list"}
    assert told(good)[-1]["result"] == "fine"
    assert jobs.find(good.number) is good
    assert jobs.find(99) is None
