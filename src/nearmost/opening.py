"""``nearmost.open``: one index, from one file or from many."""

from __future__ import annotations

from nearmost.encoders import Encoder
from nearmost.index import Index
from nearmost.shards import Paths
from nearmost.store import Verify


def open(path: Paths, *, verify: Verify = "header", encoder: str | Encoder | None = None) -> Index:
    """The index in this file, or in many that are searched as one: ``nearmost.open("headlines-*.nearmost")``.

    ``path`` is a file, a pattern, or a list of either. Rows of many files are numbered through, those of a pattern in
    the order of the files' names; without keys they are called by these numbers. What is found for a recall, scores and
    the order of ties are as one index of all the rows has them; ``nearmost.merge`` makes that one, which is faster.
    All files must be of one metric, dim, encoder and projection, and no key may be in two of them: ShardError and
    DuplicateKeyError name the first file that is otherwise, and what is missing of ``name-00000-of-00016`` and so on.
    To look through the keys takes about a tenth of a second a million.
    """
    return Index.open(path, verify=verify, encoder=encoder)
