"""A small project behind the guard, as a browser meets it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="the pages need the extra 'server'")
pytest.importorskip("httpx", reason="the tests of the pages need httpx")

from fastapi.testclient import TestClient
from news import WORDS, rows

from nearmost.label import Project
from nearmost.server.guard import Guard, Guarded
from nearmost.server.workbench import workbench


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    with Project.create(tmp_path / "news", name="News <b>&", key="id") as made:
        made.add_records(rows(90))
        made.add_task("Topic", list(WORDS))
        made.add_task("Words", list(WORDS), kind="span", attribute="headline")
        yield made


@pytest.fixture
def guard() -> Guard:
    return Guard("127.0.0.1", 8123)


@pytest.fixture
def client(project: Project, guard: Guard) -> Iterator[Any]:
    """A browser that has the cookie."""
    app = Guarded(workbench(project, guard), guard)
    with TestClient(app, base_url="http://127.0.0.1:8123") as browser:
        assert browser.get("/", params={"token": guard.token}).status_code == 200
        yield browser
