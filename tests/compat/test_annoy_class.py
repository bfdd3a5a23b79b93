"""nearmost.compat.annoy beside the real package: every method, argument, default, answer and error."""

from __future__ import annotations

import pickle
import warnings

import numpy as np
import pytest

from nearmost.compat import annoy as ours

theirs = pytest.importorskip("annoy", reason="the real annoy is not installed: pip install annoy==1.17.3")

METRICS = ("angular", "euclidean", "manhattan", "hamming", "dot")
BOTH = (theirs.AnnoyIndex, ours.AnnoyIndex)


def vectors(n, f, metric="angular", seed=0):
    values = np.random.default_rng([seed, n, f]).standard_normal((n, f)).astype(np.float32)
    return (values > 0).astype(np.float32) if metric == "hamming" else values


def pair(f=5, metric="angular", rows=None, numbers=None):
    made = [kind(f, metric) for kind in BOTH]
    rows = vectors(40, f, metric) if rows is None else rows
    for number, row in zip(range(len(rows)) if numbers is None else numbers, rows, strict=True):
        for index in made:
            index.add_item(number, row)
    return made


def outcome(work):
    """What came back, or what was raised."""
    try:
        return work()
    except Exception as error:
        return error


def alike(real, mine):
    """Equal answers, or an error that an ``except`` for the real one catches too."""
    if isinstance(real, Exception):
        return isinstance(mine, type(real))
    return type(real) is type(mine) and real == mine


def raised(work):
    with pytest.raises(Exception) as caught:  # noqa: PT011
        work()
    return caught.value


def same_error(one, other):
    """The real package's error, or a subclass of it, whose message holds the real one's words."""
    assert isinstance(other, type(one)), (type(one), type(other))
    return str(one) in str(other)


CASES = {
    "no arguments": lambda kind: kind(),
    "f as text": lambda kind: kind("5", "angular"),
    "f as a float": lambda kind: kind(5.0, "angular"),
    "f beyond 32 bits": lambda kind: kind(1 << 31, "angular"),
    "metric None": lambda kind: kind(5, None),
    "unknown metric": lambda kind: kind(5, "cosine"),
    "by keyword": lambda kind: kind(f=5, metric="dot").f,
    "numpy f": lambda kind: kind(np.int64(5), "dot").f,
    "unknown keyword": lambda kind: kind(5, metrics="dot"),
}


@pytest.mark.parametrize("case", [name for name in CASES if name != "metric None"])
def test_made_as_the_real_one_is(case):
    real, mine = (outcome(lambda kind=kind: CASES[case](kind)) for kind in BOTH)
    assert alike(real, mine), (real, mine)


def test_metric_is_warned_about_and_none_is_no_metric():
    for kind in BOTH:
        with pytest.warns(FutureWarning, match="Please pass metric='angular' explicitly"):
            index = kind(3)
        index.add_item(0, [0, 0, 0])
        index.add_item(1, [1, 0, 0])
        assert index.get_distance(0, 1) == pytest.approx(np.sqrt(2))
    with pytest.raises(TypeError):
        theirs.AnnoyIndex(3, None)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ours.AnnoyIndex(3, "angular")


class Third:
    """Has a length and gives numbers, and is nothing else."""

    def __len__(self):
        return 5

    def __getitem__(self, column):
        return 1.5 * column


ADDED = {
    "list": (0, [1, 2, 3, 4, 5]),
    "tuple": (1, (1.5, 2, 3, 4, 5)),
    "numpy float64": (2, np.arange(5) / 3),
    "numpy float16": (2, np.arange(5).astype(np.float16)),
    "numpy int": (3, np.arange(5)),
    "numpy bool": (3, np.arange(5) > 2),
    "numpy view": (4, np.arange(10.0)[::2]),
    "numpy objects": (4, np.array([1, 2.5, 3, 4, 5], object)),
    "dict": (5, {column: column / 7 for column in range(5)}),
    "anything with a length": (6, Third()),
    "range": (7, range(5)),
    "number of numpy": (np.int32(8), [1, 2, 3, 4, 5]),
    "True": (True, [1, 2, 3, 4, 5]),
    "a gap": (20, [1, 2, 3, 4, 5]),
    "negative number": (-1, [1, 2, 3, 4, 5]),
    "number as a float": (1.0, [1, 2, 3, 4, 5]),
    "number beyond 32 bits": (1 << 31, [1, 2, 3, 4, 5]),
    "number as text": ("1", [1, 2, 3, 4, 5]),
    "too short": (0, [1, 2, 3, 4]),
    "too long": (0, np.arange(6)),
    "empty": (0, []),
    "text": (0, "12345"),
    "texts": (0, ["1", "2", "3", "4", "5"]),
    "None within": (0, [1, 2, None, 4, 5]),
    "None": (0, None),
    "a number": (0, 5),
    "a generator": (0, (column for column in range(5))),
    "two axes": (0, np.zeros((5, 2))),
    "complex": (0, [1j] * 5),
}


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("case", ADDED)
def test_takes_and_refuses_the_same_items(case, metric):
    number, vector = ADDED[case]
    real, mine = (kind(5, metric) for kind in BOTH)
    if case != "a generator":
        assert alike(*(outcome(lambda index=index: index.add_item(number, vector)) for index in (real, mine)))
    assert real.get_n_items() == mine.get_n_items()
    for item in range(real.get_n_items()):
        assert real.get_item_vector(item) == mine.get_item_vector(item)
    assert alike(*(outcome(lambda index=index: index.get_nns_by_vector(vector, 1)) for index in (real, mine)))


def test_says_the_same_words_where_it_refuses():
    for work in (
        lambda index: index.add_item(-1, [1] * 5),
        lambda index: index.add_item(0, [1] * 4),
        lambda index: index.add_item(1 << 31, [1] * 5),
        lambda index: index.get_item_vector(40),
        lambda index: index.get_item_vector(-1),
        lambda index: index.get_distance(0, 40),
        lambda index: index.get_nns_by_item(40, 1),
        lambda index: index.get_nns_by_vector([1], 1),
        lambda index: index.get_nns_by_item(1.0, 1),
        lambda index: index.set_seed(1 << 31),
        lambda index: index.save("never.ann"),
    ):
        real, mine = pair()
        assert same_error(raised(lambda: work(real)), raised(lambda: work(mine)))  # noqa: B023
    for work in (lambda index: index.build(3), lambda index: index.build(n_trees=3, n_jobs=1)):
        real, mine = pair()
        for index in (real, mine):
            assert index.build(3) is True
        assert same_error(raised(lambda: work(real)), raised(lambda: work(mine)))  # noqa: B023


@pytest.mark.parametrize(
    "work",
    [
        lambda index: index.get_item_vector(i=0),
        lambda index: index.get_distance(i=0, j=1),
        lambda index: index.verbose(v=True),
        lambda index: index.set_seed(s=1),
        lambda index: index.build(),
        lambda index: index.build(10.0),
        lambda index: index.build(trees=10),
        lambda index: index.verbose("yes"),
        lambda index: index.get_nns_by_item(0, 2.0),
        lambda index: index.get_nns_by_item(0, 2, None),
        lambda index: index.get_nns_by_item(0, 2, 10, None),
        lambda index: index.get_nns_by_item(0),
        lambda index: index.load(3),
        lambda index: index.load("none", None),
        lambda index: index.get_n_items(1),
        lambda index: index.verbose(False),
        lambda index: index.set_seed(-3),
        lambda index: index.set_seed(np.int64(3)),
        lambda index: index.unbuild(),
        lambda index: index.unload(),
        lambda index: index.build(2),
        lambda index: index.build(n_trees=2, n_jobs=2),
        lambda index: index.get_n_trees(),
        lambda index: index.get_nns_by_item(0, 3),
        lambda index: index.get_nns_by_vector([0] * 5, 3, include_distances=True),
    ],
)
def test_arguments_and_answers_are_those_of_the_real_one(work):
    real, mine = (outcome(lambda index=index: work(index)) for index in pair())
    assert alike(real, mine), (real, mine)


@pytest.mark.parametrize("metric", METRICS)
def test_small_indexes_give_the_same_neighbours(metric):
    rows = vectors(60, 5, metric)
    rows[7] = rows[3]
    real, mine = pair(5, metric, rows)
    for index in (real, mine):
        index.build(100)
    queries = vectors(20, 5, metric, seed=1)
    for query in queries:
        for more in ({"search_k": 100_000}, {"search_k": -5}, {"search_k": -5, "include_distances": True}):
            answers = [index.get_nns_by_vector(query, 10, **more) for index in (real, mine)]
            compared(*answers, metric)
    for item in range(60):
        compared(*[index.get_nns_by_item(item, 8, 100_000, True) for index in (real, mine)], metric)
        found, best = (index.get_nns_by_item(item, 8, -1, True)[1] for index in (real, mine))
        sign = -1 if metric == "dot" else 1
        assert (sign * np.array(best) <= sign * np.array(found) + 1e-5).all(), "no farther, rank by rank"


def compared(real, mine, metric):
    """Lists or pairs of lists are equal, but for items whose distances float32 cannot tell apart."""
    assert type(real) is type(mine)
    if isinstance(real, list):
        if metric != "hamming":
            assert real == mine
        return
    assert [type(part) for part in mine] == [list, list]
    assert all(type(number) is int for number in mine[0])
    assert all(type(distance) is float for distance in mine[1])
    near(real[1], mine[1], metric)


def near(real, mine, metric):
    """The same distances: float32 sums in another order, and for angular a root that doubles what is lost."""
    real, mine = np.float64(real), np.float64(mine)
    if metric == "angular":
        np.testing.assert_allclose(real**2, mine**2, rtol=2e-6, atol=2e-6)
    else:
        np.testing.assert_allclose(real, mine, rtol=3e-6, atol=3e-6)


@pytest.mark.parametrize("metric", METRICS)
def test_distances_are_those_of_the_real_one(metric):
    rows = vectors(30, 70, metric)
    rows[3] = 0
    rows[5] = rows[4]
    real, mine = pair(70, metric, rows, [number + number // 10 for number in range(30)])
    for one in range(real.get_n_items()):
        near([real.get_distance(one, i) for i in range(30)], [mine.get_distance(one, i) for i in range(30)], metric)
    assert type(mine.get_distance(0, 1)) is float


@pytest.mark.parametrize(
    ("n", "search_k"), [(0, -1), (3, 0), (100, -1), (3, 1), (3, -7), (-1, -1), (-4, -1), (1000, 100_000)]
)
def test_odd_numbers_of_neighbours_are_taken_alike(n, search_k):
    real, mine = pair()
    for index in (real, mine):
        assert index.get_nns_by_item(0, n, search_k) == []
        assert index.get_nns_by_item(0, n, search_k, include_distances=True) == ([], [])
        index.build(50)
    answers = [index.get_nns_by_item(0, n, search_k) for index in (real, mine)]
    if search_k == 1:  # looks into one list only, and finds what is there
        assert len(answers[1]) == 3
    else:
        assert answers[0] == answers[1]


def test_numbers_with_gaps_are_holes():
    numbers = [0, 3, 4, 50, 7]
    real, mine = pair(numbers=numbers, rows=vectors(5, 5))
    for index in (real, mine):
        index.build(10)
        assert index.get_n_items() == 51
        assert index.get_item_vector(2) == [0.0] * 5
        assert sorted(index.get_nns_by_item(0, 100)) == sorted(numbers)
        assert index.get_distance(2, 5) == pytest.approx(np.sqrt(2))
    assert real.get_nns_by_item(3, 5, include_distances=True)[0] == mine.get_nns_by_item(3, 5)
    assert len(mine.get_nns_by_item(2, 5)) == 5  # from a hole: the zero vector


def test_a_gap_of_a_billion_takes_no_room():
    index = ours.AnnoyIndex(3, "euclidean")
    index.add_item(5, [0, 0, 0])
    index.add_item(2_000_000_000, [1, 0, 0])
    index.build(10)
    assert index.get_nns_by_vector([1, 1, 0], 2) == [2_000_000_000, 5]
    assert index.get_n_items() == 2_000_000_001


@pytest.mark.parametrize("n_items", [1, 60, 500])
@pytest.mark.parametrize("f", [3, 20, 100])
def test_trees_are_counted_as_asked_for(n_items, f):
    real, mine = pair(f, rows=vectors(n_items, f))
    assert real.get_n_trees() == mine.get_n_trees() == 0
    for index in (real, mine):
        index.build(7, n_jobs=2)
        assert index.get_n_trees() == 7
        index.unbuild()
        assert index.get_n_trees() == 0
        index.build(-1)
    assert mine.get_n_trees() == pytest.approx(real.get_n_trees(), rel=0.5, abs=1)


def test_no_trees_find_nothing():
    real, mine = pair()
    for index in (real, mine):
        index.build(0, n_jobs=1)
        assert index.get_nns_by_item(0, 3) == []


def test_an_empty_index_is_built_saved_and_loaded(tmp_path):
    for kind in BOTH:
        index = kind(3, "euclidean")
        assert index.build(4, n_jobs=1)
        assert index.get_nns_by_vector([1, 2, 3], 3, include_distances=True) == ([], [])
        assert index.save(str(tmp_path / "empty"))
        again = kind(3, "euclidean")
        assert again.load(str(tmp_path / "empty"))
        assert again.get_n_items() == 0
        assert again.get_nns_by_vector([1, 2, 3], 3) == []
        with pytest.raises(IndexError):
            again.get_item_vector(0)


def test_unbuild_lets_items_be_added():
    real, mine = pair()
    for index in (real, mine):
        index.build(50)
        assert index.unbuild() is True
        assert index.get_nns_by_item(0, 3) == []
        index.add_item(40, index.get_item_vector(0))
        assert index.build(50) is True
        assert index.get_nns_by_item(0, 2) == [0, 40]


def test_items_added_after_build_are_found():
    """The real one takes them too, and then finds what it can: its README says not to."""
    index = pair()[1]
    index.build(10)
    index.add_item(3, [9, 9, 9, 9, 9])
    index.add_item(90, [9, 9, 9, 9, 8])
    assert index.get_n_items() == 91
    assert index.get_n_trees() == 10
    assert index.get_nns_by_vector([9] * 5, 2) == [3, 90]


def test_the_same_seed_makes_the_same_file_whatever_n_jobs(tmp_path):
    made = []
    for jobs in (1, 2, -1):
        index = pair(rows=vectors(500, 5))[1]
        index.set_seed(7)
        index.build(10, n_jobs=jobs)
        index.save(str(tmp_path / "a"))
        made.append((tmp_path / "a").read_bytes())
    assert made[0] == made[1] == made[2]


def test_verbose_reports_to_stderr(capfd):
    index = pair()[1]
    assert index.verbose(True) is True
    index.build(3)
    assert index.verbose(False) is True
    assert "nearmost: packed 40 of 40" in capfd.readouterr().err
    index.unbuild()
    index.build(3)
    assert capfd.readouterr().err == ""


def test_subclass_pickle_and_repr(tmp_path):
    class Mine(ours.AnnoyIndex):
        def __init__(self, path):
            super().__init__(5, "angular")
            self.load(path)

    index = pair()[1]
    assert repr(index) == "<AnnoyIndex of 40 x 5, angular, not built>"
    with pytest.raises(TypeError, match="cannot pickle"):  # as the real one, which always refuses
        pickle.dumps(index)
    index.build(3)
    index.save(str(tmp_path / "a"))
    again = pickle.loads(pickle.dumps(index))
    assert again.get_nns_by_item(0, 5) == index.get_nns_by_item(0, 5) == Mine(str(tmp_path / "a")).get_nns_by_item(0, 5)
    assert repr(again) == "<AnnoyIndex of 40 x 5, angular>"


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), 1e39])
def test_what_no_distance_can_be_taken_from_is_refused(bad):
    """The real one keeps NaN and infinity, and answers with them."""
    index = pair()[1]
    with pytest.raises(ValueError, match="NaN, infinity"):
        index.add_item(0, [bad, 0, 0, 0, 0])
    index.build(3)
    with pytest.raises(ValueError, match="NaN, infinity"):
        index.get_nns_by_vector([bad, 0, 0, 0, 0], 3)


def test_every_method_of_the_real_class_is_here():
    public = {name for name in dir(theirs.AnnoyIndex) if not name.startswith("_")}
    assert public == {name for name in [*vars(ours.AnnoyIndex), "f"] if not name.startswith("_")}
    assert all(getattr(ours.AnnoyIndex, name).__doc__ for name in public - {"f"})
