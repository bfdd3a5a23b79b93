"""``nearmost evaluate``: how good the vectors of an index are, and how much noise labels bear."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import CycloptsError, Parameter

from nearmost.cli.options import Cache, EncoderOf, Json, Threads
from nearmost.cli.output import note, print_json, printable
from nearmost.cli.retrieval import show_retrieval
from nearmost.cli.robustness import show_robustness

if TYPE_CHECKING:
    from nearmost.evaluate import AnalogyScores, PairScores, SectionScore

EXAMPLES = """\
Examples:
  nearmost evaluate glove.nearmost --analogies questions-words.txt
  nearmost evaluate glove.nearmost --pairs wordsim353.tsv --restrict-vocab 100000
  nearmost evaluate occupations.csv --robustness titles.tsv --text title --truth occupation
  nearmost evaluate test.jsonl --retrieval --text text --head news.head --report news.html
"""


def evaluate(
    file: Annotated[
        str,
        Parameter(
            help="An index, as nearmost index writes it; for --robustness label names, or examples of them; for "
            "--retrieval texts with labels."
        ),
    ],
    /,
    *,
    analogies: Annotated[
        str | None, Parameter(metavar="FILE", help="Analogy questions, four words a line, sections behind a colon.")
    ] = None,
    pairs: Annotated[
        str | None, Parameter(metavar="FILE", help="Pairs of words with a number that says how alike they are.")
    ] = None,
    restrict_vocab: Annotated[
        int, Parameter(metavar="N", help="Look among the first N rows only, the most frequent words.")
    ] = 300_000,
    case_sensitive: Annotated[bool, Parameter(help="Do not take Athens for athens.")] = False,
    recall: Annotated[
        float, Parameter(metavar="R", help="Share of the nearest to find for analogies; 1 is exact.")
    ] = 1.0,
    robustness: Annotated[
        str | None,
        Parameter(metavar="FILE", help="Texts with true labels: accuracy with each kind and level of noise."),
    ] = None,
    retrieval: Annotated[
        bool, Parameter(help="Count how many of the texts nearest to fixed queries have the same label.")
    ] = False,
    head: Annotated[
        str | None, Parameter(metavar="FILE", help="With --retrieval: also through this head, before beside after.")
    ] = None,
    report: Annotated[
        str | None, Parameter(metavar="FILE", help="Where to save before beside after: .html, .json or .txt.")
    ] = None,
    unseen: Annotated[
        list[str] | None,
        Parameter(metavar="LABEL", negative="", help="A label that was not in training, to be told apart."),
    ] = None,
    cache: Cache = None,
    text: Annotated[
        str | None, Parameter(metavar="COL", help="Column of these texts, or several as '{title}. {body}'.")
    ] = None,
    truth: Annotated[str, Parameter(metavar="COL", help="Column of their true labels; of several rows any.")] = "label",
    any_of: Annotated[
        str | None, Parameter(metavar="SEP", help="With --robustness: true labels are several, between SEP.")
    ] = None,
    label_text: Annotated[str | None, Parameter(metavar="COL", help="Column of the texts of the labels.")] = None,
    label: Annotated[str | None, Parameter(metavar="COL", help="Column of the labels; else the text itself.")] = None,
    encoder: Annotated[str, Parameter(metavar="SPEC", help="What makes vectors of these texts.")] = "minilm",
    encoder_of: EncoderOf = None,
    limit: Annotated[int | None, Parameter(metavar="N", help="Try the first rows of texts only.")] = None,
    threads: Threads = 0,
    as_json: Json = False,
) -> None:
    """Measure word vectors, or how much noise a classifier bears.

    Analogies answered rightly, and similarities beside what people say: the
    numbers are those of gensim's evaluate_word_analogies and
    evaluate_word_pairs. With --robustness: the share of texts that get a true
    label, as they are and with each kind of noise at each level. With
    --retrieval: whether texts of a label find each other, and what a head
    that nearmost finetune made changes.
    """
    if any_of is not None and (robustness is None or not any_of):
        raise CycloptsError(msg="--any-of SEP goes with --robustness FILE, and SEP is not empty.")
    if retrieval:
        if analogies is not None or pairs is not None or robustness is not None:
            raise CycloptsError(msg="evaluate takes --retrieval alone, without --analogies, --pairs and --robustness.")
        if head is None and (report is not None or unseen):
            raise CycloptsError(msg="--report FILE and --unseen LABEL go with --head FILE.")
        of = {"text": text, "truth": truth, "encoder": encoder, "limit": limit}
        show_retrieval(
            file,
            head=head,
            report=report,
            **of,  # type: ignore[arg-type]
            encoder_of=encoder_of,
            cache=cache,
            unseen=unseen,
            threads=threads,
            as_json=as_json,
        )
        return
    if head is not None or report is not None or unseen or encoder_of is not None:
        raise CycloptsError(msg="--head, --report, --unseen and --encoder-of go with --retrieval.")
    if cache is not None and robustness is None:
        raise CycloptsError(msg="--cache DIR goes with --retrieval or --robustness FILE.")
    if robustness is not None:
        if analogies is not None or pairs is not None:
            raise CycloptsError(msg="evaluate takes --robustness FILE alone, without --analogies and --pairs.")
        columns = {"text": text, "truth": truth, "any_of": any_of, "label_text": label_text, "label": label}
        of = {"encoder": encoder, "cache": cache, "limit": limit, "threads": threads}
        show_robustness(file, robustness, **columns, **of, as_json=as_json)  # type: ignore[arg-type]
        return
    from nearmost.evaluate import evaluate_analogies, evaluate_pairs
    from nearmost.index import Index

    if analogies is None and pairs is None:
        raise CycloptsError(
            msg="evaluate wants --analogies FILE or --pairs FILE, or both, or --robustness FILE, or --retrieval."
        )
    with Index.open(file) as opened:
        insensitive = not case_sensitive
        if analogies is not None:
            show_analogies(
                evaluate_analogies(
                    opened,
                    analogies,
                    restrict_vocab=restrict_vocab,
                    case_insensitive=insensitive,
                    recall=recall,
                    n_threads=threads,
                ),
                as_json=as_json,
            )
        if pairs is not None:
            found = evaluate_pairs(opened, pairs, restrict_vocab=restrict_vocab, case_insensitive=insensitive)
            show_pairs(found, as_json=as_json)


def show_analogies(scores: AnalogyScores, *, as_json: bool) -> None:
    """Prints a line a section, and the sums."""
    sums = [scores.semantic, scores.syntactic, scores.total]
    if as_json:
        sections = [_plain(section) for section in scores.sections]
        totals = {each.name: _plain(each) for each in sums}
        print_json({"sections": sections, **totals, "unknown": scores.unknown, "skipped": scores.skipped})
        return
    both = scores.semantic.total and scores.syntactic.total
    lines = [*scores.sections, *(sums if both else sums[2:])]
    width = max(len(printable(line.name)) for line in lines)
    digits = len(f"{scores.total.total:,}")
    for line in lines:
        shares = f"{line.correct:>{digits},} of {line.total:>{digits},}"
        print(f"{printable(line.name):{width}}  {shares}  {100 * line.accuracy:5.1f} %")
    note(f"{scores.unknown:,} questions hold a word that is no key and were left out")
    if scores.skipped:
        note(f"{scores.skipped:,} lines hold no question and were skipped")


def show_pairs(scores: PairScores, *, as_json: bool) -> None:
    """Prints the two correlations, and how many pairs they are from."""
    if as_json:
        numbers = {"pearson": scores.pearson, "spearman": scores.spearman}
        known = {name: number if math.isfinite(number) else None for name, number in numbers.items()}
        print_json({**known, "pairs": scores.n_pairs, "unknown": scores.unknown, "skipped": scores.skipped})
        return
    print(f"Pearson   {scores.pearson:.4f}")
    print(f"Spearman  {scores.spearman:.4f}")
    note(f"{scores.n_pairs:,} pairs; {scores.unknown:,} hold a word that is no key and were left out")
    if scores.skipped:
        note(f"{scores.skipped:,} lines hold no pair and were skipped")


def _plain(section: SectionScore) -> dict[str, Any]:
    return {
        "name": section.name,
        "correct": section.correct,
        "total": section.total,
        "accuracy": section.accuracy,
    }
