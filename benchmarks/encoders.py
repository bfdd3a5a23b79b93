"""What encoders cost and what their vectors are worth: texts a CPU second, and topics of news found by ten neighbours.

    .venv/bin/python benchmarks/encoders.py [SPEC ...] [--tests 2000]

One thread. The encoders take turns, a slice of the titles of AG News at a time; "topics" is the share of test titles
whose topic is that of most of their ten nearest training titles, by cosine (chance is a quarter). Encoders that learn
are fitted to the training titles. "load" is CPU seconds in this process, which has imported NumPy and nearmost before.
"""

from __future__ import annotations

import argparse
import json
import os
import time

import numpy as np

import nearmost as nm
from datasets import data_folder
from nearmost.encoders import Fitted

ROUNDS = 8
WORDS = "words/word2vec-71k-100.bin"


def news(name: str) -> tuple[list[str], np.ndarray]:
    """Titles and topics of a file of AG News, shuffled."""
    with open(data_folder() / "ag_news" / f"{name}.json", encoding="utf-8") as file:
        rows = json.load(file)
    rows = [rows[row] for row in np.random.default_rng(0).permutation(len(rows))]
    return [row["Title"] for row in rows], np.array([row["label"] for row in rows])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words = data_folder() / WORDS
    usual = ["minilm", "minilm:int8", "static", "lsa", f"gensim:{words}", f"gensim:{words}?weights=sif"]
    parser.add_argument("specs", nargs="*", default=[*usual, f"gensim:{words}?weights=sif&p=corpus"])
    parser.add_argument("--tests", type=int, default=2000)
    options = parser.parse_args()
    texts, topics = news("train")
    tests, truth = (some[: options.tests] for some in news("test"))
    loading, spent = {}, dict.fromkeys(options.specs, 0.0)
    encoders, rows = {}, {spec: [] for spec in options.specs}
    for spec in options.specs:
        begin = time.process_time()
        encoder = nm.load_encoder(spec)
        loading[spec] = time.process_time() - begin
        encoders[spec] = encoder.fit(texts) if isinstance(encoder, Fitted) else encoder
    everything = [*texts, *tests]
    for part in np.array_split(np.arange(len(everything)), ROUNDS):
        for spec in options.specs:
            begin = time.process_time()
            rows[spec].append(encoders[spec].encode([everything[row] for row in part], n_threads=1))
            spent[spec] += time.process_time() - begin
    print(f"{len(texts):,} and {len(tests):,} titles, one thread, load {os.getloadavg()[0]:.1f}")
    print(f"{'':<40}   dim    load s   texts per CPU s   topics")
    for spec in options.specs:
        vectors = np.concatenate(rows[spec])
        index = nm.Index.build(vectors[: len(texts)], exact=True)
        ids = index.search(vectors[len(texts) :], k=10).ids
        names, codes = np.unique(topics, return_inverse=True)
        votes = np.stack([np.bincount(codes[row], minlength=len(names)) for row in ids])
        right = (names[votes.argmax(axis=1)] == truth).mean()
        speed = len(everything) / spent[spec]
        shown = spec.replace(str(data_folder()) + "/", "")
        print(f"{shown:<40}{vectors.shape[1]:>6}{loading[spec]:>10.2f}{speed:>18,.0f}{right:>9.3f}")


if __name__ == "__main__":
    main()
