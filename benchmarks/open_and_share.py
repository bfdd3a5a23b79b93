"""What it costs to open a large index, and what several processes that open it share.

    python benchmarks/open_and_share.py --megabytes 1000 --processes 4

Prints, as one JSON line, milliseconds to open (best and worst of several), the private memory that opening and a first
key look-up add (dirty: memory of its own; clean: pages of the file that nobody else happens to have mapped yet), and,
once every process has read the whole file, what each of them has of it: Shared_Clean, private and proportional (Pss)
kilobytes, all from /proc/self/smaps.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np

from nearmost import store
from nearmost.contents import Contents
from nearmost.index import Index
from nearmost.kinds.flat import Flat
from nearmost.metrics import METRICS
from nearmost.rows import Rows
from nearmost.strings import Keys

DIM = 384
ROW_BYTES = DIM * 5 + 40  # float32 and 8-bit codes, and a key


def make(path: Path, megabytes: int) -> None:
    """An index of about this size."""
    n_rows = max(16, megabytes * 1_000_000 // ROW_BYTES)
    rows = np.random.default_rng(0).random((n_rows, DIM), dtype=np.float32)
    made = Contents(
        Flat.pack(METRICS["cosine"], Rows.of(rows, METRICS["cosine"])), Keys.of(f"row-{row}" for row in range(n_rows))
    )
    store.write(path, made.header(), made.arrays())


def memory(of: str = "") -> Counter[str]:
    """Kilobytes of this process by kind, of the maps whose name holds these words."""
    total: Counter[str] = Counter()
    wanted = False
    for line in Path("/proc/self/smaps").read_text().splitlines():
        words = line.split()
        if "-" in words[0] and not words[0].endswith(":"):
            wanted = of in line
        elif wanted and words[-1] == "kB":
            total[words[0].rstrip(":")] += int(words[1])
    return total


def opening(path: Path, times: int = 7) -> dict[str, float]:
    """Milliseconds to open, and the private kilobytes that an open index adds."""
    Index.open(path).close()  # what Python imports and allocates once is not the file's
    before, took = memory(), []
    for _ in range(times):
        began = time.perf_counter()
        index = Index.open(path)
        took.append((time.perf_counter() - began) * 1000)
    opened = memory()
    row = index.keys.row(f"row-{len(index) // 2}")
    assert row == len(index) // 2
    looked_up = memory()
    figures = {"open_ms_best": min(took), "open_ms_worst": max(took)}
    for when, now in (("opened", opened), ("looked_up", looked_up)):
        for kind in ("Private_Dirty", "Private_Clean"):
            figures[f"{when}_{kind}_kb_added"] = now[kind] - before[kind]
    return figures


def sharing(path: Path, processes: int) -> list[dict[str, int]]:
    """Kilobytes of the file in each of several processes that have read all of it, while all are there."""
    done, ready = os.pipe()
    shown, show = os.pipe()
    go, start = os.pipe()
    for _ in range(processes):
        if os.fork() == 0:
            os.close(start)
            held = Index.open(path, verify="full")
            os.write(ready, b"1")
            os.read(go, 1)  # nothing comes: it ends when the parent closes it
            kinds = memory(path.name)
            told = {"rows": len(held)}
            told |= {kind: kinds[kind] for kind in ("Rss", "Pss", "Shared_Clean", "Private_Clean", "Private_Dirty")}
            os.write(show, (json.dumps(told) + "\n").encode())
            os.write(ready, b"1")
            time.sleep(1)  # so that the others still find its share
            os._exit(0)
    _wait_for(done, processes)
    os.close(start)
    _wait_for(done, processes)
    lines = os.read(shown, 1 << 16).decode().splitlines()
    for _ in range(processes):
        os.wait()
    return [json.loads(line) for line in lines]


def _wait_for(pipe: int, n: int) -> None:
    while n > 0:
        n -= len(os.read(pipe, n))


def measure(megabytes: int, processes: int, folder: Path) -> dict[str, object]:
    """All of it, for an index of this size made in this folder."""
    path = folder / "large.nearmost"
    child = os.fork()  # so that the memory it took to make the index is gone again
    if child == 0:
        make(path, megabytes)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    figures: dict[str, object] = {"megabytes": path.stat().st_size / 1e6, **opening(path)}
    return {**figures, "processes": sharing(path, processes)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, default=1000)
    parser.add_argument("--processes", type=int, default=4)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(measure(asked.megabytes, asked.processes, Path(folder))))


if __name__ == "__main__":
    main()
