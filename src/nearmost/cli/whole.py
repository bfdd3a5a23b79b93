"""``nearmost finetune --whole``: the encoder itself is trained on labelled texts, where torch is there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nearmost.cli.labelled import labelled
from nearmost.cli.output import note, print_json
from nearmost.cli.steps import step

if TYPE_CHECKING:
    from nearmost.finetuning import Epoch


def train_whole(
    file: str,
    output: str,
    encoder: str,
    source: dict[str, Any],
    how: dict[str, Any],
    *,
    restart: bool,
    as_json: bool,
) -> None:
    """Trains it on the texts of a file, and prints the spec of the result with what each epoch came to."""
    from nearmost.finetuning import finetune_encoder
    from nearmost.finetuning.whole import require_trainable

    require_trainable(encoder)  # before a long read, not after it
    found = labelled(file, **source)
    known, texts = found.known, found.texts
    if found.sure is not None:
        known = _sure_ones(known, found.sure)
        note("each label counts the same here, whatever its confidence; those of 0 are left out")
    history: list[Epoch] = []
    with step("training") as progress:
        spec = finetune_encoder(
            texts, **known, output=output, encoder=encoder, valid=found.valid, resume=not restart,
            watch=history.append, progress=progress, **how,
        )  # fmt: skip
    stop_on = how["stop_on"]
    if as_json:
        epochs = [{"epoch": each.number, "loss": each.loss, stop_on: each.value} for each in history]
        print_json({"output": output, "encoder": spec, "epochs": epochs})
        return
    best = max(history, key=lambda epoch: epoch.value)
    print(f"{output}: an encoder; its spec is {spec}")
    told = ", ".join(f"{each.value:.4f}" for each in history)
    print(f"{stop_on} on what was held out, by epoch: {told}; kept is epoch {best.number}")
    note(f"nearmost evaluate --retrieval --encoder {spec} measures it; all texts must be encoded again with it")


def _sure_ones(known: dict[str, Any], sure: list[float]) -> dict[str, Any]:
    """What is known, without what has no confidence at all."""
    if "pairs" in known:
        return {"pairs": [pair for pair, share in zip(known["pairs"], sure, strict=True) if share > 0]}
    return {"groups": [label if share > 0 else "" for label, share in zip(known["groups"], sure, strict=True)]}
