"""Classification by nearest labels: ``LabelClassifier``, and whole files through it with ``classify_stream``."""

from nearmost.classify.classifier import LabelClassifier
from nearmost.classify.streaming import classify_stream

__all__ = ["LabelClassifier", "classify_stream"]
