"""The learners that every project has: what that of words computes, and that no record is told its own label."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.naive_bayes import MultinomialNB

from nearmost.errors import InputError, MissingExtraError
from nearmost.label import Project
from nearmost.label.manual.tasks import ABSTAIN
from nearmost.label.supervision.combining import supervise
from nearmost.label.supervision.learners import cross_fit
from nearmost.label.supervision.models import fit
from nearmost.label.supervision.naive_bayes import (
    LENGTH,
    SMOOTHING,
    SPOKEN,
    cross_fit_words,
    expectation_maximisation,
    word_weights,
)
from nearmost.label.votes.arrays import Votes
from nearmost.label.votes.folds import N_FOLDS, fold_of


def corpus(n=900, n_labels=3, n_words=300, seed=0):
    """Texts of eight words; each label has a third of the words as its own, and shares the rest."""
    draw = np.random.default_rng(seed)
    truth = draw.choice(n_labels, n, p=[0.5, 0.3, 0.2][:n_labels])
    own = n_words // n_labels
    texts = []
    for label in truth:
        from_own = draw.random(8) < 0.45
        words = np.where(from_own, label * own + draw.integers(own, size=8), draw.integers(n_words, size=8))
        texts.append(" ".join(f"w{word:03}" for word in words))
    return texts, truth


def labelled(truth, n=40, seed=1):
    manual = np.full(len(truth), ABSTAIN)
    chosen = np.random.default_rng(seed).permutation(len(truth))[:n]
    manual[chosen] = truth[chosen]
    return manual


def test_every_text_counts_for_as_many_words():
    texts = ["one two two three", "four", "", "a b", "two four five six seven"]
    found = word_weights(texts)
    np.testing.assert_allclose(np.asarray(found.sum(axis=1))[:, 0], [LENGTH, LENGTH, 0, 0, LENGTH], rtol=1e-12)
    theirs = TfidfVectorizer(sublinear_tf=True).fit_transform(texts).toarray()
    np.testing.assert_allclose(found.toarray()[0], LENGTH * theirs[0] / theirs[0].sum(), rtol=1e-12)
    with pytest.raises(InputError, match="cannot learn"):
        word_weights(["a", "!"])


def test_without_unlabelled_texts_it_is_scikit_learns():
    texts, truth = corpus()
    weights, manual = word_weights(texts), labelled(truth)
    found = expectation_maximisation(weights, manual[None], 3, rounds=0)[0]
    rows = np.flatnonzero(manual != ABSTAIN)
    counts = np.bincount(manual[rows])
    theirs = MultinomialNB(alpha=SMOOTHING, class_prior=(counts + 1) / (counts + 1).sum())
    theirs.fit(weights[rows], manual[rows], sample_weight=(counts.mean() / counts)[manual[rows]])
    np.testing.assert_allclose(softmax(found, axis=1), theirs.predict_proba(weights), atol=1e-9)


def test_it_is_expectation_maximisation_in_plain_loops():
    texts, truth = corpus(n=120)
    weights, n_labels = word_weights(texts), 3
    cases = np.stack([labelled(truth, 30), labelled(truth, 12, seed=5)])
    hint = np.random.default_rng(0).standard_normal((2, 120, 3))
    found = expectation_maximisation(weights, cases, n_labels, hint=hint, rounds=3)
    table = weights.toarray()
    for case, manual in enumerate(cases):
        beliefs = np.eye(4)[manual][:, :3]
        for step in range(4):
            scores = np.zeros((120, n_labels))
            mass = [sum(beliefs[row, y] * table[row].sum() for row in range(120)) for y in range(n_labels)]
            for y in range(n_labels):
                words = sum(beliefs[row, y] * table[row] for row in range(120)) * np.mean(mass) / mass[y] + SMOOTHING
                scores[:, y] = table @ np.log(words / words.sum()) + np.log(beliefs[:, y].sum() + 1)
            if step < 3:
                guessed = softmax(scores + hint[case], axis=1)
                beliefs = np.where((manual == ABSTAIN)[:, None], guessed, np.eye(4)[manual][:, :3])
        np.testing.assert_allclose(found[case], scores, rtol=1e-9)


def test_unlabelled_texts_teach_words_that_no_labelled_one_has():
    texts, truth = corpus(n=2000)
    manual = labelled(truth)
    rest = manual == ABSTAIN
    weights = word_weights(texts)
    supervised, both = (
        (expectation_maximisation(weights, manual[None], 3, rounds=rounds)[0].argmax(axis=1) == truth)[rest].mean()
        for rounds in (0, 8)
    )
    assert both > supervised + 0.1


def test_copies_of_the_learner_of_words_have_not_seen_their_fold():
    texts, truth = corpus()
    weights, manual = word_weights(texts), labelled(truth, 60)
    draw = np.random.default_rng(0)
    vectors = (np.eye(3, 8)[truth] * 2 + draw.standard_normal((900, 8))).astype(np.float32)
    rows, folds = np.flatnonzero(manual != ABSTAIN), fold_of(900)
    changed = manual.copy()
    changed[rows[folds[rows] == 2]] = (manual[rows[folds[rows] == 2]] + 1) % 3
    for helped in (False, True):
        found, other = (
            cross_fit_words(weights, each, 3, beside=cross_fit(vectors, each, 3) if helped else None)
            for each in (manual, changed)
        )
        np.testing.assert_array_equal(found.copies[2], other.copies[2])
        assert not np.allclose(found.copies[1], other.copies[1], atol=1e-6)
        np.testing.assert_array_equal(found.posteriors[rows], found.copies[folds[rows], rows])
    alone = np.where(folds == 2, ABSTAIN, manual)
    np.testing.assert_allclose(
        cross_fit_words(weights, manual, 3).copies[2],
        softmax(SPOKEN / LENGTH * expectation_maximisation(weights, alone[None], 3)[0], axis=1),
        atol=1e-6,
    )


def test_a_label_that_nobody_gave_is_given_to_nobody():
    texts, truth = corpus()
    found = cross_fit_words(word_weights(texts), labelled(np.minimum(truth, 1)), 4)
    assert (found.posteriors[:, 2:] == 0).all()
    np.testing.assert_allclose(found.copies.sum(axis=2), 1, atol=1e-5)
    manual = np.full(900, ABSTAIN)
    here = np.flatnonzero(fold_of(900) == 0)[:4]
    manual[here] = [0, 0, 1, 1]  # one fold holds all that is known
    few = cross_fit_words(word_weights(texts), manual, 2)
    assert np.isfinite(few.copies).all()
    assert (few.copies[1].argmax(axis=1) == truth)[truth < 2].mean() > 0.5
    with pytest.raises(InputError, match="two"):
        cross_fit_words(word_weights(texts), np.where(manual == 0, 0, ABSTAIN), 2)


def test_a_learner_that_knows_nothing_is_not_listened_to():
    texts, truth = corpus()
    manual = labelled(truth, 150)
    good = cross_fit_words(word_weights(texts), manual, 3)
    noise = np.random.default_rng(0).dirichlet([0.5] * 3, (N_FOLDS + 1, 900)).astype(np.float32)
    table = np.full((900, 2), ABSTAIN)
    both = Votes.of(
        table, names=["good", "noise"], n_labels=3, soft={"good": good.posteriors, "noise": noise[0]},
        copies={"good": good.copies, "noise": noise[1:]},
    )  # fmt: skip
    weights = fit(both, manual, "bayes").weights
    assert weights[1] < 0.2 * weights[0]
    rest = manual == ABSTAIN
    right = [(supervise(some, manual).weak.labels == truth)[rest].mean() for some in (both.only(["good"]), both)]
    assert right[1] > right[0] - 0.02


def _topics(project, n=300, n_manual=60):
    texts, truth = corpus(n=n)
    project.add_records([{"id": f"t{row}", "title": text} for row, text in enumerate(texts)])
    names = ["World", "Sports", "Business"]
    for row in range(n_manual):
        project.annotate("Topic", f"t{row}", names[truth[row]])
    project.add_heuristic("Topic", "w001", {"kind": "lookup", "list": "first", "label": "World"})
    project.add_terms("first", ["w001", "w002", "w003"])
    project.run("Topic")
    return truth


def test_a_project_without_vectors_learns_from_its_words(project):
    truth = _topics(project)
    made = project.supervise("Topic")
    rows = project.weak("Topic")
    ids = np.array([project.record(f"t{row}").id for row in range(60, 300)])
    assert (rows.labels[ids] == truth[60:]).mean() > 0.6
    assert made.metrics["manual_only"]["judged"] == 60
    sources = {source for source, _, _ in project.explain("Topic", "t70")}
    assert "learner: words" in sources
    assert "learner: vectors" not in sources
    without = project.supervise("Topic", learner=False)
    assert not any("learner" in source for source, _, _ in project.explain("Topic", "t70"))
    assert without.metrics["manual_only"] == made.metrics["manual_only"]
    with pytest.raises(InputError, match="embed"):
        project.supervise("Topic", learner="vectors")
    with pytest.raises(InputError, match="vectors, words"):
        project.supervise("Topic", learner="word")


def test_one_learner_can_be_had_without_the_other(project):
    _topics(project)
    project.embed("lsa:16")
    for learner, wanted in ((True, {"vectors", "words"}), ("vectors", {"vectors"}), ("words", {"words"})):
        project.supervise("Topic", learner=learner)
        sources = {source for source, _, _ in project.explain("Topic", "t70")}
        assert {source.removeprefix("learner: ") for source in sources if "learner" in source} == wanted


def test_learners_are_fitted_again_where_a_label_or_a_text_changed(project):
    _topics(project)
    before = project.supervise("Topic").metrics["manual_only"]
    assert project.supervise("Topic").metrics["manual_only"] == before
    for row in range(30):
        project.annotate("Topic", f"t{row}", "Sci/Tech")
    relabelled = project.supervise("Topic").metrics["manual_only"]
    assert relabelled != before
    project.add_records([{"id": f"t{row}", "title": "w299 w298"} for row in range(60)])
    assert project.supervise("Topic").metrics["manual_only"] != relabelled


def test_a_project_of_keys_and_numbers_has_no_words(tmp_path):
    with Project.create(tmp_path / "numbers", key="id") as project:
        project.add_records([{"id": f"n{row}", "size": row} for row in range(20)])
        project.add_task("Kind", ["small", "large"])
        for row in range(12):
            project.annotate("Kind", f"n{row}", "small" if row < 6 else "large")
        assert project.supervise("Kind").metrics["manual_only"] is None
        with pytest.raises(InputError, match="attribute of text"):
            project.supervise("Kind", learner="words")


def test_words_alone_are_left_out_where_scikit_learn_is_missing(project, monkeypatch):
    _topics(project)
    monkeypatch.setitem(sys.modules, "nearmost.label.supervision.naive_bayes", None)
    monkeypatch.setattr("nearmost.label.supervision.built_in._last", {})
    assert project.supervise("Topic").metrics["manual_only"] is None
    with pytest.raises(MissingExtraError, match="scikit-learn"):
        project.supervise("Topic", learner="words")
