"""kill -9 at random moments of files being classified, and again, and again: the predictions must come out the same.

    python tests/reliability/resume_classify.py --kills 40

Every kind of input, with and without compression, goes into every kind of output, from a few thousand rows to some
hundred thousand, some of it cleaned, some of it through a cache that two processes use at the same time. A command is
killed and started again until it gets through; what it wrote must equal what an undisturbed run wrote, byte for byte,
and nothing else may be left lying about.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import io
import json
import lzma
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

LABELS = ("plumber", "baker of bread", "school teacher", "nurse", "bus driver", "software developer", "lawyer")
SIZES = (3_000, 40_000, 150_000, 400_000)
INPUTS = ("texts.tsv", "texts.csv", "texts.jsonl", "texts.txt", "texts.tsv.gz", "texts.csv.xz")
OUTPUTS = (".tsv", ".csv", ".jsonl")


def texts_of(n: int, rng: random.Random) -> list[str]:
    """Job titles of sorts, many of them twice, some with quotes, line ends, tabs, or nothing in them."""
    ranks, odd = ("", "senior ", "ASST. ", "night-shift "), ('"chief" ', "two\nlines ", "a\ttab ", "caf\u00e9 ", "")
    made = []
    for _ in range(n):
        ending = f" {rng.randrange(n)}" if rng.random() < 0.6 else ""
        made.append(f"{rng.choice(ranks)}{rng.choice(odd)}{rng.choice(LABELS)}{ending}" if rng.random() < 0.98 else "")
    return made


def written(path: Path, texts: list[str]) -> None:
    """The texts as this kind of file has them, with keys where it can have any."""
    kind = path.name.split(".")[1]
    if kind == "csv":
        stream = io.StringIO()
        csv.writer(stream).writerows([("id", "title"), *((f"k{row}", text) for row, text in enumerate(texts))])
        content = stream.getvalue()
    elif kind == "jsonl":
        content = "".join(json.dumps({"id": f"k{row}", "title": text}) + "\n" for row, text in enumerate(texts))
    else:
        plain = [" ".join(text.split()) for text in texts]
        if kind == "tsv":
            content = "id\ttitle\n" + "".join(f"k{row}\t{text}\n" for row, text in enumerate(plain))
        else:
            content = "".join(f"{text}\n" for text in plain)
    pack = {".gz": gzip.compress, ".xz": lzma.compress}.get(path.suffix, bytes)
    path.write_bytes(pack(content.encode()))


def command(source: Path, output: Path, encoder: str, cache: Path | None, clean: bool) -> list[str]:
    """As a user would type it."""
    labels = str(source.with_name("labels.txt"))
    call = [sys.executable, "-m", "nearmost", "classify", str(source), "--labels", labels, "-o", str(output)]
    call += ["--encoder", encoder, "--threads", "2"]
    if ".txt" not in source.name:
        call += ["--text", "title", "--key", "id"]
    return [*call, *(["--clean", "lower,spaces"] if clean else []), *(["--cache", str(cache)] if cache else [])]


def started(call: list[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(call, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def ended(child: subprocess.Popen[bytes]) -> None:
    """Waits for it; raises RuntimeError where it failed for another reason than being killed."""
    says = child.communicate()[1].decode()
    if child.returncode not in (0, -signal.SIGKILL):
        raise RuntimeError(f"status {child.returncode}: {says}")


def trial(folder: Path, kills: int, number: int, encoder: str, rng: random.Random) -> tuple[int, str, list[str]]:
    """One file classified, killed at most so many times: how often it was, what it was, and every broken promise."""
    for path in folder.glob("texts*"):
        path.unlink()
    source = folder / INPUTS[number % len(INPUTS)]
    suffix, n = OUTPUTS[number // 2 % len(OUTPUTS)], SIZES[number % len(SIZES)]
    clean, cache = number % 2 == 1, folder / "cache" if number % 5 in (1, 2) else None
    written(source, texts_of(n, rng))
    whole, output, beside = (folder / f"{name}{suffix}" for name in ("whole", "output", "beside"))
    began = time.monotonic()
    ended(started(command(source, whole, encoder, None, clean)))
    took = time.monotonic() - began
    expected, fell, broken = whole.read_bytes(), 0, list[str]()
    neighbor = None if cache is None else started(command(source, beside, encoder, cache, clean))
    while not output.exists():
        child = started(command(source, output, encoder, cache, clean))
        if fell < kills:
            try:
                child.wait(rng.uniform(0.3, 1.1) * took)
            except subprocess.TimeoutExpired:
                os.kill(child.pid, signal.SIGKILL)
        ended(child)
        fell += child.returncode != 0
    if neighbor is not None:
        ended(neighbor)
    says = f"{n:,} rows of {source.name} to {suffix}{', cleaned' * clean}{', cache of two' * (cache is not None)}"
    for path in (output, beside):
        if path.exists() and path.read_bytes() != expected:
            broken.append(f"{says}: after {fell} kills the bytes of {path.name} are others")
    left = {path.name for path in folder.iterdir()} - {"labels.txt", "cache", source.name}
    left -= {path.name for path in (whole, output, beside)}
    if left:
        broken.append(f"{says}: {', '.join(sorted(left))} lie about")
    for path in (whole, output, beside):
        path.unlink(missing_ok=True)
    return fell, says, broken


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=40)
    parser.add_argument("--encoder", default="static")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    rng, fell, number, broken = random.Random(asked.seed), 0, 0, list[str]()
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "labels.txt").write_text("".join(f"{label}\n" for label in LABELS))
        while fell < asked.kills and number < 10 * asked.kills:
            found, says, wrong = trial(Path(folder), min(4, asked.kills - fell), number, asked.encoder, rng)
            fell, number, broken = fell + found, number + 1, broken + wrong
            print(f"{says}: {found} kills, {'broken' if wrong else 'equal'}", flush=True)
    print(f"{fell} kills in {number} files")
    print("\n".join(broken) or "nothing broken")
    sys.exit(bool(broken))


if __name__ == "__main__":
    main()
