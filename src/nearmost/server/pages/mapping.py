"""Map: all records as points of a plane, to look at, to label by a lasso, and to make rules of."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Body, Request
from fastapi.responses import HTMLResponse, Response

from nearmost.label.browsing.cards import map_labels
from nearmost.server.pages.heuristics import free
from nearmost.server.shown import Shown

router = APIRouter()


@router.get("/map")
def map_page(request: Request, shown: Shown) -> HTMLResponse:
    """The page."""
    return shown.page(request, "map.html", "map")


@router.get("/api/map/points")
def points(shown: Shown) -> Response:
    """x and y of every record, float32 little-endian, NaN where it has none."""
    return Response(
        np.ascontiguousarray(shown.project.map_points(), dtype="<f4").tobytes(), media_type="application/octet-stream"
    )


@router.get("/api/map/labels")
def labels(shown: Shown, task: str) -> Response:
    """For every record its label by hand and its weak label, int16 little-endian each, -1 where it has none."""
    both = map_labels(shown.project, task).astype("<i2")
    return Response(both.tobytes(), media_type="application/octet-stream")


@router.post("/api/map/region")
def region(
    shown: Shown,
    task: Annotated[str, Body()],
    name: Annotated[str, Body()],
    label: Annotated[str, Body()],
    polygon: Annotated[list[tuple[float, float]], Body()],
) -> dict[str, Any]:
    """Makes a rule of a lasso: records inside get the label."""
    free(shown, task, name)
    shown.project.add_region(task, name, label, polygon=polygon)
    return {"name": name}
