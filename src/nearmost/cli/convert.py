"""``nearmost convert``: from one file of vectors to another, an index among them."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import CycloptsError, Parameter

from nearmost.cli.index import check_output, save
from nearmost.cli.options import Json, Threads
from nearmost.cli.output import note, print_json
from nearmost.cli.steps import step

if TYPE_CHECKING:
    from nearmost.values import Vectors

EXAMPLES = """\
Examples:
  nearmost convert glove.6B.50d.txt.gz glove.nearmost
  nearmost convert glove.nearmost glove.parquet
  nearmost convert GoogleNews-vectors-negative300.bin.gz news.txt --limit 100000
  nearmost convert model.kv model.bin
  nearmost convert 'emb-*.tfrecord' emb.nearmost
  nearmost convert old.ann new.nearmost --dim 40 --metric angular --keys words.txt
  nearmost convert words.annoy words.nearmost --lmdb words.lmdb --dim 50
  nearmost convert words.nearmost words --to-annoy-lmdb
"""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the command line asks for."""

    format: str | None
    keys: str | None
    vector: str
    key: str
    limit: int | None
    lowercase: bool
    on_duplicate: Literal["error", "first", "last"]
    encoding: str
    metric: str
    dim: int | None
    lmdb: str | None
    threads: int


def convert(
    source: Annotated[str, Parameter(name="IN", help="Vectors of any format that nearmost reads, or an index.")],
    target: Annotated[
        str,
        Parameter(
            name="OUT",
            help="What to write: .nearmost (an index), .bin (word2vec), .vec (its text), .txt (GloVe), .npy .npz "
            ".parquet .safetensors .tfrecord; .bin .vec .txt .npy .tfrecord also .gz .bz2 .xz.",
        ),
    ],
    /,
    *,
    format: Annotated[
        str | None, Parameter(name="--format", metavar="NAME", help="Of OUT, where its name does not tell.")
    ] = None,
    keys: Annotated[str | None, Parameter(metavar="FILE", help="A text file with a key a line.")] = None,
    vector: Annotated[
        str, Parameter(metavar="NAME", help="The array, column or feature of IN that holds the vectors.")
    ] = "vector",
    key: Annotated[str, Parameter(metavar="NAME", help="The one that holds the keys.")] = "key",
    limit: Annotated[int | None, Parameter(metavar="N", help="Take the first rows only.")] = None,
    lowercase: Annotated[bool, Parameter(help="Make keys lower-case; of equal ones the first stays.")] = False,
    on_duplicate: Annotated[
        Literal["error", "first", "last"], Parameter(help="What to do where two rows have the same key.")
    ] = "error",
    encoding: Annotated[str, Parameter(metavar="NAME", help="Of the words in IN.")] = "utf-8",
    metric: Annotated[
        Literal["cosine", "angular", "euclidean", "dot", "manhattan", "hamming"] | None,
        Parameter(
            help="Of an index or a file of Annoy: what near means; angular is Annoy's word for cosine. "
            "Without it, that of an index IN, else cosine."
        ),
    ] = None,
    dim: Annotated[
        int | None,
        Parameter(metavar="N", help="IN is a file of Annoy, which says neither its dim nor its --metric."),
    ] = None,
    lmdb: Annotated[
        str | None,
        Parameter(metavar="FOLDER", help="The LMDB map of the words of that file, i<number> to w<word>."),
    ] = None,
    to_annoy_lmdb: Annotated[
        bool, Parameter(help="Write the pair OUT.annoy and OUT.lmdb, with the packages annoy and lmdb.")
    ] = False,
    force: Annotated[bool, Parameter(help="Replace OUT where it exists.")] = False,
    threads: Threads = 0,
    as_json: Json = False,
) -> None:
    """Convert vectors from one format to another, to an index or from one.

    What IN holds tells its format, not its name. OUT is written whole or not
    at all.
    """
    if to_annoy_lmdb and format is not None:
        raise CycloptsError(msg="convert takes --format NAME or --to-annoy-lmdb, not both.")
    chosen = metric or _metric_of(source)
    wanted = Wanted(format, keys, vector, key, limit, lowercase, on_duplicate, encoding, chosen, dim, lmdb, threads)
    write = _write_pair if to_annoy_lmdb else writer_of(target, format)
    for each in _pair(target) if to_annoy_lmdb else (target,):
        _check_target(source, each, force)
    with step("reading"):
        read = reader_of(source) if dim is None and lmdb is None else _read_forest
        vectors = read(source, wanted)
    write(vectors, target, wanted)
    target = " and ".join(_pair(target)) if to_annoy_lmdb else target
    if as_json:
        print_json({"path": target, "n_rows": len(vectors), "dim": vectors.dim})
    else:
        print(f"{target}: {len(vectors):,} rows x {vectors.dim}")


def _read_vectors(source: str, wanted: Wanted) -> Vectors:
    from nearmost.readers import read_vectors

    return read_vectors(
        source,
        keys=wanted.keys,
        vector=wanted.vector,
        key=wanted.key,
        limit=wanted.limit,
        lowercase=wanted.lowercase,
        on_duplicate=wanted.on_duplicate,
        encoding=wanted.encoding,
        n_threads=wanted.threads,
    )


def _read_index(source: str, wanted: Wanted) -> Vectors:
    from nearmost.index import Index
    from nearmost.readers.vectors import renamed
    from nearmost.values import Vectors

    with Index.open(source) as opened:
        held = opened.vectors()
    rows = held.rows[: wanted.limit]
    named = renamed(held.keys[: len(rows)], wanted.keys, wanted.limit, wanted.lowercase)
    on_duplicate = "first" if wanted.lowercase and wanted.on_duplicate == "error" else wanted.on_duplicate
    unnamed = held.keys.strings is None and wanted.keys is None
    texts = None if held.texts is None else held.texts[: len(rows)]
    return Vectors.of(rows, None if unnamed else named, texts=texts, on_duplicate=on_duplicate)


def _read_forest(source: str, wanted: Wanted) -> Vectors:
    """The items of an Annoy file; the line of --keys that names an item is that of its number."""
    from nearmost.errors import InputError
    from nearmost.forest import read_forest
    from nearmost.readers.vectors import renamed
    from nearmost.values import Vectors

    if wanted.dim is None:
        raise InputError(f"{source}: a file of Annoy does not say how many columns it has; say --dim N")
    if wanted.lmdb is None:
        names = None if wanted.keys is None else Path(wanted.keys).read_text(encoding="utf-8").splitlines()
        held = read_forest(source, wanted.dim, wanted.metric, keys=names)
    elif wanted.keys is None:
        held = _read_pair(source, wanted.lmdb, wanted.dim, wanted)
    else:
        raise InputError("--keys and --lmdb both name the items; say one of them")
    rows = held.rows[: wanted.limit]
    if not wanted.lowercase:
        return Vectors(rows, held.keys) if len(rows) == len(held) else Vectors.of(rows, held.keys[: len(rows)])
    return Vectors.of(rows, renamed(held.keys[: len(rows)], None, None, True), on_duplicate="first")


def _read_pair(source: str, lmdb: str, dim: int, wanted: Wanted) -> Vectors:
    from nearmost.compat.lmdb import read_pair

    return read_pair(source, lmdb, dim, wanted.metric, on_duplicate=wanted.on_duplicate)


def _write_pair(vectors: Vectors, target: str, wanted: Wanted) -> None:
    from nearmost.compat.lmdb import write_pair

    with step("planting trees") as progress:
        write_pair(vectors, *_pair(target), metric=wanted.metric, n_threads=wanted.threads, progress=progress)


def _pair(target: str) -> tuple[str, str]:
    """The two files that --to-annoy-lmdb writes, as the recipe names them."""
    stem = target.removesuffix(".annoy")
    return f"{stem}.annoy", f"{stem}.lmdb"


def _write_vectors(vectors: Vectors, target: str, wanted: Wanted) -> None:
    from nearmost.writers import format_of, keys_beside, write_vectors

    chosen = format_of(target, wanted.format)
    if vectors.texts is not None and chosen != "tfrecord":
        note(f"there are texts, which {chosen} has no room for: keys and vectors are written")
    with step("writing"):
        write_vectors(target, vectors, format=wanted.format)
    if chosen == "npy" and vectors.keys.strings is not None:
        note(f"the keys are in {keys_beside(target)}, a line each: .npy has no room for them")


def _write_index(vectors: Vectors, target: str, wanted: Wanted) -> None:
    from nearmost.index import Index

    with step("packing") as progress:
        metric = "cosine" if wanted.metric == "angular" else wanted.metric
        built = Index.build(vectors, metric=metric, n_threads=wanted.threads, progress=progress)
    save(built, target)


def reader_of(source: str) -> Read:
    """What reads this file."""
    return next((read for knows, read in READERS if knows(source)), _read_vectors)


def writer_of(target: str, format: str | None) -> Write:
    """What writes this file. Raises InputError, before anything is read, where nothing does."""
    from nearmost.writers import format_of

    found = None if format is not None else WRITERS.get(os.path.splitext(target.lower())[1])
    if found is None:
        format_of(target, format)
    return found or _write_vectors


def _metric_of(source: str) -> str:
    """What near means where nobody says it: as before in an index, else cosine."""
    from nearmost.index import Index

    if not _is_index(source):
        return "cosine"
    with Index.open(source) as opened:
        return opened.metric.name


def _is_index(source: str) -> bool:
    from nearmost.store import MAGIC

    if not os.path.isfile(source):
        return False
    with open(source, "rb") as file:
        return file.read(len(MAGIC)) == MAGIC


Read = Callable[[str, Wanted], "Vectors"]
Write = Callable[["Vectors", str, Wanted], None]
READERS: list[tuple[Callable[[str], bool], Read]] = [
    (_is_index, _read_index),
    (lambda source: source.lower().endswith((".ann", ".annoy")), _read_forest),
]
"""Who reads what, the first whose question is answered with yes: another program's index is a line here."""
WRITERS: dict[str, Write] = {".nearmost": _write_index}
"""Who writes what, by suffix; everything else is ``write_vectors``."""


def _check_target(source: str, target: str, force: bool) -> None:
    from nearmost.errors import InputError

    if os.path.exists(target) and os.path.exists(source) and os.path.samefile(source, target):
        raise InputError(f"{target} is the file that is read; name another")
    if target.lower().endswith(".nearmost") and not force:
        check_output(target)
    elif os.path.exists(target) and not force:
        raise InputError(f"{target} exists and is left as it is: name another file, or say --force")
    elif not os.path.isdir(os.path.dirname(target) or "."):
        raise InputError(f"there is no folder {os.path.dirname(target)!r} to write to; make it first")
