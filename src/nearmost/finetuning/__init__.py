"""Fine-tuning: labelled rows to a projection that brings their groups together, and what that changed."""

from nearmost.finetuning.comparison import RetrievalComparison, compare_retrieval
from nearmost.finetuning.retrieval import Retrieval, evaluate_retrieval
from nearmost.finetuning.training import Epoch
from nearmost.finetuning.tuning import finetune
from nearmost.finetuning.whole import finetune_encoder

__all__ = [
    "Epoch",
    "Retrieval",
    "RetrievalComparison",
    "compare_retrieval",
    "evaluate_retrieval",
    "finetune",
    "finetune_encoder",
]
