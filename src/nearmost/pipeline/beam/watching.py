"""A watch on Beam's local workers, whose death the DirectRunner does not always notice: it may wait for ever."""

from __future__ import annotations

import _thread
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from nearmost.errors import PipelineError

GRACE = 5.0
"""Seconds that the runner has to notice by itself."""
WORKER = "run_worker"
"""What Beam calls the thread that waits for a worker process."""


@contextmanager
def watching() -> Iterator[None]:
    """While the block runs in the main thread, the death of a local worker process ends it with a PipelineError."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before, lost, over = threading.excepthook, threading.Event(), threading.Event()

    def hook(raised: threading.ExceptHookArgs) -> None:
        if raised.thread is None or raised.thread.name != WORKER:
            before(raised)
        elif not lost.is_set():
            lost.set()
            threading.Thread(target=interrupt, daemon=True).start()

    def interrupt() -> None:
        if not over.wait(GRACE):
            _thread.interrupt_main()

    threading.excepthook = hook
    try:
        yield
    except BaseException as error:
        if lost.is_set():
            raise PipelineError(
                "a worker process of Beam's DirectRunner has died, which that runner does not survive: start again; "
                "nothing is left half written"
            ) from error
        raise
    finally:
        over.set()
        threading.excepthook = before
