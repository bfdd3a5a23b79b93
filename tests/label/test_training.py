"""Learners of a user's: trained apart, and asked about no record that they have seen."""

from __future__ import annotations

import textwrap

import numpy as np
import pytest

from nearmost.label.isolation.job import Job, Training
from nearmost.label.isolation.limits import Limits
from nearmost.label.isolation.process import run

REFINERYS = """
from sklearn.linear_model import LogisticRegression

class ATLClassifier(LearningClassifier):

    def __init__(self):
        self.model = LogisticRegression()

    @params_fit(
        embedding_name = "headline-classification-distilbert-base-uncased", # pick this from the options above
        train_test_split = 0.5
    )
    def fit(self, embeddings, labels):
        self.model.fit(embeddings, labels)

    @params_inference(
        min_confidence = 0.6,
        label_names = None
    )
    def predict_proba(self, embeddings):
        return self.model.predict_proba(embeddings)
"""
LABELS = ("World", "Sports", "Business")
LIMITS = Limits(seconds=300)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """300 records of three labels in 8 columns, 60 of them labelled, and the file of vectors."""
    draw = np.random.default_rng(0)
    truth = draw.integers(3, size=300)
    vectors = (draw.standard_normal((300, 8)) + 1.5 * np.eye(3, 8)[truth]).astype(np.float32)
    path = tmp_path_factory.mktemp("vectors") / "vectors.npy"
    np.save(path, vectors)
    records = draw.permutation(300)[:60]
    return vectors, truth, records, str(path)


def learn(code, data, labels=None, records=None):
    _, truth, chosen, path = data
    records = chosen if records is None else records
    names = [LABELS[each] for each in truth[records]] if labels is None else labels
    training = Training(path, records.tolist(), names, [number % 5 for number in range(len(names))], n_asked=300)
    job = Job("atl", "heuristics/Topic/atl.py", textwrap.dedent(code), LABELS, training=training)
    return run(job, [{}] * 300, LIMITS)


def test_refinerys_learner_runs_as_it_stands_and_beats_chance_by_far(data):
    outcome = learn(REFINERYS, data)
    assert outcome.status == "done", outcome.trouble
    _, truth, _, _ = data
    right = [LABELS[truth[index]] == label for index, label, _, _ in outcome.votes]
    assert len(right) > 150
    assert np.mean(right) > 0.75
    assert min(outcome.votes.values()) > 0.6


def test_records_that_were_not_labelled_are_judged_by_scikit_learn_trained_on_all(data):
    from sklearn.linear_model import LogisticRegression

    vectors, truth, records, _ = data
    names = np.array(LABELS)[truth]
    model = LogisticRegression().fit(vectors[records], names[records])
    expected = model.predict_proba(vectors)[:, [list(model.classes_).index(label) for label in LABELS]]
    others = np.setdiff1d(np.arange(300), records)
    soft = learn(REFINERYS, data).soft
    np.testing.assert_allclose(soft[others], expected[others], atol=1e-6)
    assert np.abs(soft[records] - expected[records]).max() > 0.01


def test_no_record_is_judged_by_a_copy_that_was_trained_on_it(data):
    """A learner that only remembers knows nothing of records left out."""
    memory = """
        import numpy as np
        class Memory(LearningClassifier):
            def fit(self, embeddings, labels):
                self.known = {row.tobytes(): label for row, label in zip(embeddings, labels)}
                self.classes_ = sorted(set(labels))
            def predict_proba(self, embeddings):
                known = [[self.known.get(row.tobytes()) == name for name in self.classes_] for row in embeddings]
                return np.array(known) * 0.9 + 0.1
    """
    outcome = learn(memory, data)
    assert outcome.status == "done", outcome.trouble
    np.testing.assert_allclose(outcome.soft, 1 / 3, atol=1e-6)
    assert outcome.votes == {}


def test_each_copy_is_scikit_learn_trained_without_its_fold(data):
    from sklearn.linear_model import LogisticRegression

    vectors, truth, records, _ = data
    names, folds = np.array(LABELS)[truth], np.arange(60) % 5
    outcome = learn(REFINERYS, data)
    assert outcome.copies.shape == (5, 300, 3)
    for fold, copy in enumerate(outcome.copies):
        model = LogisticRegression().fit(vectors[records[folds != fold]], names[records[folds != fold]])
        expected = model.predict_proba(vectors)[:, [list(model.classes_).index(label) for label in LABELS]]
        np.testing.assert_allclose(copy, expected, atol=1e-3)
        np.testing.assert_allclose(outcome.soft[records[folds == fold]], expected[records[folds == fold]], atol=1e-6)
    np.testing.assert_allclose(outcome.copies.sum(axis=2), 1, atol=1e-6)


def test_only_the_labels_that_are_named_are_voted_for(data):
    outcome = learn(REFINERYS.replace("label_names = None", "label_names = ['Sports']"), data)
    assert {label for _, label, _, _ in outcome.votes} == {"Sports"}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("label_names = None", "label_names = ['Sport']"), "names the label 'Sport'; the task has World"),
        (("return self.model.predict_proba(embeddings)", "return embeddings"), "gave shape (300, 8)"),
        (
            ("return self.model.predict_proba(embeddings)", "return 0 * self.model.predict_proba(embeddings)"),
            "no probabilities",
        ),
        (("return self.model.predict_proba(embeddings)", "pass"), "gave"),
        (("LearningClassifier", "LearningExtractor"), "a vector for each word"),
        (("self.model.fit(embeddings, labels)", "raise OSError('no')"), "OSError: no"),
    ],
)
def test_a_learner_that_cannot_work_says_why(data, change, said):
    outcome = learn(REFINERYS.replace(*change), data)
    assert outcome.status == "error"
    assert said in outcome.trouble.what


def test_one_label_is_not_enough_to_learn_from(data):
    outcome = learn(REFINERYS, data, labels=["World"] * 60)
    assert "at least two labels" in outcome.trouble.what


def test_a_label_with_one_example_does_no_harm(data):
    _, truth, records, _ = data
    few = np.concatenate([records[truth[records] == 0][:6], records[truth[records] == 1][:1]])
    outcome = learn(REFINERYS, data, records=few)
    assert outcome.status == "done", outcome.trouble
    assert np.isfinite(outcome.soft).all()
