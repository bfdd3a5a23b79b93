"""Files that the real Annoy wrote open and answer no worse; ours are saved whole; what is neither is refused."""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np
import pytest

import nearmost as nm
from nearmost.compat import annoy as ours
from nearmost.errors import AnnoyFileError
from nearmost.forest import Forest

theirs = pytest.importorskip("annoy", reason="the real annoy is not installed: pip install annoy==1.17.3")

METRICS = ("angular", "euclidean", "manhattan", "hamming", "dot")
EDGES = (0, -0.0, 1e-45, 1e-38, -1e-30, 1e-20, 1, -1, 0.1, 1e10, -1e18)
"""float32's own edges; beyond 1e19 squares overflow in the real package, and its distances are no numbers."""

SHAPES = {
    "plain": {"n": 700, "f": 24, "trees": 10},
    "holes": {"n": 700, "f": 24, "trees": 10, "numbers": lambda i: 3 * i + i % 2},
    "few among many holes": {"n": 9, "f": 3, "trees": 10, "numbers": lambda i: 100 * i},
    "one item": {"n": 1, "f": 7, "trees": 10},
    "one item far out": {"n": 1, "f": 7, "trees": 3, "numbers": lambda i: 500},
    "fits into one node": {"n": 40, "f": 60, "trees": 10},
    "duplicates": {"n": 400, "f": 6, "trees": 10, "copies": 40},
    "all equal": {"n": 300, "f": 4, "trees": 3, "copies": 300},
    "100 trees": {"n": 500, "f": 10, "trees": 100},
    "one tree": {"n": 500, "f": 10, "trees": 1},
    "one column": {"n": 200, "f": 1, "trees": 10},
    "64 columns": {"n": 300, "f": 64, "trees": 5},
    "65 columns": {"n": 300, "f": 65, "trees": 5},
    "two jobs": {"n": 500, "f": 10, "trees": 11, "jobs": 2},
    "edge values": {"n": 300, "f": 9, "trees": 10, "edges": True},
    "zero vectors": {"n": 100, "f": 5, "trees": 10, "zeros": True},
    "empty": {"n": 0, "f": 5, "trees": 4},
}


def rows_of(metric, n, f, *, copies=1, edges=False, zeros=False, seed=0):
    rng = np.random.default_rng([seed, n, f])
    rows = rng.choice(np.float32(EDGES), (n, f)) if edges else rng.standard_normal((n, f)).astype(np.float32)
    if zeros:
        rows[::3] = 0
    if n:
        rows = rows[np.arange(n) // copies * copies]
    return (rows > 0).astype(np.float32) if metric == "hamming" else rows


def written(folder, metric, shape):
    """The real package's index over a file that it has just written, and the file."""
    asked = {"numbers": int, "jobs": 1, **SHAPES[shape]}
    numbers, jobs, n, f, trees = (asked.pop(name) for name in ("numbers", "jobs", "n", "f", "trees"))
    index = theirs.AnnoyIndex(f, metric)
    for i, row in enumerate(rows_of(metric, n, f, **asked)):
        index.add_item(numbers(i), row)
    index.build(trees, n_jobs=jobs)
    path = str(folder / "real.ann")
    index.save(path)
    return index, path


def near(real, mine, metric):
    """The same distances: float32 sums in another order, and for angular a root that doubles what is lost."""
    real, mine = np.float64(real), np.float64(mine)
    usual = np.isfinite(real) & (np.abs(real) < 1e37)
    real, mine = real[usual], mine[usual]
    if metric == "angular":
        np.testing.assert_allclose(real**2, mine**2, rtol=2e-6, atol=2e-6)
    else:
        np.testing.assert_allclose(
            real, mine, rtol=3e-6, atol=3e-6 if len(mine) == 0 else 3e-6 * max(1, abs(mine).max())
        )


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("shape", SHAPES)
def test_every_vector_and_distance_of_a_real_file_is_the_real_ones(shape, metric, tmp_path):
    real, path = written(tmp_path, metric, shape)
    mine = ours.AnnoyIndex(real.f, metric)
    assert mine.load(path) is True
    assert (mine.get_n_items(), mine.get_n_trees()) == (real.get_n_items(), real.get_n_trees())
    for item in range(real.get_n_items()):
        assert mine.get_item_vector(item) == real.get_item_vector(item)
    others = range(0, real.get_n_items(), 7)
    for item in range(0, real.get_n_items(), 11):
        if shape != "edge values" or metric in ("manhattan", "hamming"):
            near(*([index.get_distance(item, i) for i in others] for index in (real, mine)), metric)
            found, distances = real.get_nns_by_item(item, 20, -5, include_distances=True)
            own = dict(zip(*mine.get_nns_by_item(item, mine.get_n_items(), -5, include_distances=True), strict=True))
            near(distances, [own[number] for number in found], metric)


@pytest.mark.parametrize("metric", ["angular", "euclidean", "dot"])
def test_distances_of_edge_values_are_those_of_float64(metric, tmp_path):
    """Where float32 squares overflow, vanish or cancel, the real package is off; ours are right."""
    real, path = written(tmp_path, metric, "edge values")
    mine = ours.AnnoyIndex(real.f, metric)
    mine.load(path)
    rows = np.float64([mine.get_item_vector(item) for item in range(mine.get_n_items())])
    for item in range(0, len(rows), 13):
        ids, distances = mine.get_nns_by_item(item, len(rows), -5, include_distances=True)
        products = rows[ids] @ rows[item]
        lengths = np.sqrt((rows[ids] ** 2).sum(1) * (rows[item] ** 2).sum())
        with np.errstate(invalid="ignore"):
            true = {
                "angular": np.sqrt(np.maximum(np.where(lengths > 0, 2 - 2 * products / lengths, 2), 0)),
                "euclidean": np.sqrt(((rows[ids] - rows[item]) ** 2).sum(1)),
                "dot": products,
            }[metric]
        assert len(ids) == len(rows)
        lost = 1e-15 * lengths if metric == "dot" else 1e-7 if metric == "angular" else 1e-30
        assert (np.abs(distances - true) <= 1e-6 * np.abs(true) + lost).all()


@pytest.mark.parametrize("metric", METRICS)
def test_neighbours_at_equal_search_k_have_recall_no_lower(metric, tmp_path):
    n, f = 3000, 16
    rows = rows_of(metric, n, f)
    real = theirs.AnnoyIndex(f, metric)
    rebuilt = ours.AnnoyIndex(f, metric)
    for i, row in enumerate(rows):
        real.add_item(i, row)
        rebuilt.add_item(i, row)
    real.build(10, n_jobs=1)
    rebuilt.build(10)
    real.save(str(tmp_path / "real.ann"))
    opened = ours.AnnoyIndex(f, metric)
    opened.load(str(tmp_path / "real.ann"))
    for search_k in (-1, 10, 50, 300, 1000, 2999):
        shares = {"real": 0.0, "opened": 0.0, "rebuilt": 0.0}
        for query in rows_of(metric, 100, f, seed=1):
            best = real.get_nns_by_vector(query, 10, -5, True)[1][-1]
            for name, index in (("real", real), ("opened", opened), ("rebuilt", rebuilt)):
                distances = np.array(index.get_nns_by_vector(query, 10, search_k, True)[1])
                reached = distances >= best - 1e-5 if metric == "dot" else distances <= best + 1e-5
                shares[name] += reached.sum() / 1000
        assert shares["opened"] >= shares["real"], (search_k, shares)
        assert shares["rebuilt"] >= shares["real"], (search_k, shares)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("shape", ["plain", "holes", "one item", "duplicates", "empty", "one item far out"])
def test_what_is_loaded_and_saved_anew_is_the_same(shape, metric, tmp_path):
    real, path = written(tmp_path, metric, shape)
    first, second, new = (ours.AnnoyIndex(real.f, metric) for _ in range(3))
    first.load(path)
    assert first.save(str(tmp_path / "new.nearmost"), prefault=True) is True
    second.load(str(tmp_path / "new.nearmost"), prefault=True)
    for i in range(real.get_n_items()):
        if shape == "plain" or any(real.get_item_vector(i)):
            new.add_item(i, real.get_item_vector(i))
    for index in (first, second):
        assert (index.get_n_items(), index.get_n_trees()) == (real.get_n_items(), real.get_n_trees())
        for item in range(0, real.get_n_items(), 3):
            assert index.get_item_vector(item) == real.get_item_vector(item)
            compared = [each.get_nns_by_item(item, 5, -5, include_distances=True) for each in (real, index)]
            near(compared[0][1], compared[1][1], metric)
        with pytest.raises(Exception, match="You can't add an item to a loaded index"):
            index.add_item(0, [0] * real.f)


def test_an_index_is_saved_over_the_file_that_it_was_loaded_from(tmp_path):
    real, path = written(tmp_path, "angular", "holes")
    index = ours.AnnoyIndex(real.f, "angular")
    index.load(path)
    before = index.get_nns_by_item(0, 5, -5)
    index.save(path)
    assert index.get_nns_by_item(0, 5, -5) == before == real.get_nns_by_item(0, 5, -5)


def test_files_of_other_makers_open_by_row_or_by_number(tmp_path):
    rows = rows_of("angular", 30, 4)
    nm.Index.build(rows, keys=[f"word {i}" for i in range(30)]).save(tmp_path / "words.nearmost")
    nm.Index.build(rows[:3], keys=["7", "08", "9"]).save(tmp_path / "padded.nearmost")
    nm.Index.build(rows[:3], keys=["7", "8", "90"]).save(tmp_path / "numbers.nearmost")
    expected = {"words": (30, [0, 1]), "padded": (3, [0, 1]), "numbers": (91, [7, 8])}
    for name, (n_items, first) in expected.items():
        index = ours.AnnoyIndex(4, "angular")
        index.load(str(tmp_path / f"{name}.nearmost"))
        assert index.get_n_items() == n_items
        assert index.get_nns_by_vector(rows[0], 1) == first[:1]
        assert index.get_nns_by_vector(rows[1], 1) == first[1:]


@pytest.mark.parametrize("metric", METRICS)
def test_items_are_built_on_disk(metric, tmp_path):
    rows = rows_of(metric, 300, 6)
    path = str(tmp_path / "built")
    index, plain = ours.AnnoyIndex(6, metric), ours.AnnoyIndex(6, metric)
    assert index.on_disk_build(fn=path) is True
    assert os.path.exists(path)
    for number in np.random.default_rng(0).permutation(300).tolist():
        index.add_item(number * 2, rows[number])
        plain.add_item(number * 2, rows[number])
    assert index.get_item_vector(8) == rows[4].tolist()
    assert index.build(10) is True
    plain.build(10)
    assert os.listdir(tmp_path) == ["built"]
    assert index.save(path) is True
    again = ours.AnnoyIndex(6, metric)
    again.load(path)
    for query in rows_of(metric, 10, 6, seed=2):
        assert (
            index.get_nns_by_vector(query, 5) == again.get_nns_by_vector(query, 5) == plain.get_nns_by_vector(query, 5)
        )
    index.unbuild()
    index.add_item(1, rows[0])
    index.build(10)
    assert index.get_n_items() == 599
    assert set(index.get_nns_by_vector(rows[0], 2, -5)) == {0, 1} or metric in ("dot", "hamming")


def test_unwritable_places_are_os_errors(tmp_path):
    index = ours.AnnoyIndex(3, "dot")
    with pytest.raises(OSError, match="You can't save an index that hasn't been built"):
        index.save(str(tmp_path / "a"))
    with pytest.raises(OSError, match="No such"):
        index.on_disk_build(str(tmp_path / "none" / "a"))
    index.build(1)
    for place in (tmp_path / "none" / "a", tmp_path):
        with pytest.raises(OSError, match=r"folder|No such"):
            index.save(str(place))


def test_unload_drops_everything(tmp_path):
    real, path = written(tmp_path, "angular", "plain")
    index = ours.AnnoyIndex(real.f, "angular")
    index.load(path)
    index.load(path)
    assert index.unload() is True
    assert (index.get_n_items(), index.get_n_trees()) == (0, 0)
    index.add_item(0, [1] * real.f)
    assert index.build(3)
    assert index.get_nns_by_item(0, 1) == [0]


def test_a_file_that_cannot_be_loaded_leaves_the_index_as_it_was(tmp_path):
    real, path = written(tmp_path, "angular", "plain")
    index = ours.AnnoyIndex(real.f, "angular")
    index.load(path)
    before = index.get_nns_by_item(0, 5)
    (tmp_path / "zero").write_bytes(b"")
    (tmp_path / "odd").write_bytes(b"abc")
    os.mkfifo(tmp_path / "pipe")
    nm.Index.build(np.ones((2, real.f)), metric="dot").save(tmp_path / "dot.nearmost")
    nm.Index.build(np.ones((2, 3))).save(tmp_path / "three.nearmost")
    (tmp_path / "cut.nearmost").write_bytes((tmp_path / "dot.nearmost").read_bytes()[:-1])
    said = {"zero": "size of file is zero", "odd": "not a multiple of", "none": "No such file", "": "Is a directory",
            "pipe": "pipe",
            "dot.nearmost": "metric dot", "three.nearmost": "dim 3", "cut.nearmost": "damaged|cut"}  # fmt: skip
    for name, words in said.items():
        with pytest.raises(OSError, match=words):
            index.load(str(tmp_path / name))
        assert index.get_nns_by_item(0, 5) == before


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("shape", ["plain", "holes", "65 columns"])
def test_another_dim_or_metric_is_named_and_refused(shape, metric, tmp_path):
    """What cannot be told apart: euclidean from manhattan, and hamming's columns within one word of 64."""
    real, path = written(tmp_path, metric, shape)
    for other in METRICS:
        for f in (real.f - 1, real.f, real.f + 1, 2 * real.f):
            same = {metric, other} <= {"euclidean", "manhattan"} and f == real.f
            if (other, f) == (metric, real.f) or same:
                ours.AnnoyIndex(f, other).load(path)
            elif metric == other == "hamming" and -(-f // 64) == -(-real.f // 64) and f > real.f:
                continue
            else:
                with pytest.raises(AnnoyFileError, match=r"looks like|damaged, or") as caught:
                    ours.AnnoyIndex(f, other).load(path)
                told = re.findall(r"dim (\d+)(?: to (\d+))?, metric (.*?)(?= or dim|$)", str(caught.value))
                assert any(int(a) <= real.f <= int(b or a) and metric in name for a, b, name in told), caught.value


@pytest.mark.parametrize("metric", METRICS)
def test_a_file_cut_short_is_refused_or_still_true(metric, tmp_path):
    """Cut between two copies of roots, it is a sound file of fewer trees; cut anywhere else it is refused."""
    real, path = written(tmp_path, metric, "holes")
    whole = Path(path).read_bytes()
    best = real.get_nns_by_item(0, 5, -5)
    size = Forest.open(path, metric, real.f)._values.strides[0]
    opened = 0
    for length in {
        *range(0, len(whole), 37 * size),
        *range(len(whole) - 30 * size, len(whole), size),
        *range(1, len(whole), 4999),
        len(whole) - size,
        len(whole) - 1,
    }:
        (tmp_path / "cut").write_bytes(whole[:length])
        index = ours.AnnoyIndex(real.f, metric)
        try:
            index.load(str(tmp_path / "cut"))
        except AnnoyFileError:
            continue
        opened += 1
        assert index.get_n_items() == real.get_n_items()
        assert index.get_nns_by_item(0, 5, -5) == best
    assert 9 <= opened <= 21


def test_items_come_as_vectors(tmp_path):
    real, path = written(tmp_path, "euclidean", "holes")
    vectors = ours.read_forest(path, real.f, "euclidean")
    assert len(vectors) == 700
    assert vectors.keys[:3] == ["0", "4", "6"]
    assert vectors.rows[5].tolist() == real.get_item_vector(int(vectors.keys[5]))
    names = [f"word {number}" for number in range(real.get_n_items())]
    assert ours.read_forest(path, real.f, "euclidean", keys=names).keys[1] == "word 4"
    with pytest.raises(nm.ShapeError, match="700 keys"):
        ours.read_forest(path, real.f, "euclidean", keys=names[:700])
    real, path = written(tmp_path, "hamming", "65 columns")
    vectors = ours.read_forest(path, 65, "hamming")
    assert vectors.rows.tolist() == [real.get_item_vector(i) for i in range(300)]
    assert ours.read_forest(path, 65, nm.METRICS["hamming"]).keys[299] == "299"
    with pytest.raises(nm.InputError, match="No such metric"):
        ours.read_forest(path, 65, "minkowski")
    with pytest.raises(nm.InputError, match="dim is 0"):
        ours.read_forest(path, 0, "hamming")


def test_two_processes_share_the_pages_of_a_file(tmp_path):
    real, path = written(tmp_path, "angular", "plain")
    index = ours.AnnoyIndex(real.f, "angular")
    index.load(path)
    del real
    maps = [line.split()[1] for line in Path("/proc/self/maps").read_text().splitlines() if path in line]
    assert maps == ["r--s"], "read-only and shared"
