"""``nearmost finetune``: a file of labelled texts in, a head that brings texts of a label together out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import CycloptsError, Parameter

from nearmost.cli.encoder import encoder_for
from nearmost.cli.options import Cache, EncoderOf, Json, Threads
from nearmost.cli.output import note, print_json
from nearmost.cli.steps import step

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from nearmost.finetuning import Epoch
    from nearmost.projection import Projection
    from nearmost.values import Corpus

EXAMPLES = """\
Examples:
  nearmost finetune labelled.jsonl --text text --label label --encoder minilm -o news.head
  nearmost finetune exported.jsonl --task Topic --text text -o news.head
  nearmost finetune questions.tsv --text question --other answer -o answers.head
  nearmost index news.jsonl --text text --head news.head -o news.nearmost
  nearmost evaluate test.jsonl --retrieval --text text --head news.head --report news.html
"""


def finetune(
    file: Annotated[
        str, Parameter(name="FILE", help="Texts with labels (.csv .tsv .jsonl .json .parquet, also compressed).")
    ],
    /,
    *,
    output: Annotated[
        str, Parameter(name=["-o", "--output"], metavar="FILE", help="Where the head goes: a safetensors file.")
    ],
    text: Annotated[
        str | None,
        Parameter(
            metavar="COL", help="Column of texts, or several as '{title}. {body}'; else one called text, title, ..."
        ),
    ] = None,
    label: Annotated[
        str, Parameter(metavar="COL", help="Column of labels; rows where it is empty are left out.")
    ] = "label",
    task: Annotated[
        str | None,
        Parameter(
            metavar="NAME",
            help="In place of --label: a task of what nearmost label export wrote: labels by hand, else weak ones.",
        ),
    ] = None,
    other: Annotated[
        str | None, Parameter(metavar="COL", help="In place of labels: a column of texts that go with those of --text.")
    ] = None,
    confidence: Annotated[
        str | None, Parameter(metavar="COL", help="Column of how sure each label is; 0 leaves a row out.")
    ] = None,
    encoder: Annotated[
        str, Parameter(metavar="SPEC", help="What makes vectors of texts, here and later in the index.")
    ] = "minilm",
    encoder_of: EncoderOf = None,
    head: Annotated[Literal["skip", "linear", "gated", "mlp"], Parameter(help="What is trained.")] = "skip",
    loss: Annotated[
        str | None,
        Parameter(
            metavar="NAME",
            help="arcface (for labels, if not given), cosface, softmax, mnrl (for pairs), triplet, contrastive, "
            "online_contrastive, supcon, circle; with numbers: arcface:margin=0.3,scale=32.",
        ),
    ] = None,
    dim: Annotated[int | None, Parameter(metavar="N", help="With --head linear: columns that are left.")] = None,
    valid: Annotated[
        str, Parameter(metavar="SHARE|FILE", help="Share of the rows, or a file with such columns, to validate with.")
    ] = "0.25",
    hold_out: Annotated[
        list[str] | None,
        Parameter(metavar="LABEL", negative="", help="Train without this label, to see what becomes of it."),
    ] = None,
    epochs: Annotated[int, Parameter(metavar="N", help="Most looks at the examples.")] = 100,
    patience: Annotated[int, Parameter(metavar="N", help="Looks without a better one after which it ends.")] = 5,
    stop_on: Annotated[
        str, Parameter(metavar="MEASURE", help="r_precision, mrr, precision@K, recall@K or ndcg@K.")
    ] = "r_precision",
    hard_negatives: Annotated[
        int, Parameter(metavar="N", help="Near rows of other labels to compare with, for losses that compare rows.")
    ] = 0,
    memory: Annotated[
        int, Parameter(metavar="N", help="Earlier rows to compare with, for losses that compare rows.")
    ] = 0,
    seed: Annotated[int, Parameter(metavar="N", help="The same seed gives the same head.")] = 0,
    cache: Cache = None,
    limit: Annotated[int | None, Parameter(metavar="N", help="Take the first rows only.")] = None,
    threads: Threads = 0,
    as_json: Json = False,
) -> None:
    """Train a head that brings texts of the same label nearer together.

    The encoder stays as it is: each text is encoded once, and a small change
    of the vectors is trained, which takes seconds. Give the head to nearmost
    index --head; queries go through it by themselves.
    """
    from nearmost.finetuning import finetune as train

    if not Path(output).absolute().parent.is_dir():
        raise CycloptsError(msg=f"{output}: there is no such folder; make it first.")
    loaded = encoder_for(encoder, encoder_of, cache)
    options: dict[str, Any] = {
        "head": head, "loss": loss, "dim": dim, "epochs": epochs, "patience": patience, "stop_on": stop_on,
        "hard_negatives": hard_negatives, "memory": memory, "seed": seed, "n_threads": threads,
    }  # fmt: skip
    if task is not None and (other is not None or confidence is not None):
        raise CycloptsError(msg="--task NAME brings its own labels and confidence; leave --other and --confidence out.")
    by_task = None if task is None else _columns_of(task)
    columns = by_task or [name for name in (other, confidence) if name is not None]
    corpus = _read(file, text, None if other or by_task else label, columns, limit)
    sure = None if confidence is None else _numbers(corpus, confidence)
    if by_task is not None:
        corpus, sure = _exported(corpus, by_task)
    history: list[Epoch] = []
    if other is not None:
        if hold_out or not _is_share(valid):
            raise CycloptsError(msg="--hold-out and a file for --valid go with labels, not with --other.")
        texts = [*corpus.texts, *map(str, corpus.columns[other])]
        n = len(corpus.texts)
        vectors = _encoded(texts, loaded, threads)
        groups: dict[str, Any] = {"pairs": [(row, n + row) for row in range(n)], "valid": float(valid)}
    else:
        labels = _labels(corpus, hold_out or ())
        held_out = float(valid) if _is_share(valid) else _read(valid, text, label, (), limit)
        vectors = _encoded(list(corpus.texts), loaded, threads)
        if not isinstance(held_out, float):
            rows = _encoded(list(held_out.texts), loaded, threads)
            groups = {"groups": labels, "valid": (rows, _labels(held_out, hold_out or ()))}
        else:
            groups = {"groups": labels, "valid": held_out}
    with step("training") as progress:
        made = train(vectors, confidence=sure, **groups, **options, watch=history.append, progress=progress)
    made.save(output)
    _show(output, made, history, stop_on, loaded.spec, as_json=as_json)


def _read(path: str, text: str | None, label: str | None, columns: Any, limit: int | None) -> Corpus:
    from nearmost.readers import read_corpus

    with step("reading") as progress:
        return read_corpus(path, text=text, label=label, columns=columns, limit=limit, progress=progress)


def _columns_of(task: str) -> list[str]:
    """What ``nearmost label export`` calls the columns of a task; ATTRIBUTE__TASK for one about an attribute."""
    stem = task if "__" in task else f"__{task}"
    return [f"{stem}__{name}" for name in ("MANUAL", "WEAK_SUPERVISION", "WEAK_SUPERVISION__confidence")]


def _exported(corpus: Corpus, columns: list[str]) -> tuple[Corpus, list[float]]:
    """The corpus with each row's label by hand, or else the weak one; and how sure each is: 1, or its confidence."""
    from nearmost.values import Corpus

    manual, weak, _ = (corpus.columns[name] for name in columns)
    pairs = [(str(one or ""), str(two or "")) for one, two in zip(manual, weak, strict=True)]
    confidences = zip(pairs, _numbers(corpus, columns[2]), strict=True)
    labels = [by_hand or guessed for by_hand, guessed in pairs]
    return Corpus.of(list(corpus.texts), labels=labels), [1.0 if pair[0] else sure for pair, sure in confidences]


def _encoded(texts: list[str], encoder: Encoder, threads: int) -> NDArray[np.float32]:
    with step("encoding") as progress:
        return encoder.encode(texts, progress=progress, n_threads=threads)


def _labels(corpus: Corpus, held_out: Any) -> list[str]:
    """A label a row, "" for those that are held out."""
    labels = list(corpus.labels or ())
    lost = set(held_out) - set(labels)
    if lost:
        from nearmost.errors import InputError

        known = ", ".join(sorted(set(labels))[:10])
        raise InputError(f"--hold-out {', '.join(sorted(lost))}: no row has this label; there are {known}")
    return ["" if label in held_out else label for label in labels]


def _numbers(corpus: Corpus, column: str) -> list[float]:
    """The column as numbers; an empty one is 0."""
    from nearmost.errors import InputError

    found = []
    for row, value in enumerate(corpus.columns[column]):
        try:
            found.append(float(value) if value not in (None, "") else 0.0)
        except (TypeError, ValueError):
            raise InputError(f"record {row + 1}: {column} is {value!r:.40}; it must be a number") from None
    return found


def _is_share(given: str) -> bool:
    try:
        return 0 < float(given) < 1
    except ValueError:
        return False


def _show(output: str, made: Projection, history: list[Epoch], stop_on: str, encoder: str, *, as_json: bool) -> None:
    first, best = history[0], max(history, key=lambda epoch: epoch.value)
    if as_json:
        epochs = [
            {"epoch": each.number, "loss": None if each.number == 0 else each.loss, stop_on: each.value}
            for each in history
        ]
        print_json({"output": output, "dim_in": made.dim_in, "dim_out": made.dim_out, "epochs": epochs})
        return
    print(f"{output}: {made}, for encoder {encoder}")
    print(f"{stop_on} on what was held out: {first.value:.4f} before, at best {best.value:.4f} (epoch {best.number})")
    note("taken is the first epoch within a standard error of the best; nearmost evaluate --retrieval measures it")
