"""faiss: its graphs, its lists, and its lists of codes with the candidates scored again."""

from __future__ import annotations

import math

import faiss

from nearmost.bench.peers.built import Built, Rows, Setting, Task


def build(task: Task) -> Built:
    """The index of the factory string ``spec``, where {lists} and {codes} stand for numbers that fit the data."""
    faiss.omp_set_num_threads(task.n_threads)
    rows = task.normal()
    spec = task.options["spec"].format(lists=_lists(len(rows)), codes=_codes(task.dim))
    metric = faiss.METRIC_L2 if task.metric == "euclidean" else faiss.METRIC_INNER_PRODUCT
    index = faiss.index_factory(task.dim, spec, metric)
    if "HNSW" in spec:
        index.hnsw.efConstruction = 200
    index.train(rows)
    index.add(rows)
    k = task.k

    def one(query: Rows) -> object:
        return index.search(query[None], k)[1][0]

    def many(queries: Rows) -> object:
        return index.search(queries, k)[1]

    def to(setting: Setting) -> None:
        if "ef" in setting:
            index.hnsw.efSearch = int(setting["ef"])
        if "probes" in setting:
            faiss.extract_index_ivf(index).nprobe = int(setting["probes"])
        if "again" in setting:
            index.k_factor = setting["again"]

    return Built(f"faiss {spec}", one, many, to, lambda path: faiss.write_index(index, path))


def _lists(n: int) -> int:
    """About four times the root, as faiss advises, and a power of two."""
    return int(max(4, min(2 ** round(math.log2(4 * math.sqrt(n))), n // 40)))


def _codes(dim: int) -> int:
    """Half as many 4-bit codes as columns, up to 100 columns; then a quarter, as a divisor of the columns."""
    wanted = max(1, dim // 2 if dim <= 128 else dim // 4)
    return next(m for m in range(wanted, 0, -1) if dim % m == 0)
