"""A small project that tests of the labelling workbench share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from nearmost.label import Project

HEADLINES = [
    ("Cup final goes to extra time", "The goal came late.", 2003, "sports"),
    ("Markets fall as oil rises", "Shares lost three per cent.", 2004, "business"),
    ("New chip is twice as fast", "The maker says it saves power.", 2004, "science"),
    ("Talks on the border resume", "Ministers met on Monday.", 2005, "world"),
    ("Striker out for the season", "A torn knee, says the club.", 2005, "sports"),
    ("Bank lifts its forecast", "Growth was better than feared.", 2006, "business"),
]
DATA = Path(__file__).parents[2] / "shared" / "data" / "ag_news"
if not DATA.exists():
    DATA = Path(__file__).parents[3] / "shared" / "data" / "ag_news"


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    with Project.create(tmp_path / "news", key="id") as made:
        rows = [
            {"id": f"n{number}", "title": title, "body": body, "year": year, "desk": desk, "long": number > 2}
            for number, (title, body, year, desk) in enumerate(HEADLINES)
        ]
        made.add_records(rows, types={"desk": "category"})
        made.add_task("Topic", ["World", "Sports", "Business", "Sci/Tech"])
        made.add_task("Marks", ["Sports", "Money"], kind="span", attribute="title")
        made.add_task("Tone", ["good", "bad", "odd"], kind="multi")
        yield made


@pytest.fixture(scope="session")
def refinery() -> Path:
    """refinery's own snapshot of 3,000 headlines."""
    path = DATA / "refinery_snapshot.zip"
    if not path.exists():
        pytest.skip("shared/data/ag_news is not here")
    return path
