"""The arithmetic of labelling beside SciPy, scikit-learn, matplotlib and plain loops."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.stats import binomtest
from sklearn.linear_model import LogisticRegression

from nearmost.errors import InputError, ShapeError
from nearmost.label.heuristics.regions import ball, inside
from nearmost.label.heuristics.zero_shot import described, zero_shot
from nearmost.label.manual.tasks import ABSTAIN
from nearmost.label.supervision import queue
from nearmost.label.supervision.calibration import calibration_error, fit_scales, fit_temperature, sharpened, softmax
from nearmost.label.supervision.combining import quality, supervise
from nearmost.label.supervision.confusion import confusion
from nearmost.label.supervision.learners import cross_fit, end_model, logistic_regression
from nearmost.label.supervision.multi import question, supervise_each
from nearmost.label.supervision.neighborhood import Neighborhood, agreement, spread
from nearmost.label.supervision.spans import SpanVote, merge_spans, precisions
from nearmost.label.supervision.threshold import pick_threshold
from nearmost.label.votes.arrays import Votes, WeakLabels
from nearmost.label.votes.folds import N_FOLDS, fold_of
from nearmost.label.votes.intervals import wilson


def near(vectors, k):
    """The neighbourhood by brute force."""
    units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    scores = units @ units.T
    np.fill_diagonal(scores, -np.inf)
    ids = np.argsort(-scores, axis=1)[:, :k]
    return Neighborhood.of(ids, np.take_along_axis(scores, ids, axis=1))


def clouds(n=600, n_labels=3, dim=12, apart=1.2, seed=0):
    draw = np.random.default_rng(seed)
    truth = draw.integers(n_labels, size=n)
    return (draw.standard_normal((n, dim)) + apart * np.eye(n_labels, dim)[truth] * 2).astype(np.float32), truth


@given(st.integers(0, 400), st.integers(0, 400))
def test_intervals_are_wilsons(right, wrong):
    n = right + wrong
    if not n:
        assert wilson(0, 0) == (0, 1)
        return
    theirs = binomtest(right, n).proportion_ci(method="wilson")
    np.testing.assert_allclose(wilson(right, n), (theirs.low, theirs.high), atol=1e-9)


def test_scales_are_where_scipy_finds_the_least_loss():
    draw = np.random.default_rng(0)
    labels = draw.integers(3, size=300)
    parts = draw.standard_normal((300, 3, 2))
    parts[np.arange(300), labels, 0] += 1

    def loss(weights):
        chance = softmax(parts @ weights)[np.arange(300), labels]
        return -np.log(chance).sum() + 2 * ((weights - [1, 0.5]) ** 2).sum()

    theirs = minimize(loss, [1, 0.5], bounds=[(0, 5)] * 2, tol=1e-12).x
    ours = fit_scales(parts, labels, np.array([1, 0.5]), 2.0)
    np.testing.assert_allclose(ours, theirs, atol=1e-4)
    assert loss(ours) <= loss(theirs) + 1e-9


def test_temperature_makes_bold_posteriors_honest():
    draw = np.random.default_rng(0)
    honest = draw.dirichlet([0.7] * 4, 5000)
    labels = np.array([draw.choice(4, p=row) for row in honest])
    bold = sharpened(honest, 3.0)
    found = sharpened(bold, fit_temperature(bold, labels))
    assert calibration_error(bold.max(axis=1), bold.argmax(axis=1) == labels) > 0.15
    assert calibration_error(found.max(axis=1), found.argmax(axis=1) == labels) < 0.02


@pytest.mark.parametrize("share", [0.4, 0.7])
def test_spreading_comes_to_the_fixed_point_of_its_equation(share):
    vectors, truth = clouds(n=80)
    hood = near(vectors, 5)
    beliefs = np.random.default_rng(0).dirichlet([1, 1, 1], 80)
    known = np.full(80, ABSTAIN)
    known[:20] = truth[:20]
    start = np.where((known >= 0)[:, None], np.eye(3)[known], beliefs)
    table = np.zeros((80, 80))
    np.put_along_axis(table, hood.ids, hood.weights, axis=1)
    exact = np.linalg.solve(np.eye(80) - share * table, (1 - share) * start)
    found = spread(beliefs, known, hood, share=share)
    assert np.abs(found - exact).max() < 0.02  # 12 steps
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-5)
    both = spread(np.stack([beliefs, beliefs]), np.stack([known, np.full(80, ABSTAIN)]), hood, share=share)
    np.testing.assert_allclose(both[0], found, atol=1e-6)


def test_a_record_without_neighbours_keeps_its_own():
    hood = Neighborhood.of([[1, -1], [0, -1], [-1, -1]], [[0.5, 0], [0.5, 0], [0, 0]])
    rows = np.array([[0.9, 0.1], [0.2, 0.8], [0.4, 0.6]])
    found = spread(rows, np.full(3, ABSTAIN), hood)
    np.testing.assert_allclose(found[2], rows[2], atol=1e-6)
    assert 0.2 < found[1, 0] < 0.9
    assert np.isnan(agreement(np.array([0, 0, 0]), hood)[2])


def test_agreement_is_higher_where_the_label_is_true():
    vectors, truth = clouds()
    draw = np.random.default_rng(1)
    labels = np.where(draw.random(600) < 0.25, draw.integers(3, size=600), truth)
    found = agreement(labels, near(vectors, 10))
    right = labels == truth
    assert found[right].mean() > found[~right].mean() + 1
    best = np.argsort(-found)[:300]
    assert right[best].mean() > right.mean() + 0.05


def test_neighbours_make_weak_labels_better_and_what_is_told_of_them_stays_honest():
    vectors, truth = clouds(n=1500, apart=0.75)
    draw = np.random.default_rng(0)
    manual = np.full(1500, ABSTAIN)
    chosen = draw.permutation(1500)[:100]
    manual[chosen] = truth[chosen]
    learned = cross_fit(vectors, manual, 3)
    column, sure = learned.votes()
    votes = Votes.of(
        column[:, None], sure[:, None], names=["l"], n_labels=3,
        soft={"l": learned.posteriors}, copies={"l": learned.copies},
    )  # fmt: skip
    rest = manual == ABSTAIN
    plain, with_them = supervise(votes, manual), supervise(votes, manual, neighborhood=near(vectors, 15))
    right = [(part.weak.labels == truth)[rest].mean() for part in (plain, with_them)]
    assert right[1] > right[0]
    told = quality(with_them.held_out, manual)["accuracy"]
    assert told < right[1] + 0.07
    blind = Votes.of(column[:, None], sure[:, None], names=["l"], n_labels=3, soft={"l": learned.posteriors})
    without = supervise(blind, manual, neighborhood=near(vectors, 15))  # nobody could tell how honest it was
    np.testing.assert_array_equal(without.weak.labels, plain.weak.labels)


def test_no_copy_has_seen_its_fold_and_the_rest_is_scikit_learns():
    vectors, truth = clouds()
    manual = np.where(np.arange(600) % 4 == 0, truth, ABSTAIN)
    found = cross_fit(vectors, manual, 4)
    rows = np.flatnonzero(manual >= 0)
    theirs = LogisticRegression(C=3, class_weight="balanced", max_iter=1000).fit(vectors[rows], manual[rows])
    free = manual == ABSTAIN
    np.testing.assert_allclose(found.posteriors[free, :3], theirs.predict_proba(vectors[free]), atol=1e-4)
    assert (found.posteriors[:, 3] == 0).all()
    folds = fold_of(600)
    for fold in range(N_FOLDS):
        here = rows[folds[rows] == fold]
        others = rows[folds[rows] != fold]
        copy = logistic_regression().fit(vectors[others], manual[others])
        np.testing.assert_allclose(found.posteriors[here, :3], copy.predict_proba(vectors[here]), atol=1e-4)
    changed = manual.copy()
    changed[rows[folds[rows] == 0]] = 0  # other labels in a fold change nothing of what is said there
    same = cross_fit(vectors, changed, 4).copies[0]
    np.testing.assert_allclose(found.copies[0], same, atol=1e-6)


def test_folds_are_even_and_stay_when_records_come():
    folds = fold_of(10_000, 3)
    assert np.bincount(folds, minlength=N_FOLDS).min() > 1800
    np.testing.assert_array_equal(fold_of(500, 3), folds[:500])
    assert (fold_of(10_000, 4) == folds).mean() < 0.25


def test_an_end_model_learns_from_weak_labels_too():
    vectors, truth = clouds(apart=0.6)
    manual = np.where(np.arange(600) < 15, truth, ABSTAIN)
    weak = WeakLabels(truth, np.where(np.arange(600) < 300, 0.9, 0.1))
    model = end_model(vectors, manual, weak)
    alone = logistic_regression().fit(vectors[:15], truth[:15])
    rest = slice(300, None)
    assert (model.predict(vectors[rest]) == truth[rest]).mean() > (alone.predict(vectors[rest]) == truth[rest]).mean()


@pytest.mark.parametrize("trust", [0.0, 20.0])
def test_no_weak_label_is_lost_between_two_labelled_records(trust):
    """Of all confidences that there are, the lowest that is precise enough: by its definition, one after the other."""
    draw = np.random.default_rng(5)
    sure = np.round(draw.beta(4, 2, size=300), 3)
    labels = np.zeros(300, dtype=np.int64)
    manual = np.where(np.arange(300) < 40, np.where(draw.random(300) < sure, 0, 1), ABSTAIN)
    some = WeakLabels(labels, sure)
    found = pick_threshold(some, manual, some, precision=0.8, trust=trust)

    def expected(at):
        judged = (sure >= at) & (manual != ABSTAIN)
        told = (manual[judged] == 0).sum() + trust * sure[sure >= at].mean()
        return told / (judged.sum() + trust) if judged.sum() >= 5 else 0.0

    fine = [at for at in np.unique(sure) if expected(at) >= 0.8 and at >= sure[:40].min()]
    assert found.confidence == min(fine)
    assert sure[:40].min() < found.confidence < sure[:40][sure[:40] >= found.confidence].min()
    right = np.where(manual == ABSTAIN, ABSTAIN, 0)  # all of them: then the lowest of them
    assert pick_threshold(some, right, some, precision=0.8, trust=trust).confidence == sure[:40].min() > sure.min()


def test_the_threshold_is_the_lowest_that_is_precise_enough():
    draw = np.random.default_rng(0)
    confidence = draw.random(400).round(2)
    truth = np.zeros(400, dtype=np.int64)
    labels = (draw.random(400) > confidence).astype(np.int64)
    held = WeakLabels(labels, confidence)
    found = pick_threshold(held, truth, held, precision=0.8)
    good = [
        at for at in np.unique(confidence)
        if (confidence >= at).sum() >= 5 and (labels[confidence >= at] == 0).mean() >= 0.8
    ]  # fmt: skip
    assert found.confidence == min(good)
    assert found.precision >= 0.8
    assert found.interval.low < found.precision < found.interval.high
    assert found.kept == found.judged == (confidence >= found.confidence).sum()
    one = pick_threshold(held, truth, held, precision=0.8, label=1)
    assert one.confidence == np.inf
    assert one.kept == 0
    unlucky = WeakLabels(np.where(np.arange(400) == confidence.argmax(), 1, labels), confidence)
    trusting = pick_threshold(unlucky, truth, held, precision=0.8, trust=50)
    at_all = [(unlucky.labels[confidence >= at] == 0).sum() for at in np.unique(confidence)]
    of_all = [(confidence >= at).sum() for at in np.unique(confidence)]
    mean = [confidence[confidence >= at].mean() for at in np.unique(confidence)]
    fine = (np.array(at_all) + 50 * np.array(mean)) / (np.array(of_all) + 50) >= 0.8
    assert trusting.confidence == np.unique(confidence)[fine & (np.array(of_all) >= 5)].min()
    with pytest.raises(InputError, match=r"precision is 1\.5"):
        pick_threshold(held, truth, held, precision=1.5)


def test_confusion_counts_what_scikit_learn_counts_and_names_the_records():
    from sklearn.metrics import confusion_matrix

    draw = np.random.default_rng(0)
    manual, labels = draw.integers(-1, 3, 200), draw.integers(-1, 3, 200)
    found = confusion(WeakLabels(labels, draw.random(200)), manual, ["a", "b", "c"])
    both = (manual >= 0) & (labels >= 0)
    np.testing.assert_array_equal(found.counts, confusion_matrix(manual[both], labels[both]))
    for (true, weak), records in found.records.items():
        assert len(records) == found.counts[true, weak]
        assert ((manual[records] == true) & (labels[records] == weak)).all()
    assert found.unlabelled.sum() == ((manual >= 0) & (labels == -1)).sum()


def test_queues_put_first_what_they_are_named_for():
    posteriors = np.array([[0.9, 0.1, 0], [0.5, 0.5, 0], [0.4, 0.35, 0.25], [0.34, 0.33, 0.33]])
    left = np.arange(4)
    weak = WeakLabels.of_posteriors(posteriors)
    assert queue.uncertain(weak, left, 3).tolist() == [1, 3, 2]
    votes = Votes.of([[0, 0, 1], [0, 1, 2], [0, 0, 0], [-1, 1, 0]])
    assert queue.conflicting(votes, left, 9, weak).tolist() == [1, 3, 0]
    vectors = np.array([[1, 0], [0.99, 0.1], [0, 1], [-1, 0.1], [0.1, 1]], dtype=np.float32)
    manual = np.array([0, -1, -1, -1, -1])
    rest = np.arange(1, 5)
    assert queue.outlying(vectors, manual, rest, 2).tolist() == [3, 2]
    assert queue.similar(vectors, np.array([0]), rest, 2).tolist() == [1, 4]
    assert queue.diverse(vectors, manual, rest, 2).tolist() == [3, 2]
    assert queue.at_random(rest, 2, 1).tolist() == queue.at_random(rest, 2, 1).tolist()
    assert sorted(queue.diverse(vectors, np.full(5, -1), np.arange(5), 9).tolist()) == [0, 1, 2, 3, 4]


def test_a_lasso_holds_the_points_that_matplotlib_finds_in_it():
    path = pytest.importorskip("matplotlib.path")
    draw = np.random.default_rng(0)
    corners = np.array([[0, 0], [4, 0], [4, 4], [2, 1], [0, 4]], dtype=float)
    points = draw.uniform(-1, 5, (2000, 2))
    np.testing.assert_array_equal(inside(points, corners), path.Path(corners).contains_points(points))
    assert not inside([[np.nan, 1]], corners).any()
    with pytest.raises(ShapeError, match="at least 3 corners"):
        inside(points, corners[:2])


def test_a_ball_holds_its_records_and_those_as_near():
    vectors, truth = clouds(apart=2)
    some = np.flatnonzero(truth == 1)[:20]
    found = ball(vectors, some)
    assert found[some].all()
    assert (truth[found] == 1).mean() > 0.9
    assert ball(vectors, some, 0.0).sum() == 0
    with pytest.raises(InputError, match="at least one record"):
        ball(vectors, [])


def test_overlapping_spans_of_a_label_join_and_the_strongest_of_others_stays():
    votes = [
        SpanVote("list", 0, 0, 5, 0),
        SpanVote("other", 0, 3, 9, 0, 0.5),
        SpanVote("rival", 0, 8, 12, 1),
        SpanVote("rival", 0, 20, 22, 1),
    ]
    found = merge_spans(votes)
    assert [(s.start, s.end, s.label) for s in found] == [(0, 9, 0), (20, 22, 1)]
    assert found[0].sources == (("list", 0.8), ("other", 0.4))
    np.testing.assert_allclose(found[0].confidence, 1 / (1 + np.exp(3 - 7 * 0.8)))
    judged = precisions(votes, [(0, 0, 4, 0)], [0])
    assert (judged["list", 0].right, judged["list", 0].marked, judged["list", 0].there) == (4, 5, 4)
    assert judged["rival", 1].precision == 0
    only = merge_spans(votes, [(0, 0, 4, 0)], [0])
    assert [(s.start, s.end) for s in only] == [(0, 9)]  # the rival was never right
    with pytest.raises(InputError, match="start < end"):
        SpanVote("x", 0, 5, 5, 0)


def test_each_of_several_labels_gets_a_model_of_its_own():
    draw = np.random.default_rng(0)
    truth = draw.random((800, 2)) < [0.4, 0.2]
    record, label = np.nonzero(truth & (draw.random(truth.shape) < 0.8))
    judged = np.arange(800) < 200
    names = ["one", "two"]
    votes = [question(y, 800, names, label, record, label, np.ones(len(record))) for y in range(2)]
    found = supervise_each(votes, truth, judged)
    assert (found.labels[~judged] == truth[~judged]).mean() > 0.85
    assert found.labels.sum(axis=1).max() == 2


def test_names_of_labels_alone_find_classes_that_lie_near_them():
    vectors, truth = clouds(apart=1.5)
    found = zero_shot(vectors, np.eye(3, 12, dtype=np.float32))
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-5)
    assert (found.argmax(axis=1) == truth).mean() > 0.9
    assert described(["Sports"], "About {}.") == ["About Sports."]
    with pytest.raises(ShapeError, match="as many columns"):
        zero_shot(vectors, np.ones((3, 5), dtype=np.float32))
