"""Millions of rows through ``nearmost classify``: peak memory, and a run that is killed at random and resumed.

    .venv/bin/python benchmarks/classify_stream.py [--n 5000000] [--encoder static] [--kills 3] [--different]

The rows are job titles again and again; ``--different`` makes every row a text of its own. The killed run's file must
equal that of the uninterrupted one, byte for byte.
"""

from __future__ import annotations

import argparse
import filecmp
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from occupations import alternate, folder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=5_000_000)
    parser.add_argument("--encoder", default="static")
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--different", action="store_true")
    options = parser.parse_args()
    texts = alternate()[0]
    with tempfile.TemporaryDirectory() as place:
        source = Path(place) / "titles.tsv"
        with source.open("w", encoding="utf-8") as file:
            file.write("title\n")
            for row in range(options.n):
                file.write(f"{texts[row % len(texts)]}{f' {row}' if options.different else ''}\n")

        def command(target: Path) -> list[str]:
            labels = str(folder() / "occupations.csv")
            tail = ["--label", "onetsoccode", "--encoder", options.encoder, "-o", str(target)]
            return [sys.executable, "-m", "nearmost", "classify", str(source), "--labels", labels, *tail]

        whole, cut = Path(place) / "whole.tsv", Path(place) / "cut.tsv"
        begin = time.perf_counter()
        subprocess.run(command(whole), check=True, stderr=subprocess.DEVNULL)
        wall = time.perf_counter() - begin
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        size = source.stat().st_size / 1e6
        print(f"{options.n:,} rows, {size:,.0f} MB: {wall:,.0f} s wall, {usage.ru_utime:,.0f} s CPU")
        print(f"peak memory {usage.ru_maxrss / 1e6:.2f} GB")
        chance = random.Random(time.time_ns())
        for kill in range(options.kills):
            with subprocess.Popen(command(cut), stderr=subprocess.DEVNULL) as child:
                time.sleep(wall * chance.uniform(0.1, 0.9))
                child.send_signal(signal.SIGKILL)
            part = cut.with_name(cut.name + ".part")
            print(f"killed {kill + 1}: {part.stat().st_size / 1e6 if part.exists() else 0:,.0f} MB written")
            if cut.exists():
                break
        subprocess.run(command(cut), check=True, stderr=subprocess.DEVNULL)
        print("resumed: the files are", "equal" if filecmp.cmp(whole, cut, shallow=False) else "DIFFERENT")


if __name__ == "__main__":
    main()
