"""Losses: how wrong an embedding is about a batch, and how each score should change.

All of them see cosines alone. Those against centres get the cosine of every row with the centre of every group, those
of rows the cosine of every row (the anchor) with every other row (the references), and which of these are alike. Each
gives its value and the derivative by every cosine; where cosines come from is the trainer's business.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from nearmost.errors import InputError
from nearmost.finetuning.losses.angular import arcface, cosface, softmax
from nearmost.finetuning.losses.circle import circle
from nearmost.finetuning.losses.contrastive import contrastive, online_contrastive
from nearmost.finetuning.losses.mnrl import mnrl
from nearmost.finetuning.losses.supcon import supcon
from nearmost.finetuning.losses.triplet import triplet

__all__ = ["LOSSES", "Loss", "loss_named"]


@dataclass(frozen=True, slots=True)
class Loss:
    """A loss, and what it compares rows with."""

    name: str
    value: Callable[..., tuple[float, Any]]
    centres: bool
    """Whether rows are compared with a learned centre of each group; else with each other."""


LOSSES = {
    loss.__name__: Loss(loss.__name__, loss, centres)
    for losses, centres in (
        ((softmax, arcface, cosface), True),
        ((triplet, contrastive, online_contrastive, mnrl, supcon, circle), False),
    )
    for loss in losses
}


def loss_named(spec: str) -> Loss:
    """The loss of this spec: a name, and perhaps numbers of its own, as in ``arcface:margin=0.3,scale=32``.

    Raises InputError listing the known names, or the numbers that the loss has.
    """
    name, _, options = spec.partition(":")
    if name not in LOSSES:
        raise InputError(f"loss is {spec!r}; it must be one of {', '.join(LOSSES)}")
    loss = LOSSES[name]
    known = [each.name for each in inspect.signature(loss.value).parameters.values() if each.kind is each.KEYWORD_ONLY]
    given: dict[str, float] = {}
    for option in filter(None, options.split(",")):
        field, _, number = option.partition("=")
        try:
            given[field] = float(number)
        except ValueError:
            given[field] = 0.0
        if field not in known or not 0 < given[field] < 1e6:
            raise InputError(f"loss {spec!r}: {option!r} is not understood; {name} has {', '.join(known)}, above 0")
    return Loss(spec, partial(loss.value, **given), loss.centres)
