"""``nearmost classify``: a file of texts in, a file with the label of each out."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import CycloptsError, Parameter

from nearmost.cli.options import Json, Threads
from nearmost.cli.output import note, print_json
from nearmost.cli.steps import step

if TYPE_CHECKING:
    from nearmost.classify.sheet import Row
    from nearmost.reports import Report

EXAMPLES = """\
Examples:
  nearmost classify titles.tsv --text title --labels occupations.csv --label-text title -o predictions.tsv
  nearmost classify titles.tsv --labels occupations.csv --label code --evaluate code -o predictions.csv
  nearmost classify big.tsv --labels occupations.csv --encoder static --clean unescape,lower -o predictions.tsv
"""


def classify(
    inputs: Annotated[
        list[str],
        Parameter(
            name="INPUT",
            help="Texts to classify (.txt .csv .tsv .jsonl .json .parquet, also .gz .bz2 .xz .zst; - for stdin).",
        ),
    ],
    /,
    *,
    labels: Annotated[
        str, Parameter(metavar="FILE", help="Label names, or several example texts a label: a file of any such kind.")
    ],
    output: Annotated[
        str, Parameter(name=["-o", "--output"], metavar="FILE", help="Where predictions go: .tsv, .csv or .jsonl.")
    ],
    text: Annotated[
        str | None,
        Parameter(
            metavar="COL",
            help="Column of texts, or several as '{title}. {body}'; else the only one, or one called text, title, ...",
        ),
    ] = None,
    key: Annotated[
        str | None, Parameter(metavar="COL", help="Column of keys; else rows are called 0, 1, 2, ...")
    ] = None,
    label_text: Annotated[
        str | None, Parameter(metavar="COL", help="Column of the labels file with the texts; found as --text is.")
    ] = None,
    label: Annotated[
        str | None, Parameter(metavar="COL", help="Column of the labels file with what to write; else the text itself.")
    ] = None,
    encoder: Annotated[
        str, Parameter(metavar="SPEC", help="minilm, minilm:int8 (faster), static (far faster, coarser), st:NAME, ...")
    ] = "minilm",
    k: Annotated[int, Parameter(name="-k", metavar="N", help="How many of the nearest examples vote.")] = 25,
    weights: Annotated[
        Literal["score", "uniform"], Parameter(help="Whether nearer examples weigh more, or all the same.")
    ] = "score",
    reject_below: Annotated[
        float | None, Parameter(metavar="P", help="Mark predictions with a smaller score than this as abstained.")
    ] = None,
    clean: Annotated[
        str | None,
        Parameter(
            metavar="STEPS", help="Clean texts and labels first: unicode,unescape,ascii,lower,spaces,seniority,gender."
        ),
    ] = None,
    cache: Annotated[
        str | None, Parameter(metavar="DIR", help="Keep vectors in this folder, and take from it what is there.")
    ] = None,
    evaluate: Annotated[
        str | None,
        Parameter(
            metavar="COL",
            help="Column with the true label: prints a report; truths and labels of all rows stay in memory.",
        ),
    ] = None,
    any_of: Annotated[
        str | None, Parameter(metavar="SEP", help="The true labels are several, between SEP; any of them is right.")
    ] = None,
    report: Annotated[
        str | None, Parameter(metavar="FILE", help="Where to save that too: .html (with the texts), .json, .csv, .txt.")
    ] = None,
    restart: Annotated[bool, Parameter(help="Begin anew where an unfinished run would be continued.")] = False,
    limit: Annotated[int | None, Parameter(metavar="N", help="Take the first rows only.")] = None,
    threads: Threads = 0,
    as_json: Json = False,
) -> None:
    """Write the label of every text, by the nearest label names or examples.

    Each row gets label, score (share of the vote), runner-up, margin (the
    lead over it) and whether the classifier abstains. Memory stays bounded
    whatever the input's size. A run that was interrupted goes on where it
    was when it is started again, and the result is the same.
    """
    from nearmost.classify import LabelClassifier, classify_stream
    from nearmost.encoders import CachedEncoder, load_encoder
    from nearmost.readers import read_corpus

    if evaluate is None and (any_of is not None or report is not None):
        raise CycloptsError(msg="--any-of SEP and --report FILE go with --evaluate COL.")
    if report is not None and Path(report).suffix.lower() not in (".html", ".json", ".csv", ".txt"):
        raise CycloptsError(msg=f"--report {report}: the suffix must be .html, .json, .csv or .txt.")
    if Path(output).resolve() in {Path(one).resolve() for one in (*inputs, labels)}:
        raise CycloptsError(msg=f"{output} is one of the inputs; name another file for the predictions.")
    cleaning = _Cleaning(clean)
    examples = read_corpus(labels, text=label_text, label=label)
    loaded = load_encoder(encoder)
    if cache is not None:
        loaded = CachedEncoder(loaded, cache)
    classifier = LabelClassifier(loaded, k, weights, reject_below, n_threads=threads)
    with step("labels") as progress:
        names = list(examples.texts)
        classifier.fit(
            [cleaning(name) for name in names], (examples.labels and list(examples.labels)) or names, progress=progress
        )
    cleaning.changed.clear()
    judge = _Judge(evaluate, any_of, with_texts=(report or "").lower().endswith(".html"))
    if Path(f"{output}.resume").exists() and not restart:
        note(f"going on with the unfinished run of {output}")
    with step("classifying") as progress:
        n_rows = classify_stream(
            classifier,
            judge.passing(inputs, {"text": text, "key": key, "limit": limit, "progress": progress}),
            output,
            clean=cleaning if clean else None,
            made_of={"input": [os.fspath(one) for one in inputs], "way of cleaning": clean},
            restart=restart,
            watch=judge.see,
        )
    found = judge.report()
    facts: dict[str, Any] = {"output": output, "n_rows": n_rows}
    if found is not None:
        facts |= found.plain()["figures"]
        if report is not None:
            found.save(report)
    if clean:
        facts["cleaned"] = cleaning.changed
    if as_json:
        print_json(facts)
        return
    print(f"{output}: {n_rows:,} rows, {len(classifier.classes_):,} labels, encoder {loaded.spec}")
    for name, count in cleaning.changed.items():
        note(f"cleaning: {name} changed {count:,} texts")
    if found is not None:
        print(f"\n{found.text().rstrip()}")


class _Cleaning:
    """The steps named on the command line, as one function of a text that counts what each changes."""

    def __init__(self, names: str | None) -> None:
        from nearmost.cleaning import step_named

        self._steps = [step_named(name.strip()) for name in (names or "").split(",") if name.strip()]
        self.changed: dict[str, int] = {}

    def __call__(self, text: str) -> str:
        for name, change in self._steps:
            after = change(text)
            self.changed[name] = self.changed.get(name, 0) + (after != text)
            text = after
        return text


class _Judge:
    """Keeps truth and prediction of every row where there is a column of truths; else nothing."""

    def __init__(self, column: str | None, separator: str | None, *, with_texts: bool) -> None:
        self._column = column
        self._separator = separator
        self._with_texts = with_texts
        self._truth: list[str] = []
        self._rows: list[tuple[str, str, str, float, bool]] = []
        self._same: dict[str, str] = {}  # one object a label, not one a row

    def passing(self, inputs: list[str], options: dict[str, Any]) -> Iterator[tuple[str, str]]:
        """(key, text) of every record; its truth stays here."""
        from nearmost.readers.corpus import iter_records

        columns = () if self._column is None else (self._column,)
        for record in iter_records(inputs, columns=columns, **options):
            if self._column is not None:
                truth = str(record.columns[self._column])
                self._truth.append(self._same.setdefault(truth, truth))
            yield record.key, record.text

    def see(self, rows: list[Row]) -> None:
        """The predictions of these rows."""
        if self._column is not None:
            one = self._same.setdefault
            for row in rows:
                labels = one(row.label, row.label), one(row.runner_up, row.runner_up)
                self._rows.append(
                    (row.text if self._with_texts else "", *labels, float(row.score), row.abstained == "true")
                )

    def report(self) -> Report | None:
        """How good the predictions are, where there is a truth."""
        from nearmost.reports import report

        if self._column is None:
            return None
        texts, best, second, scores, abstained = zip(*self._rows, strict=True)
        truth = [one.split(self._separator) for one in self._truth] if self._separator else self._truth
        ranked = [[label, other] if other else [label] for label, other in zip(best, second, strict=True)]
        return report(truth, ranked, scores, texts=texts if self._with_texts else None, abstained=abstained, top=(1, 2))
