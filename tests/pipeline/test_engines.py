"""What pipelines promise whichever engine carries them out, and where there is none."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nearmost as nm
from nearmost.cli import main
from nearmost.pipeline.files import Output
from nearmost.pipeline.passages import Block, Embedded, shard_of
from nearmost.pipeline.plan import Plan
from nearmost.pipeline.records import in_parts, starts
from nearmost.pipeline.shard import Packing, build_shard


@pytest.mark.parametrize(("engine", "package"), [("beam", "apache_beam"), ("dask", "distributed")])
def test_without_its_package_an_engine_says_what_to_install(engine, package):
    say = f"import sys; sys.modules[{package!r}] = None; import nearmost.pipeline.{engine}"
    done = subprocess.run([sys.executable, "-c", say], capture_output=True, text=True, check=False)
    assert f"MissingExtraError: pipelines on {engine.title()} need" in done.stderr
    assert f"pip install 'nearmost[{engine}]'" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["x.txt", "-o", "x.nearmost", "--engine", "dask", "--", "--region=R"], "are for Beam"),
        (["x.txt", "-o", "x.nearmost", "--cluster", "tcp://a:1"], "is for --engine dask"),
        (["-o", "x.nearmost", "--", "--region=R"], "no INPUT"),
    ],
)
def test_options_of_the_other_engine_are_wrong_usage(arguments, told, capsys):
    assert main(["pipeline", *arguments]) == 2
    assert told in capsys.readouterr().err


@pytest.mark.parametrize(
    ("wrong", "told"),
    [({"shards": 0}, "shards is 0"), ({"batch_size": 0}, "batch_size is 0"), ({"vectors": "emb.npy"}, "must end in")],
)
def test_a_plan_that_cannot_be_is_refused_when_it_is_made(wrong, told):
    with pytest.raises(nm.InputError, match=told):
        Plan(("a.txt",), "x-*.nearmost", **wrong)


def test_the_shards_of_many_keys_are_of_like_size():
    sizes = Counter(shard_of(f"key {number}", 8) for number in range(8000))
    assert sorted(sizes) == list(range(8))
    assert max(sizes.values()) < 1.2 * 1000


def test_a_pattern_names_its_shards_and_finds_them():
    assert Output("out/x-*.nearmost").shard(3, 16) == "out/x-00003-of-00016.nearmost"
    assert Output("gs://box/out/x-*.nearmost").beside(".work") == "gs://box/out/.x-.nearmost.work"
    assert Output("x.nearmost").shard(0, 1) == "x.nearmost"


@given(st.lists(st.integers(0, 5), min_size=1, max_size=30), st.randoms(use_true_random=False))
def test_rows_stand_in_the_order_of_their_places_however_they_come(places, random):
    items = [Embedded(f"k{row}", f"t{row}", np.array([row, 1], np.float32), place) for row, place in enumerate(places)]
    order = sorted(items, key=lambda one: (one.place, len(one.key), one.key))
    mixed = items[:]
    random.shuffle(mixed)
    blocks = [Block.of(part) for part in in_parts(iter(mixed), random.randint(1, 7))]
    joined = Block.joined(blocks)
    assert joined.keys == [one.key for one in order]
    assert joined.texts == [one.text for one in order]
    assert joined.rows.tolist() == [one.vector.tolist() for one in order]
    apart = [block for one in blocks for block in one.by_shard(3).items()]
    for shard in {number for number, _ in apart}:
        held = Block.joined(block for number, block in apart if number == shard)
        assert held.keys == [one.key for one in order if shard_of(one.key, 3) == shard]


def test_records_are_numbered_over_all_files():
    assert starts([3, 0, 2]) == [0, 3, 3, 5]


def test_vectors_of_different_dim_are_refused():
    with pytest.raises(nm.ShapeError, match="dims 2, 3"):
        Block.of([("a", "", np.zeros(2)), ("b", "", np.zeros(3))])
    with pytest.raises(nm.ShapeError, match="dims 2, 3"):
        build_shard([Block.of([("a", "", np.zeros(2))]), Block.of([("b", "", np.zeros(3))])], Packing(), None, None)
