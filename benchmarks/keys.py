"""The keys of an index file beside an LMDB map with the entries i<row> -> w<key> and w<key> -> i<row>.

    python benchmarks/keys.py [--words words.txt] [--rows 400000] [--rounds 9] [--pair] [--json]

Look-ups are drawn at random and come as Python has them, a str or an int, and so do the answers. CPU time, medians of
rounds in turn. ``--pair`` compares whole files too, an index of 50 columns, and an Annoy file of 40 trees with the map,
which is written, read back and compared value by value.
"""

from __future__ import annotations

import argparse
import json
import lzma
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lmdb
import numpy as np

import datasets
from nearmost import Index, Vectors
from nearmost.compat.lmdb import read_pair, write_pair, write_words

LOOK_UPS = 100_000


def words_of(path: str | None, n: int) -> list[str]:
    """Distinct words: of the file, or of the phrases, or made up."""
    phrases = datasets.data_folder() / "words" / "phrases-400k.txt.xz"
    if path is not None:
        lines = Path(path).read_text(encoding="utf-8").split("\n")
    elif phrases.exists():
        lines = lzma.decompress(phrases.read_bytes()).decode().split("\n")
    else:
        lines = [f"{number:x}word" for number in range(n)]
    return list(dict.fromkeys(lines))[:n]


def rows_of(n: int) -> np.ndarray:
    """Their vectors, (n, 50): the phrases', or random ones."""
    path = datasets.data_folder() / "words" / "phrases-400k-50.f16.npy"
    if path.exists():
        return np.load(path)[:n].astype(np.float32)
    return np.random.default_rng(0).normal(size=(n, 50)).astype(np.float32)


def cpu_of(work: Callable[[], Any]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def contestants(index: Index, transaction: Any, words: list[str], rows: list[int]) -> dict[str, Callable[[], Any]]:
    """Name -> what looks all of them up."""
    keys = index.keys
    return {
        "key to row, nearmost": lambda: [keys.row(word) for word in words],
        "key to row, LMDB": lambda: [int(transaction.get(b"w" + word.encode())[1:]) for word in words],
        "key to row, nearmost, all at once": lambda: keys.rows(words).tolist(),
        "key to row, LMDB, all at once": lambda: with_cursor(transaction, words),
        "row to key, nearmost": lambda: [keys[row] for row in rows],
        "row to key, LMDB": lambda: [transaction.get(b"i%d" % row)[1:].decode() for row in rows],
        "row to key, nearmost, all at once": lambda: keys.take(rows),
    }


def with_cursor(transaction: Any, words: list[str]) -> list[int]:
    """LMDB's own way for many keys."""
    cursor = transaction.cursor()
    return [int(value[1:]) for _, value in cursor.getmulti([b"w" + word.encode() for word in words])]


def opening(path: Path, folder: Path, word: str) -> dict[str, Callable[[], Any]]:
    def with_lmdb() -> int:
        with lmdb.open(str(folder), readonly=True, lock=False) as environment, environment.begin() as transaction:
            return int(transaction.get(b"w" + word.encode())[1:])

    return {"open and find a key, nearmost": lambda: Index.open(path).keys.row(word), "open and find, LMDB": with_lmdb}


def measure(words: list[str], folder: Path, rounds: int, pair: bool) -> dict[str, float]:
    """Name -> microseconds, megabytes, seconds."""
    index_path, map_path = folder / "words.nearmost", folder / "words.lmdb"
    figures: dict[str, float] = {"words": len(words)}
    rows = rows_of(len(words)) if pair else np.ones((len(words), 1))
    figures["write the map, LMDB, s"] = cpu_of(lambda: write_words(map_path, words))
    vectors: list[Vectors] = []
    figures["hash the keys, nearmost, s"] = cpu_of(lambda: vectors.append(Vectors.of(rows, words)))
    Index.build(vectors[0], n_threads=1, kind="auto" if pair else "flat").save(index_path)
    index = Index.open(index_path)
    sections = index.info()["sections"]
    figures["keys, nearmost, MB"] = sum(size for name, size in sections.items() if name.startswith("keys.")) / 1e6
    figures["map, LMDB, MB"] = (map_path / "data.mdb").stat().st_size / 1e6
    for name in ("keys, nearmost", "map, LMDB"):
        figures[f"{name}, bytes a key"] = figures[f"{name}, MB"] * 1e6 / len(words)
    figures["the words alone, bytes a key"] = sum(len(word.encode()) for word in words) / len(words)
    draw = random.Random(0)
    some = [draw.randrange(len(words)) for _ in range(LOOK_UPS)]
    with lmdb.open(str(map_path), readonly=True, lock=False) as environment, environment.begin() as transaction:
        found = contestants(index, transaction, [words[row] for row in some], some)
        times: dict[str, list[float]] = {name: [] for name in found}
        for name, work in found.items():
            assert work() == ([words[row] for row in some] if name.startswith("row") else some), name
        for _ in range(rounds):
            for name, work in found.items():
                times[name].append(cpu_of(work) / LOOK_UPS * 1e6)
    opened = opening(index_path, map_path, words[-1])
    times |= {name: [] for name in opened}
    for _ in range(rounds * 10):
        for name, work in opened.items():
            times[name].append(cpu_of(work) * 1e6)
    figures |= {f"{name}, us": statistics.median(each) for name, each in times.items()}
    if pair:
        paths = folder / "words.annoy", folder / "again.lmdb"
        figures["write the pair, s"] = cpu_of(lambda: write_pair(vectors[0], *paths))
        back: list[Vectors] = []
        figures["read the pair, s"] = cpu_of(lambda: back.append(read_pair(*paths, 50)))
        assert list(back[0].keys) == words
        np.testing.assert_array_equal(back[0].rows, vectors[0].rows)
        figures["index, MB"] = index_path.stat().st_size / 1e6
        figures["Annoy file and map, MB"] = paths[0].stat().st_size / 1e6 + figures["map, LMDB, MB"]
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--words")
    parser.add_argument("--rows", type=int, default=400_000)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--pair", action="store_true")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(words_of(asked.words, asked.rows), Path(folder), asked.rounds, asked.pair)
    if asked.json:
        print(json.dumps(figures))
    else:
        for name, figure in figures.items():
            print(f"{name:38} {figure:12,.2f}")


if __name__ == "__main__":
    main()
