"""Reading, encoding and indexing at scale by Apache Beam (the extra ``beam``), on whatever runner it has.

=================== ===================================== ==========================
transform           from                                  to
=================== ===================================== ==========================
ReadCorpus          files                                 ``Passage``
Encode              ``Passage`` or (key, text)            ``Embedded``
Project             ``Embedded``                          ``Embedded``
WriteVectors        ``Embedded``                          names of Parquet or TFRecord files
BuildShards         ``Embedded`` or (key, text, vector)   names of index files
Join                index files                           ``Pair``
=================== ===================================== ==========================

``run`` puts them together: what ``nearmost pipeline`` does.
"""

from nearmost.errors import MissingExtraError

try:
    from nearmost.pipeline.beam.building import BuildShards
    from nearmost.pipeline.beam.encoding import Encode, Project
    from nearmost.pipeline.beam.joining import Join, Pair
    from nearmost.pipeline.beam.reading import ReadCorpus
    from nearmost.pipeline.beam.running import run
    from nearmost.pipeline.beam.writing import WriteVectors
    from nearmost.pipeline.plan import Done, Plan
    from nearmost.pipeline.records import Reading
    from nearmost.pipeline.shard import Packing
except ModuleNotFoundError as error:
    if (error.name or "").startswith("nearmost"):
        raise
    raise MissingExtraError(
        f"pipelines on Beam need {error.name}, which is not installed: pip install 'nearmost[beam]'"
    ) from error

__all__ = [
    "BuildShards",
    "Done",
    "Encode",
    "Join",
    "Packing",
    "Pair",
    "Plan",
    "Project",
    "ReadCorpus",
    "Reading",
    "WriteVectors",
    "run",
]
