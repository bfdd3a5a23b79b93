"""Classification by nearest labels: ``LabelClassifier``, and the streaming of whole files through it."""

from nearmost.classify.classifier import LabelClassifier

__all__ = ["LabelClassifier"]
