"""Label models: from votes, and the labels given by hand, to weak labels.

Each is a function ``fit(votes, manual, **options)`` that gives a fitted model. Manual labels are numbers (n_records,),
ABSTAIN where nobody labelled.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from nearmost.errors import InputError
from nearmost.label.supervision.models import bayes, dawid_skene, majority, weak_nlp
from nearmost.label.votes.arrays import Evidence, Labels, Votes, WeakLabels, manual_labels

__all__ = ["MODELS", "LabelModel", "fit"]


class LabelModel(Protocol):
    """What a label model knows once it was fitted."""

    def predict(self) -> WeakLabels:
        """The weak labels of all records."""
        ...

    def explain(self, record: int) -> list[Evidence]:
        """What each source adds to each label of a record; the most important first."""
        ...


MODELS: dict[str, Callable[..., LabelModel]] = {
    "bayes": bayes.fit,
    "weak_nlp": weak_nlp.fit,
    "majority": majority.fit,
    "dawid_skene": dawid_skene.fit,
}


def fit(votes: Votes, manual: Labels, model: str = "bayes", **options: Any) -> LabelModel:
    """The label model of this name, fitted. Raises InputError for a name or an option that there is not."""
    if model not in MODELS:
        raise InputError(f"no label model is called {model!r}; there are {', '.join(MODELS)}")
    checked = manual_labels(manual, votes.n_records, votes.n_labels)
    try:
        return MODELS[model](votes, checked, **options)
    except TypeError as error:
        if "unexpected keyword argument" in str(error):
            raise InputError(f"label model {model!r}: {str(error).partition('() ')[2]}") from None
        raise
