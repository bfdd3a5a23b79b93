"""``nearmost demo``: the docstrings of Python's own library, searched by meaning."""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from nearmost.cli.index import check_output, save
from nearmost.cli.options import Json, K
from nearmost.cli.output import note
from nearmost.cli.search import ask
from nearmost.cli.steps import step

if TYPE_CHECKING:
    from nearmost.index import Index

QUESTIONS = ("copy a whole directory tree", "parse dates written by people", "run code when the program exits")
EXAMPLES = """\
Examples:
  nearmost demo
  nearmost demo "compare two files line by line"
  nearmost demo --encoder lsa -o small.nearmost
"""


def demo(
    question: Annotated[
        list[str] | None, Parameter(help="What to ask; several words make one. Without it, three fixed questions.")
    ] = None,
    /,
    *,
    encoder: Annotated[
        str | None, Parameter(metavar="SPEC", help="What the index is built with: minilm if not given, or lsa, ...")
    ] = None,
    output: Annotated[
        str, Parameter(name=["-o", "--output"], metavar="FILE", help="The index file: made if it is not there.")
    ] = "stdlib.nearmost",
    k: K = 3,
    as_json: Json = False,
) -> None:
    """Search the documentation of Python's standard library by meaning.

    The first time, its docstrings are gathered, encoded and saved as an index
    in the current folder; from then on that file is opened.
    """
    words = " ".join(question or []).strip()
    with find(output, encoder) if os.path.exists(output) else build(output, encoder or "minilm") as index:
        note(f"{output}: {len(index):,} documents of Python's own library\n")
        ask(index, iter([words] if words else QUESTIONS), k, as_json=as_json, headed=True)
    if not as_json:
        hints(output)


def find(output: str, encoder: str | None) -> Index:
    """The index that an earlier run saved. Raises EncoderMismatchError where it is of another encoder."""
    from nearmost.encoders import load_encoder
    from nearmost.errors import EncoderMismatchError
    from nearmost.index import Index

    index = Index.open(output)
    made = index.info()["encoder"]
    if encoder not in (None, made) and load_encoder(encoder).spec != made:
        raise EncoderMismatchError(
            f"{output} was built with encoder {made!r}, not {encoder!r}: remove it, or name another file with -o"
        )
    return index


def build(output: str, encoder: str) -> Index:
    """The index of the docstrings, gathered, encoded and saved."""
    from nearmost.encoders import load_encoder
    from nearmost.index import Index
    from nearmost.stdlib_docs import gather_docstrings

    check_output(output)
    loaded = load_encoder(encoder)
    with step("gathering") as progress:
        corpus = gather_docstrings(progress)
    with step("encoding") as progress:
        built = Index.build(corpus, encoder=loaded, progress=progress)
    save(built, output)
    return built


def hints(output: str) -> None:
    """What to try next."""
    file = shlex.quote(output)
    note("Try next:")
    note('  nearmost demo "your own question"')
    note(f'  nearmost search {file} "compare two files line by line"')
    note(f"  nearmost search {file} --key shutil.copytree")
    note(f"  nearmost info {file}")
