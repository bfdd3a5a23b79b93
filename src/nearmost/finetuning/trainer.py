"""Trains a whole encoder with sentence-transformers: the leaf that imports it, and with it torch."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import accelerate  # noqa: F401 - the trainer needs it, and says so late and at length
import numpy as np
import torch
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer, SentenceTransformerTrainer, SentenceTransformerTrainingArguments
from sentence_transformers.evaluation import SentenceEvaluator
from sentence_transformers.losses import (
    BatchHardTripletLoss,
    BatchHardTripletLossDistanceFunction,
    ContrastiveLoss,
    MultipleNegativesRankingLoss,
    OnlineContrastiveLoss,
)
from sentence_transformers.training_args import BatchSamplers
from transformers import EarlyStoppingCallback, TrainerCallback

from datasets import Dataset
from nearmost.errors import EncoderError
from nearmost.finetuning.retrieval import QUERIES, chosen_queries, measured
from nearmost.finetuning.training import Epoch, Progress

MARGIN = 0.5


@dataclass(frozen=True, slots=True)
class Run:
    """What is trained, on what, and how."""

    model: str
    output: Path
    table: dict[str, list[Any]]
    """Columns of the data set."""
    loss: str
    epochs: int
    batch: int
    rate: float
    patience: int
    stop_on: str
    seed: int
    resume: bool


class _Judge(SentenceEvaluator):  # type: ignore[misc]
    """Measures a model on what is held out, as the trainer asks after every epoch."""

    def __init__(self, texts: Sequence[str], codes: NDArray[np.int64], stop_on: str) -> None:
        super().__init__()
        self._texts, self._codes, self._stop_on = list(texts), codes, stop_on
        self._asked = chosen_queries(codes, QUERIES, 0)
        self.greater_is_better = True
        self.primary_metric = stop_on.replace("@", "_at_")

    def __call__(
        self, model: SentenceTransformer, output_path: str | None = None, epoch: float = -1, steps: int = -1
    ) -> dict[str, float]:
        rows = model.encode(self._texts, show_progress_bar=False, convert_to_numpy=True)
        ks = (int(self._stop_on.partition("@")[2]),) if "@" in self._stop_on else ()
        figures = measured(rows, self._codes, self._asked, ks).figures
        return {self.primary_metric: figures[self._stop_on]}


class _Watch(TrainerCallback):  # type: ignore[misc]
    """Tells whoever watches how far it is."""

    def __init__(self, name: str, watch: Callable[[Epoch], object] | None, progress: Progress | None) -> None:
        self._name, self._watch, self._progress = f"eval_{name}", watch, progress
        self._losses: list[float] = []

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, float], **_: Any) -> None:
        """Keeps the loss until the epoch is judged."""
        if "loss" in logs:
            self._losses.append(float(logs["loss"]))

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Counts steps."""
        if self._progress is not None:
            self._progress(state.global_step, state.max_steps)

    def on_evaluate(self, args: Any, state: Any, control: Any, metrics: dict[str, float], **_: Any) -> None:
        """Tells of an epoch."""
        if self._watch is not None and self._name in metrics:
            loss = float(np.mean(self._losses)) if self._losses else float("nan")
            self._watch(Epoch(round(state.epoch or 0), loss, float(metrics[self._name])))
            self._losses.clear()


def run(
    plan: Run,
    texts: Sequence[str],
    codes: NDArray[np.int64],
    watch: Callable[[Epoch], object] | None,
    progress: Progress | None,
) -> str:
    """Trains, saves the best epoch's model in the output folder, and gives its spec."""
    try:
        model = SentenceTransformer(plan.model)
    except (OSError, ValueError) as error:
        raise EncoderError(f"sentence-transformers cannot load {plan.model!r}: {error}") from error
    checkpoints = plan.output / "checkpoints"
    if not plan.resume:
        shutil.rmtree(checkpoints, ignore_errors=True)
    judge = _Judge(texts, codes, plan.stop_on)
    trainer = SentenceTransformerTrainer(
        model=model,
        args=_arguments(plan, checkpoints, judge.primary_metric),
        train_dataset=Dataset.from_dict(plan.table),
        loss=_loss(plan.loss, model),
        evaluator=judge,
        callbacks=[EarlyStoppingCallback(plan.patience), _Watch(judge.primary_metric, watch, progress)],
    )
    started = any(checkpoints.glob("checkpoint-*/trainer_state.json"))
    trainer.train(resume_from_checkpoint=True if started else None)
    model.save(str(plan.output))
    shutil.rmtree(checkpoints, ignore_errors=True)  # the run is over: the next one in this folder begins anew
    return f"st:{plan.output}"


def _arguments(plan: Run, checkpoints: Path, metric: str) -> SentenceTransformerTrainingArguments:
    gpu = torch.cuda.is_available()
    half = gpu and torch.cuda.is_bf16_supported()
    return SentenceTransformerTrainingArguments(
        output_dir=str(checkpoints),
        num_train_epochs=plan.epochs,
        per_device_train_batch_size=plan.batch,
        learning_rate=plan.rate,
        warmup_steps=0.1,
        bf16=half,
        fp16=gpu and not half,
        batch_sampler=BatchSamplers.GROUP_BY_LABEL if plan.loss == "triplet" else BatchSamplers.NO_DUPLICATES,
        eval_strategy="epoch",
        save_strategy="epoch",
        save_total_limit=2,
        logging_strategy="epoch",
        load_best_model_at_end=True,
        metric_for_best_model=f"eval_{metric}",
        greater_is_better=True,
        seed=plan.seed,
        data_seed=plan.seed,
        dataloader_pin_memory=gpu,
        report_to="none",
        disable_tqdm=True,
    )


def _loss(name: str, model: SentenceTransformer) -> Any:
    if name == "triplet":
        cosine = BatchHardTripletLossDistanceFunction.cosine_distance
        return BatchHardTripletLoss(model, distance_metric=cosine, margin=MARGIN)
    if name == "mnrl":
        return MultipleNegativesRankingLoss(model)
    return {"contrastive": ContrastiveLoss, "online_contrastive": OnlineContrastiveLoss}[name](model, margin=MARGIN)
