"""What tests in every folder share."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest


@pytest.fixture
def patience() -> Callable[[float], float]:
    """Seconds that a promise of so many seconds may take here: on a busy machine everybody waits for a turn."""
    return lambda seconds: seconds * max(1.0, 2 * os.getloadavg()[0] / (os.cpu_count() or 1))
