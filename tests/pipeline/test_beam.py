"""The pipeline on Apache Beam: its transforms one by one, and whole runs beside the same work on one machine."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("apache_beam", reason="Beam is not installed: pip install 'nearmost[beam]'")
import apache_beam as beam
import pyarrow.parquet as pq
from apache_beam.testing.test_pipeline import TestPipeline as BeamTestPipeline
from apache_beam.testing.util import assert_that, equal_to

import nearmost as nm
from nearmost.pipeline.beam import BuildShards, Encode, Join, Project, ReadCorpus, WriteVectors, run
from nearmost.pipeline.beam.running import pipeline_options
from nearmost.pipeline.passages import Embedded, Passage, shard_of
from nearmost.pipeline.plan import Plan
from nearmost.pipeline.records import Reading
from nearmost.pipeline.shard import Packing
from nearmost.readers import iter_records

from corpora import sentences, write_tsv, write_txt  # isort: skip


def here() -> BeamTestPipeline:
    """A pipeline in this process."""
    return BeamTestPipeline(options=pipeline_options(["--runner=DirectRunner"], workers=1))


def plan(folder: Path, **arguments) -> Plan:
    given = {"encoder": "lsa:16", "shards": 3, "output": str(folder / "out-*.nearmost"), **arguments}
    return Plan(inputs=(str(folder / "*.tsv"),), reading=Reading("headline", "key"), **given)


def opened(paths):
    """All keys and their vectors, of all shards."""
    found = {}
    for path in paths:
        with nm.Index.open(path, verify="full") as index:
            for key in index.keys:
                assert key not in found
                found[key] = index.vector(key)
    return found


class Numbers:
    """An encoder that a worker can load without any model."""

    spec = "numbers"
    dim = 3

    def encode(self, texts, *, progress=None, n_threads=0):
        return np.array([[len(text), text.count("e"), 1] for text in texts], np.float32).reshape(len(texts), 3)


# One transform


def test_texts_have_the_same_keys_whichever_worker_reads_them(tmp_path):
    texts = sentences(700)
    write_txt(tmp_path / "a.txt", texts[:300])
    write_txt(tmp_path / "b.txt", texts[300:])
    expected = [(record.key, record.text) for record in iter_records(str(tmp_path / "*.txt"))]
    with here() as pipeline:
        read = pipeline | ReadCorpus(str(tmp_path / "*.txt")) | beam.Map(lambda passage: (passage.key, passage.text))
        assert_that(read, equal_to(expected))


def test_every_format_that_is_read_on_one_machine_is_read(tmp_path):
    import gzip

    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(b'{"id": 7, "title": "one"}\n{"id": 8, "title": "two"}\n'))
    (tmp_path / "b.csv").write_text('id,title\n9,"three, or more"\n')
    with here() as pipeline:
        read = pipeline | ReadCorpus([tmp_path / "a.jsonl.gz", tmp_path / "b.csv"], text="title", key="id")
        assert_that(
            read | beam.Map(lambda one: one[:2]), equal_to([("7", "one"), ("8", "two"), ("9", "three, or more")])
        )


def test_a_file_system_of_beams_own_is_read(tmp_path):
    """Beam's in-memory stand-in for a remote one: the readers get a stream, not a path."""
    from apache_beam.io.filesystem import FileMetadata, FileSystem, MatchResult

    class Elsewhere(FileSystem):
        @classmethod
        def scheme(cls):
            return "elsewhere"

        def match(self, patterns, limits=None):
            return [MatchResult(one, [FileMetadata("elsewhere://in/a.txt", 8)]) for one in patterns]

        def open(self, path, mime_type=None, compression_type=None):
            return io.BytesIO(b"one\ntwo\n")

        def _unused(self, *_, **__):
            raise AssertionError

        join = split = mkdirs = has_dirs = _list = create = copy = rename = exists = size = _unused
        last_updated = checksum = delete = metadata = _unused

    with here() as pipeline:
        read = pipeline | ReadCorpus("elsewhere://in/*.txt")
        assert_that(read | beam.Map(lambda passage: passage[:2]), equal_to([("0", "one"), ("1", "two")]))


def test_no_file_is_an_error_before_the_work():
    with pytest.raises(nm.InputError, match="no file matches"):
        ReadCorpus("/nowhere/*.txt")


def test_a_vector_is_that_of_the_encoder_whatever_the_batch(tmp_path):
    texts = sentences(200)
    encoder = nm.load_encoder("lsa:8").fit(texts)
    rows = encoder.encode(texts)
    for batch_size in (1, 7, 1024):
        with here() as pipeline:
            made = (
                pipeline
                | beam.Create(list(zip(map(str, range(200)), texts, strict=True)))
                | Encode(encoder, batch_size)
            )
            close = made | beam.Map(lambda one: (one.key, bool(np.allclose(one.vector, rows[int(one.key)], atol=1e-6))))
            assert_that(close, equal_to([(str(row), True) for row in range(200)]))


def test_an_encoder_is_loaded_once_and_counted(tmp_path):
    encoder = nm.load_encoder("lsa:8").fit(sentences(50))
    pipeline = here()
    pipeline | beam.Create([(str(row), text) for row, text in enumerate(sentences(500))]) | Encode(encoder, 32)
    result = pipeline.run()
    result.wait_until_finish()
    found = result.metrics().query()
    counters = {one.key.metric.name: one.result for one in found["counters"]}
    sizes = {one.key.metric.name: one.result for one in found["distributions"]}
    assert counters["rows_encoded"] == 500
    assert sizes["load_model_latency_milli_secs"].count == 1
    assert sizes["inference_request_batch_size"].max <= 32


def test_a_projection_shortens_vectors_as_it_does_elsewhere():
    rows = np.random.default_rng(0).standard_normal((30, 12)).astype(np.float32)
    projection = nm.GaussianProjection(12, 5)
    expected = projection.apply(rows)
    with here() as pipeline:
        made = pipeline | beam.Create([(str(row), "", rows[row]) for row in range(30)]) | Project(projection)
        same = made | beam.Map(lambda one: (one.key, bool(np.array_equal(one.vector, expected[int(one.key)]))))
        assert_that(same, equal_to([(str(row), True) for row in range(30)]))


def embedded(n: int = 60, dim: int = 4) -> list[Embedded]:
    rows = np.random.default_rng(1).standard_normal((n, dim)).astype(np.float32)
    return [Embedded(f"k{row}", f"text {row}", rows[row], row) for row in range(n)]


@pytest.mark.parametrize("format", ["parquet", "tfrecord"])
def test_written_vectors_are_read_again(tmp_path, format):
    given = embedded(2000)
    with here() as pipeline:
        pipeline | beam.Create(given) | WriteVectors(str(tmp_path / "emb"), format, shards=2)
    files = sorted(tmp_path.iterdir())
    assert [path.name for path in files] == [f"emb-0000{number}-of-00002.{format}" for number in range(2)]
    found = {}
    for path in files:
        vectors = nm.read_vectors(path)
        found |= dict(zip(vectors.keys, vectors.rows, strict=True))
    assert all(np.array_equal(found[one.key], one.vector) for one in given)
    assert len(found) == len(given)
    if format == "parquet":
        tables = [pq.read_table(path).to_pydict() for path in files]
        assert {key: text for table in tables for key, text in zip(table["key"], table["text"], strict=True)} == {
            one.key: one.text for one in given
        }


def test_tf_examples_are_those_that_beam_reads(tmp_path):
    with here() as pipeline:
        pipeline | beam.Create(embedded()) | WriteVectors(str(tmp_path / "emb"), "tfrecord", shards=1)
    with here() as pipeline:
        read = pipeline | beam.io.ReadFromTFRecord(str(tmp_path / "emb-*")) | beam.combiners.Count.Globally()
        assert_that(read, equal_to([60]))


def test_a_shard_holds_the_keys_of_its_hash_in_the_order_of_the_input(tmp_path):
    given = embedded()
    with here() as pipeline:
        names = pipeline | beam.Create(given[::-1]) | BuildShards(str(tmp_path / "x-*.nearmost"), 4)
        assert_that(names, equal_to([str(tmp_path / f"x-0000{number}-of-00004.nearmost") for number in range(4)]))
    for number in range(4):
        with nm.Index.open(tmp_path / f"x-0000{number}-of-00004.nearmost") as index:
            assert list(index.keys) == [one.key for one in given if shard_of(one.key, 4) == number]
            assert all(index.text(key) == f"text {key[1:]}" for key in index.keys)
    assert sorted(path.name[0] for path in tmp_path.iterdir()) == ["x"] * 4


def test_a_shard_without_rows_is_there_and_empty(tmp_path):
    with here() as pipeline:
        pipeline | beam.Create(embedded(2)) | BuildShards(str(tmp_path / "x-*.nearmost"), 5)
    sizes = [len(nm.Index.open(path)) for path in sorted(tmp_path.iterdir())]
    assert len(sizes) == 5
    assert sum(sizes) == 2


@pytest.mark.parametrize("alone", [True, False])
def test_a_join_finds_the_pairs_that_one_machine_finds(tmp_path, alone):
    with here() as pipeline:
        rows = pipeline | beam.Create(embedded(300))
        rows | "All" >> BuildShards(str(tmp_path / "x-*.nearmost"), 2)
        some = rows | beam.Filter(lambda one: one.place < 50)
        some | "Some" >> BuildShards(str(tmp_path / "y.nearmost"))
    left, right = str(tmp_path / "x-*.nearmost"), None if alone else str(tmp_path / "y.nearmost")
    expected = [
        (key, neighbor, round(score, 5))
        for batch in nm.join(left, right, 3, recall=1)
        for key, neighbor, score in zip(batch.keys, batch.neighbor_keys, batch.scores.tolist(), strict=True)
    ]
    assert len(expected) == 900
    with here() as pipeline:
        found = pipeline | Join(left, right, 3, recall=1)
        assert_that(found | beam.Map(lambda pair: (pair.key, pair.neighbor, round(pair.score, 5))), equal_to(expected))


def test_a_join_of_shards_of_which_one_is_missing_is_an_error_before_the_work(tmp_path):
    for name in ("x-00000-of-00003", "x-00002-of-00003", "y"):
        nm.Index.build(np.eye(2, dtype=np.float32)).save(tmp_path / f"{name}.nearmost")
    pattern = str(tmp_path / "x-*.nearmost")
    for arguments in ((pattern,), (str(tmp_path / "y.nearmost"), pattern)):
        with pytest.raises(nm.ShardError, match=r"1 of 3 shards is missing: .*x-00001-of-00003\.nearmost"):
            Join(*arguments, k=1)
    Join([str(tmp_path / "x-00000-of-00003.nearmost"), str(tmp_path / "x-00002-of-00003.nearmost")], k=1)


@pytest.mark.parametrize(("on_duplicate", "kept"), [("first", 1.0), ("last", 3.0)])
def test_of_equal_keys_the_wanted_one_stays_whatever_the_order(tmp_path, on_duplicate, kept):
    given = [Embedded("a", "", np.full(2, place, np.float32), place) for place in (2, 3, 1)]
    output = str(tmp_path / "x.nearmost")
    with here() as pipeline:
        pipeline | beam.Create(given) | BuildShards(output, metric="euclidean", on_duplicate=on_duplicate)
    assert nm.Index.open(output).vector("a").tolist() == [kept, kept]


def test_equal_keys_are_an_error_and_leave_nothing(tmp_path):
    write_tsv(tmp_path / "a.tsv", sentences(5))
    write_tsv(tmp_path / "b.tsv", sentences(5), first=4)
    with pytest.raises(nm.DuplicateKeyError, match="k4"):
        run(plan(tmp_path), workers=1)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.tsv", "b.tsv"]


# A whole run


def test_one_shard_is_the_file_that_one_machine_makes_byte_for_byte(tmp_path):
    texts = sentences(400)
    write_txt(tmp_path / "a.txt", texts[:150])
    write_txt(tmp_path / "b.txt", texts[150:])
    nm.index_corpus(str(tmp_path / "*.txt"), tmp_path / "local.nearmost", encoder="lsa:16")
    done = run(Plan((str(tmp_path / "*.txt"),), str(tmp_path / "beam.nearmost"), encoder="lsa:16"), workers=1)
    assert done.counts["rows_read"] == done.counts["rows_encoded"] == done.counts["rows_written"] == 400
    assert (tmp_path / "beam.nearmost").read_bytes() == (tmp_path / "local.nearmost").read_bytes()


def test_an_empty_file_among_others_is_no_error_as_on_one_machine(tmp_path):
    write_txt(tmp_path / "a.txt", sentences(40))
    write_txt(tmp_path / "b.txt", [])
    write_txt(tmp_path / "c.txt", sentences(40, seed=1))
    nm.index_corpus(str(tmp_path / "*.txt"), tmp_path / "local.nearmost", encoder="lsa:16")
    run(Plan((str(tmp_path / "*.txt"),), str(tmp_path / "beam.nearmost"), encoder="lsa:16"), workers=1)
    assert (tmp_path / "beam.nearmost").read_bytes() == (tmp_path / "local.nearmost").read_bytes()
    for encoder in ("lsa:16", nm.load_encoder("lsa:16").fit(sentences(40))):
        with pytest.raises(nm.InputError, match=r"there is no (row|text)"):
            run(Plan((str(tmp_path / "b.txt"),), str(tmp_path / "none.nearmost"), encoder=encoder), workers=1)
    assert not (tmp_path / "none.nearmost").exists()


@pytest.mark.parametrize("on_duplicate", ["first", "last"])
def test_of_equal_keys_the_one_stays_that_stays_on_one_machine(tmp_path, on_duplicate):
    texts = sentences(300)
    write_tsv(tmp_path / "a.tsv", texts[:200])
    write_tsv(tmp_path / "b.tsv", texts[200:], first=150)
    inputs, output = [tmp_path / "a.tsv", tmp_path / "b.tsv"], tmp_path / "out.nearmost"
    named = {"text": "headline", "key": "key", "encoder": "lsa:16", "on_duplicate": on_duplicate}
    local = nm.index_corpus(inputs, tmp_path / "local.nearmost", **named)
    run(plan(tmp_path, shards=1, output=str(output), packing=Packing(on_duplicate=on_duplicate)), workers=1)
    assert len(local) == 250
    assert output.read_bytes() == (tmp_path / "local.nearmost").read_bytes()


def test_a_projection_lies_in_every_shard_and_is_applied_to_queries(tmp_path):
    texts = sentences(300)
    write_tsv(tmp_path / "a.tsv", texts)
    done = run(plan(tmp_path, projection="gaussian:8", shards=2), workers=1)
    for path in done.paths:
        with nm.Index.open(path) as index:
            key = index.keys[0]
            assert len(index.vector(key)) == 8
            assert index.nearest(text=index.text(key), k=1, recall=1)[0][1] == pytest.approx(1, abs=1e-5)


def test_a_bad_line_is_told_with_its_file_and_leaves_nothing(tmp_path):
    (tmp_path / "a.tsv").write_text("key\theadline\nk0\tone\nk1\ttwo\tthree\n")
    with pytest.raises(nm.ReadError, match=r"a\.tsv:3: has 3 columns"):
        run(plan(tmp_path, encoder=Numbers()), workers=1)
    assert [path.name for path in tmp_path.iterdir()] == ["a.tsv"]


def test_two_texts_of_one_key_are_told_with_their_places(tmp_path):
    texts = sentences(9)
    write_tsv(tmp_path / "a.tsv", texts[:5])
    write_tsv(tmp_path / "b.tsv", texts[5:], first=2)
    said = rf"key 'k2': '{texts[2]:.20}.* \(record 3 of input file 1.* and '{texts[5]:.20}.* \(record 1 of input file 2"
    with pytest.raises(nm.DuplicateKeyError, match=said):
        run(plan(tmp_path, shards=1), workers=1)
    pipeline = here()
    rows = pipeline | beam.Create([("x", text, np.ones(3, np.float32)) for text in ("one", "two")])
    rows | BuildShards(str(tmp_path / "x.nearmost"))
    with pytest.raises(nm.DuplicateKeyError, match="two texts have the key 'x': 'one' and 'two'; "):
        pipeline.run()


def test_two_runs_of_one_output_do_not_mix(tmp_path):
    write_tsv(tmp_path / "a.tsv", sentences(30))
    given = plan(tmp_path)
    with (
        given.name.alone(),
        pytest.raises(nm.InputError, match=r"out-\*.nearmost' is being written by another process"),
    ):
        run(given, workers=1)
    assert len(opened(run(given, workers=1).paths)) == 30
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".nearmost"] * 3 + [".tsv"]


def test_a_failed_run_leaves_no_vectors_and_none_are_mixed_with_others(tmp_path):
    write_tsv(tmp_path / "a.tsv", sentences(30))
    write_tsv(tmp_path / "b.tsv", sentences(30), first=29)
    exporting = plan(tmp_path, vectors=str(tmp_path / "emb.parquet"))
    with pytest.raises(nm.DuplicateKeyError):
        run(exporting, workers=1)
    assert [path.name for path in sorted(tmp_path.iterdir()) if path.suffix != ".parquet"] == ["a.tsv", "b.tsv"]
    (tmp_path / "emb-00000-of-00007.parquet").touch()
    with pytest.raises(nm.InputError, match=r"emb-00000-of-00007\.parquet is there"):
        run(exporting, workers=1)
    with pytest.raises(nm.InputError, match="there is no folder"):
        run(plan(tmp_path, vectors=str(tmp_path / "nowhere" / "emb.parquet")), workers=1)


def test_shards_of_another_number_are_not_mixed_with_old_ones(tmp_path):
    write_tsv(tmp_path / "a.tsv", sentences(30))
    (tmp_path / "out-00000-of-00007.nearmost").touch()
    with pytest.raises(nm.InputError, match="00000-of-00007"):
        run(plan(tmp_path), workers=1)


@pytest.mark.parametrize(
    ("output", "told"),
    [
        ("a.tsv", "a.tsv exists and is no index"),
        ("nowhere/x.nearmost", "there is no folder"),
        ("*-*.nearmost", "at most one"),
    ],
)
def test_an_output_that_cannot_be_is_an_error_before_the_work(tmp_path, output, told):
    write_tsv(tmp_path / "a.tsv", sentences(3))
    with pytest.raises(nm.InputError, match=told):
        run(plan(tmp_path, output=str(tmp_path / output), shards=1))
    with pytest.raises(nm.InputError, match="put a \\* where"):
        run(plan(tmp_path, output=str(tmp_path / "x.nearmost"), shards=2))
    assert (tmp_path / "a.tsv").read_text().startswith("key\theadline\n")


def test_a_runner_that_beam_has_not_is_an_error(tmp_path):
    write_tsv(tmp_path / "a.tsv", sentences(3))
    with pytest.raises(nm.InputError, match="Unexpected pipeline runner: Tomorrow"):
        run(plan(tmp_path), ["--runner=Tomorrow"])


def test_an_option_that_beam_has_not_is_an_error():
    with pytest.raises(nm.InputError, match="no option --direct_num_wrokers"):
        pipeline_options(["--direct_num_wrokers=2"])


def test_an_option_that_beam_does_not_understand_is_told_in_one_line(capsys):
    with pytest.raises(nm.InputError, match=r"--direct_num_workers=two: argument .* invalid int value: 'two'"):
        pipeline_options(["--direct_num_workers=two"])
    assert capsys.readouterr().err == ""


# Several processes

COMMAND = [sys.executable, "-m", "nearmost", "pipeline", "--text", "headline", "--key", "key", "--encoder", "lsa:16"]


def test_two_worker_processes_give_the_keys_and_answers_of_one_machine(tmp_path):
    texts = sentences(600)
    write_tsv(tmp_path / "a.tsv", texts[:250])
    write_tsv(tmp_path / "b.tsv", texts[250:], first=250)
    inputs, output = [str(tmp_path / "a.tsv"), str(tmp_path / "b.tsv")], str(tmp_path / "out-*.nearmost")
    done = subprocess.run(
        [*COMMAND, *inputs, "-o", output, "--shards", "3", "--workers", "2"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert [line.split()[-1] for line in done.stdout.splitlines()] == ["600", "600", "600", "3"]
    local = nm.index_corpus(inputs, tmp_path / "local.nearmost", text="headline", key="key", encoder="lsa:16")
    found = opened(sorted(tmp_path.glob("out-*.nearmost")))
    assert found.keys() == set(local.keys)
    assert all(np.array_equal(row, local.vector(key)) for key, row in found.items())
    whole, queries = nm.open(output), sentences(40, seed=1)
    for ours, theirs in zip(
        whole.search(queries, recall=1).scores, local.search(queries, recall=1).scores, strict=True
    ):
        assert ours.tolist() == theirs.tolist()


def test_after_a_worker_is_killed_no_partial_shard_is_seen_and_the_next_run_is_whole(tmp_path, patience):
    write_tsv(tmp_path / "a.tsv", sentences(4000))
    command = [*COMMAND, str(tmp_path / "a.tsv"), "-o", str(tmp_path / "out-*.nearmost"), "--shards", "2"]
    with subprocess.Popen([*command, "--workers", "2"], stderr=subprocess.PIPE, text=True) as running:
        os.kill(worker_of(running.pid, patience), signal.SIGKILL)
        errors = running.communicate(timeout=patience)[1]
    if running.returncode == 0:
        pytest.skip("the worker was not needed any more when it was killed")
    assert "has died" in errors
    assert [path.name for path in tmp_path.iterdir()] == ["a.tsv"]
    assert len(opened(run(plan(tmp_path, shards=2), workers=1).paths)) == 4000


def test_what_a_worker_process_raises_is_told_at_the_end(tmp_path):
    (tmp_path / "a.tsv").write_text("key\theadline\nk0\tone\nk1\ttwo\tthree\n")
    (tmp_path / "words.txt").write_text(
        "one 1 2\ntwo 2 1\nthree 1 1\n"
    )  # an encoder that does not read the corpus first
    encoder, output = f"gensim:{tmp_path / 'words.txt'}", str(tmp_path / "out.nearmost")
    command = [*COMMAND[:-1], encoder, str(tmp_path / "a.tsv"), "-o", output, "--workers", "2"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(f"nearmost: {tmp_path}/a.tsv:3: has 3 columns")
    assert "severity: ERROR" not in done.stderr  # Beam tells it all twice, the second time in lines of its own
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.tsv", "words.txt"]


def test_ctrl_c_ends_a_run_of_several_processes(tmp_path, patience):
    write_tsv(tmp_path / "a.tsv", sentences(4000))
    command = [*COMMAND, str(tmp_path / "a.tsv"), "-o", str(tmp_path / "out-*.nearmost"), "--shards", "2"]
    with subprocess.Popen([*command, "--workers", "2"], stderr=subprocess.PIPE, text=True) as running:
        worker_of(running.pid, patience)
        running.send_signal(signal.SIGINT)
        errors = running.communicate(timeout=patience)[1]
    if running.returncode == 0:
        pytest.skip("the run was over when it was interrupted")
    assert running.returncode == 130, errors
    assert [path.name for path in tmp_path.iterdir()] == ["a.tsv"]


def worker_of(parent: int, patience: float) -> int:
    """A worker process of Beam's that this process has started, by way of a shell."""
    until = time.monotonic() + patience
    while time.monotonic() < until:
        family = {parent}
        for entry in sorted(Path("/proc").glob("[0-9]*"), key=lambda one: int(one.name)):
            try:
                stat, command = (entry / "stat").read_text(), (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if int(stat.rpartition(")")[2].split()[1]) in family:
                family.add(int(entry.name))
                if b"sdk_worker_main" in command and not command.startswith(b"/bin/sh"):
                    return int(entry.name)
        time.sleep(0.05)
    raise AssertionError("no worker process was started")


def test_plain_tuples_will_do():
    assert Passage(*("a", "b")).place == 0
    assert Packing().metric == "cosine"
