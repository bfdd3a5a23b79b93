"""BERT in ONNX Runtime, from a graph that is written once and kept in the cache folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from nearmost.encoders.bert import PROBE, PROBED, WEIGHT_LEVELS
from nearmost.encoders.cache import write_whole


class OnnxBert:
    """Call it with token ids and mask, int64 (rows, length): vectors, float32 (rows, dim), of length 1.

    It starts no threads of its own: call it from several at once.
    """

    def __init__(self, cached: Path, graph: Callable[[], bytes]) -> None:
        """Opens the graph file ``cached``; where there is none that works, ``graph()`` makes it."""
        session = _opened(str(cached)) if cached.is_file() else None
        if session is None:
            model = graph()
            write_whole(cached, model)
            session = _session(model)
        self._session = session

    def __call__(self, ids: NDArray[np.int64], mask: NDArray[np.int64]) -> NDArray[np.float32]:
        vectors: NDArray[np.float32] = self._session.run(["vectors"], {"ids": ids, "mask": mask})[0]
        return vectors


def _opened(path: str) -> onnxruntime.InferenceSession | None:
    """The session of a graph file, or None where the file is damaged."""
    try:
        return _session(path)
    except Exception:  # ONNX Runtime has a dozen classes for it; making the graph anew settles them all
        return None


def _session(model: str | bytes) -> onnxruntime.InferenceSession:
    """A session whose 8-bit products are right.

    Without VNNI, x86 adds two products of unsigned and signed bytes in 16 bits, which may not hold them. ONNX Runtime
    can do it otherwise, but would then do so with VNNI too, several times slower: it is asked to only where the probe
    in the graph comes out wrong.
    """
    session = _with_options(model)
    if adds_right(session):
        return session
    return _with_options(model, **{"session.x64quantprecision": "1"})


def adds_right(session: onnxruntime.InferenceSession) -> bool:
    """Whether the graph's probe, a product of the largest bytes, comes out right; True where it has none."""
    if PROBE not in [one.name for one in session.get_outputs()]:
        return True
    one = np.ones((1, 1), np.int64)
    return bool((session.run([PROBE], {"ids": one, "mask": one})[0] == PROBED * 255 * WEIGHT_LEVELS).all())


def _with_options(model: str | bytes, **entries: str) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # short texts: whole batches in parallel beat parts of one
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    for name, value in entries.items():
        options.add_session_config_entry(name, value)
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
