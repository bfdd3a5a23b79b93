"""SVS: Vamana graphs, over float32 rows or compressed ones (LVQ; only on processors of Intel's)."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import svs

from nearmost.bench.peers.built import Built, Rows, Setting, Task

DISTANCES = {"cosine": svs.DistanceType.MIP, "euclidean": svs.DistanceType.L2, "dot": svs.DistanceType.MIP}


def build(task: Task) -> Built:
    """A graph of ``links`` a row, built with a beam of ``beam``; rows of ``bits`` a value, and of ``rest`` more."""
    links, beam = task.options["links"], task.options["beam"]
    asked = svs.VamanaBuildParameters(
        alpha=1.2 if task.metric == "euclidean" else 0.95, graph_max_degree=links, window_size=beam
    )
    with tempfile.TemporaryDirectory() as folder:
        rows, kept = _rows(task, Path(folder) / "rows")
        index = svs.Vamana.build(asked, rows, DISTANCES[task.metric], num_threads=task.n_threads)
    index.num_threads = task.n_threads
    k = task.k

    def one(query: Rows) -> object:
        return index.search(query[None], k)[0][0]

    def many(queries: Rows) -> object:
        return index.search(queries, k)[0]

    def to(setting: Setting) -> None:
        index.search_window_size = int(setting["ef"])

    def save(path: str) -> None:
        index.save(f"{path}-config", f"{path}-graph", f"{path}-data")

    return Built(f"svs {kept} degree={links} window={beam}", one, many, to, save)


def _rows(task: Task, path: Path) -> tuple[Any, str]:
    """The rows as they are, or a compressed kind of them, which is made from a file."""
    if "bits" not in task.options:
        return task.normal(), "float32"
    bits, rest = task.options["bits"], task.options["rest"]
    svs.write_vecs(task.normal(), f"{path}.fvecs")
    svs.convert_vecs_to_svs(f"{path}.fvecs", f"{path}.svs")
    rows = svs.VectorDataLoader(f"{path}.svs", svs.DataType.float32, dims=task.dim)
    return svs.LVQLoader(rows, primary=bits, residual=rest, padding=32), f"LVQ {bits}x{rest}"
