"""A corpus indexed step by step gives what the library gives in memory, and no interruption shows in the file."""

from __future__ import annotations

import fcntl
import os
import resource
import signal
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

import nearmost as nm
from nearmost.encoders import CachedEncoder
from nearmost.pipeline import crew, gathering, learning, local, work

ENVIRONMENT = dict(os.environ)
"""As it was before engines of other tests set how many threads linear algebra takes: what lsa learns hangs on that."""
VOCABULARY = (
    "river stone paper engine winter market garden doctor signal harbor lemon castle thunder window copper "
    "island mirror rocket silver valley wagon yellow orchard pepper"
)
WORDS = VOCABULARY.split()


class Letters:
    """Counts of letters: a plug-in of three members, which remembers what it was asked for."""

    spec, dim = "letters", 26

    def __init__(self) -> None:
        self.asked: list[str] = []

    def encode(self, texts, *, progress=None, n_threads=0):
        texts = list(texts)
        self.asked += texts
        rows = np.array([[text.count(chr(97 + i)) for i in range(26)] for text in texts], np.float32).reshape(-1, 26)
        if progress is not None:
            progress(len(texts), len(texts))
        return rows


class Interrupted(BaseException):
    pass


def texts_of(n: int, seed: int = 0) -> list[str]:
    drawn = np.random.default_rng(seed).integers(0, len(WORDS), (n, 6))
    return [f"{' '.join(WORDS[word] for word in row)} number {i}" for i, row in enumerate(drawn)]


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> int:
    """Pages of 64 records, so that small corpora have many."""
    for module in (work, gathering, local):
        monkeypatch.setattr(module, "ROWS", 64)
    monkeypatch.setattr(crew, "FEW", 1000)  # no processes, which take a second to start
    return 64


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """1000 records in two files."""
    folder = tmp_path / "corpus"
    folder.mkdir()
    texts = texts_of(1000)
    for number, part in enumerate((texts[:600], texts[600:])):
        lines = [f"k{number}-{i}\t{text}\n" for i, text in enumerate(part)]
        (folder / f"{number}.tsv").write_text("id\ttext\n" + "".join(lines))
    return folder / "*.tsv"


def in_memory(source, output: Path, **options) -> bytes:
    reading = {name: options.pop(name) for name in ("key", "limit", "on_duplicate") if name in options}
    nm.Index.build(nm.read_corpus(source, **reading), **options).save(output)
    return output.read_bytes()


def left(output: Path) -> list[str]:
    return sorted(path.name for path in output.parent.glob(f"*{output.name}*"))


# The same as in memory


@pytest.mark.parametrize(
    "options",
    [
        {"encoder": "lsa:8", "key": "id"},
        {"encoder": "lsa:8", "metric": "euclidean", "store": "f16", "seed": 3},
        {"encoder": Letters(), "key": "id", "kind": "partition"},
        {"encoder": "lsa:8", "limit": 130, "n_threads": 2},
        {"encoder": "lsa:8", "projection": 4},
    ],
)
def test_the_file_is_that_of_an_index_built_in_memory(table, tmp_path, small_pages, options):
    output = tmp_path / "a.nearmost"
    made = nm.index_corpus(str(table), output, **options)
    assert output.read_bytes() == in_memory(str(table), tmp_path / "b.nearmost", **options)
    assert len(made) == options.get("limit", 1000)
    assert left(output) == ["a.nearmost"]


@pytest.mark.parametrize("on_duplicate", ["first", "last"])
@pytest.mark.parametrize("encoder", ["lsa:8", Letters()], ids=["learns", "plain"])
def test_duplicates_are_kept_as_in_memory(tmp_path, small_pages, on_duplicate, encoder):
    rng = np.random.default_rng(0)
    source, output = tmp_path / "twice.tsv", tmp_path / "a.nearmost"
    keys = rng.integers(0, 200, 500)
    source.write_text("id\ttext\n" + "".join(f"{key}\t{text}\n" for key, text in zip(keys, texts_of(500), strict=True)))
    options = {"encoder": encoder, "key": "id", "on_duplicate": on_duplicate}
    nm.index_corpus(source, output, **options)
    assert output.read_bytes() == in_memory(source, tmp_path / "b.nearmost", **options)


def test_a_duplicate_key_names_both_places_and_a_second_try_needs_no_more_than_a_choice(tmp_path, small_pages):
    source, output = tmp_path / "twice.csv", tmp_path / "a.nearmost"
    source.write_text("id,text\na,one apple\nb,two plums\na,three pears\n")
    for encoder in ("lsa:2", Letters()):
        with pytest.raises(nm.DuplicateKeyError, match=r"twice.csv:4: has the key 'a', and so has .*twice.csv:2;"):
            nm.index_corpus(source, output, key="id", encoder=encoder)
        assert (
            nm.index_corpus(source, output, key="id", encoder=encoder, on_duplicate="last").text("a") == "three pears"
        )
        assert left(output) == ["a.nearmost"]


def test_several_processes_and_threads_make_the_same_file(tmp_path, small_pages, monkeypatch):
    monkeypatch.setattr(crew, "FEW", 2)
    source = tmp_path / "many.txt"
    source.write_text("".join(f"{text}\n" for text in texts_of(64 * 12)))
    for threads in (1, 3):
        nm.index_corpus(source, tmp_path / f"{threads}.nearmost", encoder="lsa:8", n_threads=threads)
    assert (tmp_path / "1.nearmost").read_bytes() == (tmp_path / "3.nearmost").read_bytes()


def test_stages_are_told_in_order_and_to_their_end(table, tmp_path, small_pages):
    told: list[tuple[str, int, int]] = []
    nm.index_corpus(
        str(table), tmp_path / "a.nearmost", encoder="lsa:8", kind="partition", progress=lambda *step: told.append(step)
    )
    stages = list(dict.fromkeys(stage for stage, _, _ in told))
    assert stages == ["reading", "learning", "encoding", "packing", "saving"]
    assert [stage for stage, _, _ in told] == sorted((stage for stage, _, _ in told), key=stages.index)
    for stage in ("reading", "encoding", "packing"):
        last = [(done, total) for name, done, total in told if name == stage][-1]
        assert last[0] == last[1]


def test_an_encoder_learns_from_a_bounded_part_of_a_large_corpus(table, tmp_path, small_pages, monkeypatch):
    monkeypatch.setattr(learning, "MOST_TEXTS", 100)
    made = [
        nm.index_corpus(str(table), tmp_path / "a.nearmost", encoder="lsa:8", seed=seed).vectors().rows
        for seed in (0, 0, 1)
    ]
    assert np.array_equal(made[0], made[1])
    assert not np.array_equal(made[0], made[2])
    texts = list(nm.read_corpus(str(table)).texts)
    rows = learning.sample(nm.Strings.of(texts), None, 0)
    assert (len(rows), len(set(rows)), list(rows)) == (100, 100, sorted(rows))
    expected = nm.load_encoder("lsa:8").fit([texts[row] for row in rows]).encode(texts)
    assert np.array_equal(made[0], expected)


def test_a_sample_to_learn_from_is_bounded_in_bytes_too(monkeypatch):
    monkeypatch.setattr(learning, "MOST_BYTES", 1000)
    texts = nm.Strings.of(["x" * 90] * 50)
    assert len(learning.sample(texts, None, 0)) == 1000 // 90
    assert len(learning.sample(nm.Strings.of(["x" * 5000] * 3), None, 0)) == 1
    assert set(learning.sample(texts, np.arange(20, 24), 0)) == {20, 21, 22, 23}


def test_long_texts_are_read_in_bounded_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(gathering, "LETTERS", 1 << 20)
    source = tmp_path / "long.txt"
    with source.open("w") as file:
        for number in range(400):
            file.write(f"{number} " + "some words of a long text " * 4000 + "\n")
    encoder = Letters()
    encoder.encode = lambda texts, *, progress=None, n_threads=0: np.ones((len(texts), 26), np.float32)
    tracemalloc.start()
    try:
        nm.index_corpus(source, tmp_path / "a.nearmost", encoder=encoder)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert source.stat().st_size > 40e6
    assert peak < 20e6


# Interrupted


def interrupted_after(calls: int):
    """A progress that has enough after so many calls."""
    left = iter(range(calls))

    def progress(*_: object) -> None:
        if next(left, None) is None:
            raise Interrupted

    return progress


@pytest.mark.parametrize("encoder", ["lsa:8", "letters"])
def test_stopped_at_any_moment_it_goes_on_to_the_same_bytes(table, tmp_path, small_pages, encoder):
    output, asked, stops = tmp_path / "a.nearmost", [], 0
    calls = 1
    while True:
        one = Letters() if encoder == "letters" else encoder
        try:
            nm.index_corpus(
                str(table), output, encoder=one, key="id", kind="partition", progress=interrupted_after(calls)
            )
            break
        except Interrupted:
            stops += 1
            calls += 1
            assert not output.exists()
        finally:
            if encoder == "letters":
                asked.append(len(one.asked))
    assert stops >= 3  # about ten times a second, it says how far it is
    expected = in_memory(str(table), tmp_path / "b.nearmost", encoder=one, key="id", kind="partition")
    assert output.read_bytes() == expected
    assert left(output) == ["a.nearmost"]
    if encoder == "letters":  # beyond three sentences twice a run, the fingerprint, and pages that were under way
        assert asked[-1] < 1000


def test_what_is_encoded_is_not_encoded_again(table, tmp_path, small_pages):
    output, first, second = tmp_path / "a.nearmost", Letters(), Letters()

    def stop(stage: str, *_: int) -> None:
        if stage == "packing":
            raise Interrupted

    with pytest.raises(Interrupted):
        nm.index_corpus(str(table), output, encoder=first, progress=stop)
    nm.index_corpus(str(table), output, encoder=second, kind="partition")
    assert len(first.asked) > 1000
    assert len(second.asked) == 2 * 3  # the sentences of the fingerprint


def test_killed_it_goes_on_to_the_same_bytes(tmp_path):
    source, output = tmp_path / "many.txt", tmp_path / "a.nearmost"
    source.write_text("".join(f"{text}\n" for text in texts_of(20_000)))
    call = [sys.executable, "-m", "nearmost", "index", str(source), "-o", str(output), "--encoder", "lsa:8",
            "--kind", "flat", "--threads", "2"]  # fmt: skip
    reached = []
    for stage in ("reading", "learning", "encoding", "packing", None):
        with subprocess.Popen(
            call, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, env=ENVIRONMENT
        ) as child:
            for line in child.stderr:
                if stage is not None and line.startswith(stage):
                    child.kill()
                    break
        reached.append(child.returncode)
    assert reached == [-9, -9, -9, -9, 0]
    other = [each if each != str(output) else str(tmp_path / "b.nearmost") for each in call]
    assert subprocess.run(other, capture_output=True, env=ENVIRONMENT, check=False).returncode == 0
    assert output.read_bytes() == (tmp_path / "b.nearmost").read_bytes()  # of a run that nobody killed
    assert left(output) == ["a.nearmost"]


def limited_to(n_bytes: int) -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, n_bytes))


@pytest.mark.parametrize("n_bytes", [30_000, 150_000])
def test_a_full_disk_is_one_line_and_room_again_the_same_bytes(table, tmp_path, n_bytes):
    output = tmp_path / "a.nearmost"
    call = [sys.executable, "-m", "nearmost", "index", str(table), "-o", str(output), "--encoder", "lsa:256",
            "--kind", "flat", "--threads", "1"]  # fmt: skip
    ran = subprocess.run(
        call, capture_output=True, text=True, env=ENVIRONMENT, preexec_fn=lambda: limited_to(n_bytes), check=False
    )
    assert ran.returncode == 1
    assert ran.stderr.splitlines()[-1].endswith("file too large")
    assert not output.exists()
    assert subprocess.run(call, capture_output=True, env=ENVIRONMENT, check=False).returncode == 0
    assert output.read_bytes() == in_memory(str(table), tmp_path / "b.nearmost", encoder="lsa:256", kind="flat")
    assert left(output) == ["a.nearmost"]


# What was left there is not what is asked for


@pytest.fixture
def stopped(table, tmp_path, small_pages):
    """A function that leaves a run behind, stopped after this stage has begun."""

    def stop(after: str = "packing", **options) -> Path:
        def progress(stage: str, *_: int) -> None:
            if stage == after:
                raise Interrupted

        with pytest.raises(Interrupted):
            nm.index_corpus(str(table), tmp_path / "a.nearmost", **{"encoder": "lsa:8", **options}, progress=progress)
        return tmp_path / "a.nearmost"

    return stop


def first_file(table: Path) -> Path:
    return table.parent / "0.tsv"


@pytest.mark.parametrize("encoder", ["lsa:8", Letters()], ids=["learns", "plain"])
def test_a_changed_input_is_noticed(table, tmp_path, stopped, encoder):
    output = stopped(encoder=encoder)
    content = first_file(table).read_text()
    first_file(table).write_text(content + "new\tanother text\n")
    with pytest.raises(nm.InputError, match=r"size: .*0\.tsv was .* and is .*--restart"):
        nm.index_corpus(str(table), output, encoder=encoder)
    first_file(table).write_text(content.replace("number 7\n", "number 8\n"))  # as long as before
    with pytest.raises(nm.InputError, match=r"(records 0 to 63 are others|its texts were others).*--restart"):
        nm.index_corpus(str(table), output, encoder=encoder)
    first_file(table).write_text(content)  # newer, and the same
    nm.index_corpus(str(table), output, encoder=encoder)
    assert output.read_bytes() == in_memory(str(table), tmp_path / "b.nearmost", encoder=encoder)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"key": "id"}, "key was not given and is"),
        ({"text": "id"}, "text was not given and is"),
        ({"limit": 7}, "limit was not given and is 7"),
        ({"encoder": "lsa:9"}, 'encoder was "lsa:8" and is "lsa:9"'),
        ({"seed": 1}, "seed was 0 and is 1"),
    ],
)
def test_changed_options_are_noticed_and_restart_begins_anew(table, tmp_path, stopped, options, said):
    output = stopped()
    with pytest.raises(nm.InputError, match=said):
        nm.index_corpus(str(table), output, **{"encoder": "lsa:8", **options})
    assert len(nm.index_corpus(str(table), output, **{"encoder": "lsa:8", **options}, restart=True)) > 0


def test_a_file_that_came_or_went_is_named(table, stopped):
    output = stopped()
    new, old = table.with_name("2.tsv"), table.with_name("1.tsv")
    new.write_text("id\ttext\nx\tone more\n")
    with pytest.raises(nm.InputError, match=f'"{new}" is now one of its input'):
        nm.index_corpus(str(table), output, encoder="lsa:8")
    old.unlink()
    with pytest.raises(nm.InputError, match=f'"{new}" is now one of its input and "{old}" is no longer one'):
        nm.index_corpus(str(table), output, encoder="lsa:8")


@pytest.mark.parametrize(
    ("knobs", "said"),
    [
        ({"projection": "pac:9"}, "must be a number of columns"),
        ({"projection": "truncate:27"}, "keeps 27 columns, the rows have 26"),
        ({"projection": 27}, "rows of dim 26 have no 27 principal components"),
        ({"projection": "gaussian:0"}, "must be 1 at least"),
        ({"projection": 9, "metric": "hamming"}, "hamming cannot compare"),
        ({"projection": "none.head"}, "a file that one was saved to"),
        ({"keep_full": True}, "without projection"),
    ],
)
def test_a_projection_that_cannot_be_is_told_before_texts_are_encoded(table, tmp_path, knobs, said):
    encoder = Letters()
    with pytest.raises(nm.InputError, match=said):
        nm.index_corpus(str(table), tmp_path / "a.nearmost", encoder=encoder, **knobs)
    if "projection" in knobs:
        with pytest.raises(nm.InputError, match=said):
            nm.Index.build(nm.Corpus.of(["one", "two"]), encoder=encoder, **knobs)
    assert not encoder.asked
    assert left(tmp_path / "a.nearmost") == []


def test_another_version_of_an_encoder_is_noticed(table, stopped):
    class Newer(Letters):
        def encode(self, texts, *, progress=None, n_threads=0):
            return super().encode(texts, progress=progress, n_threads=n_threads) * np.float32(1.01)

    with pytest.raises(nm.InputError, match="the encoder makes other vectors now"):
        nm.index_corpus(str(table), stopped(encoder=Letters()), encoder=Newer())


@pytest.mark.parametrize("name", ["encoded", "vectors", "texts", "texts.ends", "keys", "read", "learned", "lines"])
@pytest.mark.parametrize("damage", ["cut", "flip", "gone"])
def test_a_damaged_work_folder_is_mended(table, tmp_path, stopped, name, damage):
    if damage == "gone" and name in ("encoded", "vectors"):
        damage = "cut"
    output = stopped(key="id")
    path = output.with_name("a.nearmost.partial") / name
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 0x40
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(content if damage == "flip" else content[: len(content) // 2])
    nm.index_corpus(str(table), output, encoder="lsa:8", key="id")
    assert output.read_bytes() == in_memory(str(table), tmp_path / "b.nearmost", encoder="lsa:8", key="id")


def test_a_folder_of_somebody_else_is_left_alone(table, tmp_path):
    theirs = tmp_path / "a.nearmost.partial" / "thesis.txt"
    theirs.parent.mkdir()
    theirs.write_text("mine")
    for restart in (False, True):
        with pytest.raises(nm.InputError, match=r"thesis\.txt"):
            nm.index_corpus(str(table), tmp_path / "a.nearmost", encoder="lsa:8", restart=restart)
    assert theirs.read_text() == "mine"


def test_two_runs_of_one_output_do_not_mix(table, tmp_path, stopped):
    output = stopped()
    handle = os.open(output.with_name("a.nearmost.partial"), os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        with pytest.raises(nm.InputError, match="in use by another process"):
            nm.index_corpus(str(table), output, encoder="lsa:8")
    finally:
        os.close(handle)


def test_file_names_may_hold_any_bytes(tmp_path):
    source = os.fsencode(tmp_path) + b"/caf\xe9.txt"
    with open(source, "w") as file:
        file.write("one apple\ntwo pears\n")
    made = nm.index_corpus(os.fsdecode(source), tmp_path / "a.nearmost", encoder=Letters())
    assert list(made.texts) == ["one apple", "two pears"]


@pytest.mark.parametrize(
    ("content", "error"), [("id\ttext\na\tone\tmore\n", nm.ReadError), ("id\tbody\n", nm.ReadError), ("", nm.ReadError)]
)
def test_a_bad_input_leaves_nothing_behind(tmp_path, content, error):
    (tmp_path / "a.tsv").write_text(content)
    with pytest.raises(error):
        nm.index_corpus(tmp_path / "a.tsv", tmp_path / "a.nearmost", text="text", encoder="lsa:8")
    assert left(tmp_path / "a.nearmost") == []


def test_a_missing_folder_is_told_by_name(table, tmp_path):
    with pytest.raises(nm.InputError, match="there is no folder"):
        nm.index_corpus(str(table), tmp_path / "nowhere" / "a.nearmost", encoder="lsa:8")


@pytest.mark.parametrize("wrong", ["shape", "nan"])
def test_an_encoder_that_is_wrong_is_told_before_the_end(table, tmp_path, small_pages, wrong):
    class Wrong(Letters):
        def encode(self, texts, *, progress=None, n_threads=0):
            rows = super().encode(texts)
            if len(texts) == 64:
                rows = rows[:-1] if wrong == "shape" else np.full_like(rows, np.nan)
            return rows

    with pytest.raises(nm.ShapeError if wrong == "shape" else nm.NotFiniteError, match="encoder 'letters' made"):
        nm.index_corpus(str(table), tmp_path / "a.nearmost", encoder=Wrong())


def test_a_cache_of_vectors_serves(table, tmp_path, small_pages):
    inner = Letters()
    for name in ("a", "b"):
        nm.index_corpus(str(table), tmp_path / f"{name}.nearmost", encoder=CachedEncoder(inner, tmp_path / "cache"))
    assert len([text for text in inner.asked if "number" in text]) == 1000
