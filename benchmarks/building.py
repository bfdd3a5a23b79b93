"""Building with one thread and with two, the size of the file, and opening it, beside hnswlib and others.

    python benchmarks/building.py [words phrases headlines images] [--every]

Each build is in a fresh process that may use so many cores: with one, time of the processor, with two, of the wall.
Opening is in a fresh process, from the call that opens the file, which is in the page cache, to the answer of the
first query. Imports are not counted.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import results
from nearmost.bench.crew import Member, MethodFailedError
from nearmost.bench.machine import machine
from nearmost.bench.peers import PEERS
from nearmost.bench.truth import held_out
from standard import DATA, QUICK_ROWS

METHODS = ("hnswlib", "scann", "annoy, 100 trees")
EVERY = (*METHODS, "faiss HNSW", "usearch", "voyager", "svs", "pynndescent", "ngt")  # hours, with 400,000 rows
OURS_AGAIN = 3  # our builds are short, so that one alone would say little

OPENING = {
    "nearmost": "import nearmost\n"
    "def first(path, query): return nearmost.Index.open(path).search(query, 10, n_threads=1).ids",
    "annoy, 100 trees": "from annoy import AnnoyIndex\ndef first(path, query):\n"
    "    index = AnnoyIndex(len(query), {annoy!r})\n    index.load(path)\n"
    "    return index.get_nns_by_vector(query.tolist(), 10, 2000)",
    "hnswlib": "import hnswlib\ndef first(path, query):\n    index = hnswlib.Index({hnswlib!r}, len(query))\n"
    "    index.load_index(path)\n    index.set_ef(40)\n    return index.knn_query(query, 10, num_threads=1)",
}
"""How each opens a file and answers, as a program that only does that."""
TIMED = """
import sys, time, numpy as np
query = np.load(sys.argv[2])[int(sys.argv[3])]
began = time.perf_counter()
first(sys.argv[1], query)
print(time.perf_counter() - began)
"""
SPACES = {
    "cosine": {"annoy": "angular", "hnswlib": "ip"},
    "euclidean": {"annoy": "euclidean", "hnswlib": "l2"},
}


def measure(name: str, methods: Sequence[str]) -> dict[str, Any]:
    """Each method's seconds to build with one thread and two, bytes of its file, and milliseconds to open it."""
    title, metric, rows, queries = DATA[name]()
    rows = rows[:QUICK_ROWS] if results.QUICK else rows
    if queries is None:
        rows, queries = held_out(rows, 1000, 0)
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        np.save(folder / "rows.npy", rows)
        np.save(folder / "queries.npy", queries[:100])
        for number, (method, library, options) in enumerate(_known(methods)):
            found[method] = {}
            for threads in (1, 2):
                times = OURS_AGAIN if library == "ours" else 1
                save = folder / f"{number}-{threads}"
                asked = {"library": library, "options": dict(options), "metric": metric, "threads": threads}
                try:
                    told = [
                        _build(method, asked, folder, save.with_name(f"{save.name}-{i}.index")) for i in range(times)
                    ]
                except MethodFailedError as error:
                    print(f"{name}: {method}: {error}", file=sys.stderr)
                    continue
                found[method][f"build_{threads}"] = statistics.median(each["build_seconds"] for each in told)
                found[method] |= {"file_bytes": told[0]["file_bytes"], "described": told[0]["described"]}
                if threads == 1 and method in OPENING:
                    found[method]["open_ms"] = _opening(method, metric, save.with_name(f"{save.name}-0.index"), folder)
                for path in folder.glob(f"{save.name}-*"):
                    if path.is_file():
                        path.unlink()
            print(f"{name}: {method}: {found[method]}", file=sys.stderr, flush=True)
    facts = {"title": title, "metric": metric, "n_rows": len(rows), "dim": rows.shape[1], "machine": machine()}
    return {"facts": facts, "methods": found}


def _known(methods: Sequence[str]) -> list[tuple[str, str, Mapping[str, Any]]]:
    """(method, library, options) of ours and of those of these methods whose library is installed."""
    found: list[tuple[str, str, Mapping[str, Any]]] = [("nearmost", "ours", {"kind": "auto"})]
    for library, peer in PEERS.items():
        if peer.installed:
            found += [(method, library, options) for method, options in peer.methods.items() if method in methods]
    return found


def _build(method: str, asked: dict[str, Any], folder: Path, save: Path) -> Any:
    files = {"rows": str(folder / "rows.npy"), "queries": str(folder / "queries.npy"), "save": str(save)}
    with Member(method, folder, asked["threads"]) as member:
        return member.ask(do="build", k=10, seed=0, **files, **asked)


def _opening(method: str, metric: str, path: Path, folder: Path, times: int = 15) -> dict[str, float]:
    program = OPENING[method].format(**SPACES[metric]) + TIMED
    took = []
    for number in range(times + 1):  # the first one puts the file into the page cache
        call = [sys.executable, "-c", program, str(path), str(folder / "queries.npy"), str(number)]
        took.append(1000 * float(subprocess.run(call, capture_output=True, text=True, check=True).stdout))
    return {"median": statistics.median(took[1:]), "worst": max(took[1:])}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", choices=[*DATA, []])
    parser.add_argument("--every", action="store_true", help=f"beside {', '.join(METHODS)}, every graph, too")
    asked = parser.parse_args()
    for name in asked.names or DATA:
        found = measure(name, EVERY if asked.every else METHODS)
        results.write(f"building-{name}", found)
        print(json.dumps({name: found["methods"]}))


if __name__ == "__main__":
    main()
