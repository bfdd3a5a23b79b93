"""Saves under fire: every call that a save makes on its folder fails, falls short or kills, one after the other.

    python tests/reliability/faults.py

prints, as JSON, how many saves were tried, what they came to, and every broken promise. It compiles faults.c and
starts itself again behind it; each save then runs in a forked child, whose exit status says what the save said.
"""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import samples

from nearmost import store
from nearmost.errors import NearmostError

KINDS = ("ENOSPC", "EIO", "SHORT", "KILL", "TORN", "FULL")
"""FULL: from that call on, all writes say ENOSPC. TORN: half of a write, or the whole of another call, then SIGKILL."""
SOURCE = Path(__file__).with_name("faults.c")


def shim(folder: Path) -> Path | None:
    """The compiled faults.c, or None where this machine has no C compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        return None
    made = folder / "faults.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", str(made), str(SOURCE), "-ldl"], check=True)
    return made


def behind_the_shim(script: str, *arguments: str) -> str | None:
    """What this script prints when it runs behind faults.c; None without a compiler."""
    with tempfile.TemporaryDirectory() as built, tempfile.TemporaryDirectory() as folder:
        made = shim(Path(built))
        if made is None:
            return None
        env = {**os.environ, "LD_PRELOAD": str(made), "FAULTS_FOLDER": os.path.realpath(folder)}
        command = [sys.executable, script, *arguments]
        return subprocess.run(command, env=env, check=True, stdout=subprocess.PIPE, text=True, timeout=600).stdout


def save(target: Path, version: int) -> None:
    """Version 0, 1, 2 ... of an index: its header says which, and its rows are drawn from that number."""
    made = samples.contents("cosine", 60, 16, keys=True, texts=True, encoder=True, seed=version)
    store.write(target, {**made.header(), "version": version}, made.arrays())


def version_of(target: Path) -> int | None:
    """The version that is in the file, every byte of it verified; None where there is no file."""
    if not target.exists():
        return None
    return int(store.read(target, "full").header["version"])


def in_a_child(work: Callable[[], None]) -> int:
    """0 where it returned, 1 where it raised, minus the signal that killed it."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            work()
            status = 0
        except OSError:
            pass
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


class Range:
    """A folder in which saves are shot at."""

    def __init__(self, folder: Path) -> None:
        self.shim = ctypes.CDLL(None)
        self.target = folder / "index.nearmost"
        self.leftover = folder / f".{self.target.name}.0123456789abcdef.partial"
        self.outcomes: Counter[str] = Counter()
        self.broken: list[str] = []

    def calls(self, *, replaces: bool) -> int:
        """How many calls there are to fail."""
        self.set_up(replaces)
        self.shim.faults_arm(1 << 30, 0)
        save(self.target, 1)
        n = int(self.shim.faults_calls())
        self.shim.faults_arm(-1, 0)
        return n

    def set_up(self, replaces: bool) -> None:
        """What a killed save left, and an old version or none."""
        self.target.unlink(missing_ok=True)
        if replaces:
            save(self.target, 0)
        self.leftover.write_bytes(b"half a file")

    def shoot(self, n: int, kind: str, *, replaces: bool) -> None:
        """One save with its n-th call failing."""
        self.set_up(replaces)

        def work() -> None:
            self.shim.faults_arm(n, 1 + KINDS.index(kind))
            save(self.target, 1)

        status = in_a_child(work)
        self.judge(status, f"{kind} at call {n}, {'replacing' if replaces else 'first save'}", 0 if replaces else None)
        save(self.target, 2)
        left = sorted(path.name for path in self.target.parent.iterdir())
        if left != [self.target.name] or version_of(self.target) != 2:
            self.broken.append(f"{kind} at call {n}: the next save left {left}")

    def judge(self, status: int, what: str, old: int | None) -> None:
        said = {0: "saved", 1: "raised", -signal.SIGKILL: "killed"}.get(status, f"status {status}")
        try:
            found = version_of(self.target)
        except NearmostError as error:
            self.broken.append(f"{what}: {said}, and the file is damaged: {error}")
            return
        self.outcomes[f"{said}, {'new' if found == 1 else 'old'} file"] += 1
        if found not in (old, 1) or (status == 0 and found != 1) or said.startswith("status"):
            self.broken.append(f"{what}: {said}, and version {found} is there")
        partial = [path.name for path in self.target.parent.glob(".*.partial") if path != self.leftover]
        if status >= 0 and partial:
            self.broken.append(f"{what}: {said}, and {partial} is left")


def main() -> None:
    shots = Range(Path(os.environ["FAULTS_FOLDER"]))
    calls = {}
    for replaces in (True, False):
        calls["replacing" if replaces else "first save"] = n = shots.calls(replaces=replaces)
        for kind in KINDS:
            for at in range(1, n + 1):
                shots.shoot(at, kind, replaces=replaces)
    print(json.dumps({"calls": calls, "outcomes": shots.outcomes, "broken": shots.broken}, indent=1))


if __name__ == "__main__":
    if "FAULTS_FOLDER" in os.environ:
        main()
    else:
        print(behind_the_shim(__file__) or "no C compiler: nothing was tried")
