"""The words of scikit-learn's interface, without needing it: it is asked only where it is loaded anyhow."""

from __future__ import annotations

import sys
from typing import Any

from nearmost.errors import NotFittedError


def tags() -> Any:
    """What ``__sklearn_tags__`` gives; only scikit-learn calls it."""
    from nearmost.classify.sklearn_tags import tags

    return tags()


def not_fitted(name: str) -> NotFittedError:
    """The error to raise where ``fit`` has not been called; also scikit-learn's own, for who catches that."""
    message = f"this {name} is not fitted yet: call fit(texts, labels) first"
    if sys.modules.get("sklearn"):
        from nearmost.classify.sklearn_tags import BothNotFittedError

        return BothNotFittedError(message)
    return NotFittedError(message)


def column_warning() -> type[Warning]:
    """What to warn with where a column was given in place of a plain list."""
    if sys.modules.get("sklearn"):
        from nearmost.classify.sklearn_tags import DataConversionWarning

        found: type[Warning] = DataConversionWarning
        return found
    return UserWarning
