"""What scikit-learn asks an estimator about itself. Imported only when it does, or when it is loaded anyhow."""

from __future__ import annotations

from typing import Any

from sklearn.exceptions import DataConversionWarning
from sklearn.exceptions import NotFittedError as SklearnNotFittedError
from sklearn.utils import ClassifierTags, InputTags, Tags, TargetTags

from nearmost.errors import NotFittedError

__all__ = ["BothNotFittedError", "DataConversionWarning", "tags"]


class BothNotFittedError(NotFittedError, SklearnNotFittedError):  # type: ignore[misc]
    """Ours, and scikit-learn's too."""


def tags() -> Any:
    """A classifier that takes vectors or texts, and one label or several."""
    return Tags(
        estimator_type="classifier",
        target_tags=TargetTags(required=True, one_d_labels=False, multi_output=False, single_output=True),
        transformer_tags=None,
        classifier_tags=ClassifierTags(multi_label=True),
        regressor_tags=None,
        input_tags=InputTags(two_d_array=True, string=True),
    )
