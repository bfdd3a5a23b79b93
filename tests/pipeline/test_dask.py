"""The pipeline on Dask distributed: a cluster of two processes, beside the same work on one machine."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("distributed", reason="Dask is not installed: pip install 'nearmost[dask]'")
from distributed import Client, LocalCluster
from distributed.scheduler import KilledWorker

import nearmost as nm
from nearmost.pipeline.dask import run, running
from nearmost.pipeline.dask.storage import DaskFiles
from nearmost.pipeline.plan import Plan
from nearmost.pipeline.records import Reading

from corpora import sentences, write_tsv, write_txt  # isort: skip


@pytest.fixture(scope="module")
def client():
    with (
        LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, host="127.0.0.1"
        ) as cluster,
        Client(cluster) as client,
    ):
        yield client


def plan(folder: Path, **arguments) -> Plan:
    given = {"encoder": "lsa:16", "shards": 3, "output": str(folder / "out-*.nearmost"), **arguments}
    return Plan(inputs=(str(folder / "*.tsv"),), reading=Reading("headline", "key"), **given)


def kept(paths):
    """All keys and their vectors, of all shards; a key in two of them would fail."""
    found = {}
    for path in paths:
        with nm.Index.open(path, verify="full") as index:
            for key in index.keys:
                assert key not in found
                found[key] = index.vector(key)
    return found


def test_two_workers_give_the_keys_and_answers_of_one_machine(tmp_path, client):
    texts = sentences(600)
    write_tsv(tmp_path / "a.tsv", texts[:250])
    write_tsv(tmp_path / "b.tsv", texts[250:], first=250)
    told = []
    done = run(plan(tmp_path), client, progress=lambda *pair: told.append(pair))
    assert {name: done.counts[name] for name in ("rows_read", "rows_encoded", "rows_written", "shards_written")} == {
        "rows_read": 600, "rows_encoded": 600, "rows_written": 600, "shards_written": 3,
    }  # fmt: skip
    assert told[-1] == (600, 600)
    inputs = [tmp_path / "a.tsv", tmp_path / "b.tsv"]
    local = nm.index_corpus(inputs, tmp_path / "local.nearmost", text="headline", key="key", encoder="lsa:16")
    found = kept(done.paths)
    assert found.keys() == set(local.keys)
    assert all(np.array_equal(row, local.vector(key)) for key, row in found.items())
    whole = nm.open(str(tmp_path / "out-*.nearmost"))
    queries = sentences(40, seed=1)
    for ours, theirs in zip(
        whole.search(queries, recall=1).scores, local.search(queries, recall=1).scores, strict=True
    ):
        assert ours.tolist() == theirs.tolist()


def test_one_shard_is_the_file_that_one_machine_makes_byte_for_byte(tmp_path, client):
    texts = sentences(300)
    write_txt(tmp_path / "a.txt", texts[:100])
    write_txt(tmp_path / "b.txt", texts[100:])
    nm.index_corpus(str(tmp_path / "*.txt"), tmp_path / "local.nearmost", encoder="lsa:16")
    run(Plan((str(tmp_path / "*.txt"),), str(tmp_path / "dask.nearmost"), encoder="lsa:16"), client)
    assert (tmp_path / "dask.nearmost").read_bytes() == (tmp_path / "local.nearmost").read_bytes()


def test_an_empty_file_among_others_is_no_error_as_on_one_machine(tmp_path, client):
    write_txt(tmp_path / "a.txt", sentences(40))
    write_txt(tmp_path / "b.txt", [])
    nm.index_corpus(str(tmp_path / "*.txt"), tmp_path / "local.nearmost", encoder="lsa:16")
    run(Plan((str(tmp_path / "*.txt"),), str(tmp_path / "dask.nearmost"), encoder="lsa:16"), client)
    assert (tmp_path / "dask.nearmost").read_bytes() == (tmp_path / "local.nearmost").read_bytes()
    for encoder in ("lsa:16", nm.load_encoder("lsa:16").fit(sentences(40))):
        with pytest.raises(nm.InputError, match="there is no text"):
            run(Plan((str(tmp_path / "b.txt"),), str(tmp_path / "none.nearmost"), encoder=encoder), client)


def test_a_projection_lies_in_every_shard(tmp_path, client):
    write_tsv(tmp_path / "a.tsv", sentences(200))
    for path in run(plan(tmp_path, projection="gaussian:8", shards=2), client).paths:
        with nm.Index.open(path) as index:
            assert index.nearest(text=index.text(index.keys[0]), k=1, recall=1)[0][1] == pytest.approx(1, abs=1e-5)


def test_what_a_worker_raises_is_raised_here_and_nothing_is_left(tmp_path, client):
    write_tsv(tmp_path / "a.tsv", sentences(5))
    write_tsv(tmp_path / "b.tsv", sentences(5), first=4)
    with pytest.raises(nm.DuplicateKeyError, match="k4"):
        run(plan(tmp_path), client)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.tsv", "b.tsv"]


def test_workers_in_another_folder_find_files_that_are_named_from_here(tmp_path, client, monkeypatch):
    write_tsv(tmp_path / "a.tsv", sentences(60))
    monkeypatch.chdir(tmp_path)
    assert tmp_path not in map(Path, client.run(os.getcwd).values())
    done = run(Plan(("*.tsv",), "out-*.nearmost", 2, "lsa:16", reading=Reading("headline", "key")), client)
    assert done.paths == ("out-00000-of-00002.nearmost", "out-00001-of-00002.nearmost")
    assert len(kept(done.paths)) == 60
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.tsv", *done.paths]


@pytest.mark.parametrize("address", ["nowhere", "http://127.0.0.1:1", "tls://127.0.0.1:1"])
def test_an_address_without_a_scheduler_is_told_before_the_work(tmp_path, address):
    write_tsv(tmp_path / "a.tsv", sentences(5))
    with pytest.raises(nm.PipelineError, match=rf"no scheduler of Dask at '{address}'.* tcp://host:8786"):
        run(plan(tmp_path), address)
    assert [path.name for path in tmp_path.iterdir()] == ["a.tsv"]


def test_workers_that_die_again_and_again_are_told(tmp_path, client, monkeypatch):
    def dies(*_):
        raise KilledWorker("encode-1", SimpleNamespace(address="tcp://there"), 3)

    monkeypatch.setattr(running, "_carried_out", dies)
    write_tsv(tmp_path / "a.tsv", sentences(5))
    with pytest.raises(nm.PipelineError, match=r"could not carry it out: .*encode-1"):
        run(plan(tmp_path), client)
    assert [path.name for path in tmp_path.iterdir()] == ["a.tsv"]


def test_a_killed_worker_loses_and_doubles_no_row(tmp_path, client):
    n_files, n_each = 6, 5000
    texts = sentences(n_files * n_each)
    for file in range(n_files):
        write_tsv(tmp_path / f"{file}.tsv", texts[file * n_each : (file + 1) * n_each], first=file * n_each)
    killed = []

    def kill(done: int, total: int) -> None:
        if not killed and done < total:
            killed.append(next(iter(client.run(os.getpid).values())))
            os.kill(killed[0], signal.SIGKILL)

    done = run(plan(tmp_path), client, progress=kill)
    assert killed
    found = kept(done.paths)
    assert len(found) == done.counts["rows_written"] == n_files * n_each


def test_files_of_another_system_are_read_and_written(client):
    """fsspec's own file system in memory: paths are URLs, and what is renamed has another name afterwards."""
    files = DaskFiles()
    with files.create("memory://box/a.txt.part") as file:
        file.write(b"one\ntwo\n")
    files.rename("memory://box/a.txt.part", "memory://box/a.txt")
    assert files.match("memory://box/*.txt") == ["memory:///box/a.txt"]
    assert [one.text for one in Reading().passages(files, 0, "memory://box/a.txt")] == ["one", "two"]
    assert not files.exists("memory://box/a.txt.part")
    files.remove("memory://box")
    assert files.match("memory://box/*.txt") == []
