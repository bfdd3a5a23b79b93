"""The gensim door: every kind of model, the contract of gensim's own indexer, one file, memory shared."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys

import numpy as np
import pytest

from nearmost import Index, InputError, NotAnIndexError, ReadError
from nearmost.compat.gensim import AnnoyIndexer, NearmostIndexer

gensim = pytest.importorskip("gensim", reason="gensim is not installed: pip install gensim")
from gensim.models import Doc2Vec, FastText, KeyedVectors, Word2Vec  # noqa: E402
from gensim.models.doc2vec import TaggedDocument  # noqa: E402
from gensim.similarities import WordEmbeddingSimilarityIndex  # noqa: E402
from gensim.test.utils import common_texts  # noqa: E402

SIZES = {"vector_size": 12, "min_count": 1, "seed": 1, "workers": 1, "epochs": 5}


@pytest.fixture(scope="module")
def word2vec():
    return Word2Vec(common_texts, **SIZES)


def tagged(tag):
    return [TaggedDocument(text, [tag(number)]) for number, text in enumerate(common_texts)]


def vectors_of(n: int, dim: int = 20, seed: int = 0) -> KeyedVectors:
    vectors = KeyedVectors(dim)
    rows = np.random.default_rng(seed).standard_normal((n, dim)).astype(np.float32)
    vectors.add_vectors([f"word{row}" for row in range(n)], rows)
    return vectors


def same(ours, theirs):
    assert [label for label, _ in ours] == [label for label, _ in theirs]
    np.testing.assert_allclose([score for _, score in ours], [score for _, score in theirs], atol=2e-6)


def test_word2vec_gets_the_neighbors_of_brute_force_and_the_word_itself(word2vec):
    indexer = NearmostIndexer(word2vec, recall=1)
    for word in word2vec.wv.index_to_key:
        (own, score), *others = word2vec.wv.most_similar(word, topn=8, indexer=indexer)
        assert own == word
        assert score == pytest.approx(1, abs=1e-6)
        same(others, word2vec.wv.most_similar(word, topn=7))


def test_an_analogy_goes_through_the_indexer(word2vec):
    indexer = NearmostIndexer(word2vec)
    asked = {"positive": ["human", "system"], "negative": ["graph"]}
    given = {word for words in asked.values() for word in words}
    found = word2vec.wv.most_similar(**asked, topn=len(word2vec.wv), indexer=indexer)
    same([(word, score) for word, score in found if word not in given], word2vec.wv.most_similar(**asked, topn=100))


def test_a_vector_or_a_key_is_asked_for_alike(word2vec):
    indexer = NearmostIndexer(word2vec)
    vector = word2vec.wv.get_vector("trees")
    same(
        word2vec.wv.most_similar([vector], topn=5, indexer=indexer),
        word2vec.wv.most_similar("trees", topn=5, indexer=indexer),
    )


def test_doc2vec_answers_with_its_documents(tmp_path):
    numbered = Doc2Vec(tagged(int), **SIZES)
    named = Doc2Vec(tagged("doc{}".format), **SIZES)
    for model in (numbered, named):
        indexer = NearmostIndexer(model)
        tag = model.dv.index_to_key[2]
        found = model.dv.most_similar(tag, topn=4, indexer=indexer)
        same(found[1:], model.dv.most_similar(tag, topn=3))
        indexer.save(tmp_path / "documents")
        loaded = NearmostIndexer()
        loaded.load(tmp_path / "documents")
        assert model.dv.most_similar(tag, topn=4, indexer=loaded) == found
        assert type(found[0][0]) is type(tag)


def test_doc2vec_with_numbers_and_names_keeps_both():
    texts = [TaggedDocument(text, [number, f"doc{number}"]) for number, text in enumerate(common_texts)]
    model = Doc2Vec(texts, **SIZES)
    found = model.dv.most_similar("doc1", topn=9, indexer=NearmostIndexer(model, recall=1))
    same(found[1:], model.dv.most_similar("doc1", topn=8))


def test_fasttext_finds_the_neighbors_of_a_word_that_it_has_never_seen():
    model = FastText(common_texts, **SIZES)
    indexer = NearmostIndexer(model, recall=1)
    assert "humane" not in model.wv.key_to_index
    same(
        model.wv.most_similar("humane", topn=5, indexer=indexer),
        model.wv.most_similar(["humane"], topn=5),
    )


def test_keyed_vectors_alone_will_do():
    vectors = vectors_of(300)
    indexer = NearmostIndexer(vectors, recall=1)
    same(vectors.most_similar("word7", topn=6, indexer=indexer)[1:], vectors.most_similar("word7", topn=5))


def test_room_that_was_never_filled_is_no_neighbor():
    vectors = KeyedVectors(3, count=4)
    vectors.add_vector("one", [1, 2, 3])
    assert vectors.most_similar("one", topn=10, indexer=NearmostIndexer(vectors)) == [("one", pytest.approx(1))]


def test_training_on_changes_no_index():
    vectors = vectors_of(50)
    indexer = NearmostIndexer(vectors)
    asked = vectors.get_vector("word3").copy()
    before = indexer.most_similar(asked, 5)
    vectors.vectors[:] = 1
    assert indexer.most_similar(asked, 5) == before


def test_gensims_own_indexer_is_taken_over_line_by_line(word2vec, tmp_path):
    theirs = pytest.importorskip("gensim.similarities.annoy", reason="gensim has no Annoy indexer").AnnoyIndexer
    pytest.importorskip("annoy", reason="Annoy is not installed")
    answers = []
    for indexer_class in (theirs, AnnoyIndexer):
        indexer = indexer_class(word2vec, 50)
        assert (indexer.num_trees, indexer.model) == (50, word2vec)
        assert list(indexer.labels) == word2vec.wv.index_to_key
        indexer.save(str(tmp_path / indexer_class.__module__))
        again = indexer_class()
        assert (again.index, again.labels, again.model) == (None, None, None)
        assert again.load(str(tmp_path / indexer_class.__module__)) is None
        again.model = word2vec
        assert list(again.labels) == word2vec.wv.index_to_key
        answers.append(word2vec.wv.most_similar("human", topn=12, indexer=again))
        same(again.most_similar(word2vec.wv.get_vector("human", norm=True), 12), answers[-1])
    same(*answers)
    assert len(list(tmp_path.glob("nearmost*"))) == 1
    assert len(list(tmp_path.glob("gensim*"))) == 2


def test_the_files_of_gensims_own_indexer_are_read_and_nothing_in_them_is_run(word2vec, tmp_path):
    annoy = pytest.importorskip("gensim.similarities.annoy", reason="gensim has no Annoy indexer")
    pytest.importorskip("annoy", reason="Annoy is not installed")
    path = tmp_path / "old"
    annoy.AnnoyIndexer(word2vec, 10).save(str(path))
    indexer = NearmostIndexer(recall=1)
    indexer.load(str(path))
    wanted = word2vec.wv.most_similar("human", topn=8)
    same(word2vec.wv.most_similar("human", topn=9, indexer=indexer)[1:], wanted)
    indexer.save(tmp_path / "new")
    again = NearmostIndexer()
    again.load(tmp_path / "new")
    same(word2vec.wv.most_similar("human", topn=9, indexer=again)[1:], wanted)
    (tmp_path / "new.dict").write_bytes((tmp_path / "old.dict").read_bytes())  # left over where new took old's place
    again.load(tmp_path / "new")
    same(word2vec.wv.most_similar("human", topn=9, indexer=again)[1:], wanted)

    class Harm:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "harm"),)

    for held in (Harm(), {"f": Harm(), "labels": ["a"]}, ["a"], {"f": 12}, {"f": "12", "labels": ["a"] * 12}):
        (tmp_path / "old.dict").write_bytes(pickle.dumps(held))
        with pytest.raises(ValueError, match=r"AnnoyIndexer wrote|dim|old.dict"):
            NearmostIndexer().load(path)
    (tmp_path / "old.dict").write_bytes(b"\x80\x04no pickle")
    with pytest.raises(ReadError, match=r"old\.dict"):
        NearmostIndexer().load(path)
    assert not (tmp_path / "harm").exists()


def test_soft_cosine_takes_it_too(word2vec):
    plain = WordEmbeddingSimilarityIndex(word2vec.wv)
    through = WordEmbeddingSimilarityIndex(word2vec.wv, kwargs={"indexer": NearmostIndexer(word2vec, recall=1)})
    for word in ("human", "graph"):
        wanted = dict(plain.most_similar(word, topn=3))
        found = dict(through.most_similar(word, topn=4))
        assert {key: found[key] for key in wanted} == pytest.approx(wanted, abs=1e-5)


def test_partitions_find_what_brute_force_finds():
    vectors = vectors_of(3000, dim=24)
    indexer = NearmostIndexer(vectors, kind="partition", recall=0.99)
    words = vectors.index_to_key[::30]
    found = [{word for word, _ in vectors.most_similar(word, topn=11, indexer=indexer)} for word in words]
    true = [{word for word, _ in vectors.most_similar(word, topn=10)} for word in words]
    assert np.mean([len(one & other) / 10 for one, other in zip(found, true, strict=True)]) >= 0.97


def test_more_than_there_are_gives_all(word2vec):
    found = word2vec.wv.most_similar("human", topn=1000, indexer=NearmostIndexer(word2vec))
    assert sorted(word for word, _ in found) == sorted(word2vec.wv.index_to_key)


def test_a_file_of_another_metric_or_none_is_refused(tmp_path):
    indexer = NearmostIndexer()
    with pytest.raises(InputError, match="empty"):
        indexer.most_similar(np.ones(3), 1)
    with pytest.raises(InputError, match="empty"):
        indexer.save(tmp_path / "none")
    with pytest.raises(FileNotFoundError):
        indexer.load(tmp_path / "none")
    (tmp_path / "other").write_bytes(b"x" * 500)
    with pytest.raises(NotAnIndexError):
        indexer.load(tmp_path / "other")
    Index.build(np.eye(3), metric="euclidean").save(tmp_path / "euclidean")
    with pytest.raises(InputError, match="euclidean"):
        indexer.load(tmp_path / "euclidean")
    with pytest.raises(InputError, match="Word2Vec"):
        NearmostIndexer([[1, 2, 3]])


OPEN = """
import sys
from nearmost.compat.gensim import NearmostIndexer
indexer = NearmostIndexer()
indexer.load(sys.argv[1])
assert "gensim" not in sys.modules
print(indexer.most_similar(indexer.index.vector("word5"), 3)[0][0], flush=True)
sys.stdin.read()
"""


def test_two_processes_share_the_pages_of_one_file(tmp_path):
    path = tmp_path / "shared.nearmost"
    NearmostIndexer(vectors_of(20_000, dim=32), kind="flat").save(path)
    command = [sys.executable, "-c", OPEN, str(path)]
    both = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    try:
        assert [child.stdout.readline() for child in both] == ["word5\n"] * 2
        for child in both:
            kinds = pages_of(child.pid, path.name)
            assert kinds["Private_Dirty"] == 0
            assert kinds["Pss"] < kinds["Rss"]
    finally:
        for child in both:
            child.communicate()


def pages_of(pid: int, name: str) -> dict[str, int]:
    """Kilobytes by kind of what a process has mapped of a file."""
    total: dict[str, int] = {"Rss": 0, "Pss": 0, "Private_Dirty": 0}
    wanted = False
    with open(f"/proc/{pid}/smaps") as lines:
        for words in map(str.split, lines):
            if not words[0].endswith(":"):
                wanted = words[-1].endswith(name)
            elif wanted and words[0][:-1] in total:
                total[words[0][:-1]] += int(words[1])
    assert total["Rss"] > 0
    return total
