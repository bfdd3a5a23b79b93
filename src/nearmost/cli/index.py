"""``nearmost index``: files of texts or of vectors in, one index file out."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import CycloptsError, Parameter

from nearmost.cli.encoder import kept_encoder
from nearmost.cli.faults import report
from nearmost.cli.options import Cache, Json, Threads
from nearmost.cli.output import print_json
from nearmost.cli.steps import step, steps

if TYPE_CHECKING:
    from nearmost.index import Index

EXAMPLES = """\
Examples:
  nearmost index headlines.csv -o headlines.nearmost
  nearmost index notes.tsv --text body --key id --encoder lsa -o notes.nearmost
  nearmost index 'corpus/*.txt' -o corpus.nearmost
  nearmost index glove.6B.50d.txt.gz -o glove.nearmost
  nearmost index 'emb-*.tfrecord' --encoder minilm -o emb.nearmost
  nearmost index vectors.npy --keys words.txt --metric dot -o words.nearmost
"""


def index(
    inputs: Annotated[
        list[str],
        Parameter(
            name="INPUT",
            help="Texts (.txt .csv .tsv .jsonl .json .parquet, also .gz .bz2 .xz .zst; - for stdin), which are "
            "encoded, or vectors (word2vec, GloVe, .npy .npz .parquet .hdf5 .safetensors .tfrecord, ...). "
            "Patterns such as 'corpus/*.txt' are expanded.",
        ),
    ],
    /,
    *,
    output: Annotated[
        str, Parameter(name=["-o", "--output"], metavar="FILE", help="The index file to write, whole or not at all.")
    ],
    text: Annotated[
        str | None,
        Parameter(
            metavar="COL",
            help="Column of texts, or several as '{title}. {body}'; else the only one, or one called text, title, ...",
        ),
    ] = None,
    key: Annotated[
        str | None, Parameter(metavar="COL", help="Column of keys; else rows are called 0, 1, 2, ...")
    ] = None,
    vector: Annotated[
        str | None,
        Parameter(
            metavar="NAME",
            help="The array, column or feature of vectors: then no text is encoded, and --text "
            "names those to keep beside them.",
        ),
    ] = None,
    encoder: Annotated[
        str | None,
        Parameter(
            metavar="SPEC",
            help="minilm (for texts, if not given), minilm:int8, lsa, st:NAME; for vectors: what made them.",
        ),
    ] = None,
    metric: Annotated[
        Literal["cosine", "euclidean", "dot", "manhattan", "hamming"], Parameter(help="What near means.")
    ] = "cosine",
    on_duplicate: Annotated[
        Literal["error", "first", "last"], Parameter(help="What to do where two rows have the same key.")
    ] = "error",
    keys: Annotated[str | None, Parameter(metavar="FILE", help="For vectors: a text file with a key a line.")] = None,
    kind: Annotated[
        Literal["auto", "flat", "partition", "graph"],
        Parameter(help="flat looks at every row; auto does up to 20,000 rows."),
    ] = "auto",
    quality: Annotated[
        Literal["fast", "default", "best"], Parameter(help="Time to build for time to search.")
    ] = "default",
    store: Annotated[
        Literal["auto", "f32", "f16", "i8"],
        Parameter(help="Type to keep rows in; auto takes the shortest that loses nothing."),
    ] = "auto",
    project: Annotated[
        str | None,
        Parameter(
            name=["--project", "--head"],
            metavar="N|KIND:N|FILE",
            help="Shorten rows, and queries with them: to N columns, or pca:N, gaussian:N, sparse:N, truncate:N; "
            "or put them through a head that fine-tuning saved.",
        ),
    ] = None,
    keep_full: Annotated[
        bool, Parameter(negative="", help="With --project: keep the full rows, too, and score what is found by them.")
    ] = False,
    scratch: Annotated[
        str | None, Parameter(metavar="DIR", help="Where to keep what a build larger than memory needs.")
    ] = None,
    lowercase: Annotated[
        bool, Parameter(help="For vectors: make keys lower-case; of equal ones the first stays.")
    ] = False,
    cache: Cache = None,
    limit: Annotated[int | None, Parameter(metavar="N", help="Take the first rows only.")] = None,
    restart: Annotated[bool, Parameter(help="Begin anew where an earlier run was interrupted.")] = False,
    threads: Threads = 0,
    as_json: Json = False,
) -> None:
    """Build an index from texts or vectors.

    Texts are turned into vectors by the encoder and kept in the index beside
    their keys. They may be more than memory holds: what is done is kept in
    FILE.partial until the index is there, and the same command goes on from
    there after a crash or Ctrl-C. Of existing files none but an older index is
    replaced.
    """
    from nearmost.encoders import load_encoder
    from nearmost.index import Index
    from nearmost.readers import is_vectors, read_vectors
    from nearmost.readers.sources import expand
    from nearmost.readers.vectors import is_records

    def are_vectors(path: str | os.PathLike[str]) -> bool:
        return (text is None or is_records(path)) and is_vectors(path)

    check_output(output)
    paths = expand(inputs)
    vectors = list(paths) if vector is not None else [path for path in paths if are_vectors(path)]
    if vectors and len(paths) > len(vectors):
        raise CycloptsError(
            msg=f"{os.fspath(vectors[0])} holds vectors, and {len(paths) - len(vectors)} of {len(paths)} files do not; "
            "all must, or none."
        )
    if keys is not None and not vectors:
        raise CycloptsError(msg="--keys is for vectors; --key names the column of keys of texts.")
    if cache is not None and vectors:
        raise CycloptsError(msg="--cache is for texts; these are vectors already.")
    packing: dict[str, Any] = {
        "metric": metric, "kind": kind, "quality": quality, "store": store, "scratch": scratch, "n_threads": threads,
        "projection": project, "keep_full": keep_full or None,
    }  # fmt: skip
    if vectors:
        loaded = None if encoder is None else load_encoder(encoder)  # before a long read, not after it
        with step("reading"):
            rows = read_vectors(
                vectors,
                keys=keys,
                vector=vector or "vector",
                key=key or "key",
                text=text,
                on_duplicate=on_duplicate,
                lowercase=lowercase,
                limit=limit,
                n_threads=threads,
            )
        with step("packing") as progress:
            built = Index.build(rows, encoder=loaded, progress=progress, **packing)
        save(built, output)
    else:
        reading = {"text": text, "key": key, "limit": limit, "on_duplicate": on_duplicate, "restart": restart}
        built = _of_texts(paths, output, reading | packing | {"encoder": kept_encoder(encoder or "minilm", cache)})
    if as_json:
        print_json(built.info())
    else:
        made = built.info()["encoder"]
        print(f"{output}: {len(built):,} rows x {built.dim}, {built.metric}{f', encoder {made}' if made else ''}")


def _of_texts(paths: Sequence[str | os.PathLike[str]], output: str, options: dict[str, Any]) -> Index:
    """The index of a corpus; where that is interrupted, what there is to say about it is said."""
    from nearmost.pipeline.local import index_corpus
    from nearmost.pipeline.work import SUFFIX

    try:
        with steps() as progress:
            return index_corpus(paths, output, progress=progress, **options)
    except KeyboardInterrupt:
        if os.path.isdir(output + SUFFIX):
            report(f"{output}{SUFFIX} keeps what is done: the same command goes on from there")
        raise


def save(built: Index, output: str) -> None:
    """Saves the index, as a step of its own."""
    with step("saving"):
        built.save(output)


def check_output(output: str) -> None:
    """Raises, before the work and not after it, where the index could not be saved or would replace something else."""
    from nearmost import store
    from nearmost.errors import FormatError, InputError, NotAnIndexError

    target = Path(output)
    if not target.parent.is_dir():
        raise InputError(f"there is no folder {str(target.parent)!r} to write {target.name} to; make it first")
    if target.is_dir():
        raise InputError(f"{output} is a folder; an index is one file, such as {target / 'index.nearmost'}")
    if not os.access(target.parent, os.W_OK):
        raise InputError(f"the folder {str(target.parent.absolute())!r} cannot be written to")
    try:
        if target.exists() and target.stat().st_size:
            store.read(target)
    except NotAnIndexError:
        raise InputError(
            f"{output} exists and is no index; it is left as it is: remove it or name another file"
        ) from None
    except FormatError:
        pass  # a damaged or a newer index may be replaced
