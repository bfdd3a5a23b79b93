"""A save is all or nothing, whatever happens to the process, the disk or the power.

NEARMOST_LONG=1 kills 200 savers instead of 20, and lets readers and a writer race for 30 s instead of 2 s.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import faults
import kills
import numpy as np
import power_loss
import pytest

from nearmost import store
from nearmost.errors import InputError

LONG = bool(os.environ.get("NEARMOST_LONG"))
NO_COMPILER = "there is no C compiler to build the fault injector with"


def test_every_call_of_a_save_may_fail() -> None:
    printed = faults.behind_the_shim(faults.__file__)
    if printed is None:
        pytest.skip(NO_COMPILER)
    told = json.loads(printed)
    assert told["broken"] == []
    assert min(told["calls"].values()) > 20
    assert {"saved, new file", "raised, old file", "killed, old file", "killed, new file"} <= set(told["outcomes"])


def test_power_cut_leaves_the_old_file_or_the_new() -> None:
    printed = faults.behind_the_shim(power_loss.__file__)
    if printed is None:
        pytest.skip(NO_COMPILER)
    as_it_is = [line for line in printed.splitlines() if "as it is" in line]
    assert len(as_it_is) == 2
    assert all(", 0 wrong, new at the end" in line for line in as_it_is), printed
    assert all(", 0 wrong" not in line for line in printed.splitlines() if "without fsync" in line), (
        "the check is blind"
    )


def test_killed_saves_lose_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    counts, broken = _in_a_process(f"kills.kill_savers(Path({str(tmp_path)!r}), {200 if LONG else 20}, seed=3)")
    assert broken == []
    assert counts["in the middle of a save"] > 0


def test_readers_never_see_a_torn_file(tmp_path: Path) -> None:
    counts, broken = _in_a_process(f"kills.read_while_replaced(Path({str(tmp_path)!r}), {30 if LONG else 2})")
    assert broken == []
    assert counts["verified opens"] > 0
    assert counts["replacements"] > 0


def _in_a_process(call: str) -> tuple[dict[str, int], list[str]]:
    """Runs it where nothing but this forks, kills and waits: the test runner may have threads."""
    script = f"import json, kills\nfrom pathlib import Path\nprint(json.dumps({call}))"
    here = Path(kills.__file__).parent
    done = subprocess.run([sys.executable, "-c", script], cwd=here, check=True, stdout=subprocess.PIPE, timeout=300)
    counts, broken = json.loads(done.stdout)
    return counts, broken


def test_full_disk_leaves_the_old_file(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(disk)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False).returncode:
        pytest.skip("only root may mount a small disk")
    try:
        kills.save(disk / "a", 1)
        with pytest.raises(OSError, match="No space left"):
            store.write(disk / "a", {}, {"too much": np.zeros(1 << 19)})
        assert kills.version_of(disk / "a") == 1
        assert os.listdir(disk) == ["a"]
        kills.save(disk / "a", 2)
        assert kills.version_of(disk / "a") == 2
    finally:
        subprocess.run(["umount", disk], check=True)


def test_leftovers_of_killed_saves_are_swept_and_nothing_else(tmp_path: Path) -> None:
    stale, other = tmp_path / ".a.0123456789abcdef.partial", tmp_path / ".b.0123456789abcdef.partial"
    stale.touch()
    other.touch()
    kills.save(tmp_path / "a", 1)
    assert not stale.exists()
    assert other.exists()


def test_a_save_under_way_is_not_swept(tmp_path: Path) -> None:
    handle, path = store._claim(tmp_path / "a")
    kills.save(tmp_path / "a", 1)
    assert path.exists()
    os.close(handle)
    kills.save(tmp_path / "a", 1)
    assert not path.exists()


def test_replacing_keeps_permissions_and_links(tmp_path: Path) -> None:
    target, link = tmp_path / "a", tmp_path / "link"
    kills.save(target, 1)
    target.chmod(0o600)
    link.symlink_to(target)
    kills.save(link, 2)
    assert link.is_symlink()
    assert kills.version_of(target) == 2
    assert target.stat().st_mode & 0o777 == 0o600


def test_folder_is_no_target(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is a folder"):
        store.write(tmp_path, {}, {})
