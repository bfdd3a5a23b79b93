"""LearningClassifier and its decorators: active learners as refinery's users write them.

The names below are there in a learner's file without an import, as in refinery; they can be imported from here, too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

Function = TypeVar("Function", bound=Callable[..., Any])
NAMES = ("LearningClassifier", "LearningExtractor", "params_fit", "params_inference")


@dataclass(frozen=True, slots=True)
class FitParams:
    """What ``params_fit`` was given."""

    embedding_name: str | None = None
    train_test_split: float | None = None


@dataclass(frozen=True, slots=True)
class InferenceParams:
    """What ``params_inference`` was given."""

    min_confidence: float = 0.8
    label_names: tuple[str, ...] | None = None


def params_fit(
    embedding_name: str | None = None, train_test_split: float | None = None
) -> Callable[[Function], Function]:
    """Marks a learner's ``fit``. Both are taken for refinery's sake: a project has one embedding, and every record is
    judged by a copy that was not trained on it, so that no half need be kept back."""

    def mark(function: Function) -> Function:
        function.params = FitParams(embedding_name, train_test_split)  # type: ignore[attr-defined]
        return function

    return mark


def params_inference(
    min_confidence: float = 0.8, label_names: Iterable[str] | None = None
) -> Callable[[Function], Function]:
    """Marks a learner's ``predict_proba``: it votes where the most probable label is above ``min_confidence`` and one
    of ``label_names``, or any where that is None."""
    names = None if label_names is None else tuple(label_names)

    def mark(function: Function) -> Function:
        function.params = InferenceParams(float(min_confidence), names)  # type: ignore[attr-defined]
        return function

    return mark


class LearningClassifier:
    """A classifier to derive from: ``fit(embeddings, labels)`` and ``predict_proba(embeddings)``.

    Embeddings are float32 (n, dim), labels the names of labels; a row of probabilities has a number for each class, in
    the order of ``self.model.classes_`` or ``self.classes_``.
    """

    def fit(self, embeddings: Any, labels: Any) -> Any:
        """Learns from labelled records."""
        raise NotImplementedError(f"{type(self).__name__} has no fit(self, embeddings, labels)")

    def predict_proba(self, embeddings: Any) -> Any:
        """The probabilities of the labels of these records."""
        raise NotImplementedError(f"{type(self).__name__} has no predict_proba(self, embeddings)")


class LearningExtractor(LearningClassifier):
    """refinery's face of learners of spans. They want a vector for each word, which a project does not have."""


def learner_class(namespace: dict[str, Any]) -> type[LearningClassifier] | None:
    """The learner that a file defines: the last class in it that derives from LearningClassifier, or None."""
    found = [
        thing
        for thing in namespace.values()
        if isinstance(thing, type)
        and issubclass(thing, LearningClassifier)
        and thing not in (LearningClassifier, LearningExtractor)
    ]
    return found[-1] if found else None


def inference_params(learner: type[LearningClassifier]) -> InferenceParams:
    """When the learner votes: what its ``predict_proba`` was marked with, or the defaults."""
    params = getattr(learner.predict_proba, "params", None)
    return params if isinstance(params, InferenceParams) else InferenceParams()


def classes_of(learner: Any, labels: Iterable[Any]) -> list[str]:
    """What the columns of a learner's probabilities stand for."""
    for thing in (getattr(learner, "model", None), learner):
        classes = getattr(thing, "classes_", None)
        if classes is not None:
            return [str(name) for name in classes]
    return sorted({str(label) for label in labels})
