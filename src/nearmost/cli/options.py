"""Options that several verbs share: one name, one meaning, one help text."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

Json = Annotated[bool, Parameter(name="--json", show_default=False, help="Print JSON, one document a line.")]
K = Annotated[int, Parameter(name="-k", metavar="N", help="Neighbours wanted.")]
IndexFile = Annotated[
    str, Parameter(help="An index, as nearmost index writes it, or several as one: 'headlines-*.nearmost'.")
]
EncoderOf = Annotated[
    str | None, Parameter(metavar="FILE", help="The index whose encoder to take, for one that learned, as lsa does.")
]
Cache = Annotated[
    str | None, Parameter(metavar="DIR", help="Keep vectors in this folder, and take from it what is there.")
]
Threads = Annotated[int, Parameter(name="--threads", metavar="N", help="Threads to use; 0 means all cores.")]
