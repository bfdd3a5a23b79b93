"""How building and searching grow with the number of rows, from ten thousand to 1.1 million headlines.

    python benchmarks/growth.py [--most 1100000] [--rounds 5]

Vectors of the encoder lsa with 384 columns, and projected to 64. Each size is built in a fresh process, which maps the
rows from a file; its peak of memory is what the system kept (VmHWM), and what it had before it saw any row is told
beside it. Queries are held out from the rows; truth is the same index at recall 1.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

import datasets
import results
from nearmost import Index, plots
from nearmost.bench.machine import machine
from nearmost.bench.truth import Truth, held_out
from nearmost.metrics import METRICS
from nearmost.plots import style

SIZES = (10_000, 30_000, 100_000, 300_000, 1_099_000)
DIMS = (64, 384)
QUERIES = 1000
RECALLS = (0.90, 0.95, 0.99)


def peak() -> int:
    """Most bytes of memory that this process has had."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


def one_size(rows_file: str, queries_file: str, index_file: str, threads: int, rounds: int) -> dict[str, Any]:
    """In a fresh process: builds, saves, and, with one thread, searches."""
    rows, queries = np.load(rows_file, mmap_mode="r"), np.load(queries_file)
    clock = time.process_time if threads == 1 else time.perf_counter
    before, began = peak(), clock()
    index = Index.build(rows, n_threads=threads)
    built = clock() - began
    index.save(index_file)
    told = {"build_seconds": built, "peak_bytes": peak(), "peak_before": before, "raw_bytes": rows.nbytes}
    told |= {"file_bytes": Path(index_file).stat().st_size, "kind": index.info()["kind"]}
    return told if threads > 1 else told | _speeds(index, rows, queries, rounds)


def _speeds(index: Index, rows: Any, queries: Any, rounds: int) -> dict[str, Any]:
    truth = Truth.of(METRICS["cosine"], np.asarray(rows), queries, 10)
    found: dict[str, Any] = {}
    for recall in RECALLS:
        ids = index.search(queries, 10, recall=recall, n_threads=1).ids
        single, batch = [], []
        for number in range(rounds):
            few = queries[number * 200 % len(queries) :][:200]
            began = time.process_time()
            for query in few:
                index.search(query, 10, recall=recall, n_threads=1)
            single.append((time.process_time() - began) / len(few))
            began = time.process_time()
            index.search(queries, 10, recall=recall, n_threads=1)
            batch.append((time.process_time() - began) / len(queries))
        speeds = {"single": 1 / float(np.median(single)), "batch": 1 / float(np.median(batch))}
        found[str(recall)] = {"found": truth.recall(ids), **speeds}
    return {"search": found}


def measure(dim: int, sizes: list[int], rounds: int) -> list[dict[str, Any]]:
    """One row a size."""
    _, every = datasets.many_headlines(dim)
    rows, queries = held_out(every, QUERIES, 0)
    found = []
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        np.save(folder / "queries.npy", queries)
        for n in sizes:
            np.save(folder / "rows.npy", rows[:n])
            told: dict[str, Any] = {"n_rows": min(n, len(rows)), "dim": dim}
            for threads in (1, 2):
                files = [str(folder / file) for file in ("rows.npy", "queries.npy", "index.nearmost")]
                call = [sys.executable, __file__, "--one", *files, str(threads), str(rounds)]
                done = json.loads(subprocess.run(call, capture_output=True, text=True, check=True).stdout)
                told |= {
                    f"build_{threads}": done.pop("build_seconds"),
                    f"peak_{threads}": done.pop("peak_bytes"),
                    **done,
                }
            print(json.dumps(told), file=sys.stderr, flush=True)
            found.append(told)
    return found


def draw(found: list[dict[str, Any]]) -> Any:
    """Seconds to build, peak of memory (less an empty process) over the rows' bytes, and time a query, against rows."""
    with style.sizes():
        figure = style.figure(13, 4.4)
        panels = figure.subplots(1, 3)
        for dim, color, marker in zip(DIMS, style.PALETTE, style.MARKERS, strict=False):
            rows = [each for each in found if each["dim"] == dim]
            n = [each["n_rows"] for each in rows]
            for threads, dashes in ((1, "-"), (2, "--")):
                seconds = [each[f"build_{threads}"] for each in rows]
                name = f"{dim} columns, {threads} thread{'s' * (threads > 1)}"
                panels[0].plot(n, seconds, dashes, color=color, marker=marker, label=name)
            peaks = [(each["peak_1"] - each["peak_before"]) / each["raw_bytes"] for each in rows]
            panels[1].plot(n, peaks, color=color, marker=marker, label=f"{dim} columns")
            for mode, dashes in (("single", "-"), ("batch", "--")):
                times = [1e6 / each["search"]["0.95"][mode] for each in rows]
                panels[2].plot(n, times, dashes, color=color, marker=marker, label=f"{dim} columns, {mode}")
        titles = ("seconds to build", "peak of memory / bytes of the rows", "microseconds a query, recall=0.95")
        for axes, title in zip(panels, titles, strict=True):
            style.bare(axes)
            axes.set_xscale("log")
            axes.xaxis.set_major_formatter(lambda n, _: f"{n:,.0f}")
            axes.set_yscale("log" if axes is not panels[1] else "linear")
            axes.set_xlabel("rows", color=style.INK)
            axes.set_title(title, color=style.INK)
            axes.legend(frameon=False, fontsize=9, handlelength=3.5)
        panels[1].set_ylim(bottom=0)
    return figure


def main() -> None:
    if sys.argv[1:2] == ["--one"]:
        json.dump(one_size(*sys.argv[2:5], int(sys.argv[5]), int(sys.argv[6])), sys.stdout)
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--most", type=int, default=30_000 if results.QUICK else SIZES[-1])
    parser.add_argument("--rounds", type=int, default=2 if results.QUICK else 5)
    asked = parser.parse_args()
    sizes = [size for size in SIZES if size <= asked.most]
    found = [each for dim in DIMS for each in measure(dim, sizes, asked.rounds)]
    results.write("growth", {"facts": {"machine": machine(), "queries": QUERIES}, "sizes": found})
    plots.save(draw(found), *results.figures("growth"))


if __name__ == "__main__":
    main()
