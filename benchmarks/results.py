"""Where the figures of a run are kept: as JSON, as pictures, and as the page docs/benchmarks.md that is made of them.

``NEARMOST_BENCH_QUICK=1`` is a trial of a few minutes: less data, fewer libraries, and everything under build/bench/.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
QUICK = os.environ.get("NEARMOST_BENCH_QUICK", "") not in ("", "0")
TRIAL = ROOT / "build" / "bench"
RESULTS = TRIAL / "results" if QUICK else ROOT / "benchmarks" / "results"
FIGURES = TRIAL / "figures" / "benchmarks" if QUICK else ROOT / "docs" / "figures" / "benchmarks"
PAGE = TRIAL / "benchmarks.md" if QUICK else ROOT / "docs" / "benchmarks.md"


def write(name: str, document: Any) -> None:
    """Keeps this as ``name``.json."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(_short(document), indent=1) + "\n", encoding="utf-8")


def read(name: str) -> Any:
    """What was kept as ``name``.json, or None."""
    path = RESULTS / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def figures(name: str) -> list[Path]:
    """The files of a figure of this name."""
    FIGURES.mkdir(parents=True, exist_ok=True)
    return [FIGURES / f"{name}.svg", FIGURES / f"{name}.png"]


def _short(value: Any) -> Any:
    """Numbers with five digits: what they mean ends before that, and the files stay readable."""
    if isinstance(value, float):
        return float(f"{value:.5g}")
    if isinstance(value, dict):
        return {key: _short(each) for key, each in value.items()}
    return [_short(each) for each in value] if isinstance(value, list | tuple) else value
