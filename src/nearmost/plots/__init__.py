"""Figures, drawn by matplotlib (the extra ``plot``): each function gives a matplotlib Figure, which ``save`` writes.

Nothing is shown in a window unless ``show=True`` says so. Colours are those that colour-blind people tell apart.
"""

from nearmost.errors import MissingExtraError

try:
    from nearmost.plots.classification import accuracy_by_k, confusion, coverage, reliability, robustness
    from nearmost.plots.finetuning import precision_by_k, training
    from nearmost.plots.map import embedding_map
    from nearmost.plots.speed import recall_speed
    from nearmost.plots.style import save
except ModuleNotFoundError as error:
    if (error.name or "").startswith("nearmost"):
        raise
    raise MissingExtraError(
        f"figures need {error.name}, which is not installed: pip install 'nearmost[plot]'"
    ) from error

__all__ = [
    "accuracy_by_k",
    "confusion",
    "coverage",
    "embedding_map",
    "precision_by_k",
    "recall_speed",
    "reliability",
    "robustness",
    "save",
    "training",
]
