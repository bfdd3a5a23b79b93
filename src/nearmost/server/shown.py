"""What pages have in common: the project, its task, and how values become HTML and JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.responses import HTMLResponse, Response
from fastapi.templating import Jinja2Templates

from nearmost.label import Project
from nearmost.label.browsing.cards import Card
from nearmost.label.manual.tasks import Task
from nearmost.server.jobs import Jobs

TEMPLATES = Jinja2Templates(directory=Path(__file__).parent / "templates")
TEMPLATES.env.trim_blocks = TEMPLATES.env.lstrip_blocks = True


@dataclass(frozen=True)
class Workbench:
    """The project that is shown, and what runs for it."""

    project: Project
    jobs: Jobs

    def task(self, name: str | None) -> Task | None:
        """The task of this name, or the first; None where there is none yet."""
        tasks = self.project.tasks
        return self.project.task(name) if name else (tasks[0] if tasks else None)

    def page(self, request: Request, template: str, here: str, *, status: int = 200, **shown: Any) -> HTMLResponse:
        """An answer made from a template; ``here`` is the page's name in the menu."""
        about = shown.pop("about", None) or self.task(request.query_params.get("task") if status == 200 else None)
        context = {
            "project": self.project, "tasks": self.project.tasks, "task": about, "here": here,
            "facts": {"task": None if about is None else facts_of(about)}, **shown,
        }  # fmt: skip
        return TEMPLATES.TemplateResponse(request, template, context, status_code=status)


def the_workbench(request: Request) -> Workbench:
    """The one of this application."""
    found: Workbench = request.app.state.workbench
    return found


Shown = Annotated[Workbench, Depends(the_workbench)]


def facts_of(about: Task) -> dict[str, Any]:
    """A task as scripts know it."""
    labels = [{"name": label.name, "colour": label.colour, "hotkey": label.hotkey} for label in about.labels]
    return {"name": about.name, "kind": about.kind, "attribute": about.attribute, "labels": labels}


def card_facts(card: Card) -> dict[str, Any]:
    """A record as scripts know it."""
    return asdict(card)


def stylesheet(about: Task | None) -> Response:
    """The colours of the labels; a policy without inline styles wants them in a file."""
    labels = () if about is None else about.labels
    rules = [f".l{number} {{ --label: {label.colour}; }}" for number, label in enumerate(labels)]
    return Response("\n".join(rules), media_type="text/css", headers={"cache-control": "no-store"})
