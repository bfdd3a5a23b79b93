"""Analogies and their evaluation are gensim's; an unknown word is told what it was perhaps meant to be."""

from __future__ import annotations

import copy
import pickle
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nearmost import (
    Index,
    InputError,
    Keys,
    ReadError,
    UnknownKeyError,
    Vectors,
    evaluate_analogies,
    evaluate_pairs,
)
from nearmost.spelling import close_spellings

RANDOM = np.random.default_rng(0)
WORDS = ["man", "woman", "king", "queen", "Paris", "France", "paris", "Oslo", "Norway", "PARIS", "oslo", "france"]
ROWS = RANDOM.normal(size=(len(WORDS), 6)).astype(np.float32) * RANDOM.uniform(0.1, 9, (len(WORDS), 1)).astype("f4")


@pytest.fixture(scope="module")
def index() -> Index:
    return Index.build(ROWS, keys=WORDS)


def gensim_of(words: list[str], rows: np.ndarray):
    models = pytest.importorskip("gensim.models", reason="gensim is not installed")
    theirs = models.KeyedVectors(rows.shape[1])
    theirs.add_vectors(words, rows)
    return theirs


@pytest.mark.parametrize(
    ("positive", "negative"), [(["king", "woman"], ["man"]), ("Paris", ["Oslo"]), ([], "man"), (["man", "man"], "man")]
)
def test_analogies_are_those_of_gensim(index: Index, positive: list[str] | str, negative: list[str] | str) -> None:
    theirs = gensim_of(WORDS, ROWS).most_similar(positive, negative, topn=5)
    ours = index.analogy(positive, negative, 5)
    assert [key for key, _ in ours] == [key for key, _ in theirs]
    np.testing.assert_allclose([score for _, score in ours], [score for _, score in theirs], atol=1e-5)


def test_the_words_put_in_are_left_out_wherever_they_come(index: Index) -> None:
    for k in (1, 5, 50):
        found = [key for key, _ in index.analogy(["king", "woman"], ["man"], k)]
        assert not {"king", "woman", "man"} & set(found)
        assert len(found) == min(k, len(WORDS) - 3)


def test_analogies_want_keys_and_cosine(index: Index) -> None:
    with pytest.raises(InputError, match="an analogy wants keys"):
        index.analogy()
    with pytest.raises(InputError, match="positive holds 7"):
        index.analogy([7])  # type: ignore[list-item]
    with pytest.raises(InputError, match=r"built for euclidean; analogies .* rank by cosine"):
        Index.build(ROWS, keys=WORDS, metric="euclidean").analogy("king")
    with pytest.raises(UnknownKeyError, match="no row has the key 'quen'; did you mean 'queen'"):
        index.analogy("quen")


@pytest.mark.parametrize("insensitive", [True, False])
@pytest.mark.parametrize("restrict", [300_000, 300, 40])
@pytest.mark.parametrize("unknown", [True, False])
def test_accuracy_is_that_of_gensim(tmp_path: Path, insensitive: bool, restrict: int, unknown: bool) -> None:
    random = np.random.default_rng(restrict)
    words = [f"{'Word' if row % 3 else 'word'}{row // 3}" for row in range(600)]  # so that cases are mixed
    words = list(dict.fromkeys(words))
    rows = random.normal(size=(len(words), 5)).astype(np.float32)
    names = [*words, *(word.upper() for word in words[:50]), "nowhere"]
    lines = []
    for section in ("capitals", "gram1-plurals", "capitals", "empty"):
        lines.append(f": {section}")
        questions = [" ".join(random.choice(names, 4)) for _ in range(150 * (section != "empty"))]
        lines += [*questions, "too few words"]
    for row in random.choice(len(words), 100):  # questions with the right answer
        best = gensim_of(words, rows).most_similar([words[row], words[-1]], [words[0]], topn=1)[0][0]
        lines.append(f"{words[0]} {words[row]} {words[-1]} {best}")
    path = tmp_path / "questions.txt"
    path.write_text("\n".join(lines))
    total, sections = gensim_of(words, rows).evaluate_word_analogies(
        str(path), restrict_vocab=restrict, case_insensitive=insensitive, dummy4unknown=unknown
    )
    scores = evaluate_analogies(
        Index.build(rows, keys=words),
        path,
        restrict_vocab=restrict,
        case_insensitive=insensitive,
        unknown_is_wrong=unknown,
    )
    assert scores.total.accuracy == total
    theirs: dict[str, list[int]] = {}
    for section in sections[:-1]:  # gensim counts a name that comes twice as two sections
        counts = theirs.setdefault(section["section"], [0, 0])
        counts[0] += len(section["correct"])
        counts[1] += len(section["correct"]) + len(section["incorrect"])
    assert {each.name: [each.correct, each.total] for each in scores.sections} == theirs
    assert scores.skipped == 4
    assert scores.semantic.total + scores.syntactic.total == scores.total.total


def test_a_question_before_the_first_section_is_refused(index: Index, tmp_path: Path) -> None:
    (tmp_path / "questions.txt").write_text("\nman woman king queen\n")
    with pytest.raises(ReadError, match=r"questions\.txt:2: comes before the first section"):
        evaluate_analogies(index, tmp_path / "questions.txt")


@pytest.mark.parametrize("insensitive", [True, False])
@pytest.mark.parametrize("unknown", [True, False])
def test_correlations_are_those_of_gensim(index: Index, tmp_path: Path, insensitive: bool, unknown: bool) -> None:
    random = np.random.default_rng(1)
    every = list(combinations([*WORDS, "nowhere"], 2))  # no word with itself: gensim's float32 does not always say 1
    pairs = [f"{a}\t{b}\t{random.integers(9)}" for a, b in every if a.upper() != b.upper()]
    path = tmp_path / "pairs.tsv"
    path.write_text("# word1\tword2\tscore\nword1\tword2\tscore\n" + "\n".join(pairs))
    pearson, spearman, _ = gensim_of(WORDS, ROWS).evaluate_word_pairs(
        str(path), case_insensitive=insensitive, dummy4unknown=unknown
    )
    scores = evaluate_pairs(index, path, case_insensitive=insensitive, unknown_is_zero=unknown)
    np.testing.assert_allclose([scores.pearson, scores.spearman], [pearson[0], spearman[0]], atol=1e-6)
    assert (scores.skipped, scores.unknown) == (1, sum("nowhere" in pair for pair in pairs))


def test_pairs_may_stand_between_commas_or_blanks(index: Index, tmp_path: Path) -> None:
    for mark in (",", " ", "; "):
        (tmp_path / "pairs").write_text("".join(f"{a}{mark}{b}{mark}{n}\n" for n, (a, b) in enumerate([WORDS[:2]] * 3)))
        assert evaluate_pairs(index, tmp_path / "pairs").n_pairs == 3
    (tmp_path / "pairs").write_text("man woman 1\n")
    with pytest.raises(InputError, match="both words of 1 pairs are keys"):
        evaluate_pairs(index, tmp_path / "pairs")


def distance(one: bytes, other: bytes) -> int:
    """Optimal string alignment, letter by letter."""
    table = {(i, 0): i for i in range(len(one) + 1)} | {(0, j): j for j in range(len(other) + 1)}
    for i in range(1, len(one) + 1):
        for j in range(1, len(other) + 1):
            best = min(table[i - 1, j] + 1, table[i, j - 1] + 1, table[i - 1, j - 1] + (one[i - 1] != other[j - 1]))
            if i > 1 and j > 1 and one[i - 1] == other[j - 2] and one[i - 2] == other[j - 1]:
                best = min(best, table[i - 2, j - 2] + 1)
            table[i, j] = best
    return table[len(one), len(other)]


@settings(deadline=None)
@given(st.lists(st.text("abAB", max_size=9), min_size=1, unique=True), st.text("abAB", min_size=1, max_size=9))
def test_the_spellings_offered_are_the_closest(words: list[str], word: str) -> None:
    strings = Vectors.of(np.ones((len(words), 1)), words).keys.strings
    assert strings is not None
    found = close_spellings(strings.data, strings.offsets, word)
    most = min(3, max(1, len(word) // 3))
    far = sorted(d for each in words if each and (d := distance(word.lower().encode(), each.lower().encode())) <= most)
    assert [distance(word.lower().encode(), each.lower().encode()) for each in found] == far[:3]


def test_an_unknown_key_keeps_its_hint_when_it_is_pickled_and_costs_nothing_until_it_is_read(index: Index) -> None:
    with pytest.raises(UnknownKeyError) as caught:
        index.keys.row("womann")
    assert "did you mean 'woman'" in str(caught.value)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value) == str(copy.copy(caught.value))
    with pytest.raises(UnknownKeyError, match=r"no row has the key 'x'$"):
        Keys(3).row("x")
