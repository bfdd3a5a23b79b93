"""How long a browse line and a look for similar records take in a project of 100,000 records; bar: 100 ms each.

    python benchmarks/label_browse.py [N_RECORDS] [ENCODER]

The texts are the headlines of the folder ag_news where it is there (see datasets.py), else made up from a vocabulary
with the frequencies of English (Zipf), taken again and again with five words changed. Printed are the median and the
worst of the lines in milliseconds, of the clock and of the processor: on a busy machine only the second says much.
"""

from __future__ import annotations

import json
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable

import numpy as np

from datasets import data_folder
from nearmost.label import ABSTAIN, Project
from nearmost.label.manual import annotations
from nearmost.label.votes import runs

LINES = (
    "", "the", "oil prices", "the -oil", '"stock market"', "title:oil", "micro*", "year:2003", "score<.3", "-year:2001",
    "label:World", "none", "weak:Sports", "weak:Sports conf<.6", "conf>.9", "conflict", "hit:rule1", "hit:none",
    "slice:unsure", "slice:fixed sports", "is:wrong", "is:disputed", "author:me", "has:comment", "has:vote -label:any",
    "conflict weak:World the", "label:none weak:World conf:.3...6 the conflict",
)  # fmt: skip
ORDERS = (None, "-conf", "year", "random", "relevance")
NAMES = ("World", "Sports", "Business", "Sci/Tech")


def texts() -> list[tuple[str, str]]:
    """(title, body) of real headlines, or of made-up ones."""
    files = [data_folder() / "ag_news" / f"{name}.json" for name in ("train", "val", "test")]
    if all(file.exists() for file in files):
        return [(row["Title"], row["Description"]) for file in files for row in json.loads(file.read_text())]
    rng = random.Random(0)
    words = ["the", "of", "oil", "prices", "stock", "market", "sports", *(f"word{n}" for n in range(20_000))]
    weights = [1 / (n + 1) for n in range(len(words))]
    return [
        (" ".join(rng.choices(words, weights, k=6)), " ".join(rng.choices(words, weights, k=30))) for _ in range(20_000)
    ]


def made(where: str, n_records: int, encoder: str) -> Project:
    """A project of so many records, a tenth of them labelled, with five heuristics, weak labels, slices and vectors."""
    rng, base = random.Random(0), texts()
    vocabulary = [word for _, body in base for word in body.split()]
    rows = []
    for number in range(n_records):
        title, body = base[number % len(base)]
        split = body.split()
        for _ in range(5 if number >= len(base) else 0):
            split[rng.randrange(len(split))] = rng.choice(vocabulary)
        text = " ".join(split)
        rows.append({"id": number, "title": title, "body": text, "year": 2000 + number % 7, "score": rng.random()})
    project = Project.create(where, key="id")
    tell("import", lambda: project.add_records(rows))
    project.add_task("Topic", NAMES)
    about = project.task("Topic")
    truth = [rng.randrange(4) for _ in rows]
    said = {n: [("me", about.labels[truth[n]].id, None, None, 0, "now")] for n in range(0, n_records, 10)}
    annotations.put(project, about, said)
    for rule in range(5):
        runs.register(project, "Topic", f"rule{rule}", "function")
        hit = rng.sample(range(n_records), n_records // 2)
        votes = [(n, NAMES[truth[n] if rng.random() < 0.8 else rng.randrange(4)], 1.0) for n in hit]
        project.save_votes("Topic", f"rule{rule}", "", votes)
    sure = np.random.default_rng(0).random(n_records)
    project.save_weak("Topic", np.where(sure > 0.1, truth, ABSTAIN), sure, model="made up")
    project.save_slice("unsure", "conf<.5 label:none")
    project.save_slice("fixed", "oil -year:2003", static=True)
    tell("vectors", lambda: project.embed(encoder))
    return project


def tell(what: str, work: Callable[[], object]) -> None:
    """Prints how long it takes once."""
    start, busy = time.perf_counter(), time.process_time()
    work()
    print(
        f"{what:10} {time.perf_counter() - start:7.1f} s, of the processor {time.process_time() - busy:7.1f} s",
        flush=True,
    )


def measured(work: Callable[[], object], times: int = 7) -> tuple[float, float]:
    """The medians of the clock and of the processor, in milliseconds."""
    work()
    taken = []
    for _ in range(times):
        start, busy = time.perf_counter(), time.process_time()
        work()
        taken.append((time.perf_counter() - start, time.process_time() - busy))
    clock, processor = (statistics.median(column) * 1000 for column in zip(*taken, strict=True))
    return clock, processor


def main(n_records: int = 100_000, encoder: str = "lsa:128") -> None:
    """Measures and prints."""
    with tempfile.TemporaryDirectory() as where, made(f"{where}/project", n_records, encoder) as project:
        for order in ORDERS:
            found = {line: measured(lambda line=line, order=order: project.browse(line, order=order)) for line in LINES}
            worst = max(found, key=lambda line: found[line][1])
            clock, processor = (statistics.median(column) for column in zip(*found.values(), strict=True))
            print(
                f"browse by {order or 'id':10} median {clock:6.1f} ms (processor {processor:5.1f}), "
                f"worst {found[worst][0]:6.1f} ms (processor {found[worst][1]:5.1f}): {worst!r}",
                flush=True,
            )
        asked = iter(range(0, n_records, max(1, n_records // 60)))
        clock, processor = measured(lambda: project.similar(next(asked), n=100), 40)
        print(f"similar              median {clock:6.1f} ms (processor {processor:5.1f}), 100 nearest")


if __name__ == "__main__":
    main(*(int(each) if each.isdecimal() else each for each in sys.argv[1:]))
