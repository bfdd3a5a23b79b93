"""A watch on Beam's local workers, whose death the DirectRunner does not always notice: it may wait for ever."""

from __future__ import annotations

import contextlib
import glob
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from nearmost.errors import PipelineError

GRACE = 3.0
"""Seconds that the runner has to notice by itself."""
WORKER = "run_worker"
"""What Beam calls the thread that waits for a worker process."""
MODULE = "apache_beam.runners.worker.sdk_worker_main"
"""What a worker process runs."""


class _Lost(BaseException):  # whoever waits for the worker must not catch it
    pass


@contextmanager
def watching() -> Iterator[None]:
    """While the block runs in the main thread, the death of a local worker process ends it with a PipelineError.

    Ctrl-C ends the workers first, for whose own end the runner would wait.
    """
    main = threading.main_thread()
    if threading.current_thread() is not main:
        yield
        return
    lost, over, stopped = threading.Event(), threading.Event(), threading.Event()
    before, interrupted = threading.excepthook, signal.getsignal(signal.SIGINT)

    def told(raised: threading.ExceptHookArgs) -> None:
        if raised.thread is None or raised.thread.name != WORKER:
            before(raised)
        elif not lost.is_set():
            lost.set()
            threading.Thread(target=wake, daemon=True).start()

    def wake() -> None:
        if over.wait(GRACE):
            return
        end_workers()  # the runner, if it has noticed, waits for the others to end by themselves
        while not over.wait(GRACE) and main.ident is not None:
            signal.pthread_kill(main.ident, signal.SIGUSR1)  # a real signal, which ends waiting for a lock

    def give_up(*_: object) -> None:
        if not over.is_set():
            raise _Lost

    def stop(*_: object) -> None:
        stopped.set()
        end_workers()
        raise KeyboardInterrupt

    threading.excepthook = told
    handler = signal.signal(signal.SIGUSR1, give_up)
    if interrupted is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, stop)
    try:
        yield
    except (_Lost, Exception) as error:
        if stopped.is_set():
            raise KeyboardInterrupt from None
        if lost.is_set():
            raise PipelineError(
                "a worker process of Beam's DirectRunner has died, which that runner does not survive: start again; "
                "nothing is left half written"
            ) from error
        raise
    finally:
        over.set()
        threading.excepthook = before
        signal.signal(signal.SIGUSR1, handler)
        signal.signal(signal.SIGINT, interrupted)


def end_workers() -> None:
    """Ends the worker processes that Beam has started below this one, and the shells that it starts them by."""
    for child in _children(os.getpid()):
        if MODULE in _command(child):
            for one in (*_children(child), child):
                with contextlib.suppress(OSError):
                    os.kill(one, signal.SIGKILL)


def _children(process: int) -> list[int]:
    """The processes that this one has started, by Linux's table of them; none elsewhere."""
    found = []
    for table in glob.glob(f"/proc/{process}/task/*/children"):
        with contextlib.suppress(OSError), open(table) as numbers:
            found += [int(number) for number in numbers.read().split()]
    return found


def _command(process: int) -> str:
    with contextlib.suppress(OSError), open(f"/proc/{process}/cmdline", errors="replace") as command:
        return command.read()
    return ""
