"""``nearmost classify``: a file of texts in, a file with the label of each out."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import CycloptsError, Parameter

from nearmost.cli.encoder import kept_encoder
from nearmost.cli.judging import Judge, calibrated
from nearmost.cli.labelled import examples
from nearmost.cli.options import Cache, Json, Threads
from nearmost.cli.output import note, print_json
from nearmost.cli.steps import step

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
    encoding: Annotated[
        str, Parameter(metavar="NAME", help="How INPUT is written where it is not UTF-8: cp1252, latin-1, utf-16, ...")
    ] = "utf-8",
    label_encoding: Annotated[str, Parameter(metavar="NAME", help="The same for the labels file.")] = "utf-8",
    format: Annotated[
        str | None,
        Parameter(name="--format", metavar="NAME", help="Of INPUT where its name does not tell: csv, tsv, jsonl, ..."),
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
    calibrate: Annotated[
        str | None,
        Parameter(
            metavar="FILE",
            help="Other texts with true labels, hundreds: the score becomes the chance that the label is right.",
        ),
    ] = None,
    truth: Annotated[
        str | None, Parameter(metavar="COL", help="Column of true labels in FILE; else that of --evaluate, or label.")
    ] = None,
    precision: Annotated[
        float | None,
        Parameter(metavar="P", help="With --calibrate: abstain so that this share of the answers is right there."),
    ] = None,
    clean: Annotated[
        str | None,
        Parameter(
            metavar="STEPS", help="Clean texts and labels first: unicode,unescape,ascii,lower,spaces,seniority,gender."
        ),
    ] = None,
    cache: Cache = None,
    evaluate: Annotated[
        str | None,
        Parameter(
            metavar="COL",
            help="Column with the true label: prints a report; truths and labels of all rows stay in memory.",
        ),
    ] = None,
    any_of: Annotated[
        str | None, Parameter(metavar="SEP", help="True labels are several, between SEP; any of them is right.")
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

    Each row gets label, score (share of the vote; with --calibrate the chance
    that it is right), runner-up, margin (the lead over it in share of the
    vote) and whether the classifier abstains. Memory stays bounded
    whatever the input's size. A run that was interrupted goes on where it
    was when it is started again, and the result is the same.
    """
    from nearmost.classify import LabelClassifier, classify_stream
    from nearmost.queries import whole
    from nearmost.readers import read_corpus
    from nearmost.readers.corpus import iter_records
    from nearmost.readers.sources import expand, is_pipe
    from nearmost.reports.wording import counted

    sources = [*inputs, labels, *([] if calibrate is None else [calibrate])]
    _require_sense(output, sources, evaluate, any_of, report, reject_below)
    if calibrate is None and evaluate is None and any_of is not None:
        raise CycloptsError(msg="--any-of SEP goes with --evaluate COL, or with --calibrate FILE.")
    if calibrate is None and (truth is not None or precision is not None):
        raise CycloptsError(msg="--truth COL and --precision P go with --calibrate FILE.")
    if precision is not None and (reject_below is not None or not 0 < precision <= 1):
        raise CycloptsError(msg="--precision P lies above 0 and is at most 1, and takes the place of --reject-below.")
    cleaning = _Cleaning(clean)
    reading: dict[str, Any] = {"text": text, "key": key, "encoding": encoding, "format": format}
    if not any(one == "-" or is_pipe(one) for one in expand(inputs)):
        # what is missing in them is told before the labels are encoded
        columns = () if evaluate is None else (evaluate,)
        next(iter_records(inputs, columns=columns, limit=1 if limit is None else min(limit, 1), **reading))
    held_out = None
    if calibrate is not None:
        held_out = read_corpus(calibrate, text=text, columns=[truth or evaluate or "label"], encoding=encoding)
    texts, names = examples(read_corpus(labels, text=label_text, label=label, encoding=label_encoding), labels)
    classifier = LabelClassifier(
        kept_encoder(encoder, cache), whole(k, "k", 1), weights, reject_below, n_threads=threads
    )
    with step("labels") as progress:
        classifier.fit([cleaning(example) for example in texts], names, progress=progress)
    if held_out is not None:
        calibrated(classifier, held_out, any_of, cleaning, precision)
    cleaning.changed.clear()
    judge = Judge(evaluate, any_of, with_texts=(report or "").lower().endswith(".html"))
    if Path(f"{output}.resume").exists() and not restart:
        note(f"going on with the unfinished run of {output}")
    with step("classifying") as progress:
        n_rows = classify_stream(
            classifier,
            judge.passing(inputs, {**reading, "limit": limit, "progress": progress}),
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
    rows, known = counted(n_rows, "row"), counted(len(classifier.classes_), "label")
    print(f"{output}: {rows}, {known}, encoder {encoder}")
    for name, count in cleaning.changed.items():
        note(f"cleaning: {name} changed {counted(count, 'text')}")
    if found is not None:
        print(f"\n{found.text().rstrip()}")


def _require_sense(
    output: str,
    sources: list[str],
    evaluate: str | None,
    any_of: str | None,
    report: str | None,
    reject_below: float | None,
) -> None:
    """What can be said before hours of work: where the results go, and options that want each other."""
    from nearmost.classify.sheet import require_writable
    from nearmost.readers.sources import expand

    if evaluate is None and report is not None:
        raise CycloptsError(msg="--report FILE goes with --evaluate COL.")
    if any_of == "":
        raise CycloptsError(msg="--any-of SEP: SEP is empty; say what stands between the labels, such as '|'.")
    if reject_below is not None and not 0 <= reject_below <= 1:
        raise CycloptsError(msg=f"--reject-below {reject_below:g}: scores lie between 0 and 1; say 0.7 for 70 %.")
    taken = {Path(one).resolve() for one in expand(sources)}
    if Path(output).resolve() in taken:
        raise CycloptsError(msg=f"{output} is one of the inputs; name another file for the predictions.")
    require_writable(Path(output))
    if report is None:
        return
    if Path(report).suffix.lower() not in (".html", ".json", ".csv", ".txt"):
        raise CycloptsError(msg=f"--report {report}: the suffix must be .html, .json, .csv or .txt.")
    if Path(report).resolve() in taken | {Path(output).resolve()}:
        raise CycloptsError(msg=f"--report {report} is the name of an input or of the output; name another file.")
    if Path(report).is_dir() or not Path(report).parent.is_dir():
        raise CycloptsError(msg=f"--report {report} is a folder, or lies in none that is there.")


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
