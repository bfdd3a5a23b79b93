"""The pages of a labelling project as one application."""

from __future__ import annotations

from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.middleware.gzip import GZipMiddleware

from nearmost.errors import NearmostError, UnknownKeyError
from nearmost.label import Project
from nearmost.server.guard import Guard
from nearmost.server.jobs import Jobs
from nearmost.server.pages import browsing, exporting, heuristics, labelling, mapping, overview
from nearmost.server.shown import Workbench

HERE = Path(__file__).parent


def workbench(project: Project, guard: Guard) -> FastAPI:
    """The application, to be put behind the guard."""
    app = FastAPI(title=project.name, docs_url=None, redoc_url=None, openapi_url=None)
    app.state.workbench = Workbench(project, Jobs())
    app.add_middleware(GZipMiddleware, minimum_size=2000)
    app.mount("/static", StaticFiles(directory=HERE / "static"), name="static")
    for page in (overview, browsing, labelling, heuristics, mapping, exporting):
        app.include_router(page.router)

    @app.exception_handler(NearmostError)
    def refused(request: Request, error: NearmostError) -> Response:
        """What was wrong with a request, as JSON, or on a page where a person asked for one."""
        status = 404 if isinstance(error, UnknownKeyError) else 400
        if request.url.path.startswith("/api/"):
            return JSONResponse({"error": str(error)}, status)
        shown: Workbench = request.app.state.workbench
        return shown.page(request, "refused.html", "", status=status, error=str(error))

    return app
