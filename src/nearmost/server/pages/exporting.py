"""Export: the labels as a table, and the whole project as a snapshot."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import Literal

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, HTMLResponse
from starlette.background import BackgroundTask

from nearmost.server.shown import Shown

router = APIRouter()
SHOWN = 3
"""Records that the page shows as they will come out."""


@router.get("/export")
def export(request: Request, shown: Shown) -> HTMLResponse:
    """The page."""
    first = shown.project.browse("", limit=SHOWN).ids
    rows = shown.project.export(None, query=f"id<={first[-1]}") if first else []
    return shown.page(request, "export.html", "export", rows=rows)


@router.get("/export/file")
def file(shown: Shown, format: Literal["csv", "json", "parquet"] = "csv", query: str = "") -> FileResponse:
    """The table as a file."""
    path = _fresh(f"{_safe(shown.project.name)}.{format}")
    shown.project.export(path, query=query)
    return _sent(path)


@router.get("/export/snapshot")
def snapshot(shown: Shown) -> FileResponse:
    """The project as a zip."""
    path = _fresh(f"{_safe(shown.project.name)}.zip")
    shown.project.snapshot(path)
    return _sent(path)


def _fresh(name: str) -> Path:
    return Path(tempfile.mkdtemp(prefix="nearmost-")) / name


def _safe(name: str) -> str:
    return re.sub(r"[^\w-]+", "-", name).strip("-") or "project"


def _sent(path: Path) -> FileResponse:
    def remove() -> None:
        path.unlink(missing_ok=True)
        path.parent.rmdir()

    return FileResponse(path, filename=path.name, background=BackgroundTask(remove))
