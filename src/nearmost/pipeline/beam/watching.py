"""A watch on Beam's local workers, whose death the DirectRunner does not always notice: it may wait for ever."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from nearmost.errors import PipelineError

GRACE = 3.0
"""Seconds that the runner has to notice by itself."""
WORKER = "run_worker"
"""What Beam calls the thread that waits for a worker process."""


class _Lost(BaseException):  # whoever waits for the worker must not catch it
    pass


@contextmanager
def watching() -> Iterator[None]:
    """While the block runs in the main thread, the death of a local worker process ends it with a PipelineError."""
    main = threading.main_thread()
    if threading.current_thread() is not main:
        yield
        return
    lost, over = threading.Event(), threading.Event()

    def told(raised: threading.ExceptHookArgs) -> None:
        if raised.thread is None or raised.thread.name != WORKER:
            before(raised)
        elif not lost.is_set():
            lost.set()
            threading.Thread(target=wake, daemon=True).start()

    def wake() -> None:
        if not over.wait(GRACE) and main.ident is not None:
            signal.pthread_kill(main.ident, signal.SIGUSR1)  # a real signal, which ends waiting for a lock

    def give_up(*_: object) -> None:
        if not over.is_set():
            raise _Lost

    before, threading.excepthook = threading.excepthook, told
    handler = signal.signal(signal.SIGUSR1, give_up)
    try:
        yield
    except (_Lost, Exception) as error:
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
