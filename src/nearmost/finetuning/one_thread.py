"""NumPy's products on one thread, where threadpoolctl (which comes with scikit-learn) is installed.

Matrices of a batch are small: threads would wait for each other longer than they work, on a busy machine many times as
long. And the sums are then added in one order, whatever the number of cores.
"""

from __future__ import annotations

from contextlib import AbstractContextManager

from threadpoolctl import threadpool_limits


def one_thread() -> AbstractContextManager[object]:
    """A block in which linear algebra uses one thread."""
    limits: AbstractContextManager[object] = threadpool_limits(1, user_api="blas")
    return limits
