"""Whom to measure: for each library, what it is called, what it knows, what is built and which settings are tried.

A library more is a leaf of this folder with ``build(Task) -> Built``, and an entry here.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any

from nearmost.bench.peers.built import Setting

Ladder = Sequence[Setting]
"""Settings from the least effort up; it is climbed until the recall is all but 1 or a search takes too long."""


@dataclass(frozen=True)
class Peer:
    """A library."""

    module: str
    """What is imported, to see whether it is there."""
    package: str
    """What pip installs."""
    metrics: frozenset[str]
    methods: Mapping[str, Mapping[str, Any]]
    """Name of a method -> what its ``build`` gets as options."""
    ladders: Mapping[str, Sequence[Ladder]] = field(default_factory=dict)
    """Name of a method -> its ladders; "" for those without their own."""

    def ladders_of(self, method: str) -> Sequence[Ladder]:
        """What is tried of this method."""
        return self.ladders.get(method, self.ladders.get("", ()))

    @property
    def installed(self) -> bool:
        """Whether it can be imported, as far as one sees without importing it."""
        return find_spec(self.module) is not None


def _growing(name: str, start: float, factor: float, end: float, **fixed: float) -> Ladder:
    steps, value = [], start
    while value <= end:
        steps.append({name: round(value), **fixed})
        value *= factor
    return steps


GRAPHS = frozenset({"cosine", "euclidean", "dot"})
EF = [_growing("ef", 10, 1.4, 2000)]
PROBES = [_growing("probes", 1, 1.5, 1000)]
EPSILON = [[{"epsilon": step / 100} for step in (0, 2, 4, 6, 8, 10, 13, 16, 20, 25, 30, 40, 50)]]
RECALLS = (0.7, 0.8, 0.85, 0.9, 0.93, 0.95, 0.97, 0.98, 0.99, 0.995, 0.999)

OURS = Peer(
    "nearmost",
    "nearmost",
    frozenset({"cosine", "euclidean", "dot", "manhattan", "hamming"}),
    {},
    {"": [[{"recall": recall} for recall in RECALLS]]},
)
"""nearmost itself; its methods are the kinds that are asked for."""

PEERS: dict[str, Peer] = {
    "annoy": Peer(
        "annoy",
        "annoy",
        frozenset({"cosine", "euclidean", "dot", "manhattan"}),
        {"annoy, 100 trees": {"trees": 100}, "annoy, 10 trees": {"trees": 10}},
        {"": [_growing("search_k", 200, 1.7, 1_000_000)]},
    ),
    "hnswlib": Peer("hnswlib", "hnswlib", GRAPHS, {"hnswlib": {"links": 16, "beam": 200}}, {"": EF}),
    "faiss": Peer(
        "faiss",
        "faiss-cpu",
        GRAPHS,
        {
            "faiss HNSW": {"spec": "HNSW16"},
            "faiss HNSW_SQ8": {"spec": "HNSW16_SQ8"},
            "faiss IVF": {"spec": "IVF{lists},Flat"},
            "faiss IVF+PQ fast scan": {"spec": "IVF{lists},PQ{codes}x4fs,RFlat"},
        },
        {
            "faiss HNSW": EF,
            "faiss HNSW_SQ8": EF,
            "faiss IVF": PROBES,
            "faiss IVF+PQ fast scan": [_growing("probes", 1, 1.5, 1000, again=again) for again in (4, 10, 25, 60)],
        },
    ),
    "usearch": Peer("usearch", "usearch", GRAPHS, {"usearch": {"links": 16, "beam": 128}}, {"": EF}),
    "voyager": Peer("voyager", "voyager", GRAPHS, {"voyager": {"links": 16, "beam": 200}}, {"": EF}),
    "scann": Peer(
        "scann",
        "scann",
        GRAPHS,
        {"scann": {"width": 2}},
        {"": [_growing("leaves", 2, 1.6, 3000, again=again) for again in (30, 80, 200, 500)]},
    ),
    "svs": Peer(
        "svs",
        "scalable-vs",
        GRAPHS,
        {
            "svs": {"links": 32, "beam": 128},
            "svs LVQ8": {"links": 32, "beam": 128, "bits": 8, "rest": 0},
            "svs LVQ4x8": {"links": 32, "beam": 128, "bits": 4, "rest": 8},
        },
        {"": EF},
    ),
    "pynndescent": Peer(
        "pynndescent",
        "pynndescent",
        frozenset({"cosine", "euclidean", "manhattan"}),
        {"pynndescent": {"neighbors": 30}},
        {"": EPSILON},
    ),
    "ngt": Peer("ngtpy", "ngt", frozenset({"cosine", "euclidean", "manhattan"}), {"ngt": {}}, {"": EPSILON}),
    "sklearn": Peer(
        "sklearn",
        "scikit-learn",
        frozenset({"cosine", "euclidean", "manhattan"}),
        {"scikit-learn (exact)": {}},
        {"": [[{}]]},
    ),
}
"""Name on the command line -> the library."""


def leaf(name: str) -> Any:
    """The module of this library, with ``build(Task) -> Built``; imports the library. Raises ImportError."""
    return importlib.import_module(f"nearmost.bench.peers.{name}")
