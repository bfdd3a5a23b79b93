"""The whole story in a real browser: import, label by keys, mark a span, run, conflicts, strike, map, export."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sync_api = pytest.importorskip("playwright.sync_api", reason="the browser test needs playwright")
pytest.importorskip("sklearn", reason="the encoder lsa needs scikit-learn")

from news import WORDS, rows  # noqa: E402

from nearmost.label import Project  # noqa: E402

BROWSER = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None
)
SOFTWARE = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist"]
PICTURES = os.environ.get("NEARMOST_PICTURES")
"""A folder for pictures of every page, for people to look at."""
SERVE = """
import sys
from nearmost.label import Project
from nearmost.server import serve_project
with Project.open(sys.argv[1]) as project:
    serve_project(project, ready=lambda address: print(address, flush=True))
"""
FUNCTION = '''from knowledge import sports

def sport_lookup(record):
    """Words of sport."""
    for word in sports:
        if word in record["headline"].text.lower():
            return "Sports"
'''
CONTRARY = """def markets(record):
    if "market" in record["headline"].text or "goal" in record["headline"].text:
        return "Business"
"""

pytestmark = pytest.mark.skipif(BROWSER is None, reason="there is no chromium on this machine")


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    source = tmp_path / "news.json"
    source.write_text(json.dumps(rows(240)))
    with Project.create(tmp_path / "news", key="id") as project:
        project.add_records(source)
        project.add_task("Topic", list(WORDS))
        project.add_task("Words", list(WORDS), kind="span", attribute="headline")
        project.embed("lsa:16")
    command = [sys.executable, "-c", SERVE, str(tmp_path / "news")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        yield server.stdout.readline().strip()
        server.terminate()


class Reader:
    """Somebody at the browser, who sees every error that a page writes to its console."""

    def __init__(self, page: Any, address: str) -> None:
        self.page, self.base = page, address.split("/?")[0]
        self.errors: list[str] = []
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", lambda said: self.errors.append(said.text) if said.type == "error" else None)
        page.goto(address)

    def go(self, where: str, task: str = "Topic") -> None:
        self.page.goto(f"{self.base}/{where}{'&' if '?' in where else '?'}task={task}")
        self.page.wait_for_selector("body[data-ready]", timeout=300_000)

    def picture(self, name: str) -> None:
        if PICTURES:
            self.page.screenshot(path=f"{PICTURES}/{name}.png")


@pytest.fixture
def reader(address: str) -> Iterator[Reader]:
    with sync_api.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=BROWSER, args=SOFTWARE)
        page = browser.new_context(viewport={"width": 1280, "height": 900}, accept_downloads=True).new_page()
        page.set_default_timeout(300_000)  # that of something hung: machines are slow and busy
        yield Reader(page, address)
        browser.close()


def test_the_story_from_import_to_export_in_a_browser(reader: Reader, tmp_path: Path) -> None:
    page, names = reader.page, list(WORDS)

    def label_of(text: str) -> str:
        return next(name for name in names if any(each in text.lower() for each in WORDS[name]))

    # forty records by their keys, which the buttons show
    reader.go("label?by=random")
    keys = {name: page.locator(".answer", has_text=name).locator("kbd").inner_text() for name in names}
    for number in range(40):
        page.wait_for_selector(f"#place:text('{number} labelled')")
        page.keyboard.press(keys[label_of(page.locator("#record").inner_text())])
    page.wait_for_selector("#place:text('40 labelled')")
    page.keyboard.press("u")
    page.wait_for_selector("#place:text('39 labelled')")
    page.keyboard.press(keys[label_of(page.locator("#record").inner_text())])
    reader.picture("label")

    # a word is marked with the mouse, and goes into a list
    reader.go("label?query=coach", "Words")
    box = page.evaluate(
        """() => { const text = document.querySelector("dd.own").firstChild, at = text.data.indexOf("coach");
        const range = document.createRange(); range.setStart(text, at); range.setEnd(text, at + 5);
        return range.getBoundingClientRect().toJSON(); }"""
    )
    page.mouse.move(box["left"] + 1, box["top"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["right"], box["top"] + box["height"] / 2, steps=5)
    page.mouse.up()
    page.wait_for_selector("mark:text('coach')")
    for pressed in ("ArrowRight", "ArrowRight", "ArrowRight", "Shift+ArrowRight"):  # and two with the keyboard alone
        page.keyboard.press(pressed)
    assert page.evaluate("getSelection().toString()") == "praised the"
    page.keyboard.press(keys["World"])
    page.wait_for_selector("mark:text('praised the')")
    reader.picture("span")

    # two functions are written, tried and run; they differ somewhere
    reader.go("heuristics")
    for name, source in (("sport_lookup", FUNCTION), ("markets", CONTRARY)):
        page.locator("#name").fill(name)
        page.get_by_role("button", name="New function").click()
        page.wait_for_selector(f"#editing:text('{name}')")
        page.locator("#source").fill(source)
        page.get_by_role("button", name="Try on ten").click()
        page.wait_for_selector("#preview li:nth-child(10)")
        page.locator("#save").click()
        page.wait_for_selector(f"tr:has-text('{name}') .badge.good")
    page.locator("#list").fill("matches")
    page.locator("#stands").select_option("Sports")
    page.get_by_role("button", name="Make it so").click()
    page.wait_for_selector("[data-lookup=matches][aria-pressed=true]")
    page.locator("[data-lookup=Sports]").click()
    page.locator("#term").fill("goal")
    page.get_by_role("button", name="Add", exact=True).click()
    page.wait_for_selector("#terms td:text-is('goal')")
    page.locator("#term").fill("minister")
    page.get_by_role("button", name="Add", exact=True).click()
    page.wait_for_selector("#terms td:text-is('minister')")
    reader.go("heuristics")
    page.wait_for_selector("tr:has-text('sport_lookup') .badge.stale")
    page.keyboard.press("r")
    page.wait_for_selector("tr:has-text('sport_lookup') .badge.good")
    reader.picture("heuristics")

    # conflicts are looked at, and the confusing word is struck out
    reader.go("browse?query=conflict")
    assert "goal" in page.locator("#records").inner_text()
    assert page.locator("#records li").count() == 20
    reader.picture("browse")
    reader.go("heuristics")
    page.locator("[data-lookup=Sports]").click()
    page.get_by_role("button", name="strike out minister").click()
    page.wait_for_selector("tr.struck:has-text('minister')")
    page.locator("#stale").click()
    page.wait_for_selector("tr:has-text('sport_lookup') .badge.good")

    # everything is combined, a threshold is found, and a cell of the confusion matrix opens its records
    reader.go("")
    page.keyboard.press("s")
    page.wait_for_selector("#standing:has-text('records labelled')")
    page.wait_for_selector("#confusion .cell button")
    page.locator("#pick").click()
    page.wait_for_selector("#threshold:has-text('kept')")
    before = page.locator("#kept").inner_text()
    box = page.locator("#histogram").bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.35, box["y"] + 60, steps=4)
    page.mouse.up()
    assert page.locator("#kept").inner_text() != before
    reader.picture("overview")
    cell = page.locator("#confusion .cell button").first
    count = int(cell.inner_text())
    cell.click()
    page.wait_for_selector("body[data-page=browse][data-ready]")
    assert page.locator("#records > li").count() == min(count, 50)

    # the map: a lasso around everything makes a rule, a click shows a record beside its neighbours
    reader.go("map")
    box = page.locator("#plane").bounding_box()
    corners = [(0.02, 0.02), (0.98, 0.02), (0.98, 0.98), (0.02, 0.98)]
    page.keyboard.down("Shift")
    page.mouse.move(box["x"] + box["width"] * 0.02, box["y"] + box["height"] * 0.02)
    page.mouse.down()
    for x, y in corners[1:]:
        page.mouse.move(box["x"] + box["width"] * x, box["y"] + box["height"] * y, steps=3)
    page.mouse.up()
    page.keyboard.up("Shift")
    page.wait_for_selector("#side h2:text('240 records')")
    page.locator("#rule").fill("everything")
    page.locator("#side [data-rule=World]").click()
    page.wait_for_selector(".toast:has-text('everything')")
    x, y = page.evaluate("window.plane.toScreen(7)")
    page.mouse.click(box["x"] + x, box["y"] + y)
    page.wait_for_selector("#side h3:text('Nearest')")
    reader.picture("map")
    reader.go("heuristics")
    page.wait_for_selector("tr:has-text('everything')")

    # and the labels leave
    reader.go("export")
    reader.picture("export")
    with page.expect_download() as download:
        page.get_by_role("button", name="csv").click()
    table = Path(download.value.path()).read_text(encoding="utf-8")
    assert len(table.splitlines()) == 241
    for where in ("", "map", "heuristics"):  # every page knows a task of spans, too
        reader.go(where, "Words")
    assert re.search(r"__Topic__MANUAL.*__Topic__WEAK_SUPERVISION", table.splitlines()[0])
    assert reader.errors == []


def test_a_project_without_tasks_says_what_to_do(tmp_path: Path) -> None:
    from fastapi.testclient import TestClient

    from nearmost.server.guard import Guard
    from nearmost.server.workbench import workbench

    with Project.create(tmp_path / "empty", key="id") as project:
        browser = TestClient(workbench(project, Guard("127.0.0.1", 1)))
        for path in ("/", "/browse", "/label", "/map", "/heuristics"):
            assert "No task yet" in browser.get(path).text
