"""Every figure of a report is scikit-learn's on the same input, whatever the labels, abstentions and scores."""

from __future__ import annotations

import csv
import io
import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nearmost as nm
from nearmost.reports.outcomes import outcomes_of
from nearmost.reports.tally import Cells, intervals

metrics = pytest.importorskip("sklearn.metrics", reason="figures are compared with scikit-learn's")
calibration = pytest.importorskip("sklearn.calibration")

LABELS = ['Chief, of "all"', "clerk", "Ärztin", "", "nurse\n", "zoo"]
NOBODY = "no prediction at all"
ROWS = st.lists(
    st.tuples(st.sampled_from(LABELS), st.sampled_from([*LABELS, None]), st.integers(0, 20)), min_size=1, max_size=60
)


def of_sklearn(truth: list[str], predicted: list[str | None]) -> dict[str, float]:
    """The same names from scikit-learn: no prediction is a label that no average is over."""
    given = [NOBODY if label is None else label for label in predicted]
    classes = sorted({*truth, *given} - {NOBODY})
    answered = [(true, guess) for true, guess in zip(truth, predicted, strict=True) if guess is not None]
    found = {
        "accuracy": metrics.accuracy_score(truth, given),
        "coverage": len(answered) / len(truth),
        "answered_accuracy": metrics.accuracy_score(*zip(*answered, strict=True)) if answered else 0.0,
    }
    found["top_1"] = found["accuracy"]
    for average in ("micro", "macro", "weighted"):
        values = metrics.precision_recall_fscore_support(truth, given, labels=classes, average=average, zero_division=0)
        found |= {
            f"{average}_{name}": value for name, value in zip(("precision", "recall", "f1"), values, strict=False)
        }
    return found


def close(found, wanted):
    assert found.keys() == wanted.keys()
    for name in found:
        assert found[name] == pytest.approx(wanted[name], abs=1e-12), name


@pytest.mark.filterwarnings("ignore")  # scikit-learn's, of classes that occur once
@settings(max_examples=60, deadline=None)
@given(rows=ROWS)
def test_averages_and_classes_are_those_of_scikit_learn(rows):
    truth, predicted, _ = map(list, zip(*rows, strict=True))
    report = nm.report(truth, predicted, samples=0)
    close(dict(report.figures), of_sklearn(truth, predicted))
    given = [NOBODY if label is None else label for label in predicted]
    wanted = metrics.precision_recall_fscore_support(truth, given, labels=list(report.labels), zero_division=0)
    for found, theirs in zip(
        (report.classes.precision, report.classes.recall, report.classes.f1, report.classes.support),
        wanted,
        strict=True,
    ):
        np.testing.assert_allclose(found, theirs, atol=1e-12)
    assert list(report.labels) == sorted({*truth, *given} - {NOBODY})


@pytest.mark.filterwarnings("ignore")  # scikit-learn's, of classes that occur once
@settings(max_examples=40, deadline=None)
@given(rows=ROWS)
def test_confusions_are_what_the_confusion_matrix_has_beside_its_diagonal(rows):
    truth, predicted, _ = map(list, zip(*rows, strict=True))
    report = nm.report(truth, predicted, samples=0)
    given = [NOBODY if label is None else label for label in predicted]
    table = metrics.confusion_matrix(truth, given, labels=list(report.labels)).astype(int)
    wanted = {
        (report.labels[i], report.labels[j]): table[i, j] for i, j in zip(*np.nonzero(table), strict=True) if i != j
    }
    assert {(each.truth, each.predicted): each.count for each in report.confusions} == wanted
    assert [each.count for each in report.confusions] == sorted(wanted.values(), reverse=True)
    for each in report.confusions:
        assert each.share == pytest.approx(each.count / truth.count(each.truth))


@pytest.mark.filterwarnings("ignore")  # scikit-learn's, of classes that occur once
@settings(max_examples=40, deadline=None)
@given(n=st.integers(1, 40), classes=st.integers(3, 8), seed=st.integers(0, 2**32 - 1), top=st.integers(1, 10))
def test_top_n_accuracy_is_that_of_scikit_learn(n, classes, seed, top):
    generator = np.random.default_rng(seed)
    scores = generator.permuted(np.tile(np.linspace(0.01, 0.9, classes), (n, 1)), axis=1)  # no two equal in a row
    labels = np.array([f"class {one}" for one in range(classes)])
    truth = labels[generator.integers(0, classes, n)]
    predicted = labels[scores.argmax(axis=1)]
    report = nm.report(truth, predicted, scores, labels=labels, top=[1, top], samples=0)
    if top <= classes:
        wanted = metrics.top_k_accuracy_score(truth, scores, k=top, labels=labels)
        assert report.figures[f"top_{top}"] == pytest.approx(wanted)
    assert report.figures["top_1"] == report.accuracy
    ranked = labels[np.argsort(-scores, axis=1)]
    by_rank = nm.report(truth, ranked, np.sort(scores, axis=1)[:, ::-1], top=[1, top], samples=0)
    assert by_rank.figures == report.figures


@pytest.mark.filterwarnings("ignore")  # scikit-learn's, of classes that occur once
@settings(max_examples=40, deadline=None)
@given(rows=ROWS)
def test_reliability_is_the_calibration_curve_of_scikit_learn(rows):
    truth, predicted, scores = map(list, zip(*rows, strict=True))
    kept = [row for row, label in enumerate(predicted) if label is not None]
    report = nm.report(truth, predicted, np.array(scores) / 20, samples=0)
    if not kept:
        assert report.reliability is None
        assert report.coverage is None
        return
    right = [truth[row] == predicted[row] for row in kept]
    sure = [scores[row] / 20 for row in kept]
    accuracy, confidence = calibration.calibration_curve(right, sure, n_bins=10, pos_label=True)
    np.testing.assert_allclose(report.reliability.accuracy, accuracy, atol=1e-12)
    np.testing.assert_allclose(report.reliability.confidence, confidence, atol=1e-12)
    assert report.reliability.count.sum() == len(kept)
    error = np.abs(accuracy - confidence) @ report.reliability.count / len(kept)
    assert report.reliability.error == pytest.approx(error)


@pytest.mark.filterwarnings("ignore")  # scikit-learn's, of classes that occur once
@settings(max_examples=40, deadline=None)
@given(rows=ROWS)
def test_precision_at_each_threshold_is_that_of_scikit_learn(rows):
    truth, predicted, scores = map(list, zip(*rows, strict=True))
    kept = [row for row, label in enumerate(predicted) if label is not None]
    right = [truth[row] == predicted[row] for row in kept]
    if not any(right):
        return
    curve = nm.report(truth, predicted, scores, samples=0).coverage
    precision, _, thresholds = metrics.precision_recall_curve(right, [scores[row] for row in kept])
    np.testing.assert_array_equal(curve.threshold[::-1], thresholds)
    np.testing.assert_allclose(curve.precision[::-1], precision[:-1], atol=1e-12)
    for threshold, coverage in zip(curve.threshold, curve.coverage, strict=True):
        assert coverage == pytest.approx(sum(scores[row] >= threshold for row in kept) / len(truth))
    for wanted in (0.5, 0.9, 1.0):
        found = curve.at_precision(wanted)
        good = curve.precision >= wanted
        assert (found is None) == (not good.any())
        assert found is None or found[1] == curve.coverage[good].max()


def test_a_handful_of_rows_makes_no_point_of_the_curve():
    scores = np.linspace(1, 0, 1000)
    curve = nm.report(["a"] * 1000, ["a"] * 2 + ["b"] * 998, scores, samples=0).coverage
    assert curve.coverage[0] == 0.005
    assert curve.at_precision(0.9) is None
    assert nm.report(["a"] * 1000, ["a"] + [None] * 999, scores, samples=0).coverage.coverage.tolist() == [0.001]


@pytest.mark.filterwarnings("ignore")  # scikit-learn's, of classes that occur once
@settings(max_examples=40, deadline=None)
@given(rows=st.lists(st.tuples(st.sets(st.sampled_from("abcd"), min_size=1), st.sampled_from("abcde")), min_size=1))
def test_any_of_several_true_labels_is_right(rows):
    truth, predicted = map(list, zip(*rows, strict=True))
    report = nm.report(truth, predicted, samples=0)
    assert report.accuracy == pytest.approx(np.mean([guess in true for true, guess in rows]))
    one = [guess if guess in true else sorted(true)[0] for true, guess in rows]
    close(dict(report.figures), of_sklearn(one, predicted))
    assert nm.report([sorted(true) for true in truth], predicted, samples=0).figures == report.figures


# Intervals


def test_a_bootstrap_sample_has_the_figures_that_scikit_learn_finds_on_its_rows():
    generator = np.random.default_rng(5)
    truth = generator.choice(list("abcdefgh"), 50)
    predicted = np.where(generator.random(50) < 0.5, truth, generator.choice(list("abcdefgh"), 50)).astype(object)
    predicted[::7] = None
    outcomes = outcomes_of(truth, predicted)
    cells = Cells.of(outcomes)
    drawn = generator.integers(0, 50, (20, 50))
    kinds = {kind: cell for cell, kind in enumerate(zip(cells.truth.tolist(), cells.predicted.tolist(), strict=True))}
    cell = np.array([kinds[kind] for kind in zip(outcomes.truth.tolist(), outcomes.predicted.tolist(), strict=True)])
    counts = np.stack([np.bincount(cell[rows], minlength=len(kinds)) for rows in drawn]).astype(float)
    figures = cells.figures(counts, (1,))
    for sample, rows in enumerate(drawn):
        wanted = of_sklearn(truth[rows].tolist(), predicted[rows].tolist())
        close({name: values[sample] for name, values in figures.items()}, wanted)


def test_intervals_hold_the_true_accuracy_as_often_as_they_say():
    generator = np.random.default_rng(0)
    held = 0
    for seed in range(200):
        right = generator.random(400) < 0.7
        report = nm.report(["yes"] * 400, np.where(right, "yes", "no"), samples=400, level=0.9, seed=seed)
        low, high = report.intervals["accuracy"]
        held += low <= 0.7 <= high
    assert 0.84 * 200 <= held <= 0.95 * 200  # 0.9 but for 3 standard errors


def test_intervals_are_the_same_for_the_same_seed_and_whatever_the_order():
    truth, predicted = ["a", "b", "c", "a", "b"] * 9, ["a", "b", "a", "c", "b"] * 9
    first = nm.report(truth, predicted).intervals
    assert nm.report(truth[::-1], predicted[::-1]).intervals == first
    assert nm.report(truth, predicted, seed=1).intervals != first
    outcomes = outcomes_of(truth, predicted)
    assert intervals(outcomes, (), samples=100, confidence=0.5, seed=0)["accuracy"] < (1.0, 1.0)
    assert nm.report(truth, predicted, samples=0).intervals == {}


# What may be handed in


def test_labels_may_be_numbers_or_mixed_and_missing_ones_are_abstentions():
    report = nm.report(np.array([3, 1, 2]), np.array([3, 2, 2]), samples=0)
    assert list(report.labels) == ["1", "2", "3"]
    assert report.accuracy == pytest.approx(2 / 3)
    assert nm.report([1, "a"], [1, math.nan], samples=0).figures["coverage"] == 0.5
    assert nm.report(["a", "b"], [["a", "b"], []], samples=0).figures["coverage"] == 0.5


def test_the_na_of_pandas_is_an_abstention_and_no_truth():
    class NAType:
        """Neither equal nor unequal to anything, as that of pandas."""

        def __eq__(self, other):
            return self

        def __bool__(self):
            raise TypeError("boolean value of NA is ambiguous")

        __hash__ = object.__hash__

    report = nm.report(["a", "b"], ["a", NAType()], samples=0)
    assert (report.accuracy, report.figures["coverage"]) == (0.5, 0.5)
    with pytest.raises(nm.InputError, match="row 1 of truth has no label"):
        nm.report(["a", NAType()], ["a", "b"])


def test_rows_marked_as_abstained_are_wrong_everywhere():
    ranked = [["a", "b"], ["b", "a"], ["a", "b"]]
    report = nm.report(["a", "b", "b"], ranked, abstained=[True, False, False], top=[1, 2], samples=0)
    assert (report.figures["coverage"], report.accuracy, report.figures["top_2"]) == pytest.approx(
        (2 / 3, 1 / 3, 2 / 3)
    )


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((["a"], ["a", "b"]), "predicted has 2 rows and truth has 1"),
        (([], []), "truth is empty"),
        (("ab", ["a", "b"]), "truth is one string"),
        (([[]], ["a"]), "row 0 of truth has no label"),
        ((["a", None], ["a", "b"]), "row 1 of truth has no label"),
        ((np.zeros((2, 2)), ["a", "b"]), r"truth has shape \(2, 2\)"),
        ((["a"], [{"a"}]), "predicted holds a set"),
        ((["a"], ["a"], [[0.5, 0.5]]), "labels=classifier.classes_"),
        ((["a"], ["a"], [math.nan]), "row 0 of the scores is nan"),
        (([1, 2], ["1", "2"]), "make both strings"),
        ((["1", "2"], [None, [2, 1]]), "make both strings"),
    ],
)
def test_what_cannot_be_scored_is_refused_with_a_sentence(arguments, says):
    with pytest.raises(nm.InputError, match=says):
        nm.report(*arguments)


def test_options_that_make_no_sense_are_refused():
    with pytest.raises(nm.InputError, match="level"):
        nm.report(["a"], ["a"], level=95)
    with pytest.raises(nm.InputError, match="top"):
        nm.report(["a"], ["a"], top=[0])
    with pytest.raises(nm.InputError, match="none of the 1 labels"):
        nm.report(["a"], ["b"], [[0.5]], labels=["a"])
    with pytest.raises(nm.ShapeError, match="texts has 2 rows"):
        nm.report(["a"], ["a"], texts=["x", "y"])


# What comes out


def test_json_and_csv_hold_the_same_figures():
    report = nm.report(LABELS, [*LABELS[1:], None], [0.5] * 6)
    plain = json.loads(report.json())
    assert plain == report.plain()
    rows = list(csv.DictReader(io.StringIO(report.csv(), newline="")))
    assert [row["label"] for row in rows] == list(report.labels) == [row["label"] for row in plain["classes"]]
    assert [float(row["f1"]) for row in rows] == [row["f1"] for row in plain["classes"]]
    assert plain["figures"].keys() == plain["intervals"].keys() - {"level"}


def test_save_tells_the_format_from_the_suffix(tmp_path):
    report = nm.report(["a", "b"], ["a", "a"])
    for suffix, content in {".txt": str(report), ".json": report.json(), ".csv": report.csv()}.items():
        report.save(tmp_path / f"report{suffix}")
        assert (tmp_path / f"report{suffix}").read_text().strip() == content.strip()
    report.save(str(tmp_path / "report.HTML"))
    assert (tmp_path / "report.HTML").read_text().startswith("<!doctype html>")
    with pytest.raises(nm.InputError, match=r"\.pdf"):
        report.save(tmp_path / "report.pdf")


def test_the_text_fits_eighty_columns_and_obeys_no_label():
    labels = [f"{name} \x1b[31m {'x' * 80}" for name in "abc"]
    text = str(nm.report(labels * 4, labels * 3 + [None] * 3, [0.5] * 12))
    assert max(map(len, text.splitlines())) <= 80
    assert "\x1b" not in text
