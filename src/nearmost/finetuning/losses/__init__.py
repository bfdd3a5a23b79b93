"""Losses: how wrong an embedding is about a batch, and how each score should change.

All of them see cosines alone. Those against centres get the cosine of every row with the centre of every group, those
of rows the cosine of every row (the anchor) with every other row (the references), and which of these are alike. Each
gives its value and the derivative by every cosine; where cosines come from is the trainer's business.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
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


def loss_named(name: str) -> Loss:
    """The loss of this name. Raises InputError listing the known ones."""
    if name not in LOSSES:
        raise InputError(f"loss is {name!r}; it must be one of {', '.join(LOSSES)}")
    return LOSSES[name]
