"""The same plan carried out by Dask distributed (the extra ``dask``), on a cluster or on processes of this machine.

``run`` is what ``nearmost pipeline --engine dask`` does.
"""

from nearmost.errors import MissingExtraError

try:
    from nearmost.pipeline.dask.running import run
    from nearmost.pipeline.plan import Done, Plan
    from nearmost.pipeline.records import Reading
    from nearmost.pipeline.shard import Packing
except ModuleNotFoundError as error:
    if (error.name or "").startswith("nearmost"):
        raise
    raise MissingExtraError(
        f"pipelines on Dask need {error.name}, which is not installed: pip install 'nearmost[dask]'"
    ) from error

__all__ = ["Done", "Packing", "Plan", "Reading", "run"]
