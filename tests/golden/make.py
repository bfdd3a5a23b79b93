"""Made the golden files beside it, which every later nearmost must read: python tests/golden/make.py

Run it again only for a format that has never been released. A new version of the format gets files of its own, with
its number in their names; the old ones stay. The answers in answers.json are computed here, in float64 by NumPy.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nearmost import store
from nearmost.contents import Contents
from nearmost.encoders.recorded import PROBES, STATE, RecordedEncoder
from nearmost.kinds.packing import Kind, pack
from nearmost.metrics import METRICS
from nearmost.rows import Rows, Store
from nearmost.strings import Keys, Strings

HERE = Path(__file__).parent
N_ROWS, DIM, K = 21, 6, 4
NAMES = ["north", "star", "küste", "深海", "a space", "", "tab\there"]

Numbers = NDArray[np.float64]


def numbers(n: int, seed: int) -> Numbers:
    """Multiples of 1/8 in [-4, 4), from a generator that no library can change under us."""
    made = []
    for _ in range(n):
        seed = (seed * 1103515245 + 12345) % (1 << 31)
        made.append((seed >> 16) % 64 / 8 - 4)
    return np.array(made)


def scores(metric: str, query: Numbers, rows: Numbers) -> Numbers:
    """What docs and metrics.py say, in float64."""
    lengths = np.linalg.norm(rows, axis=1) * np.linalg.norm(query)
    made: dict[str, Numbers] = {
        "cosine": np.divide(rows @ query, lengths, out=np.zeros(len(rows)), where=lengths > 0),
        "euclidean": -np.sqrt(((rows - query) ** 2).sum(axis=1)),
        "dot": rows @ query,
        "manhattan": -np.abs(rows - query).sum(axis=1),
        "hamming": -(rows != query).sum(axis=1).astype(np.float64),
    }
    return made[metric]


def make(metric: str, kind: Kind = "flat", store_as: Store = "f32") -> dict[str, Any]:
    """Writes the file of this metric, kind and type of number; the answers that it must give."""
    rows, queries = numbers(N_ROWS * DIM, 1).reshape(N_ROWS, DIM), numbers(5 * DIM, 2).reshape(5, DIM)
    rows[3] = 0
    rows[8] = rows[2]  # a tie, which the smaller row wins
    if metric == "hamming":
        rows, queries = (rows > 0).astype(float), (queries > 0).astype(float)
    keys = [NAMES[row] if row < len(NAMES) else f"key {row}" for row in range(N_ROWS)]
    texts = [f"text {row}: {NAMES[row % len(NAMES)]}" for row in range(N_ROWS)]
    probes: dict[str, NDArray[Any]] = {
        PROBES: numbers(3 * DIM, 3).reshape(3, DIM).astype(np.float32),
        STATE + "weights": numbers(5, 4),
    }
    made = Contents(
        pack(METRICS[metric], Rows.of(rows, METRICS[metric], store=store_as), kind=kind),
        Keys.of(keys),
        Strings.of(texts),
        RecordedEncoder("golden:1", probes),
    )
    store.write(HERE / name_of(metric, kind, store_as), made.header(), made.arrays())
    ids, found = [], []
    for query in queries:
        all_scores = scores(metric, query, rows)
        best = sorted(range(N_ROWS), key=lambda row: (-all_scores[row], row))[:K]
        ids.append(best)
        found.append([float(np.float32(all_scores[row])) for row in best])
    return {"rows": rows.tolist(), "keys": keys, "texts": texts, "encoder": "golden:1",
            "encoder arrays": {name: array.tolist() for name, array in probes.items()},
            "queries": queries.tolist(), "ids": ids, "scores": found}  # fmt: skip


def name_of(metric: str, kind: str, store_as: str) -> str:
    """The file of these; files of flat indexes with float32 rows came first and are called by their metric alone."""
    more = "" if (kind, store_as) == ("flat", "f32") else f"-{kind}-{store_as}"
    return f"v{store.MAJOR}-{metric}{more}.nearmost"


OTHERS: list[tuple[str, Kind, Store]] = [
    ("cosine", "partition", "f32"),
    ("dot", "partition", "f16"),
    ("hamming", "partition", "auto"),
    ("manhattan", "flat", "f16"),
    ("euclidean", "graph", "f16"),
]
"""Metrics, kinds and types of numbers that came later."""


def main() -> None:
    path = HERE / "answers.json"
    answers = json.loads(path.read_text()) if path.exists() else {}
    for metric, kind, store_as in [*((metric, "flat", "f32") for metric in METRICS), *OTHERS]:
        name = name_of(metric, kind, store_as)
        if not (HERE / name).exists():
            answers[name] = make(metric, kind, store_as)  # type: ignore[arg-type]
    path.write_text(
        json.dumps(answers, ensure_ascii=False, indent=None, separators=(",", ":")).replace('},"v', '},\n"v') + "\n"
    )


if __name__ == "__main__":
    main()
