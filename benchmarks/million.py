"""A million headlines end to end by one call, a stage at a time: seconds, memory, bytes, and the recall of the result.

    python benchmarks/million.py [--encoder lsa static minilm] [--limit 1100000] [--threads 2]

Each index is made in a fresh process by ``index_corpus``, and watched from here: the memory of it and of the processes
that it starts, looked at five times a second. Queries are headlines that are not among those indexed; truth are their
nearest rows by an exact search, which NumPy checks. ``minilm`` takes the first 100,000 headlines only.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

import results
from datasets import data_folder
from nearmost import METRICS, Index, index_corpus, read_corpus
from nearmost.bench.machine import machine
from nearmost.bench.truth import Truth

FEWER = {"minilm": 100_000}
QUERIES = 1000
RECALLS = (0.90, 0.95, 0.99)
LOOK = 0.2
MB = 1e6


def spent() -> float:
    """CPU seconds of this process and of those that it has waited for."""
    times = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(used.ru_utime + used.ru_stime for used in times)


def make(encoder: str, source: str, output: str, limit: int, threads: int) -> None:
    """In a fresh process: makes the index; prints a line of JSON when a stage begins, and one at the end."""
    last = ""

    def tell(stage: str, done: int = 0, total: int = 0) -> None:
        nonlocal last
        if stage != last:
            last = stage
            print(json.dumps({"stage": stage, "wall": time.monotonic(), "cpu": spent()}), flush=True)

    tell("starting")
    index = index_corpus(
        source, output, text="headline", key="key", encoder=encoder, limit=limit, n_threads=threads, progress=tell
    )
    tell("end")
    lines = Path("/proc/self/status").read_text().splitlines()
    most = next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) * 1024
    print(json.dumps({"n_rows": len(index), "kind": index.info()["kind"], "most_mb": most / MB}))


class Watch(threading.Thread):
    """The most memory of a process and its children, by what is going on."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.pid, self.stage = pid, "starting"
        self.most: dict[str, dict[str, float]] = {}

    def run(self) -> None:
        while True:
            found = [sizes(pid) for pid in (self.pid, *children(self.pid))]
            if not found[0]:
                return
            anonymous = sum(each.get("RssAnon", 0) for each in found)
            most = self.most.setdefault(self.stage, {"anonymous_mb": 0, "main_rss_mb": 0})
            most["anonymous_mb"] = max(most["anonymous_mb"], anonymous / MB)
            most["main_rss_mb"] = max(most["main_rss_mb"], found[0].get("VmRSS", 0) / MB)
            time.sleep(LOOK)


def sizes(pid: int) -> dict[str, int]:
    """Bytes of memory of a process, by the system's names; nothing once it is gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return {}
    return {line.split(":")[0]: int(line.split()[1]) * 1024 for line in lines if line.startswith(("RssAnon", "VmRSS"))}


def children(pid: int) -> Iterator[int]:
    """The processes that a process has started, by any of its threads."""
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            yield from map(int, path.read_text().split())
        except OSError:
            return


def measured(encoder: str, source: Path, output: Path, limit: int, threads: int) -> dict[str, Any]:
    """What making the index took, by stage."""
    call = [sys.executable, __file__, "--make", encoder, str(source), str(output), str(limit), str(threads)]
    with subprocess.Popen(call, stdout=subprocess.PIPE, text=True) as child:
        watch = Watch(child.pid)
        watch.start()
        marks: list[dict[str, Any]] = []
        told: dict[str, Any] = {}
        assert child.stdout is not None
        for line in child.stdout:
            said = json.loads(line)
            if "stage" in said:
                watch.stage = said["stage"]
                marks.append(said)
            else:
                told = said
    if child.returncode:
        raise RuntimeError(f"indexing with {encoder} ended with status {child.returncode}")
    stages = {
        begin["stage"]: {
            "wall_s": end["wall"] - begin["wall"],
            "cpu_s": end["cpu"] - begin["cpu"],
            **watch.most.get(begin["stage"], {}),
        }
        for begin, end in pairwise(marks)
    }
    total = {name: sum(stage[name] for stage in stages.values()) for name in ("wall_s", "cpu_s")}
    return {**told, "stages": stages, "total": total, "file_bytes": output.stat().st_size}


def queries_for(index: Index) -> list[str]:
    """Headlines that are not in the index."""
    path = data_folder() / "headlines" / "minilm-50k.txt.xz"
    indexed = set(index.texts or ())
    found = [text.partition("\t")[2] for text in read_corpus(path, format="txt").texts]
    new = sorted(set(found) - indexed)
    drawn = np.random.default_rng(0).choice(len(new), QUERIES, replace=False)
    return [new[i] for i in drawn]


def searched(output: Path) -> dict[str, Any]:
    """The recall of the index for queries from outside, and how fast they are answered, a thread a query."""
    with Index.open(output) as index:
        texts = queries_for(index)
        queries = index.encoder.encode(texts)
        queries = queries[queries.any(axis=1)]  # lsa knows no word of some
        truth = Truth.of(METRICS["cosine"], index.vectors().rows, queries, 10)
        found: dict[str, Any] = {"queries": len(queries)}
        for recall in RECALLS:
            ids = index.search(queries, 10, recall=recall, n_threads=1).ids
            began = time.process_time()
            for query in queries[:300]:
                index.search(query, 10, recall=recall, n_threads=1)
            took = (time.process_time() - began) / 300
            found[str(recall)] = {"found": truth.recall(ids), "queries_per_cpu_second": 1 / took}
    return found


def main() -> None:
    if sys.argv[1:2] == ["--make"]:
        encoder, place, output, limit, threads = sys.argv[2:]
        make(encoder, place, output, int(limit), int(threads))
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--encoder", nargs="+", default=["lsa", "static", "minilm"])
    parser.add_argument("--limit", type=int, default=20_000 if results.QUICK else 1_100_000)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--folder", help="where to make the indexes; they stay there")
    asked = parser.parse_args()
    source = data_folder() / "headlines" / "headlines-1.1m.tsv.xz"
    if not source.exists():
        raise SystemExit(f"there is no {source}; NEARMOST_DATA names the folder of real files")
    kept = (results.read("million") or {}).get("runs", {})
    with tempfile.TemporaryDirectory() as place:
        for encoder in asked.encoder:
            limit = min(asked.limit, FEWER.get(encoder, asked.limit))
            target = Path(asked.folder or place) / f"headlines-{encoder}.nearmost"
            told = measured(encoder, source, target, limit, asked.threads)
            told |= {"threads": asked.threads, "load": os.getloadavg()[0], "search": searched(target)}
            kept[encoder] = told
            print(encoder, json.dumps(told), flush=True)
            results.write("million", {"machine": machine(), "runs": kept})


if __name__ == "__main__":
    main()
