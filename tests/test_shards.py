"""Many index files as one: the answers of one index of all rows, keys and texts, and errors for what is no whole."""

from __future__ import annotations

import pickle
import shutil
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nearmost as nm
from nearmost import METRICS, Corpus, GaussianProjection, Index, Vectors, store
from nearmost.errors import (
    DamagedFileError,
    DuplicateKeyError,
    EncoderMismatchError,
    InputError,
    NotAnIndexError,
    ShapeError,
    ShardError,
    UnknownKeyError,
)
from nearmost.kinds.flat import Flat
from nearmost.rows import Rows
from nearmost.union import Union

ROWS = np.random.default_rng(0).standard_normal((90, 6)).astype(np.float32)
NAMES = [f"row {i}" for i in range(90)]
CUTS = ((0, 20), (20, 21), (21, 90))
TEXTS = ["copy a folder", "sort a list", "parse a date", "remove a folder", "read a list of dates", "make a copy"]


def saved(folder, rows=ROWS, names=NAMES, cuts=CUTS, **knobs):
    """Index files of parts of the rows, and a pattern of their names."""
    for number, (start, stop) in enumerate(cuts):
        keys = None if names is None else names[start:stop]
        path = folder / f"rows-{number:05d}-of-{len(cuts):05d}.nearmost"
        Index.build(rows[start:stop], keys=keys, **knobs).save(path)
    return str(folder / "rows-*.nearmost")


@pytest.fixture
def pattern(tmp_path):
    return saved(tmp_path)


def same(found, other):
    return np.array_equal(found.ids, other.ids) and np.array_equal(found.scores, other.scores)


# Answers


@pytest.mark.parametrize("metric", METRICS)
def test_shards_answer_as_one_index_of_all_rows(metric, tmp_path):
    rows = (ROWS > 0).astype(np.float32) if metric == "hamming" else ROWS
    shards = nm.open(saved(tmp_path, rows, metric=metric))
    whole = Index.build(rows, keys=NAMES, metric=metric)
    for k in (1, 3, 40, 200):
        assert same(shards.search(rows, k), whole.search(rows, k))
        assert same(shards.search(rows[3], k), whole.search(rows[3], k))
    assert shards.nearest("row 30", k=4) == whole.nearest("row 30", k=4)
    assert same(shards.search(rows[:9], 5, radius=0.7), whole.search(rows[:9], 5, radius=0.7))


@pytest.mark.parametrize(
    "knobs",
    [
        {"allow": NAMES[15:30]},
        {"deny": np.arange(60)},
        {"allow": np.arange(90) % 3 == 0, "deny": ["row 3"]},
        {"allow": [20]},
        {"allow": np.zeros(90, bool)},
        {"leave_out": np.arange(90)},
        {"allow": np.arange(25), "leave_out": np.arange(90)},
    ],
)
def test_filters_name_rows_of_the_whole(pattern, knobs):
    whole = Index.build(ROWS, keys=NAMES)
    assert same(nm.open(pattern).search(ROWS, 7, **knobs), whole.search(ROWS, 7, **knobs))


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.lists(st.integers(0, 30), min_size=1, max_size=6),
    st.integers(1, 40),
    st.sampled_from(list(METRICS.values())),
    st.booleans(),
)
def test_any_cut_of_any_rows_gives_the_same_answer(seed, lengths, k, metric, by_cluster):
    """With many ties, on duplicates and whole numbers, and with all of a cluster in one part."""
    random = np.random.default_rng(seed)
    rows = random.integers(0, 2 if metric.name == "hamming" else 3, (sum(lengths), 4)).astype(np.float32)
    rows = rows[np.lexsort(rows.T)] if by_cluster else rows
    queries = random.integers(0, 2, (5, 4)).astype(np.float32)
    firsts = np.cumsum([0, *lengths])
    parts = [Flat.pack(metric, Rows.of(rows[start:stop], metric)) for start, stop in pairwise(firsts)]
    assert same(Union(parts).search(queries, k), Flat.pack(metric, Rows.of(rows, metric)).search(queries, k))


def test_scores_that_only_float64_tells_apart_stand_in_its_order():
    """One number in 2^24 differs: the scores are equal in float32, and the farther row has the smaller id."""
    near, far = np.array([[1, 0, 0]], np.float32), np.array([[1, 2e-4, 0]], np.float32)
    metric = METRICS["cosine"]
    parts = [Flat.pack(metric, Rows.of(rows, metric)) for rows in (far, near)]
    found = Union(parts).search(near, 2)
    assert found.scores[0, 0] == found.scores[0, 1]
    assert found.ids.tolist() == [[1, 0]]


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 2**32 - 1), st.lists(st.integers(1, 6), min_size=2, max_size=5), st.integers(1, 12), st.booleans()
)
def test_any_rows_that_only_float64_tells_apart_stand_as_in_one_index(seed, lengths, k, euclidean):
    random = np.random.default_rng(seed)
    rows = np.ones((sum(lengths), 3), np.float32)
    rows[:, 1] += random.integers(0, 4, len(rows)) * np.float32(2**-23)
    rows[random.random(len(rows)) < 0.2, 2] = 0.5
    metric = METRICS["euclidean" if euclidean else "cosine"]
    firsts = np.cumsum([0, *lengths])
    parts = [Flat.pack(metric, Rows.of(rows[start:stop], metric)) for start, stop in pairwise(firsts)]
    queries = np.array([[1, 0, 0], [1, 1, 1], [0, 1, 3]], np.float32)
    assert same(Union(parts).search(queries, k), Flat.pack(metric, Rows.of(rows, metric)).search(queries, k))


@pytest.mark.parametrize("kind", ["partition", "graph"])
@pytest.mark.parametrize("cut", ["at random", "by cluster"])
@pytest.mark.parametrize("k", [1, 10, 50])
def test_the_recall_asked_for_holds_for_the_whole(kind, cut, k, clustered):
    rows, queries, shards = clustered(kind, cut)
    truth = Index.build(rows, metric="euclidean", exact=True).search(queries, k)
    for recall in (0.8, 0.95):
        found = shards.search(queries, k, recall=recall)
        hits = np.minimum(k, (found.scores >= truth.scores[:, -1:]).sum(axis=1))
        assert hits.mean() / k > recall - 0.02
        assert (np.diff(found.scores, axis=1) <= 0).all()
    assert same(shards.search(queries, k, recall=1), truth)


@pytest.fixture(scope="module")
def clustered(tmp_path_factory):
    """Rows in clusters, cut at random or so that a cluster lies in one shard."""
    random = np.random.default_rng(5)
    centers = random.standard_normal((40, 12)) * 2
    owner = random.integers(0, 40, 8300)
    every = (centers[owner] + random.standard_normal((8300, 12))).astype(np.float32)
    rows, queries = every[:8000], every[8000:]
    orders = {"at random": np.arange(8000), "by cluster": np.argsort(owner[:8000], kind="stable")}
    made = {}

    def clustered(kind, cut):
        if (kind, cut) not in made:
            folder = tmp_path_factory.mktemp("shards")
            cuts = [(start, start + 2000) for start in range(0, 8000, 2000)]
            ordered = rows[orders[cut]]
            pattern = saved(folder, ordered, None, cuts, metric="euclidean", kind=kind)
            made[kind, cut] = ordered, queries, nm.open(pattern)
        return made[kind, cut]

    return clustered


def test_more_queries_than_are_held_at_once(pattern):
    queries = np.random.default_rng(1).standard_normal((9001, 6)).astype(np.float32)
    told = []
    found = nm.open(pattern).search(queries, 3, progress=lambda done, total: told.append(done / total))
    assert same(found, Index.build(ROWS).search(queries, 3))
    assert told == sorted(told)
    assert all(0 <= share <= 1 for share in told)


def test_numbers_of_different_types_and_kinds_are_searched_together(tmp_path):
    whole_numbers = np.random.default_rng(2).integers(0, 200, (3000, 6)).astype(np.float32)
    Index.build(whole_numbers, kind="partition").save(tmp_path / "a.nearmost")
    Index.build(ROWS, exact=True).save(tmp_path / "b.nearmost")
    shards = nm.open([tmp_path / "b.nearmost", tmp_path / "a.nearmost"])
    whole = Index.build(np.concatenate([ROWS, whole_numbers]), exact=True)
    assert same(shards.search(ROWS, 20, recall=1), whole.search(ROWS, 20))


# Keys, texts, encoder


def test_one_file_is_that_index(tmp_path):
    saved(tmp_path, cuts=[(0, 90)])
    path = tmp_path / "rows-00000-of-00001.nearmost"
    for given_path in (path, str(path), [path], str(tmp_path / "*.nearmost")):
        assert nm.open(given_path).info()["kind"] == "flat"


def test_keys_are_numbered_through(pattern):
    shards = nm.open(pattern)
    assert len(shards) == 90
    assert list(shards.keys) == NAMES
    assert shards.keys[20] == "row 20"
    assert shards.keys[-1] == "row 89"
    assert shards.keys[18:23] == NAMES[18:23]
    assert shards.keys.take([89, 0, 20]) == ["row 89", "row 0", "row 20"]
    assert shards.keys.row("row 21") == 21
    assert shards.keys.rows(["row 89", "none", "row 0"]).tolist() == [89, -1, 0]
    assert "row 5" in shards
    assert "row 90" not in shards
    assert np.array_equal(shards.vector("row 20"), ROWS[20])
    assert np.array_equal(shards.vectors().rows, ROWS)
    with pytest.raises(UnknownKeyError, match="did you mean 'row 2"):
        shards.vector("row 2_")
    with pytest.raises(InputError, match="keys are strings"):
        shards.vector(3)
    with pytest.raises(IndexError):
        shards.keys[90]
    with pytest.raises(IndexError):
        shards.keys.take([0, 90])


def test_rows_without_keys_are_called_by_their_number_in_the_whole(tmp_path):
    shards = nm.open(saved(tmp_path, names=None))
    assert shards.keys[50] == "50"
    assert np.array_equal(shards.vector("50"), ROWS[50])


def test_shards_of_texts_are_searched_by_text(tmp_path):
    corpus = Corpus.of(TEXTS, keys=[f"t{i}" for i in range(6)])
    encoder = nm.load_encoder("lsa:3").fit(corpus.texts)
    whole = Index.build(corpus, encoder=encoder)
    for number, part in enumerate((slice(0, 2), slice(2, 6))):
        Index.build(Corpus.of(corpus.texts[part], corpus.keys[part]), encoder=Fixed(encoder)).save(
            tmp_path / f"{number}.nearmost"
        )
    shards = nm.open(str(tmp_path / "*.nearmost"))
    assert same(shards.search("copy a list", 4), whole.search("copy a list", 4))
    assert shards.search(TEXTS, 1).ids[:, 0].tolist() == list(range(6))
    assert list(shards.texts) == TEXTS
    assert shards.texts[4] == shards.text("t4") == TEXTS[4]
    assert shards.nearest(text="parse a date", k=1)[0][0] == "t2"
    with pytest.raises(EncoderMismatchError):
        nm.open(str(tmp_path / "*.nearmost"), encoder="lsa:2")


class Fixed:
    """An encoder that has learnt, and does not learn again."""

    def __init__(self, encoder):
        self.spec, self.dim, self.encode, self.state = encoder.spec, encoder.dim, encoder.encode, encoder.state

    def fit(self, texts):
        return self


def test_analogies_go_across_shards(pattern):
    whole = Index.build(ROWS, keys=NAMES)
    asked = (["row 2", "row 50"], ["row 20"], 5)
    assert nm.open(pattern).analogy(*asked) == whole.analogy(*asked)


@pytest.mark.parametrize("keep_full", [False, True])
def test_shards_of_one_projection_answer_as_one_projected_index(keep_full, tmp_path):
    knobs = {"projection": GaussianProjection(6, 3, seed=1), "keep_full": keep_full}
    shards = nm.open(saved(tmp_path, **knobs))
    whole = Index.build(ROWS, keys=NAMES, **knobs)
    assert same(shards.search(ROWS, 5), whole.search(ROWS, 5))
    assert same(shards.search(ROWS, 5, rescore=30), whole.search(ROWS, 5, rescore=30))
    assert shards.nearest("row 20") == whole.nearest("row 20")


def test_shards_can_be_tuned_described_pickled_and_closed(pattern):
    shards = nm.open(pattern)
    assert same(shards.tune(ROWS).search(ROWS), shards.search(ROWS))
    info = shards.info()
    assert (info["kind"], info["n_rows"], info["path"]) == ("shards", 90, pattern)
    assert [shard["n_rows"] for shard in info["shards"]] == [20, 1, 69]
    assert info["sections"]["rows"] == ROWS.nbytes
    assert pattern in repr(shards)
    again = pickle.loads(pickle.dumps(shards))
    assert same(again.search(ROWS), shards.search(ROWS))
    assert again.info()["n_rows"] == 90
    with pytest.raises(InputError, match="merge makes it one"):
        shards.save(pattern.replace("*", "all"))
    shards.close()
    with pytest.raises(InputError, match="closed"):
        shards.search(ROWS)


# What is no whole


def test_a_missing_shard_is_named(pattern, tmp_path):
    (tmp_path / "rows-00001-of-00003.nearmost").unlink()
    with pytest.raises(ShardError, match=r"1 of 3 shards is missing: .*rows-00001-of-00003\.nearmost"):
        nm.open(pattern)
    rest = [tmp_path / f"rows-0000{number}-of-00003.nearmost" for number in (0, 2)]
    assert len(nm.open(rest)) == 89  # in a list they are meant
    with pytest.raises(FileNotFoundError):
        nm.open([*rest, tmp_path / "rows-00001-of-00003.nearmost"])


def test_shards_may_be_numbered_from_one(tmp_path):
    for number in (1, 2, 3):
        Index.build(ROWS[number : number + 1], keys=[str(number)]).save(tmp_path / f"r-{number}-of-3.nearmost")
    assert list(nm.open(str(tmp_path / "r-*")).keys) == ["1", "2", "3"]
    (tmp_path / "r-1-of-3.nearmost").unlink()
    with pytest.raises(ShardError, match=r"missing: .*r-1-of-3"):
        nm.open(str(tmp_path / "r-*"))


def test_two_sets_of_shards_are_not_mixed(pattern, tmp_path):
    Index.build(ROWS[:1], keys=["other"]).save(tmp_path / "rows-0-of-1.nearmost")
    with pytest.raises(ShardError, match="two sets of shards"):
        nm.open(pattern)


def test_a_file_without_a_number_does_not_slip_in(pattern, tmp_path):
    Index.build(ROWS, keys=NAMES).save(tmp_path / "rows-all.nearmost")
    with pytest.raises(ShardError, match=r"rows-all.nearmost matches .* and is not numbered"):
        nm.open(pattern)


def test_nothing_to_open_is_an_error(tmp_path):
    with pytest.raises(ShardError, match="no file matches"):
        nm.open(str(tmp_path / "*.nearmost"))
    with pytest.raises(ShardError, match="empty"):
        nm.open([])


@pytest.mark.parametrize(
    ("other", "why"),
    [
        (lambda: Index.build(ROWS[:, :5], keys=NAMES), "it has dim 5, the other 6"),
        (lambda: Index.build(ROWS, keys=NAMES, metric="dot"), "it has metric 'dot', the other 'cosine'"),
        (lambda: Index.build(ROWS), "it has no keys, the other has"),
        (lambda: Index.build(np.tile(ROWS, 2), keys=NAMES, projection="gaussian:6"), "it has a projection"),
        (lambda: Index.build(Corpus.of(NAMES, NAMES), encoder="lsa:6"), "it has encoder 'lsa:6', the other None"),
    ],
)
def test_a_foreign_shard_is_named(other, why, pattern, tmp_path):
    path = tmp_path / "rows-00001-of-00003.nearmost"
    other().save(path)
    with pytest.raises(ShardError, match=f"{path} does not belong to .*00000-of-00003.nearmost: {why}"):
        nm.open(pattern)


def test_shards_of_two_encoders_of_one_name_are_foreign(tmp_path):
    for number, texts in enumerate((TEXTS[:3], TEXTS[3:])):
        Index.build(Corpus.of(texts, keys=texts), encoder="lsa:3").save(tmp_path / f"{number}.nearmost")
    with pytest.raises(ShardError, match="encoder 'lsa:3' makes other vectors of the same sentences"):
        nm.open(str(tmp_path / "*.nearmost"))


def test_shards_of_two_projections_are_foreign(tmp_path):
    for number in range(2):
        built = Index.build(ROWS, keys=[f"{number} {name}" for name in NAMES], projection=f"gaussian:{3}", seed=number)
        built.save(tmp_path / f"{number}.nearmost")
    with pytest.raises(ShardError, match="its projection is another one;"):
        nm.open(str(tmp_path / "*.nearmost"))
    for other, why in (
        ("sparse:3", "its projection is another one: sparse 6 -> 3, not gaussian 6 -> 3"),
        ("gaussian:2", r"it went through a projection \(gaussian 6 -> 2\), the other .* \(gaussian 6 -> 3\)"),
        (None, r"it keeps all 6 columns, the other went through a projection \(gaussian 6 -> 3\)"),
    ):
        Index.build(ROWS, keys=NAMES, projection=other).save(tmp_path / "1.nearmost")
        with pytest.raises(ShardError, match=why):
            nm.open(str(tmp_path / "*.nearmost"))


def test_a_key_in_two_shards_is_named_with_both_files(tmp_path):
    pattern = saved(tmp_path, names=[*NAMES[:60], "row 7", *NAMES[61:]])
    with pytest.raises(DuplicateKeyError, match=r"row 7 of .*00000-of.* and row 39 of .*00002-of.* same key 'row 7'"):
        nm.open(pattern)


def test_a_file_that_is_no_index_is_named(pattern, tmp_path):
    (tmp_path / "rows-00002-of-00003.nearmost").write_bytes(b"no index, but longer than forty bytes of a header")
    with pytest.raises(NotAnIndexError, match="rows-00002-of-00003"):
        nm.open(pattern)


@pytest.mark.parametrize(
    "offsets", [[5, 6, 12, 18, 24], [0, 99, 12, 18, 24], [0, 6, 12, 18, 2**63], [24, 18, 12, 6, 0], [6, 2, 12, 18, 24]]
)
def test_offsets_of_keys_that_lie_are_refused(offsets, tmp_path):
    for number in range(2):
        index = Index.build(ROWS[:4], keys=[f"key {number}{i}" for i in range(4)])
        parts = index._parts()
        arrays = parts.arrays() | ({"keys.offsets": np.array(offsets, np.uint64)} if number else {})
        store.write(tmp_path / f"{number}.nearmost", parts.header(), arrays)
    try:
        shards = nm.open(str(tmp_path / "*.nearmost"))
        assert all(isinstance(key, str) for key in shards.keys)
    except DamagedFileError:
        pass
    else:
        assert offsets[0] == 5  # four other keys, which is no harm


def test_the_same_file_twice_is_refused(tmp_path):
    saved(tmp_path, names=None)
    path = tmp_path / "rows-00000-of-00003.nearmost"
    with pytest.raises(ShardError, match="named twice;"):
        nm.open([path, path])
    link = tmp_path / "link.nearmost"
    link.symlink_to(path)
    for other in (tmp_path / "." / ".." / tmp_path.name / path.name, link):
        with pytest.raises(ShardError, match=f"named twice, as {path} too"):
            nm.open([path, other])
    with pytest.raises(ShardError, match=f"{path} is named twice, as {link} too"):
        nm.merge([link, path])


def test_any_iterable_of_paths_is_opened(pattern, tmp_path):
    paths = sorted(tmp_path.glob("rows-*.nearmost"))
    assert list(nm.open(path for path in paths).keys) == list(nm.open(pattern).keys)


# Merging


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("store", ["auto", "f16", "i8"])
def test_merged_shards_have_the_bytes_of_one_index_of_all_rows(metric, store, tmp_path):
    if metric == "hamming" and store != "auto":
        pytest.skip("hamming keeps bits")
    rows = (ROWS > 0).astype(np.float32) if metric == "hamming" else ROWS
    nm.merge(saved(tmp_path, rows, metric=metric, store=store)).save(tmp_path / "merged")
    Index.build(rows, keys=NAMES, metric=metric, store=store).save(tmp_path / "whole")
    assert (tmp_path / "merged").read_bytes() == (tmp_path / "whole").read_bytes()


@pytest.mark.parametrize("kind", ["partition", "graph"])
def test_a_merged_partition_or_graph_has_the_bytes_of_one_built_at_once(kind, tmp_path):
    rows = np.random.default_rng(3).standard_normal((3000, 8)).astype(np.float32)
    pattern = saved(tmp_path, rows, None, [(0, 1000), (1000, 3000)], kind=kind)
    told = []
    merged = nm.merge(pattern, kind=kind, scratch=tmp_path, progress=lambda done, total: told.append(done / total))
    merged.save(tmp_path / "merged")
    Index.build(rows, kind=kind).save(tmp_path / "whole")
    assert (tmp_path / "merged").read_bytes() == (tmp_path / "whole").read_bytes()
    assert told == sorted(told)
    assert 0 < told[0] <= told[-1] <= 1


@pytest.mark.parametrize("keep_full", [False, True])
def test_a_merged_projection_has_the_rows_of_one_built_at_once(keep_full, tmp_path):
    rows = np.random.default_rng(4).standard_normal((1500, 8)).astype(np.float32)
    knobs = {"projection": GaussianProjection(8, 4, seed=1), "keep_full": keep_full}
    pattern = saved(tmp_path, rows, None, [(0, 600), (600, 1500)], **knobs)
    merged, whole = nm.merge(pattern), Index.build(rows, **knobs)
    assert same(merged.search(rows[:50]), whole.search(rows[:50]))
    merged.save(tmp_path / "merged")
    whole.save(tmp_path / "whole")
    same_bytes = (tmp_path / "merged").read_bytes() == (tmp_path / "whole").read_bytes()
    assert same_bytes == keep_full  # without full rows what the projection costs cannot be measured again
    assert bool(merged.info()["projection"]["cost"]) == keep_full


def test_texts_and_encoder_are_merged(tmp_path):
    encoder = nm.load_encoder("lsa:3").fit(TEXTS)
    corpus = Corpus.of(TEXTS, keys=[f"t{i}" for i in range(6)])
    for number, part in enumerate((slice(0, 2), slice(2, 6))):
        Index.build(Corpus.of(corpus.texts[part], corpus.keys[part]), encoder=Fixed(encoder)).save(
            tmp_path / f"{number}.nearmost"
        )
    merged = nm.merge(nm.open(str(tmp_path / "*.nearmost")))
    merged.save(tmp_path / "merged")
    Index.build(corpus, encoder=Fixed(encoder)).save(tmp_path / "whole")
    assert (tmp_path / "merged").read_bytes() == (tmp_path / "whole").read_bytes()
    assert merged.nearest(text="parse a date", k=1)[0][0] == "t2"


def test_shards_of_different_types_are_merged_in_the_shortest_that_loses_nothing(tmp_path):
    rows = np.concatenate([np.random.default_rng(2).integers(0, 200, (50, 6)).astype(np.float32), ROWS[:40]])
    merged = nm.merge(saved(tmp_path, rows))
    assert merged.info()["store"] == "float32"
    assert np.array_equal(merged.vectors().rows, rows)
    halves = np.concatenate([rows[:50], ROWS[:40].astype(np.float16)]).astype(np.float32)
    assert nm.merge(saved(tmp_path, halves)).info()["store"] == "float16"


@pytest.mark.parametrize(("on_duplicate", "kept"), [("first", ROWS[7]), ("last", ROWS[60])])
def test_of_equal_keys_one_row_is_kept_where_that_is_said(on_duplicate, kept, tmp_path):
    names = [*NAMES[:60], "row 7", *NAMES[61:]]
    pattern = saved(tmp_path, names=names)
    with pytest.raises(DuplicateKeyError, match="row 7"):
        nm.merge(pattern)
    merged = nm.merge(pattern, on_duplicate=on_duplicate)
    assert np.array_equal(merged.vector("row 7"), kept)
    whole = Vectors.of(ROWS, names, on_duplicate=on_duplicate)
    assert list(merged.keys) == list(whole.keys)
    assert np.array_equal(merged.vectors().rows, whole.rows)


def test_a_merge_of_foreign_files_is_refused(pattern, tmp_path):
    Index.build(ROWS[:, :5], keys=NAMES).save(tmp_path / "rows-00001-of-00003.nearmost")
    with pytest.raises(ShardError, match="dim 5"):
        nm.merge(pattern)
    shutil.rmtree(tmp_path)
    with pytest.raises(ShardError, match="no file matches"):
        nm.merge(pattern)


def test_queries_of_another_dim_are_refused(pattern):
    with pytest.raises(ShapeError, match="dim 5, the index has dim 6"):
        nm.open(pattern).search(ROWS[:, :5])
