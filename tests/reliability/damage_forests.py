"""Opens damaged files of Annoy by the thousand, in processes of their own, and counts what became of each.

    python tests/reliability/damage_forests.py --count 100000 --workers 2

The sound ones are those of tests/golden, which the real Annoy wrote. sanitize.sh does it with a nearmost built for
AddressSanitizer, whose reports count as crashes. Such files have no checksums: a damaged one may open and answer
otherwise, but never crash, hang, read outside or raise what is none of our errors.
"""

from __future__ import annotations

import argparse
import json
import mmap
import random
import shutil
import struct
import sys
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import damage
import numpy as np

from nearmost import _core, errors
from nearmost.compat.annoy import AnnoyIndex
from nearmost.forest import ANNOY_METRICS, Forest, annoy_metric

GOLDEN = Path(__file__).parents[1] / "golden"
DIM = 6
NUMBERS = (0, 1, 2, 3, 8, 9, 60, 61, -1, 1 << 16, (1 << 31) - 1, -(1 << 31))
FLOATS = (0.0, -0.0, 1.0, 1e-45, 1e38, -3e38, float("inf"), float("-inf"), float("nan"))

Nodes = bytearray
Mutation = Callable[[Nodes, int, int, random.Random], bytes | bytearray]
"""The file, the size of a node, where its children lie."""


def copied(folder: Path) -> Iterator[Path]:
    """The sound files, in this folder."""
    for path in sorted(GOLDEN.glob("*.ann")):
        yield Path(shutil.copy(path, folder))


# ---- classes of damage ------------------------------------------------------------------------------------------


def cut_short(nodes: Nodes, size: int, children: int, rng: random.Random) -> bytes | bytearray:
    return nodes[: rng.choice((0, 1, size - 1, len(nodes) - 1, rng.randrange(len(nodes))))]


def cut_between_nodes(nodes: Nodes, size: int, children: int, rng: random.Random) -> bytes | bytearray:
    return nodes[: rng.randrange(len(nodes) // size) * size]


def made_longer(nodes: Nodes, size: int, children: int, rng: random.Random) -> bytes | bytearray:
    return nodes + rng.choice((bytes(size), rng.randbytes(size * rng.randrange(1, 9)), nodes, nodes[-size:], b"x"))


def bits_flipped(nodes: Nodes, size: int, children: int, rng: random.Random) -> bytes | bytearray:
    for _ in range(rng.choice((1, 1, 2, 8, 64))):
        nodes[rng.randrange(len(nodes))] ^= 1 << rng.randrange(8)
    return nodes


def words_overwritten(nodes: Nodes, size: int, children: int, rng: random.Random) -> bytes | bytearray:
    for _ in range(rng.choice((1, 2, 5, 50))):
        struct.pack_into("<i", nodes, rng.randrange(len(nodes) // 4) * 4, _number(nodes, size, rng))
    return nodes


def children_replaced(nodes: Nodes, size: int, children: int, rng: random.Random) -> bytes | bytearray:
    """Of nodes of trees: themselves, their parents, in circles, outside."""
    for _ in range(rng.choice((1, 3, 30))):
        node = rng.randrange(40, len(nodes) // size)
        place = node * size + children + 4 * rng.choice((0, 0, 1, 1, rng.randrange((size - children) // 4)))
        struct.pack_into("<i", nodes, place, rng.choice((node, node - 1, node + 1, _number(nodes, size, rng))))
    return nodes


def counts_replaced(nodes: Nodes, size: int, children: int, rng: random.Random) -> bytes | bytearray:
    """How many each node has below it."""
    for _ in range(rng.choice((1, 3, 30))):
        struct.pack_into("<i", nodes, rng.randrange(len(nodes) // size) * size, _number(nodes, size, rng))
    return nodes


def all_splits(nodes: Nodes, size: int, children: int, rng: random.Random) -> bytes | bytearray:
    """Every node of the trees leads on: to two nodes, many times over."""
    for node in range(60, len(nodes) // size):
        struct.pack_into("<i", nodes, node * size, 60)
        struct.pack_into("<ii", nodes, node * size + children, *(rng.randrange(40, node + 1) for _ in range(2)))
    return nodes


def last_counts_replaced(nodes: Nodes, size: int, children: int, rng: random.Random) -> bytes | bytearray:
    """What the roots say of the number of items."""
    number = _number(nodes, size, rng)
    for node in range(len(nodes) // size - rng.randrange(1, 9), len(nodes) // size):
        struct.pack_into("<i", nodes, node * size, number)
    return nodes


def nodes_exchanged(nodes: Nodes, size: int, children: int, rng: random.Random) -> bytes | bytearray:
    for _ in range(rng.choice((1, 5, 50))):
        a, b = (rng.randrange(len(nodes) // size) * size for _ in range(2))
        nodes[a : a + size], nodes[b : b + size] = nodes[b : b + size], nodes[a : a + size]
    return nodes


def values_replaced(nodes: Nodes, size: int, children: int, rng: random.Random) -> bytes | bytearray:
    """Numbers that have no order, or none that fits: in vectors, planes and norms."""
    for _ in range(rng.choice((1, 10, 200))):
        node, place = rng.randrange(len(nodes) // size), rng.randrange(1, size // 4)
        struct.pack_into("<f", nodes, node * size + 4 * place, rng.choice(FLOATS))
    return nodes


def page_of_zeros(nodes: Nodes, size: int, children: int, rng: random.Random) -> bytes | bytearray:
    at, length = rng.randrange(len(nodes)), rng.choice((size, 512, 4096))
    nodes[at : at + length] = bytes(len(nodes[at : at + length]))
    return nodes


def other_contents(nodes: Nodes, size: int, children: int, rng: random.Random) -> bytes | bytearray:
    return rng.choice(
        (rng.randbytes(size * rng.randrange(1, 99)), bytes(len(nodes)), b"\xff" * len(nodes), b"text " * 72)
    )


MUTATIONS: tuple[Mutation, ...] = (
    cut_short, cut_between_nodes, made_longer, bits_flipped, words_overwritten, children_replaced, counts_replaced,
    all_splits, last_counts_replaced, nodes_exchanged, values_replaced, page_of_zeros, other_contents,
)  # fmt: skip


def _number(nodes: Nodes, size: int, rng: random.Random) -> int:
    return rng.choice((*NUMBERS, len(nodes) // size, len(nodes) // size - 1, rng.randrange(len(nodes) // size)))


# ---- what is asked of them ------------------------------------------------------------------------------------------


def damaged(sound: bytes, metric: str, rng: random.Random) -> tuple[str, bytes, str, int]:
    """What was done, the damaged file, and the metric and dim that it is opened with: now and then others."""
    children, _, size = _core.forest_shape(annoy_metric(metric).code, DIM)
    nodes, names = bytearray(sound), []
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        mutation = rng.choice(MUTATIONS)
        if len(nodes) >= 61 * size:
            nodes = bytearray(mutation(nodes, size, children, rng))
            names.append(mutation.__name__)
    if rng.random() < 0.1:
        return "+".join([*names, "otherwise"]), bytes(nodes), rng.choice([*ANNOY_METRICS.values()]), rng.randrange(1, 9)
    return "+".join(names), bytes(nodes), metric, DIM


def answers(forest: Forest) -> list[object]:
    """What the forest says to every kind of question."""
    heard: list[object] = [forest.n_items, forest.n_trees, int(forest.held.sum())]
    queries = np.random.default_rng(3).standard_normal((3, forest.dim)).astype(np.float32)
    queries[2] = 0
    for query in queries:
        for k, effort in ((3, 1), (5, 20), (4, 50), (1000, 1 << 40)):
            ids, distances = forest.search(query, k, effort)
            assert ((ids >= 0) & (ids < forest.n_items)).all()
            heard += [ids.tolist(), distances.tobytes()]
    heard += [
        forest.vector(item).tobytes()
        for item in {0, forest.n_items // 2, forest.n_items - 1}
        if 0 <= item < forest.n_items
    ]
    return heard


def on_the_heap(data: bytes, metric: str, dim: int) -> list[object]:
    """A sanitizer sees a read past a block of the heap, but not past a map."""
    return answers(Forest(annoy_metric(metric), dim, np.frombuffer(bytearray(data), np.uint8).copy()))


def unchecked(data: bytes, metric: str, dim: int, rng: random.Random) -> list[object]:
    """The search alone, told of items and roots that no check has let pass."""
    code = annoy_metric(metric).code
    size = _core.forest_shape(code, dim)[2]
    nodes = np.frombuffer(bytearray(data[: len(data) // size * size]), np.uint8).copy()
    n_nodes = len(nodes) // size
    n_items = rng.choice((min(60, n_nodes), rng.randrange(n_nodes + 1)))
    roots = np.array([rng.choice((n_nodes - 1, rng.randrange(-2, n_nodes + 2), *NUMBERS)) for _ in range(3)], np.int32)
    query = np.array([rng.choice((1.0, -0.5, *FLOATS)) for _ in range(dim)], np.float32)
    ids, distances = np.empty(9, np.int64), np.empty(9)
    found = _core.search_forest(code, nodes, n_items, roots, query, rng.choice((1, 20, 1 << 40)), ids, distances)
    assert ((ids[:found] >= 0) & (ids[:found] < n_items)).all()
    return [ids[:found].tolist()]


def through_the_class(path: Path, metric: str, dim: int, *, save: bool = False) -> list[object]:
    index = AnnoyIndex(dim, metric)
    index.load(str(path))
    asked = range(0, index.get_n_items(), max(1, index.get_n_items() // 5))
    heard: list[object] = [index.get_nns_by_item(item, 3, 10) for item in asked if _finite(index, item)]
    heard += [repr(index.get_distance(0, item)) for item in asked]
    if save and _finite(index, 0):
        try:
            index.save(str(path) + ".saved")
            [index.get_item_vector(item) for item in range(index.get_n_items())]
        except errors.NotFiniteError:
            pass
    return heard


def _finite(index: AnnoyIndex, item: int) -> bool:
    return bool(np.isfinite(index.get_item_vector(item)).all())


def work(folder: Path, first: int, last: int) -> None:
    """One child: mutations first to last - 1, each number written down before it is tried."""
    warnings.simplefilter("ignore", RuntimeWarning)
    paths = sorted(folder.glob("*.ann"))
    sound = [path.read_bytes() for path in paths]
    counts: Counter[str] = Counter()
    examples: dict[str, str] = {}
    scratch = folder / f"damaged-{first}"
    truth = {
        path.stem: {"heap": on_the_heap(data, path.stem, DIM), "class": through_the_class(path, path.stem, DIM)}
        for path, data in zip(paths, sound, strict=True)
    }
    with open(folder / f"at-{first}", "r+b") as file:
        at = mmap.mmap(file.fileno(), damage.STATE.size)
    for seed in range(first, last):
        damage.STATE.pack_into(at, 0, seed, 0)
        rng = random.Random(seed)
        which = rng.randrange(len(sound))
        name, data, metric, dim = damaged(sound[which], paths[which].stem, rng)
        scratch.write_bytes(data)
        asked = {
            "heap": partial(on_the_heap, data, metric, dim),
            "class": partial(through_the_class, scratch, metric, dim, save=seed % 10 == 0),
            "unchecked": partial(unchecked, data, metric, dim, rng),
        }
        for door, ask in asked.items():
            try:
                what = "harmless" if ask() == truth[paths[which].stem].get(door) else "other answer"
            except errors.NearmostError:
                what = "clean error"
            except Exception as error:
                what = "foreign error"
                examples.setdefault(f"{door}: {name}", f"seed {seed}, {paths[which].name}: {error!r:.300}")
            counts[f"{door}: {what}"] += 1
    damage.STATE.pack_into(at, 0, last, 1)
    (folder / f"done-{first}").write_text(json.dumps([counts, examples]))


def run(count: int, *, seed: int = 0, workers: int = 1) -> tuple[Counter[str], dict[str, str]]:
    """The counts by door and outcome over ``count`` mutations, and one example of each thing that must not be."""
    return damage.run(count, seed=seed, workers=workers, script=__file__, every_sample=copied)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--child", nargs=3)
    asked = parser.parse_args()
    if asked.child:
        work(Path(asked.child[0]), int(asked.child[1]), int(asked.child[2]))
        return 0
    counts, examples = run(asked.count, seed=asked.seed, workers=asked.workers)
    for what, number in sorted(counts.items()):
        print(f"{what:24}{number:>10}")
    print(f"crashes {counts['crash']}, hangs {counts['hang']}")
    for where, example in examples.items():
        print(f"\n{where}\n{example}")
    return int(bool(examples))


if __name__ == "__main__":
    np.seterr(all="ignore")
    sys.exit(main())
