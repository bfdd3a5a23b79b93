"""A file of predictions that grows row by row and outlives whoever writes it.

While it grows it is called ``NAME.part``; beside it, ``NAME.resume`` says how many rows and bytes of it are sound, and
what they were made of. Killed at any moment, the next run cuts the part file to that length and goes on from there.
"""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any, NamedTuple

from nearmost.errors import DamagedFileError, InputError
from nearmost.locks import alone

COLUMNS = ("key", "text", "label", "score", "runner_up", "margin", "abstained")


class Row(NamedTuple):
    """One prediction, as it is written. ``score`` is the confidence, ``margin`` its lead in share of the vote."""

    key: str
    text: str
    label: str
    score: str
    runner_up: str
    margin: str
    abstained: str


class Sheet:
    """``with Sheet(path, made_of) as sheet``: ``rows()`` of an earlier run first, then ``add``, at the end ``finish``.

    ``made_of`` is all that the rows depend on, as plain values; a part file made of something else is refused, unless
    ``restart``. The suffix of the path says how rows are written: .tsv, .csv or .jsonl.
    """

    def __init__(self, path: str | os.PathLike[str], made_of: Mapping[str, Any], *, restart: bool = False) -> None:
        self.path = Path(path)
        self._part = self.path.with_name(self.path.name + ".part")
        self._state = self.path.with_name(self.path.name + ".resume")
        self._made_of = dict(made_of)
        self._restart = restart
        self.n_rows = 0
        require_writable(self.path)
        self._lines = WRITERS[self.path.suffix.lower()]

    def __enter__(self) -> Sheet:
        self._file: IO[bytes] = open(self._part, "ab")
        try:
            if not alone(self._file.fileno()):
                raise InputError(
                    f"{self._part} is being written by another process; wait for it, or name another output"
                )
            kept = {} if self._restart else self._kept()
            size = os.fstat(self._file.fileno()).st_size
            if kept and size < kept["n_bytes"]:
                raise DamagedFileError(
                    f"{self._part} is shorter than {self._state} says; say restart (--restart) to begin anew"
                )
            self.n_rows = kept.get("n_rows", 0)
            self._file.truncate(kept.get("n_bytes", 0))
            if not kept and self.path.suffix.lower() != ".jsonl":
                self._file.write(self._lines([COLUMNS]).encode())
        except BaseException:
            self._file.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        if error is not None and not self.n_rows:
            self._part.unlink(missing_ok=True)

    def rows(self) -> Iterator[Row]:
        """The rows that an earlier run wrote."""
        if not self.n_rows:
            return
        with open(self._part, encoding="utf-8", newline="") as file:
            reader = READERS[self.path.suffix.lower()](file)
            for _ in range(self.n_rows):
                yield Row(*next(reader))

    def as_written(self, key: str, text: str) -> tuple[str, str]:
        """Key and text as ``rows`` gives them back: a .tsv has no room for tabs and line ends."""
        return (_tsv_cell(key), _tsv_cell(text)) if self.path.suffix.lower() == ".tsv" else (key, text)

    def add(self, rows: Sequence[Sequence[str]]) -> None:
        """Appends rows of these COLUMNS; once this returns, no crash loses them."""
        self._file.write(self._lines(rows).encode())
        self._file.flush()
        os.fsync(self._file.fileno())
        self.n_rows += len(rows)
        self._note()

    def finish(self) -> None:
        """Gives the file its name, over an older one."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._state.unlink(missing_ok=True)  # first: a part file that nothing vouches for is begun anew
        os.replace(self._part, self.path)

    def _note(self) -> None:
        state = {"n_rows": self.n_rows, "n_bytes": self._file.tell(), "made_of": self._made_of}
        temporary = self._state.with_name(self._state.name + ".new")
        with open(temporary, "w", encoding="utf-8") as file:
            json.dump(state, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, self._state)

    def _kept(self) -> dict[str, Any]:
        try:
            state = json.loads(self._state.read_text(encoding="utf-8"))
            counts = [state[name] for name in ("n_rows", "n_bytes")]
            if not all(type(count) is int and count >= 0 for count in counts) or not isinstance(state["made_of"], dict):
                return {}
        except (OSError, ValueError, KeyError, TypeError):
            return {}
        now = json.loads(json.dumps(self._made_of))
        other = [name for name in now if state["made_of"].get(name) != now[name]]
        if other:
            raise InputError(
                f"{self._part} is from an unfinished run with another {' and another '.join(other)}; "
                "say restart (--restart) to begin anew, or repeat that run as it was"
            )
        return dict(state)


def require_writable(path: Path) -> None:
    """Raises InputError where no predictions can go to this path, by its suffix or its folder."""
    if path.suffix.lower() not in WRITERS:
        raise InputError(f"{path}: predictions are written to {', '.join(WRITERS)}; the suffix says which")
    if path.is_dir() or not path.parent.is_dir():
        raise InputError(f"{path} is a folder, or lies in none that is there; wanted a file to write")


def _tsv_lines(rows: Sequence[Sequence[str]]) -> str:
    if not "".join(map("".join, rows)).isprintable():  # tabs and line ends are not; to ask once is quicker than often
        rows = [[_tsv_cell(cell) for cell in row] for row in rows]
    return "".join(["\t".join(row) + "\n" for row in rows])


def _tsv_cell(cell: str) -> str:
    return " ".join(cell.splitlines()).replace("\t", " ")


def _csv_lines(rows: Sequence[Sequence[str]]) -> str:
    stream = io.StringIO()
    for row in rows:
        careful = any("\r" in cell for cell in row)  # the module's own rule forgets these
        csv.writer(stream, lineterminator="\n", quoting=csv.QUOTE_ALL if careful else csv.QUOTE_MINIMAL).writerow(row)
    return stream.getvalue()


def _json_lines(rows: Sequence[Sequence[str]]) -> str:
    return "".join(map(_json_line, rows))


def _json_line(row: Sequence[str]) -> str:
    key, text, label, score, runner_up, margin, abstained = row
    values = (key, text, label, float(score), runner_up or None, float(margin), abstained == "true")
    return json.dumps(dict(zip(COLUMNS, values, strict=True)), ensure_ascii=False) + "\n"


def _tsv_rows(file: IO[str]) -> Iterator[list[str]]:
    next(file)
    for line in file:
        yield line.removesuffix("\n").split("\t")


def _csv_rows(file: IO[str]) -> Iterator[list[str]]:
    reader = csv.reader(file)
    next(reader)
    yield from reader


def _json_rows(file: IO[str]) -> Iterator[list[str]]:
    for line in file:
        row = json.loads(line)
        numbers = {name: f"{row[name]:.6f}" for name in ("score", "margin")}
        row |= {**numbers, "runner_up": row["runner_up"] or "", "abstained": "true" if row["abstained"] else "false"}
        yield [row[name] for name in COLUMNS]


WRITERS = {".tsv": _tsv_lines, ".csv": _csv_lines, ".jsonl": _json_lines}
READERS = {".tsv": _tsv_rows, ".csv": _csv_rows, ".jsonl": _json_rows}
