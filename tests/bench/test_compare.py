"""What a comparison promises: measured recall, every library or why not, and a failure of one is not one of all."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from nearmost.bench import PEERS, Comparison, compare
from nearmost.bench.crew import Member, MethodFailedError
from nearmost.bench.machine import machine
from nearmost.errors import InputError, ShapeError

QUICK = {"rounds": 2, "seconds_per_point": 0.02, "n_queries": 60}


@pytest.fixture(scope="module")
def rows() -> np.ndarray:
    rng = np.random.default_rng(0)
    return np.float32(rng.normal(size=(40, 12))[rng.integers(40, size=2500)] + 0.4 * rng.normal(size=(2500, 12)))


@pytest.fixture(scope="module")
def run(rows: np.ndarray) -> Comparison:
    pytest.importorskip("sklearn")
    return compare(rows, against=["sklearn"], kinds=["flat", "partition"], **QUICK)


def test_ours_comes_first_and_every_method_has_both_modes(run):
    assert [curve.name for curve in run.curves] == ["nearmost flat", "nearmost partition", "scikit-learn (exact)"]
    assert all(curve.points["single"] and curve.points["batch"] for curve in run.curves)
    assert run.modes == ("single", "batch")
    assert run.left_out == {}


def test_exact_methods_are_found_to_be_exact(run):
    for curve in (run.curves[0], run.curves[2]):
        assert [point.recall for point in curve.front("single")] == [1]


def test_asking_for_more_recall_finds_more(run):
    found = [(point.setting["recall"], point.recall) for point in run.curves[1].points["batch"]]
    assert len(found) >= 3
    assert [recall for _, recall in sorted(found)] == sorted(recall for _, recall in found)
    assert max(found)[1] > 0.97


def test_sizes_and_times_are_those_of_real_indexes(run):
    floats = 2440 * 12 * 4
    for curve in run.curves:
        assert floats < curve.file_bytes < 3 * floats
        assert 0 <= curve.build_seconds < 60
        for point in curve.points["single"]:
            assert 0 < point.slowest <= point.speed <= point.fastest


def test_the_facts_say_what_was_measured(run):
    facts = run.facts
    assert (facts["n_rows"], facts["dim"], facts["n_queries"], facts["metric"]) == (2440, 12, 60, "cosine")
    assert facts["versions"]["sklearn"][0].isdigit()
    assert set(machine()) >= {"processor", "cores", "instruction set used"}


@pytest.mark.parametrize("name", [name for name in PEERS if name not in ("sklearn", "pynndescent")])
def test_each_library_that_is_installed_finds_the_nearest(name, rows):
    pytest.importorskip(PEERS[name].module, reason=f"{name} is not installed")
    run = compare(rows, against=[name], metric="euclidean", modes=["batch"], **QUICK)
    theirs = [curve for curve in run.curves if not curve.ours]
    assert {curve.name for curve in theirs} | run.left_out.keys() == set(PEERS[name].methods)
    assert len(theirs) >= len(PEERS[name].methods) / 2  # a kind may want another processor
    for curve in theirs:
        assert max(point.recall for point in curve.points["batch"]) > 0.9, curve.name


def test_a_library_that_is_not_there_is_named_with_what_installs_it(rows, monkeypatch):
    monkeypatch.setitem(PEERS, "annoy", replace(PEERS["annoy"], module="no_such_module"))
    run = compare(rows, against=["annoy"], modes=["batch"], **QUICK)
    assert run.left_out == {"annoy": "not installed: pip install annoy"}


def test_a_library_that_lacks_the_metric_is_named(rows):
    run = compare(np.float32(rows > 0), against=["sklearn"], metric="hamming", modes=["batch"], **QUICK)
    assert run.left_out == {"sklearn": "does not know hamming"}


def test_a_method_that_fails_is_named_and_the_others_go_on(rows, monkeypatch):
    pytest.importorskip("sklearn")
    monkeypatch.setitem(
        PEERS, "sklearn", replace(PEERS["sklearn"], module="json", ladders={"": [[{}]]}, methods={"bad": {}})
    )
    # its build is that of scikit-learn, which knows no metric "dot"
    monkeypatch.setitem(PEERS, "sklearn", replace(PEERS["sklearn"], metrics=frozenset({"dot"})))
    run = compare(rows, against=["sklearn"], metric="dot", modes=["batch"], **QUICK)
    assert [curve.name for curve in run.curves] == ["nearmost"]
    assert "dot" in run.left_out["bad"]


def test_a_process_that_ends_is_an_error_that_says_so(tmp_path: Path):
    with Member("gone", tmp_path, 1) as member:
        member._process.kill()
        member._process.wait()
        with pytest.raises(MethodFailedError, match="its process ended with status -9"):
            member.ask(do="build")


def test_what_cannot_be_is_refused_in_words(rows):
    with pytest.raises(InputError, match="no library 'nmslib' is known to measure; known are annoy"):
        compare(rows, against=["nmslib"])
    with pytest.raises(InputError, match="nearmost tree cannot be measured: InputError: kind is 'tree'"):
        compare(rows, against=[], kinds=["tree"], **QUICK)
    with pytest.raises(InputError, match="2000 queries cannot be held out of 2500 vectors"):
        compare(rows, against=[], n_queries=2000)
    with pytest.raises(ShapeError, match=r"queries have shape \(1, 3\); they must have dim 12"):
        compare(rows, against=[], queries=[[1, 2, 3]])
    with pytest.raises(InputError, match="k is 3000"):
        compare(rows, against=[], k=3000)
