"""Power cuts in the middle of a save, replayed: all that a disk may have kept of what was not yet synced.

faults.c writes down what a save does. From that journal every state is made that a power cut could leave: for each
prefix of the journal, every choice of the folder's changes since the folder was synced, and of the writes since the
file was, whole or torn. (After Pillai et al., All file systems are not created equal, OSDI 2014.)
"""

from __future__ import annotations

import ctypes
import itertools
import os
import random
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import faults

Writes = list[tuple[int, bytes]]
FOLDER = -1


@dataclass
class Disk:
    """What is on the disk for certain, and what may be: one folder, files by number."""

    names: dict[str, int]
    durable: dict[int, Writes]
    pending: dict[int, Writes] = field(default_factory=dict)
    changes: list[tuple[str, str, int]] = field(default_factory=list)  # ("link" | "unlink", name, file)

    def targets(self, target: str, rng: random.Random) -> Iterator[bytes | None]:
        """Each content that the target may have after a power cut now."""
        for kept in itertools.product((True, False), repeat=len(self.changes)):
            names = dict(self.names)
            for (change, name, file), was_kept in zip(self.changes, kept, strict=True):
                if was_kept and change == "link":
                    names[name] = file
                elif was_kept:
                    names.pop(name, None)
            if target not in names:
                yield None
                continue
            file = names[target]
            for writes in losses(self.pending.get(file, []), rng):
                yield content([*self.durable[file], *writes])


def losses(pending: Writes, rng: random.Random) -> Iterator[Writes]:
    """Choices of the writes that reached the disk: all, each prefix, each but one, each torn, and some at random."""
    yield pending
    for i, (at, data) in enumerate(pending):
        yield pending[:i]
        yield [*pending[:i], *pending[i + 1 :]]
        yield [*pending[:i], (at, data[: len(data) // 2])]
    for _ in range(20 if pending else 0):
        yield [write for write in pending if rng.random() < 0.5]


def content(writes: Writes) -> bytes:
    """The bytes of a file after these writes, zeros where nothing was written."""
    made = bytearray()
    for at, data in writes:
        made += bytes(max(0, at + len(data) - len(made)))
        made[at : at + len(data)] = data
    return bytes(made)


def replay(journal: Iterable[str], target: str, old: bytes | None, new: bytes) -> Iterator[bytes | None]:
    """Every content of the target that a power cut at any line of the journal may leave."""
    rng = random.Random(0)
    disk = Disk({} if old is None else {target: 0}, {0: [(0, old or b"")]})
    live = dict(disk.names)  # name -> file
    files: dict[str, int] = {}  # descriptor -> file, or FOLDER
    at: dict[str, int] = {}  # descriptor -> position
    yield from disk.targets(target, rng)
    for line in journal:
        call, *words = line.rstrip("\n").split(" ", 1)
        if call == "rename":
            source, goal = words[0].split("\t")
            live[goal] = live.pop(source)
            disk.changes += [("link", goal, live[goal]), ("unlink", source, 0)]
        elif call == "unlink":
            live.pop(words[0], None)
            disk.changes.append(("unlink", words[0], 0))
        else:
            descriptor, _, rest = words[0].partition(" ")
            if call == "open":
                if not os.path.isdir(rest) and rest not in live:
                    live[rest] = len(disk.durable)
                    disk.durable[live[rest]], disk.pending[live[rest]] = [], []
                    disk.changes.append(("link", rest, live[rest]))
                files[descriptor], at[descriptor] = live.get(rest, FOLDER), 0
            elif call == "write":
                n = int(rest)
                disk.pending[files[descriptor]].append((at[descriptor], new[at[descriptor] : at[descriptor] + n]))
                at[descriptor] += n
            elif call == "fsync" and files[descriptor] == FOLDER:
                settle(disk)
            elif call == "fsync":
                disk.durable[files[descriptor]] += disk.pending.pop(files[descriptor], [])
                disk.pending[files[descriptor]] = []
        yield from disk.targets(target, rng)


def settle(disk: Disk) -> None:
    """The folder was synced: its changes are certain now."""
    for change, name, file in disk.changes:
        if change == "link":
            disk.names[name] = file
        else:
            disk.names.pop(name, None)
    disk.changes.clear()


def record(folder: Path, *, replaces: bool) -> tuple[list[str], str, bytes | None, bytes]:
    """The journal of one save, its target, and the target's bytes before and after."""
    target = folder / "index.nearmost"
    target.unlink(missing_ok=True)
    if replaces:
        faults.save(target, 0)
    old = target.read_bytes() if replaces else None
    journal = folder.parent / f"{folder.name}.journal"
    library = ctypes.CDLL(None)
    library.faults_journal(str(journal).encode())
    faults.save(target, 1)
    library.faults_journal(b"/dev/null")
    lines = journal.read_text().splitlines()
    journal.unlink()
    return lines, str(target), old, target.read_bytes()


def main() -> None:
    """Prints how many states there were, how many differ, and how many are neither the old file nor the new."""
    for replaces in (True, False):
        journal, target, old, new = record(Path(os.environ["FAULTS_FOLDER"]), replaces=replaces)
        for name, lines in (
            ("as it is", journal),
            ("without fsync", [line for line in journal if not line.startswith("fsync")]),
        ):
            states = list(replay(lines, target, old, new))
            wrong = sum(state not in (old, new) for state in states)
            final = set(itertools.islice(reversed(states), 1))
            print(f"{'replacing' if replaces else 'first save'}, {name}: {len(lines)} calls, {len(states)} states, "
                  f"{wrong} wrong, {'new' if final == {new} else 'other'} at the end")  # fmt: skip


if __name__ == "__main__":
    if "FAULTS_FOLDER" in os.environ:
        main()
    else:
        sys.stdout.write(faults.behind_the_shim(__file__) or "no C compiler: nothing was tried\n")
