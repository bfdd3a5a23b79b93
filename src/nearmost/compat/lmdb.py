"""The pair of an Annoy file and an LMDB map of its words, both ways: what a well-known recipe keeps word vectors in.

The recipe adds word number n to the Annoy index as item n and puts two entries into the map: ``i<n>`` -> ``w<word>``
and ``w<word>`` -> ``i<n>``, all in UTF-8. Both real packages are needed here, and only here: a nearmost file holds
vectors and words by itself.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from nearmost.errors import InputError, MissingExtraError, ReadError
from nearmost.forest import ANNOY_METRICS, annoy_metric, read_forest
from nearmost.kinds.flat import Progress
from nearmost.metrics import Metric
from nearmost.strings import OnDuplicate
from nearmost.values import Vectors

try:
    import lmdb
    from annoy import AnnoyIndex
except ImportError as error:
    raise MissingExtraError(f"nearmost.compat.lmdb needs {error.name}: pip install 'nearmost[lmdb]'") from error

FILES = {"data.mdb", "lock.mdb"}
TREES = 40  # as many as the recipe plants
ROOM = 1 << 30  # bytes of address space to begin with; LMDB takes from the disk only what it fills


def read_pair(
    annoy_path: str | os.PathLike[str],
    lmdb_path: str | os.PathLike[str],
    dim: int,
    metric: str | Metric = "cosine",
    *,
    on_duplicate: OnDuplicate = "last",
) -> Vectors:
    """The vectors of the Annoy file, each under its word of the LMDB map.

    An Annoy file does not say its ``dim`` and ``metric`` (Annoy's word or ours; the recipe's is angular). Of a word
    that two numbers have, the last one is kept, as the map's ``w<word>`` does, or what ``on_duplicate`` says. Raises
    ReadError where an item has no word or a word no item: then they are no pair.
    """
    items = read_forest(annoy_path, dim, metric)
    words = read_words(lmdb_path)
    numbers = [int(key) for key in items.keys]
    pair = f"{os.fspath(annoy_path)} has {len(numbers)} items and {os.fspath(lmdb_path)} has {len(words)} words"
    for number in numbers:
        if number not in words:
            raise ReadError(f"{pair}; there is no word i{number} for item {number}: are they a pair?")
    if len(words) > len(numbers):
        alone = min(words.keys() - set(numbers))
        raise ReadError(f"{pair}; there is no item {alone} for word i{alone}: are they a pair?")
    return Vectors.of(items.rows, [words[number] for number in numbers], on_duplicate=on_duplicate)


def read_words(path: str | os.PathLike[str]) -> dict[int, str]:
    """Number -> word, of an LMDB map's entries ``i<number>``.

    The map is opened read-only, without a lock: it must not be written to meanwhile. Raises ReadError where an entry is
    something else than the recipe writes, or where the file is shorter than it says. LMDB trusts what its pages hold.
    """
    name = os.fspath(path)
    words: dict[int, str] = {}
    with _opened(name) as environment, environment.begin() as transaction:
        for key, value in _entries(transaction, b"i"):
            if not key[1:].isdigit():
                continue
            if value[:1] != b"w":
                raise ReadError(f"{name}: entry {key.decode()} holds {value[:40]!r}; the recipe writes w and a word")
            try:
                words[int(key[1:])] = value[1:].decode()
            except UnicodeDecodeError as error:
                raise ReadError(f"{name}: entry {key.decode()} is not UTF-8: {error}") from None
    if not words:
        raise ReadError(f"{name}: there are no entries i0, i1, i2, ...; is it the map of an Annoy file?")
    return words


def write_words(path: str | os.PathLike[str], words: Iterable[str]) -> None:
    """Writes the LMDB map of these words, a folder with data.mdb, in place of a map that is there."""
    target = Path(path)
    if target.exists() and not (target.is_dir() and {each.name for each in target.iterdir()} <= FILES):
        raise InputError(f"{target} is there already and is no LMDB map; take it away or choose another name")
    entries = sorted(_pairs_of(words))
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}.") as folder:
        made = Path(folder) / "map"
        with lmdb.open(str(made), map_size=ROOM + 4 * sum(len(key) + len(value) + 24 for key, value in entries)) as env:
            longest = env.max_key_size()
            with env.begin(write=True) as transaction:
                for key, value in entries:
                    if len(key) > longest:
                        raise InputError(
                            f"word {key[1:61].decode(errors='replace')!r}... has {len(key) - 1} bytes; "
                            f"LMDB takes keys of at most {longest}, one of which is the w in front"
                        )
                    transaction.put(key, value, append=True)
        (made / "lock.mdb").unlink(missing_ok=True)
        if target.exists():
            target.replace(Path(folder) / "old")
        made.replace(target)


def write_pair(
    vectors: Vectors,
    annoy_path: str | os.PathLike[str],
    lmdb_path: str | os.PathLike[str],
    *,
    metric: str | Metric = "cosine",
    n_trees: int = TREES,
    seed: int = 0,
    n_threads: int = 0,
    progress: Progress | None = None,
) -> None:
    """Writes the Annoy file and the LMDB map of these vectors and their keys, for the recipe's own script to query.

    The file is made by the real Annoy. ``metric`` is Annoy's word or ours.
    """
    name: Any = ANNOY_METRICS[annoy_metric(metric).name]
    forest = AnnoyIndex(vectors.dim, name)
    forest.set_seed(seed)
    for row, vector in enumerate(vectors.rows):
        forest.add_item(row, vector)
        if progress is not None and row % 4096 == 0:
            progress(row, len(vectors))
    forest.build(n_trees, n_jobs=n_threads or -1)
    target = Path(annoy_path)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}.") as folder:
        made = Path(folder) / "forest"
        forest.save(str(made))
        forest.unload()
        write_words(lmdb_path, vectors.keys)
        made.replace(target)


def _pairs_of(words: Iterable[str]) -> Iterator[tuple[bytes, bytes]]:
    for number, word in enumerate(words):
        named, numbered = b"w" + word.encode(), b"i%d" % number
        yield numbered, named
        yield named, numbered


def _entries(transaction: Any, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The entries whose key begins so, in the order of the keys."""
    cursor = transaction.cursor()
    if cursor.set_range(prefix):
        for key, value in cursor:
            if not key.startswith(prefix):
                return
            yield key, value


def _opened(name: str) -> Any:
    """The map, read-only, once the file is found as long as it says it is: a shorter one would end the process."""
    folder = os.path.isdir(name)
    data = os.path.join(name, "data.mdb") if folder else name
    if not os.path.exists(data):
        raise FileNotFoundError(f"{data}: there is no such file; an LMDB map is a folder with data.mdb in it")
    size = os.path.getsize(data)
    try:
        environment = lmdb.open(name, subdir=folder, readonly=True, lock=False, create=False)
    except lmdb.Error as error:
        raise ReadError(f"{name}: this is no LMDB map: {error}") from None
    said = (environment.info()["last_pgno"] + 1) * environment.stat()["psize"]
    if said > size:
        environment.close()
        raise ReadError(f"{name}: data.mdb has {size} bytes and says that it has {said}; it is truncated")
    return environment
