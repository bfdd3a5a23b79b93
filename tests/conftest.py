"""What tests in every folder share."""

from __future__ import annotations

import os
import signal

import pytest
from hypothesis import settings

# No example is too slow on a busy machine, and the suite says the same twice; the long way looks further each time.
settings.register_profile("suite", deadline=None, derandomize=not os.environ.get("NEARMOST_LONG"))
settings.load_profile("suite")

if (
    signal.getsignal(signal.SIGINT) is signal.SIG_IGN
):  # as in the background of a shell: programs we start would inherit it
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def approvals(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test approves stays in the test."""
    monkeypatch.setenv("NEARMOST_STATE", str(tmp_path_factory.mktemp("state")))


@pytest.fixture
def patience() -> float:
    """Seconds after which a test takes something for hung: no measure of speed, since machines are slow and busy."""
    return 300.0
