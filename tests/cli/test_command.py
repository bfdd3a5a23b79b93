"""The command as a whole: help, version, exit status, and what it does not do at start."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from importlib.metadata import version

import pytest

from nearmost.cli import main
from nearmost.index import Index

VERBS = ("index", "search", "info", "verify", "demo")


def test_help_lists_each_verb_with_an_example(run):
    ran = run("--help")
    assert ran.status == 0
    for verb in VERBS:
        assert f"\n│ {verb} " in ran.out
        assert f"\n  nearmost {verb}" in ran.out


@pytest.mark.parametrize("verb", VERBS)
def test_help_of_a_verb_names_its_options_and_shows_examples(run, verb):
    ran = run(verb, "--help")
    assert ran.status == 0
    assert ran.out.startswith(f"Usage: nearmost {verb} ")
    assert f"Examples:\n  nearmost {verb}" in ran.out
    assert "--json" in ran.out


@pytest.mark.parametrize("verb", VERBS)
def test_every_example_of_the_help_can_be_parsed(run, verb, monkeypatch):
    import shlex

    from nearmost.cli import app

    examples = [line.strip() for line in run(verb, "--help").out.splitlines() if line.startswith("  nearmost ")]
    assert examples
    for example in examples:
        words = shlex.split(example.split("<")[0].split("&&")[0])[1:]
        words = [word for word in words if word != "-"]
        app.parse_args(words, exit_on_error=False, print_error=False)


def test_version_is_the_packages(command):
    assert command("--version").out == f"nearmost {version('nearmost')}\n"


HEAVY = (
    "torch tensorflow sklearn scipy pandas pyarrow onnxruntime gensim matplotlib apache_beam dask fastapi jinja2 h5py"
)


def test_help_comes_at_once_since_it_needs_no_heavy_module():
    code = (
        "import sys; from nearmost.cli import main; main(['--help']); "
        f"heavy = set('{HEAVY} rich.progress'.split()) & set(sys.modules); assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)


@pytest.mark.parametrize(
    "arguments", [["nonesuch"], ["info"], ["info", "a", "b"], ["demo", "--nonesuch"], ["--nonesuch"]]
)
def test_wrong_usage_is_one_line_that_names_the_help(run, arguments):
    ran = run(*arguments)
    assert (ran.status, ran.out, len(ran.err.splitlines())) == (2, "", 1)
    assert ran.err.startswith("nearmost: ")
    assert "--help" in ran.err


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (MemoryError(), "nearmost: there is not enough memory for this\n"),
        (MemoryError("Unable to allocate 9 TiB"), "nearmost: there is not enough memory: Unable to allocate 9 TiB\n"),
        (PermissionError(13, "Permission denied", "a.nearmost"), "nearmost: a.nearmost: permission denied\n"),
        (OSError(28, "No space left on device"), "nearmost: no space left on device\n"),
    ],
)
def test_trouble_with_the_machine_is_a_sentence(run, monkeypatch, error, said):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr(Index, "open", fail)
    ran = run("info", "a.nearmost")
    assert (ran.status, ran.err) == (1, said)


def test_a_bug_shows_its_traceback(monkeypatch):
    def fail(*_, **__):
        raise ZeroDivisionError

    monkeypatch.setattr(Index, "open", fail)
    with pytest.raises(ZeroDivisionError):
        main(["info", "a.nearmost"])


def test_ctrl_c_ends_a_long_step_with_status_130(tmp_path, patience):
    reading = subprocess.Popen(
        [sys.executable, "-m", "nearmost", "index", "-", "-o", str(tmp_path / "x.nearmost"), "--encoder", "lsa"],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    assert reading.stderr is not None
    assert reading.stdin is not None
    assert reading.stderr.readline() == "reading ...\n"
    for _ in range(20):  # one that arrives just before a blocking read begins is seen only after it
        reading.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            reading.wait(10)
            break
    assert reading.wait(patience) == 130
    assert reading.stderr.read() == "nearmost: interrupted\n"
    assert list(tmp_path.iterdir()) == []
    reading.stdin.close()
    reading.stderr.close()
