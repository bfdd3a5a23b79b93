"""A small project behind the guard, as a browser meets it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="the pages need the extra 'server'")
pytest.importorskip("httpx", reason="the tests of the pages need httpx")

from fastapi.testclient import TestClient

from nearmost.label import Project
from nearmost.server.guard import Guard, Guarded
from nearmost.server.workbench import workbench

WORDS = {
    "Sports": ["the coach praised the team", "a late goal won the match", "the league title race", "a striker scored twice"],
    "Business": ["shares fell on the market", "the bank raised its profit", "oil prices and stocks", "a merger of two companies"],
    "World": ["the minister met the president", "troops crossed the border", "voters went to the polls", "a treaty was signed"],
}  # fmt: skip


def rows(n: int) -> list[dict[str, str]]:
    """Records whose label can be told from their words."""
    names = list(WORDS)
    made = []
    for number in range(n):
        label = names[number % 3]
        text = WORDS[label][number // 3 % 4]
        made.append({"id": f"r{number}", "headline": f"{text.capitalize()} {number}", "body": f"{text} on day {number}"})
    return made


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
