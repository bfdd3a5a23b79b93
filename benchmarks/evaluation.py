"""The figures and tables of docs/evaluation.md: 968 occupations, from nothing but their names and from example titles.

    python benchmarks/evaluation.py [--sample 1500] [--pages build/evaluation]

writes docs/figures/evaluation-*.png and, into the folder ``--pages``, the HTML report; prints what the page quotes.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

import nearmost as nm
from nearmost import plots
from occupations import alternate, names, reported

ROOT = Path(__file__).parents[1]
FIGURES = ROOT / "docs" / "figures"
KS = list(range(1, 26))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pages", type=Path, default=ROOT / "build" / "evaluation")
    parser.add_argument("--sample", type=int, default=1500, help="titles that noise is tried on")
    given = parser.parse_args()
    titles, codes = names()
    name_of = dict(zip(codes, titles, strict=True))
    queries = reported()
    order = np.random.default_rng(0).permutation(len(queries.texts)).tolist()
    texts = [queries.texts[row] for row in order]
    truth = [[name_of[code] for code in queries.codes[row] if code in name_of] for row in order]
    asked = set(texts)  # every reported title is an alternate one too: those that are asked about may not be examples
    pairs = [
        (title, name_of[code])
        for title, code in zip(*alternate(), strict=True)
        if code in name_of and title not in asked
    ]
    examples, labels = [title for title, _ in pairs], [label for _, label in pairs]
    print(f"{len(titles)} names, {len(set(examples)):,} example titles, {len(texts):,} titles to classify")
    encoder = nm.load_encoder("minilm")
    name_rows, example_rows, rows = map(encoder.encode, (titles, examples, texts))

    by_name = nm.LabelClassifier().fit(name_rows, titles)
    voting = nm.LabelClassifier().fit(np.concatenate([name_rows, example_rows]), [*titles, *labels])
    reports = {}
    for name, classifier in {"nearest name": by_name, "examples vote": voting}.items():
        ranked, shares = classifier.top(rows, 10)
        reports[name] = nm.report(truth, ranked, shares[:, 0], texts=texts)
        print(f"\n{name}\n\n{reports[name]}")

    half = len(texts) // 2
    voting.calibrate(rows[:half], truth[:half])
    sure = nm.report(truth[half:], voting.top(rows[half:], 10)[0], voting.confidence(rows[half:]), texts=texts[half:])
    print(f"\ncalibrated on one half, reported on the other\n\n{sure}")
    given.pages.mkdir(parents=True, exist_ok=True)
    sure.save(given.pages / "occupations.html")

    accuracy = {
        weights: [voting.set_params(k=k, weights=weights).score(rows, truth) for k in KS]
        for weights in ("uniform", "score")
    }
    shares_only = {"shares of the vote": reports["examples vote"], "calibrated": sure}
    at_label = dict(zip(titles, name_rows, strict=True))
    figures = {
        "k": plots.accuracy_by_k(KS, accuracy),
        "coverage": plots.coverage(shares_only),
        "reliability": plots.reliability(sure),
        "map": plots.embedding_map(example_rows, labels, at_label, most=5),
    }
    on_texts = nm.LabelClassifier(encoder).fit([*titles, *examples], [*titles, *labels])
    noise = nm.robustness(on_texts, texts[: given.sample], truth[: given.sample])
    print(f"\n{noise}")
    for name, figure in {**figures, "robustness": plots.robustness(noise)}.items():
        plots.save(figure, FIGURES / f"evaluation-{name}.png")


if __name__ == "__main__":
    main()
