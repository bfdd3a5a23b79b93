"""One corpus made into an index by one machine, by Beam and by Dask: the same answers, and what each of them takes.

    python benchmarks/engines.py --texts 100000 --encoder lsa --rounds 3

Each way is a process of its own with two workers; the ways take turns. CPU seconds count all processes of a way, and
say more than wall seconds where the machine has other work.
"""

from __future__ import annotations

import argparse
import json
import lzma
import os
import subprocess
import sys
import tempfile
import time
from itertools import islice
from pathlib import Path
from statistics import median

import numpy as np

import nearmost
from datasets import data_folder

FILES, WORKERS, SHARDS, QUERIES = 4, 2, 4, 500
WAYS = {
    "nearmost index": ["index", "-o", "one.nearmost", "--threads", str(WORKERS)],
    "Beam": ["pipeline", "-o", "beam-*.nearmost", "--shards", str(SHARDS), "--workers", str(WORKERS)],
    "Dask": [
        "pipeline",
        "-o",
        "dask-*.nearmost",
        "--shards",
        str(SHARDS),
        "--workers",
        str(WORKERS),
        "--engine",
        "dask",
    ],
}
MADE = {"nearmost index": "one.nearmost", "Beam": "beam-*.nearmost", "Dask": "dask-*.nearmost"}


def write_corpus(folder: Path, n_texts: int) -> list[str]:
    """The headlines in some files of the folder; returns others, to ask for."""
    with lzma.open(
        data_folder() / "headlines" / "headlines-1.1m.tsv.xz", "rt", encoding="utf-8", newline="\n"
    ) as lines:
        header = next(lines)
        for file in range(FILES):
            rows = islice(lines, n_texts // FILES)
            (folder / f"{file}.tsv").write_text(header + "".join(rows), encoding="utf-8", newline="\n")
        return [line.rstrip("\n").split("\t")[-1] for line in islice(lines, QUERIES)]


def timed(way: str, folder: Path, encoder: str) -> tuple[float, float]:
    """Wall and CPU seconds of one way, all its processes together."""
    for made in folder.glob(MADE[way]):
        made.unlink()
    inputs = [f"{file}.tsv" for file in range(FILES)]
    command = [sys.executable, "-m", "nearmost", WAYS[way][0], *inputs, *WAYS[way][1:]]
    command += ["--text", "headline", "--key", "key", "--encoder", encoder, "--on-duplicate", "first"]
    with open(folder / "log", "w") as log:
        started = time.monotonic()
        child = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=log)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        wall = time.monotonic() - started
    if child.returncode:
        raise SystemExit(f"{way} failed:\n{(folder / 'log').read_text()[-2000:]}")
    return wall, usage.ru_utime + usage.ru_stime


def same_answers(folder: Path, queries: list[str]) -> dict[str, bool]:
    """Whether each way has the keys of the first, and to the queries, at recall 1, its answers."""
    told: dict[str, bool] = {}
    for way, made in MADE.items():
        with nearmost.open(str(folder / made)) as index:
            ids, scores = index.search(queries, 10, recall=1)
            keys = np.array([index.keys.take(row) for row in ids])
            if way == next(iter(MADE)):
                all_keys, first_keys, first_scores = set(index.keys), keys, scores
                continue
            clear = scores[:, -1:] < scores  # keys of a score that is that of the last may be any of those that tie
            told[f"{way}: keys"] = set(index.keys) == all_keys
            told[f"{way}: scores"] = bool(np.allclose(scores, first_scores, rtol=0, atol=1e-6))
            told[f"{way}: scores to the last bit"] = bool(np.array_equal(scores, first_scores))
            told[f"{way}: neighbours"] = all(
                set(ours[sure]) == set(theirs[sure]) for ours, theirs, sure in zip(keys, first_keys, clear, strict=True)
            )
    return told


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--texts", type=int, default=100_000)
    parser.add_argument("--encoder", default="lsa")
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        queries = write_corpus(folder, given.texts)
        took: dict[str, list[tuple[float, float]]] = {way: [] for way in WAYS}
        for _ in range(given.rounds):
            for way in WAYS:
                took[way].append(timed(way, folder, given.encoder))
                print(f"{way}: {took[way][-1][0]:.1f} s, {took[way][-1][1]:.1f} CPU s", file=sys.stderr, flush=True)
        same = same_answers(folder, queries)
    print(f"{given.texts:,} headlines, {given.encoder}, {WORKERS} workers, median of {given.rounds}")
    first = took["nearmost index"]
    for way, pairs in took.items():
        wall, cpu = median(pair[0] for pair in pairs), median(pair[1] for pair in pairs)
        ratios = [median(pair[i] for pair in pairs) / median(pair[i] for pair in first) for i in (0, 1)]
        rate = given.texts / cpu
        print(f"{way:15} {wall:7.1f} s {cpu:7.1f} CPU s {rate:8.0f} texts a CPU s  {ratios[0]:.2f} {ratios[1]:.2f}")
    print(json.dumps(same))


if __name__ == "__main__":
    main()
