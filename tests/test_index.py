"""An index: built, saved, opened, searched and shared, by vector, by key and by text."""

from __future__ import annotations

import multiprocessing
import os
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from nearmost import METRICS, Corpus, Index, Vectors, load_encoder
from nearmost.errors import (
    EncoderError,
    EncoderMismatchError,
    InputError,
    ShapeError,
    UnknownEncoderError,
    UnknownKeyError,
)

ROWS = np.random.default_rng(0).standard_normal((40, 6)).astype(np.float32)
NAMES = [f"row {i}" for i in range(40)]
TEXTS = ["copy a folder", "sort a list", "parse a date", "remove a folder", "read a list of dates"]


class Letters:
    """Counts letters; three members are all that an encoder needs."""

    def __init__(self, alphabet="abcdefgh"):
        self.spec, self.dim, self._alphabet = f"letters:{alphabet}", len(alphabet), alphabet

    def encode(self, texts, *, progress=None, n_threads=0):
        rows = [[text.count(letter) for letter in self._alphabet] for text in texts]
        return np.array(rows, dtype=np.float32).reshape(len(texts), self.dim)


@pytest.fixture
def index():
    return Index.build(ROWS, keys=NAMES)


@pytest.fixture
def path(index, tmp_path):
    index.save(tmp_path / "rows.nearmost")
    return tmp_path / "rows.nearmost"


def same(index, other, queries=ROWS[:5]):
    return all(np.array_equal(a, b) for a, b in zip(index.search(queries), other.search(queries), strict=True))


# Build, save, open


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("n", [0, 1, 40])
def test_what_is_saved_is_what_is_opened(metric, n, tmp_path):
    rows = (ROWS[:n] > 0).astype(np.float32) if metric == "hamming" else ROWS[:n]
    built = Index.build(Vectors.of(rows, NAMES[:n]), metric=metric)
    built.save(tmp_path / "i")
    with Index.open(tmp_path / "i", verify="full") as opened:
        assert (len(opened), opened.dim, opened.metric.name, list(opened.keys)) == (n, 6, metric, NAMES[:n])
        assert same(built, opened, (ROWS[:5] > 0).astype(np.float32))
        assert opened.search(ROWS[:2] > 0).ids.shape == (2, 10)
        assert all(np.array_equal(opened.vector(key), rows[row]) for row, key in enumerate(NAMES[:n]))


def test_an_index_says_what_it_holds(index, path):
    assert (len(index), "row 3" in index, "row 99" in index, 3 in index) == (40, True, False, False)
    assert (index.keys.row("row 7"), index.keys[7], index.texts) == (7, "row 7", None)
    assert repr(Index.build(ROWS)) == "<Index of 40 x 6, cosine>"
    assert repr(Index.open(path)) == f"<Index of 40 x 6, cosine from {path}>"
    info = Index.open(path).info()
    said = {name: info[name] for name in ("path", "metric", "dim", "n_rows", "encoder", "keys", "texts")}
    assert list(said.values()) == [str(path), "cosine", 6, 40, None, "stored", "none"]
    assert info["sections"]["rows"] == ROWS.nbytes
    assert Index.build(ROWS).info()["keys"] == "row numbers"


def test_a_closed_index_says_so(path):
    index = Index.open(path)
    index.close()
    index.close()
    assert repr(index) == "<Index, closed>"
    for use in (lambda: len(index), lambda: index.search(ROWS), lambda: index.keys, lambda: "a" in index):
        with pytest.raises(InputError, match="closed; open it again"):
            use()


def test_a_file_may_be_replaced_while_another_index_has_it_open(path):
    opened = Index.open(path)
    before = opened.search(ROWS)
    Index.build(-ROWS[:7]).save(path)
    assert np.array_equal(opened.search(ROWS).scores, before.scores)
    assert len(Index.open(path)) == 7
    opened.save(path)
    assert same(Index.open(path), opened)


def test_rows_of_the_caller_stay_as_they_were():
    rows, queries = ROWS.copy(), ROWS[:3].copy()
    rows.flags.writeable = queries.flags.writeable = False
    for metric in ("cosine", "euclidean", "dot", "manhattan"):
        Index.build(rows, metric=metric).search(queries)


# Search and nearest


def test_one_query_gives_one_row_of_answers_and_many_give_many(index):
    one, many = index.search(ROWS[3], k=4), index.search(ROWS[[3]], k=4)
    assert (one.ids.shape, many.ids.shape) == ((4,), (1, 4))
    assert (one.ids.tolist(), one.scores.tolist()) == (many.ids[0].tolist(), many.scores[0].tolist())
    for nothing in ([], np.empty((0, 6)), Corpus.of([]).texts):
        assert index.search(nothing, k=4).ids.shape == (0, 4)
    assert index.search(ROWS[:2].tolist()).ids.shape == index.search(ROWS[:2].astype(">f8")).ids.shape == (2, 10)


def test_more_neighbours_than_rows_are_padded(index):
    ids, scores = index.search(ROWS[:2], k=43)
    assert (ids[:, 40:] == -1).all()
    assert np.isneginf(scores[:, 40:]).all()
    assert sorted(ids[0, :40]) == list(range(40))
    assert len(index.nearest("row 0", k=99)) == 39


@pytest.mark.parametrize("k", [0, -1, 2.0, True, "3", None])
def test_k_is_a_whole_number_of_at_least_one(index, k):
    for search in (lambda: index.search(ROWS, k=k), lambda: index.nearest("row 1", k=k)):
        with pytest.raises(InputError, match=r"k is .*; it must be a whole number of at least 1"):
            search()


def test_a_query_of_another_dim_is_refused_with_the_encoder_named(index):
    with pytest.raises(ShapeError, match=r"^queries have dim 5, the index has dim 6$"):
        index.search(np.ones(5))
    by_text = Index.build(Corpus.of(TEXTS), encoder=Letters())
    with pytest.raises(ShapeError, match=r"dim 5, the index has dim 8 \(built with encoder 'letters:abcdefgh'\)$"):
        by_text.search(np.ones((2, 5)))
    with pytest.raises(ShapeError, match=r"queries have shape \(1, 2, 6\)"):
        index.search(np.ones((1, 2, 6)))
    with pytest.raises(InputError, match=r"row 1 of the queries holds nan in column 0"):
        index.search([[1] * 6, [np.nan] * 6])


def test_queries_without_columns_are_refused(index):
    with pytest.raises(ShapeError):
        index.search(np.empty((3, 0)))


@pytest.mark.parametrize("metric", METRICS)
def test_a_row_is_not_its_own_neighbour_even_among_copies(metric):
    rows = np.repeat(np.eye(3), 20, axis=0)
    index = Index.build(rows, metric=metric)
    for row in (0, 19, 45, 59):
        for k in (1, 5, 19):
            nearest = [int(key) for key, _ in index.nearest(str(row), k=k)]
            assert nearest == [other for other in range(row // 20 * 20, 60) if other != row][:k]


def test_nearest_takes_one_of_key_text_and_vector(index):
    assert index.nearest(vector=ROWS[4], k=2)[0] == ("row 4", 1.0)
    assert index.nearest("row 4", k=1) == index.nearest(vector=ROWS[4], k=2)[1:]
    for wrong in ({}, {"key": "row 1", "vector": ROWS[1]}, {"text": "a", "vector": ROWS[1]}):
        with pytest.raises(InputError, match=r"nearest wants one of a key, text=\.\.\. or vector=\.\.\."):
            index.nearest(**wrong)
    with pytest.raises(ShapeError, match="one vector, not 2"):
        index.nearest(vector=ROWS[:2])
    for use in (index.nearest, index.vector):
        with pytest.raises(UnknownKeyError, match="no row has the key 'row 40'"):
            use("row 40")


def test_hamming_takes_nothing_but_bits():
    with pytest.raises(
        InputError, match=r"row 1 of the vectors holds 0\.5 in column 1; metric 'hamming' takes 0 and 1 only"
    ):
        Index.build([[0, 1], [1, 0.5]], metric="hamming")


def test_hamming_takes_no_queries_but_bits():
    with pytest.raises(InputError):
        Index.build([[0, 1], [1, 1]], metric="hamming").search([0.5, 7])


@pytest.mark.parametrize("rows", [Vectors.of(np.eye(2), ["a", "b"]), Corpus.of(["a", "b"])])
def test_keys_given_twice_are_refused(rows):
    with pytest.raises(InputError):
        Index.build(rows, keys=["c", "d"], encoder=Letters() if isinstance(rows, Corpus) else None)


# Texts and encoders


@pytest.mark.parametrize("encoder", [Letters(), "lsa:4"])
def test_texts_are_found_by_text(encoder, tmp_path):
    index = Index.build(Corpus.of(TEXTS, keys=list("vwxyz")), encoder=encoder)
    index.save(tmp_path / "i")
    opened = Index.open(tmp_path / "i", encoder=encoder)
    for each in (index, opened):
        assert (each.text("w"), list(each.texts)) == (TEXTS[1], TEXTS)
        assert each.nearest(text=TEXTS[1], k=1)[0][0] == "w"
        assert each.search(TEXTS, k=1).ids.tolist() == [[0], [1], [2], [3], [4]]
        assert each.search(TEXTS[2], k=2).ids.shape == (2,)
        assert each.encoder.spec == each.info()["encoder"]
    assert opened.info()["texts"] == "stored"


def test_an_index_of_vectors_has_no_text_and_no_encoder(index):
    with pytest.raises(InputError, match="keeps no texts"):
        index.text("row 1")
    for use in (lambda: index.encoder, lambda: index.search("word"), lambda: index.nearest(text="word")):
        with pytest.raises(EncoderError, match="names no encoder"):
            use()


def test_another_encoder_than_the_recorded_one_is_refused_with_both_named(tmp_path):
    Index.build(Corpus.of(TEXTS), encoder=Letters()).save(tmp_path / "i")
    with pytest.raises(EncoderMismatchError, match=r"'letters:abcdefgh' and is queried with 'letters:stuvwxyz'"):
        Index.open(tmp_path / "i", encoder=Letters("stuvwxyz"))
    liar = Letters("stuvwxyz")
    liar.spec = "letters:abcdefgh"
    with pytest.raises(EncoderMismatchError, match="agree only to cosine"):
        Index.open(tmp_path / "i", encoder=liar)
    with pytest.raises(UnknownEncoderError, match="no encoder answers to 'letters:abcdefgh'"):
        Index.open(tmp_path / "i").search("word")


def test_an_encoder_of_another_dim_than_the_vectors_is_refused(path):
    with pytest.raises(ShapeError, match="'letters:abcdefgh' has dim 8, the vectors have dim 6"):
        Index.build(ROWS, encoder=Letters())
    with pytest.raises(ShapeError, match="'letters:abcdefgh' has dim 8, the index has dim 6"):
        Index.open(path, encoder=Letters())
    assert Index.open(path, encoder=Letters("abcdef")).nearest(text="deaf", k=1)


# Pickles, processes, threads


def test_an_index_pickles_by_path_once_it_has_one(index, path, tmp_path):
    assert len(pickle.dumps(index)) < 400
    assert same(pickle.loads(pickle.dumps(index)), index)
    assert same(pickle.loads(pickle.dumps(Index.open(path))), index)
    pickled = pickle.dumps(Index.open(path))
    Index.build(ROWS[:3]).save(path)
    with pytest.raises(InputError, match=r"rows\.nearmost has been replaced since the index was pickled"):
        pickle.loads(pickled)


def test_an_index_in_memory_pickles_whole():
    for built in (Index.build(ROWS, keys=NAMES, metric="dot"), Index.build(ROWS > 0, metric="hamming")):
        again = pickle.loads(pickle.dumps(built))
        assert same(again, built, (ROWS[:5] > 0).astype(np.float32))
        assert list(again.keys) == list(built.keys)
    index = Index.build(Corpus.of(TEXTS), encoder=load_encoder("lsa:4"))
    assert pickle.loads(pickle.dumps(index)).nearest(text=TEXTS[0], k=1)[0][0] == "0"


def test_a_relative_path_survives_a_change_of_folder(path, monkeypatch):
    monkeypatch.chdir(path.parent)
    index = Index.open(path.name)
    monkeypatch.chdir("/")
    assert same(pickle.loads(pickle.dumps(index)), index)


def ids_of(index):
    return index.search(ROWS, n_threads=2).ids.tolist()


@pytest.mark.parametrize("saved", [True, False])
def test_a_spawned_process_searches_the_index_it_is_given(index, saved, tmp_path):
    if saved:
        index.save(tmp_path / "i")
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.apply_async(ids_of, [index]).get(timeout=300) == ids_of(index)


def test_a_forked_process_searches(path):
    index = Index.open(path)
    expected = ids_of(index)
    child = os.fork()
    if child == 0:
        os._exit(0 if ids_of(index) == expected else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_threads_search_one_index_together(index):
    expected = ids_of(index)
    with ThreadPoolExecutor(8) as pool:
        assert all(found == expected for found in pool.map(ids_of, [index] * 200))
