"""Code of heuristics in a process of its own: whatever it does is held, and told with the record."""

from __future__ import annotations

import contextlib
import os
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import pytest

from nearmost import InputError
from nearmost.label.isolation.job import Job
from nearmost.label.isolation.limits import Limits
from nearmost.label.isolation.process import run

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="only Linux can take away files, network and processes")
RECORDS = [{"id": number, "headline": f"Headline {number} of football and war"} for number in range(20)]
LIMITS = Limits(seconds=300, seconds_per_record=100, memory=256 << 20, output=1 << 20)  # no busy machine's fault
SHORT = replace(LIMITS, seconds_per_record=2)


def outcome_of(code: str, limits: Limits = LIMITS, records=RECORDS, **more):
    job = Job("lf", "heuristics/Topic/lf.py", textwrap.dedent(code), ("World", "Sports"), texts=("headline",), **more)
    return run(job, records, limits)


def on_record_7(body: str) -> str:
    inside = textwrap.indent(textwrap.dedent(body), " " * 8)
    return f"def lf(record):\n    if record['id'] == 7:\n{inside}\n    return 'World'\n"


def test_a_function_votes_with_a_name_or_abstains():
    seen = []
    job = Job("lf", "lf.py", "def lf(record):\n    return 'World' if record['id'] % 2 else None", ("World",))
    outcome = run(job, RECORDS, LIMITS, lambda done, total: seen.append((done, total)))
    assert outcome.status == "done"
    assert outcome.votes == {(index, "World", -1, -1): 1.0 for index in range(1, 20, 2)}
    assert seen[-1] == (20, 20)


@LINUX
def test_on_linux_nothing_is_missing():
    assert outcome_of("def lf(record): pass").missing == ()


# What is hostile


def test_an_endless_loop_is_stopped_and_its_line_told():
    outcome = outcome_of(on_record_7("while True: pass"), SHORT)
    assert (outcome.status, outcome.trouble.record) == ("timeout", 7)
    assert "line 3, in lf\n    while True:" in outcome.trouble.traceback


def test_a_loop_that_holds_on_is_ended_with_its_process():
    stubborn = """
        import signal
        signal.signal(signal.SIGALRM, signal.SIG_IGN)
        while True:
            try:
                while True:
                    pass
            except BaseException:
                pass
    """
    outcome = outcome_of(on_record_7(stubborn), SHORT)
    assert (outcome.status, outcome.trouble.record) == ("timeout", 7)


def test_a_loop_while_loading_is_stopped_too():
    outcome = outcome_of("while True: pass", Limits(seconds=30, seconds_per_record=0.3))
    assert (outcome.status, outcome.trouble.record) == ("timeout", None)


def test_all_records_together_have_a_limit():
    slow = "import time\ndef lf(record): time.sleep(0.1)"
    outcome = outcome_of(slow, Limits(seconds=1, seconds_per_record=100), records=RECORDS * 50)
    assert outcome.status == "timeout"
    assert outcome.trouble.record < 999


@LINUX
@pytest.mark.parametrize("greed", ["x = [0] * (10 * 2**30 // 8)", "x = []\nwhile True: x.append(bytearray(1 << 20))"])
def test_ten_gigabytes_are_not_given(greed):
    outcome = outcome_of(on_record_7(greed))
    assert (outcome.status, outcome.trouble.record) == ("memory", 7)
    assert "in lf" in outcome.trouble.traceback


FORBIDDEN = {
    "a fork bomb": "import os\nwhile True: os.fork()",
    "another program": "import subprocess; subprocess.run(['true'])",
    "a process of Python's": "import multiprocessing; multiprocessing.Process(target=print).start()",
    "a shell": "import os\nif os.system('true'): raise PermissionError",
    "a socket": "import socket; socket.create_connection(('127.0.0.1', 9))",
    "a name": "import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', 53))",
    "a local socket": "import socket; socket.socket(socket.AF_UNIX)",
    "a signal to its parent": "import os, signal; os.kill(os.getppid(), signal.SIGTERM)",
    "a signal to everybody": "import os, signal; os.kill(-1, signal.SIGTERM)",
    "limits of its parent": "import os, resource; resource.prlimit(os.getppid(), resource.RLIMIT_NOFILE, (3, 3))",
    "limits of its own": "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (9, 9))",
    "a file where it is": "open('here', 'w').write('x')",
    "a file in the temporary folder": "import tempfile; tempfile.NamedTemporaryFile(dir=tempfile.gettempdir())",
    "the users of the machine": "open('/etc/passwd').read()",
    "other processes": "open('/proc/1/environ').read()",
}


@LINUX
@pytest.mark.parametrize("what", FORBIDDEN)
def test_what_is_forbidden_is_an_error_on_the_record(what):
    outcome = outcome_of(on_record_7(FORBIDDEN[what]))
    assert outcome.status == "error", outcome
    assert outcome.trouble.record == 7
    assert any(word in outcome.trouble.what for word in ("PermissionError", "not allowed", "No usable temporary"))


@LINUX
def test_nothing_in_a_home_is_read_written_renamed_or_removed(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("secret")
    before = secret.stat()
    for deed in (
        f"print(open({str(secret)!r}).read())",
        f"open({str(secret)!r}, 'w')",
        f"open({str(secret)!r}, 'a').write('x')",
        f"import os; os.remove({str(secret)!r})",
        f"import os; os.rename({str(secret)!r}, {str(tmp_path / 'other')!r})",
        f"import os; os.truncate({str(secret)!r}, 0)",
        f"import os; os.chmod({str(secret)!r}, 0o777)",
        f"import os; os.utime({str(secret)!r}, (0, 0))",
        f"import os; os.listdir({str(tmp_path)!r})",
        f"import os; os.mkdir({str(tmp_path / 'new')!r})",
        f"import os; os.symlink('/etc', {str(tmp_path / 'link')!r})",
    ):
        outcome = outcome_of(on_record_7(deed), records=RECORDS[7:8])
        assert outcome.status == "error", deed
        assert "PermissionError" in outcome.trouble.what, deed
        assert "secret\n" not in outcome.log
    assert secret.read_text() == "secret"
    assert (secret.stat().st_mode, secret.stat().st_mtime) == (before.st_mode, before.st_mtime)
    assert [path.name for path in tmp_path.iterdir()] == ["secret"]


def test_threads_are_given():
    code = """
        import threading
        def lf(record):
            seen = []
            threads = [threading.Thread(target=seen.append, args=(number,)) for number in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            return "World" if sorted(seen) == [0, 1, 2, 3] else "Sports"
    """
    outcome = outcome_of(code, records=RECORDS[:2])
    assert outcome.status == "done", outcome.trouble
    assert {label for _, label, *_ in outcome.votes} == {"World"}


@LINUX
def test_threads_are_bounded():
    """By their number where users have namespaces, else by memory; either way it ends, and tells where.

    Not with ``threading.Thread``: its ``start`` waits for ever for a thread that found no memory to say it runs.
    """
    code = """
        import _thread
        def lf(record):
            started, hold = 0, _thread.allocate_lock()
            def wait():
                with hold:
                    pass
            with hold:
                try:
                    for _ in range(100_000):
                        _thread.start_new_thread(wait, ())
                        started += 1
                except (RuntimeError, MemoryError):
                    return "World"
            return "Sports"
    """
    outcome = outcome_of(code, records=RECORDS[:1])
    assert outcome.status == "done" or outcome.trouble.record == 0, outcome.trouble
    assert not {label for _, label, *_ in outcome.votes} & {"Sports"}


def test_the_environment_is_empty_and_the_projects_folder_is_no_place_to_import_from(tmp_path, monkeypatch):
    monkeypatch.setenv("SECRET", "hush")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "planted.py").write_text("")
    code = """
        import os
        def lf(record):
            try:
                import planted
            except ImportError:
                print(dict(os.environ))
    """
    outcome = outcome_of(code, records=RECORDS[:1])
    assert "OMP_NUM_THREADS" in outcome.log
    assert "hush" not in outcome.log


@pytest.mark.parametrize(
    ("deed", "said"),
    [
        ("import os; os._exit(0)", "exit status 0"),
        ("import os; os._exit(3)", "exit status 3"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "SIGKILL"),
        ("import ctypes; ctypes.string_at(0)", "SIG"),
    ],
)
def test_a_process_that_ends_itself_is_told_of_with_the_record(deed, said):
    outcome = outcome_of(on_record_7(deed))
    assert outcome.status == "crash"
    assert outcome.trouble.record == 7
    assert said in outcome.trouble.what


def test_a_hundred_megabytes_of_print_are_cut_off():
    outcome = outcome_of(on_record_7("for i in range(100): print('x' * 2**20)"))
    assert (outcome.status, outcome.trouble.record) == ("output", 7)
    assert len(outcome.log) < LIMITS.log + 100


def test_what_is_printed_is_kept():
    outcome = outcome_of("import sys\ndef lf(record):\n    print(record['id'])\n    print('oh', file=sys.stderr)")
    assert outcome.status == "done"
    assert outcome.log.count("oh\n") == 20
    assert "19\n" in outcome.log


def test_an_exception_is_told_with_its_record_and_lines():
    outcome = outcome_of(on_record_7("raise ValueError('no score')"))
    assert (outcome.status, outcome.trouble.record, outcome.trouble.what) == ("error", 7, "ValueError: no score")
    assert outcome.trouble.traceback == (
        "  File \"heuristics/Topic/lf.py\", line 3, in lf\n    raise ValueError('no score')\nValueError: no score"
    )


def test_a_label_that_the_task_lacks_is_told_with_its_record():
    outcome = outcome_of(on_record_7("return 'Sport'"))
    assert (outcome.status, outcome.trouble.record) == ("error", 7)
    assert outcome.trouble.what == "the function gave the label 'Sport'; the task has World, Sports"


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("def lf(record:", "SyntaxError"),
        ("import nosuchmodule", "ModuleNotFoundError"),
        ("from knowledge import nosuch\ndef lf(record): pass", "no lookup list 'nosuch'; the project has sports"),
        ("x = 1", "the file defines none"),
        ("def a(record): pass\ndef b(record): pass", "the file defines a, b"),
        ("def lf(): pass", "TypeError"),
        ("def lf(record): return 3", "gave 3; it must give the name of a label"),
        ("def lf(record): return 'World', 1.5", "a confidence is 1.5"),
        ("def lf(record):\n    yield 'World'\n    yield 'Sports'", "two labels, World and Sports"),
        ("def lf(record):\n    while True: yield 'World'", "more than 1,000 votes"),
        ("import sys\nsys.exit()", "SystemExit"),
        ("def lf(record): return lf(record)", "RecursionError"),
    ],
)
def test_code_that_cannot_work_says_why(code, said):
    outcome = outcome_of(code, lists={"sports": ["goal"]})
    assert outcome.status == "error"
    assert said in outcome.trouble.what


def test_going_on_tells_of_every_record():
    code = """
        def lf(record):
            if record["id"] % 3 == 0:
                return "Sports"
            return "x" if record["id"] % 3 == 1 else 1 / 0
    """
    outcome = outcome_of(code, go_on=True)
    assert outcome.status == "done"
    assert {index for index, *_ in outcome.votes} == set(range(0, 20, 3))
    assert {each.record for each in outcome.troubles if "label 'x'" in each.what} == set(range(1, 20, 3))
    assert {each.record for each in outcome.troubles if "Zero" in each.what} == set(range(2, 20, 3))


FORGED = """
    import os
    def lf(record):
        if record["id"] == 7:
            for number in range(3, 64):
                try:
                    os.write(number, %r)
                except OSError:
                    pass
"""


@pytest.mark.parametrize(
    "line",
    [
        b"not json\n",
        b"[]\n",
        b'{"votes": [[99, [["World", 1, -1, -1]]]]}\n',
        b'{"votes": [[0, [["World", 7, -1, -1]]]]}\n',
        b'{"votes": [[0, [["World", 1, 0, 5]]]]}\n',
        b'{"votes": 3}\n',
        b'{"soft": "!!", "label_names": null, "min_confidence": 0}\n',
    ],
)
def test_forged_answers_are_not_believed(line):
    outcome = outcome_of(FORGED % line)
    assert outcome.status == "error"
    assert "wrote into the answers" in outcome.trouble.what


def test_many_runs_leave_nothing_behind():
    def left():
        return len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").is_dir() else 0

    outcome_of("def lf(record): pass")
    before = left()
    for code in ("def lf(record): pass", "import os; os._exit(1)", "print('x' * 2**22)"):
        outcome_of(code)
    assert left() == before


@LINUX
def test_an_interrupt_takes_the_process_along():
    def children():
        found = 0
        for path in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):  # others come and go
                state, parent = path.read_text().rpartition(")")[2].split()[:2]
                found += parent == str(os.getpid()) and state != "Z"
        return found

    def stop(done, total):
        raise KeyboardInterrupt

    job = Job("lf", "lf.py", "import time\ndef lf(record): time.sleep(0.1)", ("World",))
    before = children()
    with pytest.raises(KeyboardInterrupt):
        run(job, RECORDS * 20, LIMITS, stop)
    assert children() <= before


def test_limits_must_be_positive():
    with pytest.raises(InputError, match="seconds is 0"):
        Limits(seconds=0)
