"""``nearmost finetune``: a file of labelled texts in, a head that brings texts of a label together out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import CycloptsError, Parameter

from nearmost.cli.encoder import encoder_for
from nearmost.cli.labelled import labelled
from nearmost.cli.options import Cache, EncoderOf, Json, Threads
from nearmost.cli.output import note, print_json
from nearmost.cli.steps import step
from nearmost.cli.whole import train_whole

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from nearmost.encoders import Encoder
    from nearmost.finetuning import Epoch
    from nearmost.projection import Projection

EXAMPLES = """\
Examples:
  nearmost finetune labelled.jsonl --text text --label label --encoder minilm -o news.head
  nearmost finetune exported.jsonl --task Topic --text text -o news.head
  nearmost finetune questions.tsv --text question --other answer -o answers.head
  nearmost index news.jsonl --text text --head news.head -o news.nearmost
  nearmost refit news.nearmost --head news.head -o better.nearmost
  nearmost finetune labelled.jsonl --whole --encoder st:all-MiniLM-L6-v2 -o news-encoder
  nearmost evaluate test.jsonl --retrieval --text text --head news.head --report news.html
"""


def finetune(
    file: Annotated[
        str, Parameter(name="FILE", help="Texts with labels (.csv .tsv .jsonl .json .parquet, also compressed).")
    ],
    /,
    *,
    output: Annotated[
        str,
        Parameter(
            name=["-o", "--output"],
            metavar="FILE",
            help="Where the head goes: a safetensors file; with --whole a folder for the encoder.",
        ),
    ],
    whole: Annotated[
        bool, Parameter(help="Train the encoder itself, st:NAME or st:FOLDER, in place of a head; needs torch.")
    ] = False,
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
    epochs: Annotated[
        int | None, Parameter(metavar="N", help="Most looks at the examples; 100, or 3 with --whole.")
    ] = None,
    patience: Annotated[
        int | None,
        Parameter(metavar="N", help="Looks without a better one after which it ends; 5, or 2 with --whole."),
    ] = None,
    batch: Annotated[int | None, Parameter(metavar="N", help="Examples a step; 256, or 32 with --whole.")] = None,
    rate: Annotated[
        float | None, Parameter(metavar="R", help="How far a step goes; by the head, or 2e-5 with --whole.")
    ] = None,
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
    restart: Annotated[bool, Parameter(help="With --whole: begin anew where an earlier run was interrupted.")] = False,
    threads: Threads = 0,
    as_json: Json = False,
) -> None:
    """Train a head that brings texts of the same label nearer together.

    The encoder stays as it is: each text is encoded once, and a small change
    of the vectors is trained, which takes seconds. Give the head to nearmost
    index --head, or to nearmost refit for an index that is there; queries go
    through it by themselves. With --whole the encoder is trained, which takes
    hours on a processor, and all texts are encoded again.
    """
    from nearmost.finetuning import finetune as train

    if not Path(output).absolute().parent.is_dir():
        raise CycloptsError(msg=f"{output}: there is no such folder; make it first.")
    source: dict[str, Any] = {
        "text": text, "label": label, "task": task, "other": other, "confidence": confidence, "valid": valid,
        "hold_out": hold_out or [], "limit": limit,
    }  # fmt: skip
    how: dict[str, Any] = {"loss": loss, "stop_on": stop_on, "seed": seed}
    how |= {
        name: number
        for name, number in (("epochs", epochs), ("patience", patience), ("batch", batch))
        if number is not None
    }
    how |= {} if rate is None else {"rate": rate}
    if whole:
        if encoder_of or cache or dim or hard_negatives or memory or head != "skip":
            raise CycloptsError(
                msg="--whole trains the encoder, not a head: leave --head, --dim, --hard-negatives, --memory, "
                "--encoder-of and --cache out."
            )
        train_whole(file, output, encoder, source, how, restart=restart, as_json=as_json)
        return
    if restart:
        raise CycloptsError(msg="--restart goes with --whole; a head is trained in one go.")
    loaded = encoder_for(encoder, encoder_of, cache)
    found = labelled(file, **source)
    vectors = _encoded(found.texts, loaded, threads)
    held_out: Any = found.valid
    if not isinstance(found.valid, float):
        held_out = _encoded(found.valid[0], loaded, threads), found.valid[1]
    history: list[Epoch] = []
    with step("training") as progress:
        made = train(
            vectors, **found.known, confidence=found.sure, valid=held_out, head=head, dim=dim, memory=memory,
            hard_negatives=hard_negatives, n_threads=threads, watch=history.append, progress=progress, **how,
        )  # fmt: skip
    made.save(output)
    _show(output, made, history, stop_on, loaded.spec, as_json=as_json)


def _encoded(texts: list[str], encoder: Encoder, threads: int) -> NDArray[np.float32]:
    with step("encoding") as progress:
        return encoder.encode(texts, progress=progress, n_threads=threads)


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
