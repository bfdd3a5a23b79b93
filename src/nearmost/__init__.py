"""Text or vectors in, nearest neighbours out, from one memory-mapped file.

>>> import nearmost as nm
>>> index = nm.Index.build([[1.0, 0.0], [0.0, 1.0]], keys=["east", "north"])
>>> index.nearest(vector=[0.9, 0.1], k=1)
[('east', 0.9938837289810181)]
"""

from typing import TYPE_CHECKING, Any

from nearmost.classify import LabelClassifier, classify_stream
from nearmost.cleaning import clean
from nearmost.encoders import Encoder, load_encoder
from nearmost.errors import (
    AnnoyFileError,
    DamagedFileError,
    DuplicateKeyError,
    EncoderError,
    EncoderMismatchError,
    FormatError,
    InputError,
    ItemError,
    MissingExtraError,
    NearmostError,
    NewerFormatError,
    NotAnIndexError,
    NotFiniteError,
    NotFittedError,
    PipelineError,
    ReadError,
    ShapeError,
    ShardError,
    UnknownEncoderError,
    UnknownKeyError,
)
from nearmost.evaluate import AnalogyScores, PairScores, SectionScore, evaluate_analogies, evaluate_pairs
from nearmost.index import Index
from nearmost.joining import Pairs, join
from nearmost.merging import merge
from nearmost.metrics import METRICS, Metric
from nearmost.noise import noisify
from nearmost.opening import open
from nearmost.pairs import write_pairs
from nearmost.projecting import GaussianProjection, PCAProjection, SparseProjection, min_dim, truncate
from nearmost.projection import Projection
from nearmost.readers import read_corpus, read_vectors
from nearmost.reports import Confusion, Report, Robustness, report, robustness
from nearmost.strings import Keys, Strings
from nearmost.values import Corpus, Neighbors, Vectors
from nearmost.writers import write_vectors

if TYPE_CHECKING:
    from nearmost.finetuning import (
        Retrieval,
        RetrievalComparison,
        compare_retrieval,
        evaluate_retrieval,
        finetune,
        finetune_encoder,
    )
    from nearmost.label import Project
    from nearmost.pipeline.local import index_corpus

__version__ = "0.1.0"

__all__ = [
    "METRICS",
    "AnalogyScores",
    "AnnoyFileError",
    "Confusion",
    "Corpus",
    "DamagedFileError",
    "DuplicateKeyError",
    "Encoder",
    "EncoderError",
    "EncoderMismatchError",
    "FormatError",
    "GaussianProjection",
    "Index",
    "InputError",
    "ItemError",
    "Keys",
    "LabelClassifier",
    "Metric",
    "MissingExtraError",
    "NearmostError",
    "Neighbors",
    "NewerFormatError",
    "NotAnIndexError",
    "NotFiniteError",
    "NotFittedError",
    "PCAProjection",
    "PairScores",
    "Pairs",
    "PipelineError",
    "Project",
    "Projection",
    "ReadError",
    "Report",
    "Retrieval",
    "RetrievalComparison",
    "Robustness",
    "SectionScore",
    "ShapeError",
    "ShardError",
    "SparseProjection",
    "Strings",
    "UnknownEncoderError",
    "UnknownKeyError",
    "Vectors",
    "classify_stream",
    "clean",
    "compare_retrieval",
    "evaluate_analogies",
    "evaluate_pairs",
    "evaluate_retrieval",
    "finetune",
    "finetune_encoder",
    "index_corpus",
    "join",
    "load_encoder",
    "merge",
    "min_dim",
    "noisify",
    "open",
    "read_corpus",
    "read_vectors",
    "report",
    "robustness",
    "truncate",
    "write_pairs",
    "write_vectors",
]

_FINETUNING = (
    "Retrieval", "RetrievalComparison", "compare_retrieval", "evaluate_retrieval", "finetune", "finetune_encoder"
)  # fmt: skip
_LATER = (*_FINETUNING, "Project", "index_corpus")
"""Names whose rooms are opened when somebody first asks for them: most programs never do."""


def __getattr__(name: str) -> Any:
    if name == "Project":
        from nearmost import label

        return label.Project
    if name == "index_corpus":
        from nearmost.pipeline import local

        return local.index_corpus
    if name in _FINETUNING:
        from nearmost import finetuning

        return getattr(finetuning, name)
    raise AttributeError(f"module 'nearmost' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*globals(), *_LATER]
