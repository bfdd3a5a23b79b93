"""The machine that was measured on, described without naming it."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np

from nearmost import _core


def machine() -> dict[str, str]:
    """Processor, cores, memory, system and versions."""
    return {
        "processor": _processor(),
        "cores": str(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()),
        "memory": _memory(),
        "instruction set used": _core.isa(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "numpy": np.__version__,
    }


def version_of(package: str) -> str:
    """Its version, or "?"."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "?"


def _processor() -> str:
    lines = _lines("/proc/cpuinfo")
    told = dict.fromkeys(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return " and ".join(told) or platform.processor() or "unknown"


def _memory() -> str:
    kilobytes = next((int(line.split()[1]) for line in _lines("/proc/meminfo") if line.startswith("MemTotal")), 0)
    return f"{kilobytes / 1e6:.0f} GB" if kilobytes else "unknown"


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []
