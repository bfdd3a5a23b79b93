"""The folder beside an index in the making: what was read, learned and encoded, so that no crash undoes it.

It is called like the index with ``.partial`` after it, and holds

=========================== ===========================================================================
manifest                    what all of it is made of: inputs, columns, encoder and its fingerprint
texts, texts.ends           all texts in UTF-8 one after the other, and where each ends (uint64, after a 0)
keys, keys.ends, lines      the same of keys, and where in its file each record began
read                        how many records there are, and where each page begins, with its checksum; written once
                            all are there
learned                     what the encoder learned, if it is one that learns
vectors                     float32, a row a record, each page at its place
encoded                     a line for each page whose vectors are safe, with the checksums of its texts and of them
=========================== ===========================================================================

A page is ROWS records, or fewer long ones. What the files vouch for was synced to the disk before.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nearmost import _core, store
from nearmost.encoders.batching import WINDOW
from nearmost.errors import FormatError, InputError
from nearmost.locks import alone

ROWS = WINDOW
"""Most records of a page: so many texts are tokenized and sorted together, whether or not they come from here."""
SUFFIX = ".partial"
FILES = ("manifest", "texts", "texts.ends", "keys", "keys.ends", "lines", "read", "learned", "vectors", "encoded")
LAYOUT = 1
SAME = 1e-4
"""Numbers of two fingerprints that differ by no more are from one encoder; another precision of it differs by more."""


class Page(NamedTuple):
    """Records that are written, encoded and noted together."""

    start: int
    """The first of them."""
    rows: int
    texts: int
    """CRC32C of their texts and keys."""


class WorkFolder:
    """``with WorkFolder(output, made_of, probes) as work``: empty, or what an earlier run of the same kind left there.

    ``made_of`` is all that its contents depend on, as plain values; ``probes`` the encoder's fingerprint, if it has one
    already. Raises InputError where the folder is of another run, unless ``restart``, or in use.
    """

    def __init__(
        self,
        output: str | os.PathLike[str],
        made_of: Mapping[str, Any],
        probes: NDArray[np.float32] | None,
        *,
        restart: bool = False,
    ) -> None:
        target = Path(output)
        self.path = target.with_name(target.name + SUFFIX)
        self.encoded: dict[int, tuple[Page, int]] = {}
        """Where a page begins whose vectors are safe -> the page, and their CRC32C."""
        self._made_of = json.loads(json.dumps({"layout": LAYOUT, **made_of}))
        self._probes = np.empty((0, 0), np.float32) if probes is None else probes
        self._restart = restart
        self.is_new = False
        """Whether nothing was there before."""

    def __enter__(self) -> WorkFolder:
        self._handle = _locked(self.path)
        try:
            foreign = [name for name in os.listdir(self.path) if not _is_ours(name)]
            if foreign:
                raise InputError(f"{self.path} holds {foreign[0]!r:.60}, which is not nearmost's: move it elsewhere")
            if self._restart or not self._goes_on():
                self._begin()
            self.encoded = self._journal()
        except BaseException:
            os.close(self._handle)
            raise
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._handle)

    def remove(self) -> None:
        """Takes the folder away: the manifest first, without which the rest vouches for nothing."""
        self._clear()
        with contextlib.suppress(OSError):  # somebody else's file has come in: it stays
            os.rmdir(self.path)

    def is_worth_keeping(self) -> bool:
        """Whether all was read, and something learned or encoded."""
        return self.file("read").exists() and (bool(self.encoded) or self.file("learned").exists())

    def is_bare(self) -> bool:
        """Whether not all was read and nothing encoded yet, so that to go on would be to begin."""
        return not self.file("read").exists() and not self.file("encoded").stat().st_size

    def file(self, name: str) -> Path:
        """Where this file of the folder lies."""
        return self.path / name

    def note(self, name: str, header: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:
        """Keeps plain values and arrays under this name, whole or not at all."""
        store.write(self.file(name), header, arrays)

    def noted(self, name: str) -> store.Stored | None:
        """What was kept, or None where it is missing or damaged."""
        try:
            return store.read(self.file(name), "full")
        except (OSError, FormatError):
            return None

    def holds(self, page: Page) -> bool:
        """Whether the vectors of this page are there. Raises InputError where those of other texts are."""
        before, vectors = self.encoded.get(page.start, (page, None))
        if before != page:
            raise self.changed(f"records {page.start} to {page.start + page.rows - 1} are others than they were")
        if vectors is None:
            return False
        with open(self.file("vectors"), "rb") as file:
            return (
                checksum(os.pread(file.fileno(), page.rows * self._row_bytes, page.start * self._row_bytes)) == vectors
            )

    def has_dim(self, dim: int) -> None:
        """Says how long a row of the vectors is; ``holds`` wants to know."""
        self._row_bytes = 4 * dim

    def add(self, page: Page, vectors: int) -> None:
        """Notes that the vectors of this page, with this checksum, are on the disk."""
        self.encoded[page.start] = page, vectors
        with open(self.file("encoded"), "ab") as file:
            file.write(_line(page, vectors))
            file.flush()
            os.fsync(file.fileno())

    def forget_encoded(self) -> None:
        """Vouches for no vectors any more."""
        self.encoded = {}
        with open(self.file("encoded"), "wb") as file:
            os.fsync(file.fileno())

    def changed(self, found: str) -> InputError:
        """What to raise about a folder that does not fit what is asked for now."""
        return InputError(
            f"{self.path} is from an unfinished run, and {found}: say restart (--restart) to begin anew, "
            "or repeat that run as it was"
        )

    def _goes_on(self) -> bool:
        before = self.noted("manifest")
        if before is None:
            return False
        if before.header.get("layout") != LAYOUT:
            raise self.changed("another version of nearmost made it")
        other = _difference(before.header, self._made_of)
        if other is not None:
            raise self.changed(other)
        probes = before.arrays["probes"]
        if probes.shape != self._probes.shape or not np.allclose(probes, self._probes, rtol=0, atol=SAME):
            raise self.changed("the encoder makes other vectors now")
        return True

    def _begin(self) -> None:
        self.is_new = True
        self._clear()
        for name in ("vectors", "encoded"):
            self.file(name).touch()
        self.note("manifest", self._made_of, {"probes": self._probes})

    def _clear(self) -> None:
        for name in sorted(os.listdir(self.path), key=lambda name: name != "manifest"):
            if _is_ours(name):
                self.file(name).unlink(missing_ok=True)

    def _journal(self) -> dict[int, tuple[Page, int]]:
        """The pages that the journal vouches for; what a crash left of its last line is cut off."""
        found: dict[int, tuple[Page, int]] = {}
        sound = 0
        for line in self.file("encoded").read_bytes().splitlines(keepends=True):
            numbers = line.split()
            if len(numbers) != 5 or not all(number.isdigit() for number in numbers):
                break
            start, rows, texts, vectors, _ = map(int, numbers)
            page = Page(start, rows, texts)
            if line != _line(page, vectors):
                break
            found[start] = page, vectors
            sound += len(line)
        os.truncate(self.file("encoded"), sound)
        return found


def checksum(*parts: bytes | memoryview | NDArray[Any]) -> int:
    """CRC32C of these bytes, one after the other."""
    crc = 0
    for part in parts:
        crc = _core.crc32c(np.frombuffer(part, dtype=np.uint8), crc)
    return crc


def in_words(path: str) -> str:
    """The path as text that UTF-8 can hold, whatever bytes it has."""
    return os.fsencode(path).decode(errors="backslashreplace")


def _line(page: Page, vectors: int) -> bytes:
    said = f"{page.start} {page.rows} {page.texts} {vectors}"
    return f"{said} {checksum(said.encode())}\n".encode()


def _is_ours(name: str) -> bool:
    return name in FILES or (name.startswith(tuple(f".{one}." for one in FILES)) and name.endswith(SUFFIX))


def _difference(before: Mapping[str, Any], now: Mapping[str, Any]) -> str | None:
    """The first of these values that was another before, in words."""
    for name, value in now.items():
        found = before.get(name)
        if isinstance(found, list) and isinstance(value, list):
            more, gone = (
                [one for one in ours if one not in others] for ours, others in ((value, found), (found, value))
            )
            if more or gone:
                return " and ".join(
                    f"{_said(some[0])}{f' and {len(some) - 1} more' if len(some) > 1 else ''} {how} of its {name}"
                    for some, how in ((more, "is now one"), (gone, "is no longer one"))
                    if some
                )
            if found != value:
                return f"its {name} stands in another order"
        if found != value and isinstance(found, dict) and isinstance(value, dict):
            within = _difference(found, value)
            return within and f"{name}: {within}"
        if found != value:
            return f"{name} was {_said(found)} and is {_said(value)}"
    return None


def _said(value: Any) -> str:
    if value is None:
        return "not given"
    said = json.dumps(value, ensure_ascii=False)
    return said if len(said) < 120 else f"{said[:100]} ..."


def _locked(path: Path) -> int:
    """The folder, made where it is not there, and held until the handle is closed."""
    while True:
        try:
            path.mkdir(exist_ok=True)
        except FileNotFoundError:
            raise InputError(
                f"there is no folder {str(path.parent)!r} to write {path.name.removesuffix(SUFFIX)} to; make it first"
            ) from None
        except FileExistsError:
            raise InputError(f"{path} is in the way of the work folder: move it elsewhere") from None
        with contextlib.suppress(FileNotFoundError):  # the run that had it has just finished
            handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            if not alone(handle):
                os.close(handle)
                raise InputError(f"{path} is in use by another process; wait for it, or name another output")
            if path.exists() and os.path.samestat(os.fstat(handle), path.stat()):
                return handle
            os.close(handle)
