"""Several index files as one: which files they are, whether they belong together, and their contents side by side."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from nearmost import store
from nearmost.contents import Contents
from nearmost.encoders.recorded import RecordedEncoder
from nearmost.errors import DuplicateKeyError, FormatError, InputError, ShardError
from nearmost.projected import Projected, rescored
from nearmost.stacked import Firsts, StackedKeys, StackedRows, StackedStrings, hashed, joined
from nearmost.strings import Keys
from nearmost.union import Union
from nearmost.values import Neighbors, Vectors

OnePath = str | os.PathLike[str]
Paths = OnePath | Sequence[OnePath]
NUMBERED = re.compile(r"(.*?)(\d+)-of-(\d+)(.*?)", re.DOTALL)
NAMED = 5
"""Missing shards that an error names."""


@dataclass(frozen=True, slots=True, eq=False)
class Shards:
    """The contents of several index files, numbered through in their order: the face of one Contents over them."""

    paths: tuple[str, ...]
    shards: tuple[Contents, ...]
    packed: Union
    keys: Keys | StackedKeys
    texts: StackedStrings | None
    encoder: RecordedEncoder | None
    projected: Projected | None

    @classmethod
    def of(cls, paths: Sequence[str], shards: Sequence[Contents]) -> Shards:
        """Of contents that belong together. Raises DuplicateKeyError where two have the same key."""
        first = shards[0]
        strings = [shard.keys.strings for shard in shards if shard.keys.strings is not None]
        if strings:
            clash = hashed(joined(strings))
            if isinstance(clash, tuple):
                refuse_key(paths, [shard.keys for shard in shards], clash)
        texts = [shard.texts for shard in shards if shard.texts is not None]
        return cls(
            tuple(paths),
            tuple(shards),
            Union([shard.packed for shard in shards]),
            StackedKeys([shard.keys for shard in shards]) if strings else Keys(sum(len(s.keys) for s in shards)),
            StackedStrings(texts) if texts else None,
            first.encoder,
            first.projected,
        )

    @property
    def dim_in(self) -> int:
        """Columns that queries have, and rows had before they were projected."""
        return self.shards[0].dim_in

    def placed(self, queries: NDArray[np.float32], n_threads: int = 0) -> NDArray[np.float32]:
        """Queries as the packed rows are: through the projection, which is the same in every shard."""
        return self.shards[0].placed(queries, n_threads)

    def rescored(self, queries: NDArray[np.float32], found: Neighbors, k: int) -> Neighbors:
        """The k best of the rows found, by the scores of the full rows that were kept beside projected ones."""
        full = [shard.projected.full for shard in self.shards if shard.projected and shard.projected.full]
        return rescored(self.packed.metric, queries, found, k, StackedRows(full).floats)

    def tuned(self, queries: NDArray[np.float32], n_threads: int = 0) -> Shards:
        """The same, each shard calibrated on these queries."""
        shards = tuple(shard.tuned(queries, n_threads) for shard in self.shards)
        return replace(self, shards=shards, packed=Union([shard.packed for shard in shards]))

    def given(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Many rows as ``vector`` gives one: float32 (m, dim)."""
        made = np.empty((len(rows), len(self.vector(0)) if len(rows) else self.packed.dim), np.float32)
        for shard, places, own in self.packed.firsts.split(rows):
            made[places] = self.shards[shard].given(own)
        return made

    def vector(self, row: int) -> NDArray[np.float32]:
        """Row ``row`` as it was given, float32; as it was projected where no more was kept."""
        shard, own = self.packed.firsts.one(row)
        return self.shards[shard].vector(own)

    def text(self, row: int) -> str:
        """The text of row ``row``. Raises InputError where there are none."""
        shard, own = self.packed.firsts.one(row)
        return self.shards[shard].text(own)

    def vectors(self) -> Vectors:
        """The rows as float32, and their keys."""
        rows = np.concatenate([shard.vectors().rows for shard in self.shards])
        return Vectors(rows, self.keys if isinstance(self.keys, Keys) else Keys.of(self.keys))

    def info(self) -> dict[str, Any]:
        """What the shards have in common, and for each its path, rows and kind."""
        told = [shard.info() for shard in self.shards]
        names = dict.fromkeys(name for each in told for name in each["sections"])
        stores = list(dict.fromkeys(each["store"] for each in told))
        return {
            **{name: told[0][name] for name in ("metric", "dim", "encoder", "projection", "keys", "texts")},
            "kind": self.packed.kind,
            "n_rows": self.packed.n_rows,
            "store": ", ".join(stores),
            "shards": [
                {"path": path, "n_rows": each["n_rows"], "kind": each["kind"]}
                for path, each in zip(self.paths, told, strict=True)
            ],
            "sections": {name: sum(each["sections"].get(name, 0) for each in told) for name in names},
        }

    def one(self, what: str) -> NoReturn:
        """Raises InputError: it takes one index to do this."""
        raise InputError(f"{what} takes one index, and this is {len(self.shards)} files; nearmost.merge makes it one")


def read(path: Paths, verify: store.Verify = "header") -> tuple[Contents | Shards, tuple[int, ...]]:
    """What a file holds, or several that are one: a list of paths, or a pattern such as ``headlines-*.nearmost``.

    Beside it each file's checksum. Raises ShardError where they are no whole, FormatError where one is no index.
    """
    paths, made, checksums = contents_of(path, verify)
    return (made[0] if len(made) == 1 else Shards.of(paths, made)), checksums


def contents_of(path: Paths, verify: store.Verify = "header") -> tuple[list[str], list[Contents], tuple[int, ...]]:
    """The paths, contents and checksums of files that belong together, whatever their keys."""
    paths = [os.fspath(each) for each in paths_of(path)]
    made, checksums = [], []
    for each in paths:
        stored = store.read(each, verify)
        try:
            made.append(Contents.of(stored.header, stored.arrays))
        except FormatError as error:
            raise type(error)(f"{each}: {error}") from None
        checksums.append(stored.checksum)
        foreign = _foreign(made[-1], made[0])
        if foreign is not None:
            raise ShardError(f"{each} does not belong to {paths[0]}: {foreign}; they are no whole")
    return paths, made, tuple(checksums)


def paths_of(path: Paths) -> list[OnePath]:
    """The files that are meant, in the order of their rows: a pattern's by name, a list's as they stand.

    Raises ShardError where a pattern matches nothing, or not all of the files ``name-00000-of-00016`` and so on.
    """
    if isinstance(path, str | os.PathLike):
        name = os.fspath(path)
        if not is_pattern(name):
            return [path]
        found = sorted(each for each in glob.glob(name, recursive=True) if not os.path.isdir(each))
        if not found:
            raise ShardError(f"{name}: no file matches (the working folder is {os.getcwd()})")
        require_all(name, found)
        paths: list[OnePath] = list(found)
    else:
        paths = [one for given in path for one in paths_of(given)]
    if not paths:
        raise ShardError("the list of index files is empty; it must name at least one")
    named: dict[str, str] = {}
    for each in paths:
        name, real = os.fspath(each), os.path.realpath(each)
        if real in named:
            also = "" if named[real] == name else f", as {named[real]} too"
            raise ShardError(f"{name} is named twice{also}; every shard counts once")
        named[real] = name
    return paths


def shown(path: Paths) -> str:
    """The path as people read it; of a list the first and how many more."""
    if isinstance(path, str | os.PathLike):
        return os.fspath(path)
    return os.fspath(path[0]) + (f" and {len(path) - 1} more" if len(path) > 1 else "")


def is_pattern(name: str) -> bool:
    """Whether it stands for files by a pattern, and is not the name of one."""
    return glob.has_magic(name) and not os.path.exists(name)


def require_all(pattern: str, paths: list[str]) -> None:
    """Raises ShardError where files are numbered 3-of-16 and one of the sixteen is not there, or another set is."""
    parts = [NUMBERED.fullmatch(Path(path).name) for path in paths]
    if not any(parts):
        return
    sets: dict[tuple[str, str, str], list[tuple[int, str]]] = {}
    for path, part in zip(paths, parts, strict=True):
        if part is None:
            known = paths[next(i for i, part in enumerate(parts) if part)]
            raise ShardError(f"{path} matches {pattern!r} and is not numbered as {known} is; name the shards alone")
        prefix, number, count, suffix = part.groups()
        sets.setdefault((os.path.join(os.path.dirname(path), prefix), count, suffix), []).append((int(number), number))
    if len(sets) > 1:
        (one, *_), (other, *_) = ([f"{p}*-of-{c}{s}"] for p, c, s in list(sets)[:2])
        raise ShardError(f"{pattern!r} matches two sets of shards, {one} and {other}; name one of them")
    ((prefix, count, suffix), numbers) = next(iter(sets.items()))
    have, width = {number for number, _ in numbers}, len(numbers[0][1])
    start = 1 if 0 not in have and int(count) in have else 0
    missing = [number for number in range(start, int(count) + start) if number not in have]
    if missing:
        names = [f"{prefix}{number:0{width}}-of-{count}{suffix}" for number in missing[:NAMED]]
        more = f" and {len(missing) - NAMED} more" if len(missing) > NAMED else ""
        raise ShardError(
            f"{len(missing)} of {int(count)} shards {'is' if len(missing) == 1 else 'are'} missing: "
            f"{', '.join(names)}{more}; put them there, or name the others in a list"
        )


def _foreign(shard: Contents, first: Contents) -> str | None:
    """Why a shard does not belong to the first one; None where it does."""
    if shard.dim_in == first.dim_in and shard.packed.dim != first.packed.dim:
        return f"{_columns(shard, 'it')}, {_columns(first, 'the other')}"
    for name, own, others in (
        ("metric", shard.packed.metric.name, first.packed.metric.name),
        ("dim", shard.packed.dim, first.packed.dim),
        ("encoder", shard.encoder and shard.encoder.spec, first.encoder and first.encoder.spec),
    ):
        if own != others:
            return f"it has {name} {own!r}, the other {others!r}"
    if shard.encoder is not None and first.encoder is not None and not shard.encoder.same_as(first.encoder):
        return f"its encoder {shard.encoder.spec!r} makes other vectors of the same sentences than the other's"
    for name, have, has in (
        ("keys", shard.keys.strings is not None, first.keys.strings is not None),
        ("texts", shard.texts is not None, first.texts is not None),
        ("a projection", shard.projected is not None, first.projected is not None),
        ("full rows", bool(shard.projected and shard.projected.full), bool(first.projected and first.projected.full)),
    ):
        if have != has:
            return f"it has {name}, the other has none" if have else f"it has no {name}, the other has"
    both = shard.projected is not None and first.projected is not None
    if not both or same_projection(shard.projected, first.projected):
        return None
    said = [each.projected and str(each.projected.projection) for each in (shard, first)]
    return f"its projection is another one{f': {said[0]}, not {said[1]}' if said[0] != said[1] else ''}"


def _columns(shard: Contents, name: str) -> str:
    """What became of the columns of its rows, in words."""
    if shard.projected is None:
        return f"{name} keeps all {shard.dim_in} columns"
    return f"{name} went through a projection ({shard.projected.projection})"


def same_projection(one: Projected | None, other: Projected | None) -> bool:
    """Whether both are one projection, number for number."""
    arrays, others = ({} if each is None else each.projection.arrays() for each in (one, other))
    return arrays.keys() == others.keys() and all(np.array_equal(arrays[name], others[name]) for name in arrays)


def refuse_key(paths: Sequence[str], keys: Sequence[Keys], rows: tuple[int, int]) -> NoReturn:
    """Raises DuplicateKeyError for two rows of the whole that have the same key, naming their files."""
    firsts = Firsts(list(map(len, keys)))
    (one, row), (other, second) = (firsts.one(each) for each in rows)
    raise DuplicateKeyError(
        f"row {row} of {paths[one]} and row {second} of {paths[other]} have the same key {keys[one][row]!r}; "
        'keys must be unique among shards (merge can keep the "first" or the "last" row)'
    )
