"""The standard library's docstrings are many, clean, the same each time, and gathered without a trace."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from nearmost.stdlib_docs import gather_docstrings
from nearmost.values import Corpus

KNOWN = {
    "shutil.copytree": "Recursively copy a directory tree and return the destination directory.",
    "atexit.register": "Register a function to be executed upon normal program termination",
    "json.loads": "Deserialize ``s``",
    "str.join": "Concatenate any number of strings.",
    "itertools.groupby": "make an iterator that returns consecutive keys and groups from the iterable",
    "pathlib.Path.read_text": "Open the file in text mode, read it, and close the file.",
    "list.sort": "Sort the list in ascending order and return None.",
    "dict.get": "Return the value for key if key is in the dictionary, else default.",
    "os.path.join": "Join two or more pathname components",
    "random.randint": "Return random integer in range [a, b], including both end points.",
    "argparse.ArgumentParser": "Object for parsing command line strings into Python objects.",
    "socket.socket.recv": "Receive up to buffersize bytes from the socket.",
    "open": "Open file and return a stream.",
    "shutil": "Utility functions for copying and archiving files and directory trees.",
}


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    return gather_docstrings()


def test_there_are_thousands(corpus: Corpus) -> None:
    assert len(corpus) > 3_000


@pytest.mark.parametrize("key", KNOWN)
def test_what_everybody_knows_is_there_under_its_public_name(corpus: Corpus, key: str) -> None:
    prose, _, signature = corpus.texts[corpus.keys.row(key)].partition("\n")
    assert KNOWN[key] in prose
    assert key in signature


def test_text_is_purpose_of_the_module_paragraph_and_signature_without_defaults(corpus: Corpus) -> None:
    prose, _, signature = corpus.texts[corpus.keys.row("shutil.copytree")].partition("\n")
    assert prose == f"{KNOWN['shutil']} {KNOWN['shutil.copytree']}"
    assert signature.startswith("shutil.copytree(src, dst, symlinks, ignore, ")
    assert corpus.texts[corpus.keys.row("str.join")].endswith("\nstr.join(iterable)")
    assert corpus.texts[corpus.keys.row("os.path.join")].startswith(KNOWN["os.path.join"]) is False
    assert corpus.texts[corpus.keys.row("os.getenv")].startswith("Get an environment variable")
    assert max(len(text.partition("\n")[2]) for text in corpus.texts) < 200


def test_nothing_stands_twice(corpus: Corpus) -> None:
    keys, texts = list(corpus.keys), list(corpus.texts)
    assert keys == sorted(set(keys))
    assert Counter(text.partition("\n")[0] for text in texts).most_common(1)[0][1] <= 4
    for elsewhere in ("posixpath.join", "json.decoder.JSONDecoder", "asyncio.runners.run", "io.open"):
        assert elsewhere not in keys


def test_no_private_name_no_address_and_no_boilerplate(corpus: Corpus) -> None:
    assert not [key for key in corpus.keys if any(part.startswith("_") for part in key.split("."))]
    for text in corpus.texts:
        assert " at 0x" not in text
        prose = text.partition("\n")[0]
        assert len(prose.split()) >= 3
        assert not prose.startswith(
            ("Return self==value", "Initialize self", "Helper for pickle", "Alias for field number")
        )


PROBE = """
import os, signal, sys, threading
import numpy, nearmost.values
def state():
    handlers = [signal.getsignal(number) for number in sorted(signal.valid_signals())]
    return (os.getcwd(), dict(os.environ), handlers, sys.path[:], threading.active_count(), sys.excepthook,
            sys.stdout, sys.stderr, sys.getrecursionlimit(), __import__("warnings").filters[:])
before = state()
from nearmost.stdlib_docs import gather_docstrings
corpus = gather_docstrings()
names = "cwd environ handlers path threads excepthook stdout stderr recursion filters".split()
changed = [name for name, old, new in zip(names, before, state()) if old != new]
import hashlib
digest = hashlib.sha256("\\0".join([*corpus.keys, *corpus.texts]).encode()).hexdigest()
print(len(corpus), digest, changed)
"""


def test_two_processes_gather_the_same_print_nothing_and_change_nothing() -> None:
    runs = [
        subprocess.run(
            [sys.executable, "-X", "dev", "-W", "error", "-c", PROBE], check=False, capture_output=True, text=True
        )
        for _ in range(2)
    ]
    for run in runs:
        assert (run.returncode, run.stderr) == (0, "")
        assert run.stdout.count("\n") == 1
        assert run.stdout.endswith(" []\n")
    assert runs[0].stdout == runs[1].stdout


def test_progress_counts_modules_and_may_print(capsys: pytest.CaptureFixture[str]) -> None:
    seen: list[tuple[int, int]] = []

    def progress(done: int, total: int) -> None:
        seen.append((done, total))
        print(".", end="")

    gather_docstrings(progress)
    assert seen == sorted(seen)
    assert seen[-1][0] == seen[-1][1] > 100
    assert capsys.readouterr().out == "." * len(seen)


def test_a_file_named_like_a_module_is_not_mistaken_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sndhdr.py").write_text("raise SystemExit('imported')")
    (tmp_path / "colorsys.py").write_text('"""A document that is not the library\'s own."""')
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in ("colorsys", "sndhdr"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    assert "colorsys" not in gather_docstrings().keys
