"""Word vectors beside gensim and pandas: reading files, and answering analogy questions. Ratios of one run.

    python benchmarks/words.py [--rounds 3] [--questions 500] [--json]

Files of 400,000 x 50 are made first, from real phrase vectors where they are at hand. Seconds are of CPU, on one
thread, medians of rounds in which the libraries take turns; what they read is compared. Libraries that are not
installed are left out.
"""

from __future__ import annotations

import argparse
import json
import lzma
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import numpy as np  # noqa: E402

import datasets  # noqa: E402
import nearmost as nm  # noqa: E402

N, DIM = 400_000, 50
RECALLS = (1.0, 0.99, 0.95)


def phrases() -> tuple[str, nm.Vectors]:
    """Phrases and their vectors, (400,000, 50): the file's where it is there."""
    folder = datasets.data_folder() / "words"
    if not (folder / "phrases-400k-50.f16.npy").exists():
        rows = np.random.default_rng(0).normal(size=(N, DIM)).astype(np.float32)
        return "random 400,000 x 50", nm.Vectors.of(rows, [f"word{row}" for row in range(N)])
    rows = np.load(folder / "phrases-400k-50.f16.npy")[:N].astype(np.float32)
    words = lzma.decompress((folder / "phrases-400k.txt.xz").read_bytes()).decode().split("\n")[:N]
    return "phrases 400,000 x 50", nm.Vectors.of(rows, [word.replace(" ", "_") for word in words])


def write_glove(path: Path, vectors: nm.Vectors) -> None:
    """As glove.6B is written: up to five decimals."""
    with path.open("w", encoding="utf-8") as file:
        for key, row in zip(vectors.keys, vectors.rows.tolist(), strict=True):
            file.write(f"{key} {' '.join(f'{number:.5g}' for number in row)}\n")


def readers(glove: Path, binary: Path) -> dict[str, dict[str, Callable[[], tuple[list[str], np.ndarray]]]]:
    """Format -> library -> words and rows."""

    def ours(path: Path) -> tuple[list[str], np.ndarray]:
        vectors = nm.read_vectors(path, n_threads=1)
        return vectors.keys, vectors.rows  # type: ignore[return-value]

    found: dict[str, dict[str, Any]] = {
        "GloVe text": {"nearmost": lambda: ours(glove)},
        "word2vec binary": {"nearmost": lambda: ours(binary)},
    }
    try:
        from gensim.models import KeyedVectors

        def with_gensim(path: Path, **options: bool) -> tuple[list[str], np.ndarray]:
            vectors = KeyedVectors.load_word2vec_format(path, **options)
            return vectors.index_to_key, vectors.vectors

        found["GloVe text"]["gensim"] = lambda: with_gensim(glove, no_header=True)
        found["word2vec binary"]["gensim"] = lambda: with_gensim(binary, binary=True)
    except ImportError:
        pass
    try:
        import pandas

        def with_pandas() -> tuple[list[str], np.ndarray]:
            types = {0: str, **dict.fromkeys(range(1, DIM + 1), np.float32)}
            table = pandas.read_csv(glove, sep=" ", header=None, dtype=types, quoting=3, na_filter=False, engine="c")
            return table[0].tolist(), table.iloc[:, 1:].to_numpy()

        found["GloVe text"]["pandas"] = with_pandas
    except ImportError:
        pass
    return found


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds of CPU, and what came of it."""
    start = time.process_time()
    made = work()
    return time.process_time() - start, made


def read(rounds: int) -> dict[str, Any]:
    """Seconds and ratios for each format, and whether all read the same."""
    label, vectors = phrases()
    report: dict[str, Any] = {"data": label}
    with tempfile.TemporaryDirectory() as folder:
        glove, binary = Path(folder, "glove.txt"), Path(folder, "word2vec.bin")
        write_glove(glove, vectors)
        nm.write_vectors(binary, vectors)
        for form, libraries in readers(glove, binary).items():
            seconds: dict[str, list[float]] = {name: [] for name in libraries}
            wanted: tuple[list[str], np.ndarray] | None = None
            same = {}
            for _ in range(rounds):
                for name, work in libraries.items():
                    spent, (words, rows) = timed(work)
                    seconds[name].append(spent)
                    if wanted is None:
                        wanted = list(words), np.array(rows)
                    same[name] = list(words) == wanted[0] and bool((rows == wanted[1]).all())
                    far = float(np.abs(rows - wanted[1]).max())
                    assert same[name] or far < 1e-6, f"{name} reads other values"
            medians = {name: float(np.median(each)) for name, each in seconds.items()}
            report[form] = {
                "seconds": medians,
                "times as fast": {name: each / medians["nearmost"] for name, each in medians.items()},
                "equal to the last bit": same,
            }
    return report


def analogies(n_questions: int) -> dict[str, Any]:
    """Accuracy through the index at each recall, and speed beside gensim's on a sample of the questions."""
    path = datasets.data_folder() / "words"
    if not (path / "questions-words.txt").exists():
        return {}
    questions, model = path / "questions-words.txt", path / "word2vec-71k-100.bin"
    vectors = nm.read_vectors(model)
    seconds, index = timed(lambda: nm.Index.build(vectors, n_threads=1))
    report: dict[str, Any] = {"data": f"{model.name}, {questions.name}", "build seconds": seconds}
    lines = [line for line in questions.read_text().splitlines() if line and not line.startswith(":")]
    chosen = np.random.default_rng(0).choice(len(lines), n_questions, replace=False)
    for recall in RECALLS:
        spent, scores = timed(lambda recall=recall: nm.evaluate_analogies(index, questions, recall=recall, n_threads=1))
        report[f"recall={recall:g}"] = {
            "accuracy": scores.total.accuracy,
            "semantic": scores.semantic.accuracy,
            "syntactic": scores.syntactic.accuracy,
            "seconds": spent,
            "questions a second": scores.total.total / spent,
        }
    try:
        from gensim.models import KeyedVectors
    except ImportError:
        return report
    theirs = KeyedVectors.load_word2vec_format(model, binary=True)
    with tempfile.TemporaryDirectory() as folder:
        sample = Path(folder, "sample.txt")
        sample.write_text(": sample\n" + "\n".join(lines[row] for row in sorted(chosen)) + "\n")
        exact = nm.evaluate_analogies(index, sample, n_threads=1)
        spent, (accuracy, _) = timed(lambda: theirs.evaluate_word_analogies(str(sample)))
    assert accuracy == exact.total.accuracy, "gensim answers otherwise"
    rate = exact.total.total / spent
    report["gensim, a sample"] = {"accuracy": accuracy, "questions": exact.total.total, "questions a second": rate}
    for recall in RECALLS:
        ours = report[f"recall={recall:g}"]
        ours["times as fast"] = ours["questions a second"] / rate
    return report


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--questions", type=int, default=500)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    report = {"reading": read(given.rounds), "analogies": analogies(given.questions)}
    if given.json:
        json.dump(report, sys.stdout)
        return
    for title, results in report.items():
        print(f"\n{title}: {results.pop('data', 'no data')}")
        for name, result in results.items():
            print(f"  {name}: {result if isinstance(result, float) else ''}")
            for key, value in result.items() if isinstance(result, dict) else ():
                print(f"    {key:22} {value}")


if __name__ == "__main__":
    main()
