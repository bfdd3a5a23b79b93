"""Opening costs the same whatever the size, and processes that open one file share its pages.

NEARMOST_LONG=1 does it with an index of a gigabyte instead of 60 MB.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "open_and_share.py"
MEGABYTES = 1000 if os.environ.get("NEARMOST_LONG") else 60


def test_opening_is_quick_and_shares_the_file() -> None:
    if not Path("/proc/self/smaps").exists():
        pytest.skip("this system does not tell what memory is shared")
    command = [sys.executable, str(SCRIPT), "--megabytes", str(MEGABYTES), "--processes", "4"]
    told = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, timeout=300).stdout)
    assert told["megabytes"] > 0.9 * MEGABYTES
    assert told["open_ms_best"] < 10
    assert told["opened_Private_Dirty_kb_added"] + told["opened_Private_Clean_kb_added"] < 5_000
    assert len(told["processes"]) == 4
    for process in told["processes"]:
        assert process["Shared_Clean"] > 0.9 * told["megabytes"] * 1e6 / 1024
        assert process["Private_Dirty"] == 0
        assert process["Pss"] < 0.5 * process["Rss"]
