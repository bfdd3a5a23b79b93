"""What tests in every folder share."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

import pytest

if (
    signal.getsignal(signal.SIGINT) is signal.SIG_IGN
):  # as in the background of a shell: programs we start would inherit it
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def approvals(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test approves stays in the test."""
    monkeypatch.setenv("NEARMOST_STATE", str(tmp_path_factory.mktemp("state")))


@pytest.fixture
def patience() -> Callable[[float], float]:
    """Seconds that a promise of so many seconds may take here: on a busy machine everybody waits for a turn."""
    return lambda seconds: seconds * max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))
