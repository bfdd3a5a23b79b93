"""Records stream: memory does not grow with the file, and progress counts its bytes."""

from __future__ import annotations

import gzip
import json
import os
import tracemalloc
from pathlib import Path

import pytest

from nearmost.readers import iter_records, read_corpus

ROWS = 30_000
LINE = "the same words over and over, line {row}, " * 4


def write(path: Path) -> int:
    """Bytes of the plain text; about 5 MB."""
    texts = [LINE.format(row=row) for row in range(ROWS)]
    body = {
        ".txt": "\n".join(texts),
        ".csv": "text,row\n" + "\n".join(f'"{text}",{row}' for row, text in enumerate(texts)),
        ".tsv": "text\trow\n" + "\n".join(f"{text}\t{row}" for row, text in enumerate(texts)),
        ".jsonl": "\n".join(json.dumps({"text": text}) for text in texts),
        ".json": json.dumps([{"text": text} for text in texts]),
    }[Path(path.stem).suffix]
    path.write_bytes(gzip.compress(body.encode(), 1))
    return len(body)


@pytest.mark.parametrize("name", ["big.txt.gz", "big.csv.gz", "big.tsv.gz", "big.jsonl.gz", "big.json.gz"])
def test_memory_does_not_grow_with_the_file(tmp_path: Path, name: str) -> None:
    size = write(tmp_path / name)
    tracemalloc.start()
    try:
        count = sum(1 for _ in iter_records(tmp_path / name))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert count == ROWS
    assert size > 4_500_000
    assert peak < 2_500_000


def test_progress_counts_bytes_up_to_the_size_of_the_files(tmp_path: Path) -> None:
    write(tmp_path / "a.txt.gz")
    write(tmp_path / "b.csv.gz")
    total = sum(path.stat().st_size for path in tmp_path.iterdir())
    seen: list[tuple[int, int]] = []
    read_corpus(tmp_path / "*.gz", progress=lambda done, of: seen.append((done, of)))
    assert len(seen) > 20
    assert seen == sorted(seen)
    assert {of for _, of in seen} == {total}
    assert seen[-1] == (total, total)


def test_files_are_closed_when_reading_stops_early(tmp_path: Path, recwarn: pytest.WarningsRecorder) -> None:
    write(tmp_path / "a.csv.gz")
    records = iter_records(tmp_path / "a.csv.gz")
    assert next(records).text == LINE.format(row=0)
    del records
    assert not [warning for warning in recwarn if issubclass(warning.category, ResourceWarning)]


def test_a_pipe_is_read_from_its_first_byte_and_once() -> None:
    """As the shell hands one over in ``nearmost classify <(zcat titles.tsv.gz) --format tsv``."""
    if not os.path.isdir("/dev/fd"):
        pytest.skip("this system has no /dev/fd")
    lines = ["title", *(f"title {row}" for row in range(500))]
    for pack in (bytes, gzip.compress):
        reading, writing = os.pipe()
        try:
            os.write(writing, pack("".join(f"{line}\n" for line in lines).encode()))
            os.close(writing)
            corpus = read_corpus(f"/dev/fd/{reading}", format="tsv")
        finally:
            os.close(reading)
        assert list(corpus.texts) == lines[1:]
