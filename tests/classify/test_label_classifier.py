"""LabelClassifier: what it promises to who knows scikit-learn, and what it adds."""

from __future__ import annotations

import copy
import inspect
import json
import pickle
import subprocess
import sys

import numpy as np
import pytest

import nearmost as nm
from nearmost.classify import leaving_out


class Hashing:
    """An encoder without weights: letters in 64 columns."""

    spec = "test-letters"
    dim = 64

    def encode(self, texts, *, progress=None, n_threads=0):
        rows = np.zeros((len(texts), self.dim), dtype=np.float32)
        for row, text in enumerate(texts):
            for one, other in zip(f" {text.lower()}", text.lower(), strict=False):
                rows[row, (ord(one) * 31 + ord(other)) % self.dim] += 1
        return rows


@pytest.fixture(scope="module")
def blobs():
    """Three overlapping classes on a sphere, a training half and a test half."""
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(3, 16))
    y = rng.integers(0, 3, 900)
    X = centres[y] + rng.normal(scale=1.6, size=(900, 16))
    names = np.array(["apple", "pear", "quince"])[y]
    return X[:600], names[:600], X[600:], names[600:]


@pytest.mark.parametrize("classifier", [nm.LabelClassifier(), nm.LabelClassifier(k=3, weights="uniform")], ids=repr)
def test_scikit_learns_own_checks_pass(classifier):
    checks = pytest.importorskip("sklearn.utils.estimator_checks")
    if "on_fail" not in inspect.signature(checks.check_estimator).parameters:
        pytest.skip("this scikit-learn stops at the first check; 1.6 or later lists them")
    with pytest.warns(UserWarning, match="does not inherit"):
        found = checks.check_estimator(classifier, on_fail=None)
    assert len(found) > 40
    assert [(one["check_name"], one["exception"]) for one in found if one["status"] == "failed"] == []


@pytest.mark.parametrize("k", [1, 4, 25])
def test_uniform_votes_equal_scikit_learns_neighbours(blobs, k):
    neighbors = pytest.importorskip("sklearn.neighbors")
    X, y, test, _ = blobs
    theirs = neighbors.KNeighborsClassifier(k, metric="cosine", algorithm="brute").fit(X.astype(np.float32), y)
    ours = nm.LabelClassifier(k=k, weights="uniform").fit(X, y)
    assert ours.classes_.tolist() == theirs.classes_.tolist()
    np.testing.assert_allclose(ours.predict_proba(test), theirs.predict_proba(test.astype(np.float32)), atol=1e-9)


def test_score_votes_equal_those_counted_one_by_one(blobs):
    X, y, test, _ = blobs
    ours = nm.LabelClassifier(k=7, weights="score").fit(X, y)
    unit, queries = (rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (X, test))
    for row, (label, shares) in enumerate(zip(ours.predict(test), ours.predict_proba(test), strict=True)):
        scores = unit @ queries[row]
        best = np.argsort(-scores)[:7]
        votes = dict.fromkeys(ours.classes_, 0.0)
        for one in best:
            votes[y[one]] += np.exp(scores[one] / 0.05)
        assert label == max(votes, key=votes.get)
        np.testing.assert_allclose(shares, np.array(list(votes.values())) / sum(votes.values()), rtol=1e-4, atol=1e-6)


def test_weights_may_be_a_function_and_must_be_sane(blobs):
    X, y, test, _ = blobs
    same = nm.LabelClassifier(k=5, weights=np.ones_like).fit(X, y)
    plain = nm.LabelClassifier(k=5, weights="uniform").fit(X, y)
    np.testing.assert_array_equal(same.predict_proba(test), plain.predict_proba(test))
    nothing = nm.LabelClassifier(k=5, weights=np.zeros_like).fit(X, y)
    np.testing.assert_array_equal(nothing.predict(test), plain.predict(test))
    for weights in ("distance", lambda scores: scores[:1], lambda scores: scores - 9, 3):
        with pytest.raises(nm.InputError, match="weights"):
            nm.LabelClassifier(weights=weights).fit(X, y).predict(test)


def test_equal_votes_go_to_the_nearest_example():
    X = [[1, 0], [0.9, 0.1], [0.6, 0.6], [0, 1]]
    classifier = nm.LabelClassifier(k=4, weights="uniform").fit(X, ["d", "c", "b", "a"])
    assert classifier.predict([[1, 0.01], [0.01, 1]]).tolist() == ["d", "a"]
    proba = classifier.predict_proba([[1, 0.01], [0.01, 1]])
    assert classifier.classes_[proba.argmax(axis=1)].tolist() == ["d", "a"]


def test_label_names_alone_are_enough():
    names = ["Accountants", "Carpenters", "Fish and Game Wardens", "Carpet Installers"]
    classifier = nm.LabelClassifier(Hashing(), k=10).fit(names)
    assert classifier.predict(["fish warden", "a carpenter"]).tolist() == ["Fish and Game Wardens", "Carpenters"]
    labels, shares = classifier.top(["carpe"], 6)
    assert set(labels[0, :2]) == {"Carpenters", "Carpet Installers"}
    assert labels[0, 4:].tolist() == [None, None]
    assert shares[0].tolist() == sorted(shares[0], reverse=True)
    assert shares[0].sum() == pytest.approx(1)


def test_top_goes_on_beyond_the_neighbours_that_vote():
    rows = np.eye(8) + 0.1 * np.arange(8)
    classifier = nm.LabelClassifier(k=1).fit(rows, list("abcdefgh"))
    labels, shares = classifier.top(rows[2:3], 4)
    near = np.argsort(-(rows @ rows[2]) / np.linalg.norm(rows, axis=1))[:4]
    assert labels[0].tolist() == [list("abcdefgh")[row] for row in near]
    assert shares[0].tolist() == [1, 0, 0, 0]


def test_new_labels_join_without_the_old_examples_being_given_again(blobs):
    X, y, test, _ = blobs
    whole = nm.LabelClassifier(k=5).fit(X, y)
    order = np.argsort(y, kind="stable")
    parts = nm.LabelClassifier(k=5)
    for some in np.array_split(order, 4):
        parts.partial_fit(X[some], y[some])
    np.testing.assert_allclose(parts.predict_proba(test), whole.predict_proba(test), atol=1e-6)
    texts = nm.LabelClassifier(Hashing()).partial_fit(["cook"]).partial_fit(["smith"])
    assert texts.predict(["cooks", "smiths"]).tolist() == ["cook", "smith"]
    assert texts.texts_ == ["cook", "smith"]
    assert nm.LabelClassifier().partial_fit(X, y, classes=["fig", *y]).predict_proba(test).shape == (300, 4)


def test_the_neighbours_behind_a_decision_can_be_seen(blobs):
    X, y, test, _ = blobs
    classifier = nm.LabelClassifier(k=5, weights="uniform").fit(X, y)
    ids, scores = classifier.kneighbors(test)
    assert ids.shape == scores.shape == (300, 5)
    votes = classifier.classes_[classifier.labels_.numbers[ids, 0]]
    winners = [max(set(row), key=lambda label: (row.count(label), -row.index(label))) for row in votes.tolist()]
    assert classifier.predict(test).tolist() == winners
    assert classifier.kneighbors(test, k=2).ids.tolist() == ids[:, :2].tolist()


def test_it_abstains_below_the_threshold_and_the_threshold_keeps_its_precision(blobs):
    X, y, test, truth = blobs
    classifier = nm.LabelClassifier(k=15).fit(X, y)
    wanted = classifier.score(test, truth) + 0.05
    chosen = classifier.choose_threshold(test, truth, precision=wanted)
    answers = classifier.set_params(reject_below=chosen.threshold).predict(test)
    said = np.array([answer is not None for answer in answers])
    assert said.mean() == pytest.approx(chosen.coverage)
    assert np.mean(answers[said] == truth[said]) == pytest.approx(chosen.precision)
    assert chosen.precision >= wanted
    assert 0 < chosen.coverage < 1
    confidence = classifier.confidence(test)
    looser = confidence >= np.max(confidence[confidence < chosen.threshold])
    assert np.mean(classifier.set_params(reject_below=None).predict(test)[looser] == truth[looser]) < wanted
    assert classifier.set_params(reject_below=0.5).score(test, truth) == pytest.approx(
        np.mean(classifier.predict(test) == truth)
    )
    with pytest.raises(nm.InputError, match="precision"):
        classifier.choose_threshold(test, truth, precision=0)


def test_calibrated_probabilities_are_true_on_other_texts(blobs):
    X, y, test, truth = blobs
    classifier = nm.LabelClassifier(k=5, weights="uniform").fit(X, y)
    labels = classifier.predict(test)

    def miss(confidence, right):
        return sum(
            abs(confidence[some].mean() - right[some].mean()) * some.mean()
            for low in np.arange(0, 1, 0.2)
            if (some := (confidence > low) & (confidence <= low + 0.2)).any()
        )

    right = labels[150:] == truth[150:]
    before = miss(classifier.confidence(test[150:]), right)
    classifier.calibrate(test[:150], truth[:150])
    proba = classifier.predict_proba(test)
    after = miss(proba[150:].max(axis=1), right)
    assert after < max(0.1, before)
    np.testing.assert_allclose(proba.sum(axis=1), 1)
    np.testing.assert_allclose(proba.max(axis=1), classifier.confidence(test))
    assert classifier.classes_[proba.argmax(axis=1)].tolist() == labels.tolist() == classifier.predict(test).tolist()
    with pytest.raises(nm.InputError, match="at least 20"):
        classifier.calibrate(test[:5], truth[:5])
    assert nm.LabelClassifier().fit(X, y).calibration_ is None
    assert classifier.fit(X, y).calibration_ is None


def test_the_choice_of_k_equals_leaving_each_one_out_by_hand(blobs):
    neighbors = pytest.importorskip("sklearn.neighbors")
    selection = pytest.importorskip("sklearn.model_selection")
    X, y = (part[:150] for part in blobs[:2])
    choice = nm.LabelClassifier().fit(X, y).choose_k(ks=(1, 3, 8), weights=("uniform",))
    theirs = [
        selection.cross_val_score(
            neighbors.KNeighborsClassifier(k, metric="cosine"), X, y, cv=selection.LeaveOneOut()
        ).mean()
        for k in (1, 3)  # at an even k ties are broken otherwise
    ]
    assert choice.table[0, 0] == pytest.approx(theirs[0], abs=1e-9)
    assert choice.table[0, 1] == pytest.approx(theirs[1], abs=0.02)  # three labels, one vote each
    assert choice.accuracy == choice.table.max()
    assert choice.k in (1, 3, 8)


def test_an_example_is_not_judged_by_its_own_copies():
    X = [[1, 0], [1, 0], [1, 0.2], [1, 0.3], [0, 1], [-1, 0]]
    choice = nm.LabelClassifier().fit(X, list("abccab")).choose_k(ks=(1,))
    assert choice.accuracy == pytest.approx(2 / 6)  # the two c; the first two would be right by each other's copy
    with pytest.raises(nm.InputError, match="each label has one"):
        nm.LabelClassifier().fit(np.eye(3), list("abc")).choose_k()


def test_examples_that_come_many_times_are_judged_once_and_count_as_often(blobs, monkeypatch):
    X, y, _, _ = blobs
    again = np.repeat([0, 1, 2], [50, 7, 1])
    classifier = nm.LabelClassifier().fit(np.concatenate([X, X[again]]), np.concatenate([y, y[again]]))
    choice = classifier.choose_k(ks=(1, 9))
    rows, names = classifier.vectors_, np.concatenate([y, y[again]])
    for column, k in enumerate((1, 9)):
        right = 0
        for row, name in zip(rows, names, strict=True):
            others = (rows != row).any(axis=1)
            alone = nm.LabelClassifier(k=k, weights="uniform").fit(rows[others], names[others])
            right += alone.predict(row[None])[0] == name
        assert choice.table[0, column] == right / len(rows)
    monkeypatch.setattr(leaving_out, "MOST_SCORES", 1)
    np.testing.assert_array_equal(classifier.choose_k(ks=(1, 9)).table, choice.table)


def test_grid_search_and_pipelines_work(blobs):
    selection = pytest.importorskip("sklearn.model_selection")
    X, y, test, truth = blobs
    search = selection.GridSearchCV(nm.LabelClassifier(), {"k": [1, 15], "weights": ["uniform", "score"]}, cv=3)
    search.fit(X, y)
    assert search.best_params_["k"] == 15
    assert search.score(test, truth) == pytest.approx(np.mean(search.predict(test) == truth))
    texts = ["cook", "cooks", "cooking", "smith", "smiths", "smithing"] * 3
    grid = selection.GridSearchCV(nm.LabelClassifier(Hashing()), {"k": [1, 2]}, cv=3)
    assert grid.fit(texts, ["a", "a", "a", "b", "b", "b"] * 3).best_score_ == 1


def test_several_labels_as_lists_or_as_a_matrix_mean_the_same():
    rng = np.random.default_rng(3)
    X = rng.normal(size=(300, 8))
    matrix = (X[:, :4] > 0.3).astype(int)
    lists = [[f"is{number}" for number in np.flatnonzero(row)] for row in matrix]
    test = rng.normal(size=(50, 8))
    by_matrix = nm.LabelClassifier(k=9, weights="uniform").fit(X, matrix)
    by_lists = nm.LabelClassifier(k=9, weights="uniform").fit(X, lists)
    found = by_matrix.predict(test)
    assert [[f"is{number}" for number in np.flatnonzero(row)] for row in found] == [
        sorted(row) for row in by_lists.predict(test)
    ]
    near = by_matrix.kneighbors(test).ids
    np.testing.assert_array_equal(found, matrix[near].mean(axis=1) >= 0.5)
    np.testing.assert_allclose(by_matrix.predict_proba(test), (matrix[near].sum(axis=1) + 1) / 11)
    truth = (test[:, :4] > 0.3).astype(int)
    assert by_matrix.score(test, truth) == pytest.approx((found == truth).all(axis=1).mean())
    assert by_lists.score(test, [[f"is{n}" for n in np.flatnonzero(row)] for row in truth]) == by_matrix.score(
        test, truth
    )
    with pytest.raises(nm.InputError, match="one label an example"):
        by_lists.choose_threshold(test, lists[:50])


def test_lists_of_labels_come_back_as_python_has_them():
    for labels in (["a", "b"], [3, 5]):
        found = nm.LabelClassifier(k=1).fit([[1.0, 0.0], [0.0, 1.0]], [labels, labels[:1]]).predict([[2.0, 1.0]])
        assert json.loads(json.dumps(found.tolist())) == [labels]


def test_any_of_several_true_labels_is_right(blobs):
    X, y, test, truth = blobs
    classifier = nm.LabelClassifier(k=5).fit(X, y)
    found = classifier.predict(test)
    either = [{one, "pear"} for one in truth]
    assert classifier.score(test, either) == pytest.approx(np.mean((found == truth) | (found == "pear")))
    assert classifier.score(test, [["unheard of"]] * 300) == 0


@pytest.mark.parametrize("copied", [lambda one: pickle.loads(pickle.dumps(one)), copy.deepcopy], ids=["pickle", "copy"])
def test_a_copy_answers_the_same(blobs, copied):
    X, y, test, truth = blobs
    classifier = nm.LabelClassifier(k=5).fit(X, y).calibrate(test, truth)
    np.testing.assert_array_equal(copied(classifier).predict_proba(test), classifier.predict_proba(test))


@pytest.mark.parametrize(
    ("X", "y", "says"),
    [
        ("cook", None, "one string"),
        ([[1.0, 2.0]], None, "y to be passed"),
        ([[1.0, 2.0], [2.0, 1.0]], ["a"], "2 examples and y has 1"),
        ([[1.0, float("nan")]], ["a"], "NaN"),
        ([[1.0, 2.0], [2.0, 1.0]], ["a", 1], "mixes"),
        ([[1.0, 2.0], [2.0, 1.0]], [0.5, 1.0], "continuous"),
        ([[1.0, 2.0], [2.0, 1.0]], [[], []], "no label at all"),
        (["cook", 3], ["a", "b"], "row 1 of the texts is int 3"),
        ([float("nan"), "cook"], ["a", "b"], "row 0 of the texts is float nan"),
        (np.array([None, "cook"], dtype=object), ["a", "b"], "row 0 of the texts is NoneType"),
        (["cook", "smith"], ["a", None], "leave out examples that have none"),
        (["cook", "smith"], ["a", float("nan")], "leave out examples that have none"),
        ([], [], "sample"),
        ([[1.0, 2.0]], "a", "one string"),
    ],
)
def test_what_cannot_be_learnt_from_is_refused_in_words(X, y, says):
    with pytest.raises(nm.InputError, match=says):
        nm.LabelClassifier(Hashing()).fit(X, y)


@pytest.mark.parametrize("wrong", ["0.5", float("nan"), [0.5]])
def test_a_threshold_that_is_no_number_is_refused(wrong):
    classifier = nm.LabelClassifier(reject_below=wrong).fit([[1.0, 0.0], [0.0, 1.0]], ["a", "b"])
    for ask in (classifier.predict, lambda X: classifier.score(X, ["a"])):
        with pytest.raises(nm.InputError, match="reject_below is"):
            ask([[1.0, 0.0]])


def test_texts_and_vectors_are_not_mixed():
    with pytest.raises(nm.InputError, match="wants vectors"):
        nm.LabelClassifier().fit([[1.0, 2.0]], ["a"]).predict(["cook"])
    with pytest.raises(nm.ShapeError, match="expecting 2 features"):
        nm.LabelClassifier().fit([[1.0, 2.0]], ["a"]).predict([[1.0]])
    with pytest.raises(nm.NotFittedError):
        nm.LabelClassifier().predict(["cook"])


def test_it_works_where_scikit_learn_is_not_installed():
    say = (
        "import sys; sys.modules['sklearn'] = None\n"
        "import nearmost as nm\n"
        "found = nm.LabelClassifier(k=1).fit([[1.0, 0.0], [0.0, 1.0]], ['a', 'b'])\n"
        "try: nm.LabelClassifier().predict([[1.0]])\n"
        "except nm.NotFittedError as error: print(type(error).__name__)\n"
        "print(*found.predict([[2.0, 1.0]]))"
    )
    done = subprocess.run([sys.executable, "-c", say], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["NotFittedError", "a"]


@pytest.mark.parametrize("n_threads", [1, 2])
def test_many_texts_are_voted_on_in_blocks_with_one_result(blobs, n_threads):
    X, y, _, _ = blobs
    classifier = nm.LabelClassifier(k=9, n_threads=n_threads).fit(X, y)
    many = np.random.default_rng(1).normal(size=(40_000, 16))
    whole = classifier.predict_proba(many)
    for some in (slice(0, 5), slice(16_380, 16_390), slice(39_995, 40_000)):
        np.testing.assert_array_equal(classifier.predict_proba(many[some]), whole[some])
