"""kill -9 at random moments of a loop that saves; and readers that open again and again while a writer replaces.

    python tests/reliability/kills.py --kills 200 --seconds 20

Nothing is put back between the kills: each loop carries on from what the last one left.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import struct
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np

from nearmost import store
from nearmost.errors import NearmostError

ROWS = 1 << 17
NUMBER = struct.Struct("<q")


def save(target: Path, version: int) -> None:
    """A file of a megabyte in which every number is the version."""
    store.write(target, {"version": version}, {"numbers": np.full(ROWS, version), "more": np.full(7, version)})


def version_of(target: Path) -> int:
    """The version in the file. Raises FormatError, or ValueError where the file mixes two versions."""
    stored = store.read(target, "full")
    seen = {
        int(stored.header["version"]),
        *np.unique(stored.arrays["numbers"]).tolist(),
        *stored.arrays["more"].tolist(),
    }
    if len(seen) != 1:
        raise ValueError(f"versions {seen} in one file")
    return int(seen.pop())


def kill_savers(folder: Path, kills: int, seed: int = 0) -> tuple[Counter[str], list[str]]:
    """How the kills fell, and every broken promise: an acknowledged save lost, or a file neither old nor new."""
    target, rng = folder / "index.nearmost", random.Random(seed)
    save(target, 0)
    version, counts, broken = 0, Counter[str](), list[str]()
    began = time.monotonic()
    for _ in range(4):
        save(target, version)
    one_save = (time.monotonic() - began) / 4
    for kill in range(kills):
        told, tell = os.pipe()
        child = os.fork()
        if child == 0:
            for number in range(version + 1, version + 10_000):
                save(target, number)
                os.write(tell, NUMBER.pack(number))
            os._exit(0)
        os.close(tell)
        time.sleep(rng.random() * 4 * one_save)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        with open(told, "rb") as pipe:
            acknowledged = max((number for (number,) in NUMBER.iter_unpack(pipe.read())), default=version)
        leftovers = len(list(folder.glob(".*.partial")))
        counts["in the middle of a save" if leftovers else "between"] += 1
        if leftovers > 1:
            broken.append(f"kill {kill}: {leftovers} leftovers")
        try:
            found = version_of(target)
        except (NearmostError, ValueError, OSError) as error:
            broken.append(f"kill {kill}: {error}")
            break
        if found not in (acknowledged, acknowledged + 1):
            broken.append(f"kill {kill}: {acknowledged} was acknowledged and {found} is there")
        version = found
    save(target, version + 1)
    if [path.name for path in folder.iterdir()] != [target.name]:
        broken.append("the last save left something behind")
    counts["saves"] = version
    return counts, broken


def read_while_replaced(folder: Path, seconds: float, readers: int = 3) -> tuple[Counter[str], list[str]]:
    """How many opens and replacements there were in that time, and every open that was not whole or went back."""
    target = folder / "shared.nearmost"
    save(target, 0)
    until = time.monotonic() + seconds
    pipes = []
    for _ in range(readers):
        told, tell = os.pipe()
        if os.fork() == 0:
            os.write(tell, _read_until(target, until).encode())
            os._exit(0)
        os.close(tell)
        pipes.append(told)
    version = 0
    while time.monotonic() < until:
        version += 1
        save(target, version)
    counts, broken = Counter(replacements=version), []
    for told in pipes:
        with open(told, "rb") as pipe:
            opens, _, wrong = pipe.read().decode().partition(" ")
        os.wait()
        counts["verified opens"] += int(opens or 0)
        broken += [wrong] if wrong or not opens else []
    return counts, broken


def _read_until(target: Path, until: float) -> str:
    opens, last = 0, 0
    held = store.read(target)
    first = int(held.header["version"])
    while opens == 0 or time.monotonic() < until:  # a busy machine may start a reader late
        try:
            version = version_of(target)
        except (NearmostError, ValueError, OSError) as error:
            return f"{opens} {error}"
        if version < last:
            return f"{opens} version {version} after {last}"
        opens, last = opens + 1, version
    if (held.arrays["numbers"] != first).any():
        return f"{opens} the map that was held all along has changed"
    return str(opens)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        print("kill -9:", *kill_savers(Path(folder), asked.kills, asked.seed))
    with tempfile.TemporaryDirectory() as folder:
        print("readers:", *read_while_replaced(Path(folder), asked.seconds))


if __name__ == "__main__":
    main()
