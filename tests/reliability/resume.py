"""kill -9 at random moments of a corpus being indexed, and again, and again: the index must come out the same.

    python tests/reliability/resume.py --kills 50 --texts 60000
    python tests/reliability/resume.py --kills 50 --texts 30000 --encoder static --page 128

One command is killed and started again until it gets through, then begun anew, until so many kills have fallen. A kill
takes the process alone, whose helpers must see that for themselves, or all of them at once.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

STAGES = ("reading", "learning", "encoding", "packing", "saving")


def write_texts(path: Path, n: int, seed: int = 0) -> None:
    """Texts of a few made-up words each, with a key."""
    rng = random.Random(seed)
    words = ["".join(rng.choices("bdfgklmnprst", k=2)) + "".join(rng.choices("aeiou", k=2)) for _ in range(4000)]
    with path.open("w") as file:
        file.write("id\ttext\n")
        for number in range(n):
            file.write(f"k{number}\t{' '.join(rng.choices(words, k=8))}\n")


SMALL_PAGES = """
import sys
from nearmost import cli
from nearmost.pipeline import crew, gathering, local
gathering.ROWS = local.ROWS = int(sys.argv.pop(1))
crew.FEW = 10
sys.exit(cli.main(sys.argv[1:]))
"""


def command(source: Path, output: Path, encoder: str, page: int | None) -> list[str]:
    """As a user would type it; with pages of other sizes, so that more kills fall between them, as nearly as can be."""
    options = ["--text", "text", "--key", "id", "--encoder", encoder, "--threads", "2"]
    program = ["-m", "nearmost"] if page is None else ["-c", SMALL_PAGES, str(page)]
    return [sys.executable, *program, "index", str(source), "-o", str(output), *options]


def run_for(call: list[str], seconds: float | None, everything: bool) -> tuple[bool, str]:
    """Whether the command got through, and the stage that it was in at the end."""
    with tempfile.TemporaryFile() as log:
        child = subprocess.Popen(call, stdout=subprocess.DEVNULL, stderr=log, start_new_session=True)
        try:
            child.wait(seconds)
        except subprocess.TimeoutExpired:
            (os.killpg if everything else os.kill)(child.pid, signal.SIGKILL)
            child.wait()
        log.seek(0)
        said = log.read().decode()
    stage = next((word for word in reversed(said.split()) if word in STAGES), "starting")
    if child.returncode not in (0, -signal.SIGKILL):
        raise RuntimeError(f"status {child.returncode}: {said}")
    return child.returncode == 0, stage


def kill(
    folder: Path, kills: int, n_texts: int, encoder: str, page: int | None = None, seed: int = 0
) -> tuple[Counter[str], list[str]]:
    """Where the kills fell, and every broken promise."""
    rng, counts, broken = random.Random(seed), Counter[str](), list[str]()
    source, whole, output = folder / "texts.tsv", folder / "whole.nearmost", folder / "index.nearmost"
    write_texts(source, n_texts)
    began = time.monotonic()
    run_for(command(source, whole, encoder, page), None, everything=False)
    took = time.monotonic() - began
    expected, files = whole.read_bytes(), {"texts.tsv", "whole.nearmost", "index.nearmost"}
    fell, patience = 0, 1.0
    while fell < kills or output.with_name("index.nearmost.partial").exists():
        limit = rng.uniform(0.05, 1.2) * took * patience if fell < kills else None
        through, stage = run_for(command(source, output, encoder, page), limit, everything=rng.random() < 0.5)
        if not through:
            fell, patience = fell + 1, min(2.0, patience * 1.1)  # the machine may have become busier
            counts[f"killed while {stage}"] += 1
            continue
        counts["went through"] += 1
        patience = 1.0
        if output.read_bytes() != expected:
            broken.append(f"after {fell} kills the bytes are others")
        if {path.name for path in folder.iterdir()} != files:
            broken.append(f"after {fell} kills there is {sorted(path.name for path in folder.iterdir())}")
        output.unlink()
    return counts, broken


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--texts", type=int, default=60_000)
    parser.add_argument("--encoder", default="lsa:32")
    parser.add_argument("--page", type=int, help="records of a page; 8192 unless said")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        counts, broken = kill(Path(folder), asked.kills, asked.texts, asked.encoder, asked.page, asked.seed)
    print(f"{sum(n for name, n in counts.items() if name.startswith('killed'))} kills: {dict(counts)}")
    print("\n".join(broken) or "nothing broken")
    sys.exit(bool(broken))


if __name__ == "__main__":
    main()
