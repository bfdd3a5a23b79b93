"""``nearmost evaluate --robustness``: what noise costs a classifier that knows only these labels."""

from __future__ import annotations

from nearmost.cli.encoder import kept_encoder
from nearmost.cli.judging import true_labels
from nearmost.cli.labelled import examples
from nearmost.cli.output import note, print_json
from nearmost.cli.steps import step


def show_robustness(
    labels: str,
    texts: str,
    *,
    text: str | None = None,
    truth: str = "label",
    label_text: str | None = None,
    label: str | None = None,
    encoder: str = "minilm",
    any_of: str | None = None,
    cache: str | None = None,
    limit: int | None = None,
    threads: int = 0,
    as_json: bool = False,
) -> None:
    """Prints the accuracy on the texts of a file, clean and with each kind of noise at each level.

    A text that stands in several rows has several true labels, of which any is right; so have cells with ``any_of``
    between labels.
    """
    from nearmost.classify import LabelClassifier
    from nearmost.errors import InputError
    from nearmost.readers import read_corpus
    from nearmost.reports import robustness

    example_texts, names = examples(read_corpus(labels, text=label_text, label=label), labels)
    corpus = read_corpus(texts, text=text, columns=[truth], limit=limit)
    truths: dict[str, list[str]] = {}
    for one, value in zip(corpus.texts, corpus.columns[truth], strict=True):
        if known := true_labels(value, any_of):
            truths.setdefault(one, []).extend([known] if isinstance(known, str) else known)
    if not truths:
        raise InputError(f"{texts}: no row has a true label in the column {truth!r}")
    classifier = LabelClassifier(kept_encoder(encoder, cache), n_threads=threads)
    with step("labels") as progress:
        classifier.fit(example_texts, names, progress=progress)
    with step("noise") as progress:
        found = robustness(classifier, list(truths), list(truths.values()), progress=progress)
    if as_json:
        print_json(found.plain())
        return
    print(found, end="")
    note(f"{len(classifier.classes_):,} labels, encoder {encoder}; the level is the share of a text that is changed")
