"""Opens damaged index files by the thousand, in processes of their own, and counts what became of each.

    python tests/reliability/damage.py --count 100000 --workers 2

sanitize.sh does it with a nearmost built for AddressSanitizer, whose reports count as crashes.
``--only SEED`` repeats one mutation in this process and lets its error through.
"""

from __future__ import annotations

import argparse
import json
import mmap
import os
import random
import struct
import subprocess
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

import mutations
import numpy as np
import samples

from nearmost import errors
from nearmost.index import Index

OUTCOMES = ("crash", "hang", "silent wrong", "foreign error", "clean error", "harmless", "other answer")
"""Foreign: an exception that is not ours. Other answer: allowed, as nothing was verified or checksums were repaired."""
DOORS = ("verify", "no verify", "heap")
PATIENCE = 90.0
SANITIZERS = {"ASAN_OPTIONS": "detect_leaks=0:allocator_may_return_null=1", "UBSAN_OPTIONS": "halt_on_error=1"}
STATE = struct.Struct("<qq")


def trial(
    sound: bytes, truth: list[object], rng: random.Random, path: Path
) -> tuple[str, dict[str, str], dict[str, str]]:
    """What was done to the file, and for each door what came of it and what the error said."""
    name, repaired, damaged = mutations.mutate(sound, rng)
    path.write_bytes(damaged)
    outcomes, said = {}, {}
    for door in DOORS:
        try:
            outcomes[door] = "harmless" if _asked(path, door) == truth else "other answer"
        except errors.NearmostError:
            outcomes[door] = "clean error"
        except Exception as error:
            outcomes[door], said[door] = "foreign error", f"{type(error).__name__}: {error!s:.150}"
    if outcomes["verify"] == "other answer" and not repaired:
        outcomes["verify"] = "silent wrong"
    return name, {f"{door}, {'repaired' if repaired else 'blind'}": what for door, what in outcomes.items()}, said


def _asked(path: Path, door: str) -> list[object]:
    if door == "heap":
        return samples.answers(samples.with_arrays_on_the_heap(path))
    with Index.open(path, verify="full" if door == "verify" else "header") as index:
        return samples.answers(index)


def work(folder: Path, first: int, last: int) -> None:
    """One child: mutations first to last - 1, each number written down before it is tried."""
    warnings.simplefilter("ignore", RuntimeWarning)
    paths = sorted(folder.glob("*.nearmost"))
    sound = [path.read_bytes() for path in paths]
    truth = [samples.answers(Index.open(path, verify="full")) for path in paths]
    counts: Counter[str] = Counter()
    examples: dict[str, str] = {}
    scratch = folder / f"damaged-{first}"
    with open(folder / f"at-{first}", "r+b") as file:
        at = mmap.mmap(file.fileno(), STATE.size)
    for seed in range(first, last):
        STATE.pack_into(at, 0, seed, 0)
        rng = random.Random(seed)
        which = rng.randrange(len(sound))
        name, outcomes, said = trial(sound[which], truth[which], rng, scratch)
        for door, what in outcomes.items():
            counts[f"{door}: {what}"] += 1
            if what in ("silent wrong", "foreign error"):
                examples.setdefault(f"{door}: {name}", f"seed {seed}, {paths[which].name}: {what} {said}")
    STATE.pack_into(at, 0, last, 1)
    (folder / f"done-{first}").write_text(json.dumps([counts, examples]))


class Child:
    """A process that works through a range of mutations, started again behind the one that killed it."""

    def __init__(self, script: str, folder: Path, first: int, last: int) -> None:
        self.folder, self.first, self.last = folder, first, last
        self.counts: Counter[str] = Counter()
        self.examples: dict[str, str] = {}
        self.moved, self.seen = time.monotonic(), first
        (folder / f"at-{first}").write_bytes(STATE.pack(first, 0))
        self.log = open(folder / f"log-{first}", "wb")  # noqa: SIM115
        command = [sys.executable, script, "--child", str(folder), str(first), str(last)]
        self.process = subprocess.Popen(command, env={**SANITIZERS, **os.environ}, stdout=self.log, stderr=self.log)

    def poll(self) -> list[tuple[int, int]] | None:
        """None while it runs; then the ranges that are left to do: those around the mutation that stopped it."""
        at = STATE.unpack((self.folder / f"at-{self.first}").read_bytes())[0]
        if at != self.seen:
            self.seen, self.moved = at, time.monotonic()
        code = self.process.poll()
        hangs = code is None and time.monotonic() - self.moved > PATIENCE + (60 if at == self.first else 0)
        if code is None and not hangs:
            return None
        if hangs:
            self.process.kill()
            self.process.wait()
        self.log.close()
        done = self.folder / f"done-{self.first}"
        if done.exists():
            counts, self.examples = json.loads(done.read_text())
            self.counts = Counter(counts)
            done.unlink()
            return []
        what = "hang" if hangs else "crash"
        self.counts[what] += 1
        self.examples[f"{what} at seed {at}"] = (self.folder / f"log-{self.first}").read_text(errors="replace")[:3000]
        return [(first, last) for first, last in ((self.first, at), (at + 1, self.last)) if first < last]


def run(
    count: int,
    *,
    seed: int = 0,
    workers: int = 1,
    batch: int = 2000,
    script: str = __file__,
    every_sample: Callable[[Path], Iterable[Path]] = samples.every_sample,
) -> tuple[Counter[str], dict[str, str]]:
    """The counts by door and outcome over ``count`` mutations, and one example of each thing that must not be.

    ``script`` is what children run: this one, or another with a ``work`` of its own behind --child.
    """
    counts: Counter[str] = Counter()
    examples: dict[str, str] = {}
    todo = [(at, min(at + batch, seed + count)) for at in range(seed, seed + count, batch)][::-1]
    base = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=base) as folder:
        list(every_sample(Path(folder)))
        running: list[Child] = []
        while todo or running:
            while todo and len(running) < workers:
                running.append(Child(script, Path(folder), *todo.pop()))
            time.sleep(0.1)
            for child in list(running):
                left = child.poll()
                if left is None:
                    continue
                running.remove(child)
                todo += left
                counts += child.counts
                examples |= child.examples
    return counts, examples


def table(counts: Counter[str]) -> str:
    """Rows: how it was opened and damaged; columns: what became of it."""
    lines = [f"{'':24}" + "".join(f"{what:>15}" for what in OUTCOMES[2:])]
    lines += [
        f"{row:24}" + "".join(f"{counts[f'{row}: {what}']:>15}" for what in OUTCOMES[2:])
        for row in (f"{door}, {how}" for door in DOORS for how in ("blind", "repaired"))
    ]
    return "\n".join([*lines, f"crashes {counts['crash']}, hangs {counts['hang']}"])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--only", type=int)
    parser.add_argument("--child", nargs=3)
    asked = parser.parse_args()
    if asked.child:
        work(Path(asked.child[0]), int(asked.child[1]), int(asked.child[2]))
        return 0
    if asked.only is not None:
        return repeat(asked.only)
    counts, examples = run(asked.count, seed=asked.seed, workers=asked.workers)
    print(table(counts))
    for where, example in examples.items():
        print(f"\n{where}\n{example}")
    return int(bool(examples))


def repeat(seed: int) -> int:
    """One mutation again, with its error let through."""
    with tempfile.TemporaryDirectory() as folder:
        paths = sorted(samples.every_sample(Path(folder)))
        rng = random.Random(seed)
        path = paths[rng.randrange(len(paths))]
        name, repaired, damaged = mutations.mutate(path.read_bytes(), rng)
        print(path.name, name, "repaired" if repaired else "blind", len(damaged), flush=True)
        path.write_bytes(damaged)
        for door in DOORS:
            try:
                print(door, len(_asked(path, door)), flush=True)
            except errors.NearmostError as error:
                print(door, type(error).__name__, error, flush=True)
    return 0


if __name__ == "__main__":
    np.seterr(all="ignore")
    sys.exit(main())
