"""Web pages over a project, for the browser of this machine: ``serve_project`` starts them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nearmost.errors import MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Callable

    from nearmost.label import Project


def serve_project(
    project: Project, *, port: int = 0, host: str = "127.0.0.1", ready: Callable[[str], None] | None = None
) -> None:
    """Serves the pages of a labelling project until Ctrl-C; ``ready`` is called with the address to open.

    The address holds a token made anew for each start, without which nothing is answered; ``port=0`` takes a free one.
    """
    try:
        from nearmost.server.serving import serve
        from nearmost.server.workbench import workbench
    except ImportError as error:
        raise MissingExtraError("the pages need FastAPI: pip install 'nearmost[server]'") from error
    serve(lambda guard: workbench(project, guard), host=host, port=port, ready=ready)
