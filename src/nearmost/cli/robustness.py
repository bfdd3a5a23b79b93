"""``nearmost evaluate --robustness``: what noise costs a classifier that knows only these labels."""

from __future__ import annotations

from nearmost.cli.output import note, print_json
from nearmost.cli.steps import step


def show_robustness(
    labels: str,
    texts: str,
    *,
    text: str | None = None,
    truth: str | None = None,
    label_text: str | None = None,
    label: str | None = None,
    encoder: str = "minilm",
    limit: int | None = None,
    threads: int = 0,
    as_json: bool = False,
) -> None:
    """Prints the accuracy on the texts of a file, clean and with each kind of noise at each level.

    A text that stands in several rows has several true labels, of which any is right.
    """
    from nearmost.classify import LabelClassifier
    from nearmost.readers import read_corpus
    from nearmost.reports import robustness

    examples = read_corpus(labels, text=label_text, label=label)
    corpus = read_corpus(texts, text=text, label=truth, limit=limit)
    truths: dict[str, list[str]] = {}
    for one, true in zip(corpus.texts, corpus.labels or (), strict=True):
        truths.setdefault(one, []).append(true)
    names = list(examples.texts)
    classifier = LabelClassifier(encoder, n_threads=threads)
    with step("labels") as progress:
        classifier.fit(names, names if examples.labels is None else list(examples.labels), progress=progress)
    with step("noise") as progress:
        found = robustness(classifier, list(truths), list(truths.values()), progress=progress)
    if as_json:
        print_json(found.plain())
        return
    print(found, end="")
    note(f"{len(classifier.classes_):,} labels, encoder {encoder}; the level is the share of a text that is changed")
