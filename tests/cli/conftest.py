"""A few texts and vectors on disk, and two ways to run the command: in this process, and as users do."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from runs import Ran, Run

from nearmost import Corpus
from nearmost.cli import main

TEXTS = {
    "copytree": "Recursively copy a directory tree and return the destination directory.",
    "rmtree": "Delete a folder and everything below it.",
    "sqrt": "Return the square root of a number.",
    "sort": "Sort the list in ascending order and return None.",
    "exit": "Register a function to be executed upon normal program termination.",
    "glob": "Return a list of paths matching a pattern.",
}


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Run:
    """``run("info", path)``: the verb in this process."""

    def run(*arguments: object) -> Ran:
        capfd.readouterr()
        status = main([str(argument) for argument in arguments])
        return Ran(status, *capfd.readouterr())

    return run


@pytest.fixture
def command() -> Run:
    """``command("info", path, stdin="...")``: the verb in a process of its own."""

    def command(*arguments: object, stdin: str | bytes = "", **environment: str) -> Ran:
        done = subprocess.run(
            [sys.executable, "-m", "nearmost", *map(str, arguments)],
            input=stdin.encode() if isinstance(stdin, str) else stdin,
            capture_output=True,
            timeout=300,
            check=False,
            env={**os.environ, **environment},
        )
        return Ran(done.returncode, done.stdout.decode(), done.stderr.decode())

    return command


@pytest.fixture
def docs() -> Corpus:
    """Six docstrings."""
    return Corpus.of(TEXTS.values(), TEXTS)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """A .csv of keys and texts."""
    path = tmp_path / "docs.csv"
    path.write_text("name,text\n" + "".join(f'{key},"{text}"\n' for key, text in TEXTS.items()))
    return path


@pytest.fixture
def texts(table: Path, run: Run) -> Path:
    """An index of those texts."""
    path = table.with_name("docs.nearmost")
    assert run("index", table, "-o", path, "--key", "name", "--encoder", "lsa:4").status == 0
    return path


@pytest.fixture
def array(tmp_path: Path) -> Path:
    """A .npy of five vectors: four corners of a square and its middle."""
    path = tmp_path / "corners.npy"
    np.save(path, np.array([[0, 0], [0, 1], [1, 0], [1, 1], [0.5, 0.5]], dtype=np.float32))
    return path


@pytest.fixture
def vectors(array: Path, run: Run) -> Path:
    """An index of those vectors, by distance."""
    path = array.with_name("corners.nearmost")
    assert run("index", array, "-o", path, "--metric", "euclidean").status == 0
    return path
