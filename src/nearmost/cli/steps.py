"""The long steps of a verb, drawn on stderr: a bar on a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

Progress = Callable[[int, int], None]

QUIET_SECONDS = 10.0
"""How often a step says how far it is where no bar can be drawn."""


@contextmanager
def step(name: str) -> Iterator[Progress]:
    """Shows the step while the block runs; what it yields is the ``progress(done, total)`` of the library.

    A step that never calls it, or whose total is 0, is shown as under way.
    """
    from rich.console import Console

    console = Console(file=sys.stderr)  # held fast: gathering docstrings puts another sys.stderr in place for a while
    with _bar(name, console) if console.is_interactive else _lines(name) as progress:
        yield progress


@contextmanager
def steps() -> Iterator[Callable[[str, int, int], None]]:
    """``progress(stage, done, total)`` for work that names its stages: each is shown as a step of its own."""
    with ExitStack() as shown:
        names: list[str] = []
        shows: list[Progress] = []

        def progress(stage: str, done: int, total: int) -> None:
            if names[-1:] != [stage]:
                shown.close()
                names.append(stage)
                shows.append(shown.enter_context(step(stage)))
            if total:
                shows[-1](done, total)

        yield progress


@contextmanager
def _bar(name: str, console: Console) -> Iterator[Progress]:
    from rich.progress import (
        BarColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description:<9}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, redirect_stdout=False, redirect_stderr=False) as bar:
        task = bar.add_task(name, total=None)

        def progress(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total or None)

        yield progress
        total = bar.tasks[0].total or 1
        bar.update(task, completed=total, total=total)


@contextmanager
def _lines(name: str) -> Iterator[Progress]:
    stream = sys.stderr
    print(f"{name} ...", file=stream, flush=True)
    last = time.monotonic()

    def progress(done: int, total: int) -> None:
        nonlocal last
        if time.monotonic() - last > QUIET_SECONDS:
            last = time.monotonic()
            print(f"{name} ... {f'{100 * done // total} %' if total else done}", file=stream, flush=True)

    yield progress
