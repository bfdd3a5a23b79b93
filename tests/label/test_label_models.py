"""Label models do what they are said to: refinery's to the last digit, Dawid and Skene's as in the paper, and ours."""

from __future__ import annotations

import json
import zipfile

import numpy as np
import pytest

from nearmost.errors import InputError, ShapeError
from nearmost.label.manual.tasks import ABSTAIN
from nearmost.label.supervision.combining import quality, supervise
from nearmost.label.supervision.models import MODELS, fit
from nearmost.label.supervision.statistics import statistics
from nearmost.label.votes.arrays import Votes


@pytest.fixture(scope="module")
def sample(refinery):
    """The votes, labels by hand and stored results of refinery's own sample project."""
    with zipfile.ZipFile(refinery) as archive:
        document = json.loads(archive.read(archive.namelist()[0]))
    task = next(t["id"] for t in document["labeling_tasks_data"] if t["name"] == "topic")
    labels = [each["id"] for each in document["labeling_task_labels_data"] if each["labeling_task_id"] == task]
    heuristics = [each for each in document["information_sources_data"] if each["labeling_task_id"] == task]
    rows = {each["id"]: row for row, each in enumerate(document["records_data"])}
    columns = {each["id"]: column for column, each in enumerate(heuristics)}
    table = np.full((len(rows), len(columns)), ABSTAIN)
    sure = np.zeros(table.shape)
    manual, weak, confidence = np.full(len(rows), ABSTAIN), np.full(len(rows), ABSTAIN), np.zeros(len(rows))
    for each in document["record_label_associations_data"]:
        if each["labeling_task_label_id"] not in labels:
            continue
        row, label = rows[each["record_id"]], labels.index(each["labeling_task_label_id"])
        if each["source_type"] == "INFORMATION_SOURCE":
            table[row, columns[each["source_id"]]] = label
            sure[row, columns[each["source_id"]]] = each["confidence"]
        elif each["source_type"] == "MANUAL":
            manual[row] = label
        else:
            weak[row], confidence[row] = label, each["confidence"]
    votes = Votes.of(table, sure, names=[each["name"] for each in heuristics], n_labels=4)
    ticked = [each["name"] for each in heuristics if each["is_selected"]]
    stored = {
        (columns[s["source_id"]], labels.index(s["labeling_task_label_id"])): s
        for s in document["information_source_statistics_data"]
    }
    return votes, manual, weak, confidence, ticked, stored


def test_weak_nlp_gives_the_labels_and_confidences_that_refinery_stored(sample):
    votes, manual, weak, confidence, ticked, _ = sample
    found = fit(votes.only(ticked), manual, "weak_nlp", c=1, k=1).predict()
    assert (found.labels != ABSTAIN).sum() == 2818
    np.testing.assert_array_equal(found.labels, weak)
    np.testing.assert_allclose(found.confidence, confidence, rtol=0, atol=1e-12)
    now = fit(votes.only(ticked), manual, "weak_nlp").predict()
    np.testing.assert_array_equal(now.labels, weak)


def test_statistics_are_those_that_refinery_stored(sample):
    votes, manual, _, _, _, stored = sample
    found = {(votes.names.index(row.heuristic), row.label): row for row in statistics(votes, manual)}
    assert found.keys() == stored.keys()
    assert len(found) == 9
    for where, row in found.items():
        theirs = stored[where]
        assert (row.coverage, row.hits) == (theirs["record_coverage"], theirs["total_hits"])
        assert (row.overlaps, row.conflicts) == (theirs["source_overlaps"], theirs["source_conflicts"])


# A made-up task: five rules that know one label each, and a learner


def made_up(n=3000, n_manual=200, seed=0):
    draw = np.random.default_rng(seed)
    truth = draw.choice(3, n, p=[0.5, 0.3, 0.2])
    table = np.full((n, 5), ABSTAIN)
    for column, (label, there, elsewhere) in enumerate(
        [(0, 0.5, 0.02), (1, 0.4, 0.05), (2, 0.6, 0.05), (0, 0.3, 0.3), (1, 0.3, 0.02)]
    ):
        table[draw.random(n) < np.where(truth == label, there, elsewhere), column] = label
    manual = np.full(n, ABSTAIN)
    chosen = draw.permutation(n)[:n_manual]
    manual[chosen] = truth[chosen]
    return Votes.of(table, n_labels=3), manual, truth


def test_bayes_comes_near_the_rule_that_knows_the_true_chances():
    votes, manual, truth = made_up()
    said = votes.labels + 1
    scores = np.log(np.bincount(truth) / len(truth)) + np.zeros((len(truth), 3))
    for column in said.T:
        table = np.stack([np.bincount(column[truth == label], minlength=4) + 1e-3 for label in range(3)])
        scores += np.log(table / table.sum(axis=1, keepdims=True))[:, column].T
    best = (scores.argmax(axis=1) == truth).mean()
    rest = manual == ABSTAIN
    found = supervise(votes, manual, seed=1).weak
    ours = (np.asarray(found.posteriors).argmax(axis=1) == truth)[rest].mean()
    counted = (fit(votes, manual, "majority").predict().labels == truth)[rest].mean()
    assert ours > best - 0.03
    assert ours > counted + 0.05


def test_bayes_is_as_sure_as_it_is_right():
    votes, manual, truth = made_up(n_manual=400)
    found = supervise(votes, manual)
    rest = (manual == ABSTAIN) & found.weak.labelled
    report = quality(found.weak, np.where(rest, truth, ABSTAIN))
    assert report["calibration_error"] < 0.06
    told = quality(found.held_out, manual)
    low, high = told["interval"]
    assert low - 0.02 < report["accuracy"] < high + 0.02


def test_a_rule_that_no_label_speaks_of_says_little():
    votes, manual, _ = made_up()
    table = votes.labels.copy()
    table[manual != ABSTAIN, 0] = ABSTAIN
    record = int(np.flatnonzero(table[:, 0] != ABSTAIN)[0])
    heaviest = []
    for some in (votes, Votes.of(table, n_labels=3)):
        found = fit(some, manual, "bayes").explain(record)
        heaviest.append(max(abs(each.weight) for each in found if each.source == "heuristic 0"))
    assert heaviest[1] < heaviest[0] / 2


def test_weights_of_evidence_add_up_to_the_odds():
    votes, manual, _ = made_up()
    soft = np.random.default_rng(0).dirichlet([1, 1, 1], votes.n_records)
    table = np.column_stack([votes.labels, np.full(votes.n_records, ABSTAIN)])
    names = [*votes.names, "learner"]
    for some in (votes, Votes.of(table, names=names, n_labels=3, soft={"learner": soft})):
        model = fit(some, manual, "bayes")
        posteriors = np.log(np.asarray(model.predict().posteriors))
        for record in (0, 7, 99):
            total = np.zeros(3)
            for each in model.explain(record):
                total[each.label] += each.weight
            np.testing.assert_allclose(total - total.mean(), posteriors[record] - posteriors[record].mean(), atol=1e-6)


def test_harvested_lists_are_judged_without_the_record_that_they_came_from():
    """Rules that fire on labelled records alone look perfect, unless their held-out votes are looked at."""
    votes, manual, truth = made_up()
    draw = np.random.default_rng(1)
    column = np.where(
        manual != ABSTAIN, manual, np.where(draw.random(len(truth)) < 0.3, draw.integers(3, size=len(truth)), ABSTAIN)
    )
    honest = np.where(draw.random(len(truth)) < 0.3, draw.integers(3, size=len(truth)), ABSTAIN)
    table = np.column_stack([votes.labels, column])
    careful = np.where(manual != ABSTAIN, honest, column)
    blind = Votes.of(table, n_labels=3)
    told = Votes.of(table, n_labels=3, held_out={"heuristic 5": careful})
    rest = manual == ABSTAIN
    right = [
        (np.asarray(supervise(some, manual).weak.posteriors).argmax(axis=1) == truth)[rest].mean()
        for some in (blind, told)
    ]
    assert right[1] > right[0] + 0.05
    rows = {row.heuristic: row for row in statistics(told, manual)}
    assert rows["heuristic 5"].out_of_fold
    assert rows["heuristic 5"].precision < 0.7
    assert not rows["heuristic 0"].out_of_fold


def test_dawid_and_skene_is_their_algorithm():
    """Beside a plain one in loops, on voters who are often wrong in their own way."""
    draw = np.random.default_rng(0)
    truth = draw.choice(3, 400, p=[0.5, 0.3, 0.2])
    habits = draw.dirichlet([1, 1, 1], (4, 3)) * 0.4 + 0.6 * np.eye(3)
    table = np.array([[draw.choice(3, p=habit[label]) for habit in habits] for label in truth])
    table[draw.random(table.shape) < 0.2] = ABSTAIN
    posteriors = np.array(
        [[np.mean(row[row >= 0] == y) if (row >= 0).any() else 1 / 3 for y in range(3)] for row in table]
    )
    heard = (table >= 0).any(axis=1)
    for _ in range(300):
        prior = posteriors[heard].mean(axis=0)
        errors = np.zeros((4, 3, 3))
        for row, belief in zip(table, posteriors, strict=True):
            for voter, said in enumerate(row):
                if said >= 0:
                    errors[voter, :, said] += belief
        errors /= errors.sum(axis=2, keepdims=True)
        for number, row in enumerate(table):
            chance = prior.copy()
            for voter, said in enumerate(row):
                if said >= 0:
                    chance = chance * errors[voter, :, said]
            posteriors[number] = chance / chance.sum()
    nobody = np.full(400, ABSTAIN)
    found = fit(Votes.of(table, n_labels=3), nobody, "dawid_skene", n_steps=300, tolerance=0).predict()
    np.testing.assert_allclose(np.asarray(found.posteriors)[heard], posteriors[heard], atol=1e-6)
    assert (found.labels == truth)[heard].mean() > (
        fit(Votes.of(table, n_labels=3), nobody, "majority").predict().labels == truth
    )[heard].mean()


def test_majority_has_no_label_where_two_have_as_many_votes():
    votes = Votes.of([[0, 1, -1], [0, 0, 1], [-1, -1, -1], [2, -1, -1]])
    found = fit(votes, np.full(4, ABSTAIN), "majority").predict()
    assert found.labels.tolist() == [ABSTAIN, 0, ABSTAIN, 2]
    np.testing.assert_allclose(found.confidence, [0, 2 / 3, 0, 1])


def test_weak_nlp_without_labels_takes_every_precision_for_point_eight():
    votes = Votes.of([[0, -1], [0, 0], [0, 1]], [[1, 0], [1, 0.5], [1, 0.5]])
    found = fit(votes, np.full(3, ABSTAIN), "weak_nlp").predict()
    margins = np.array([0.8, 1.2, 0.4])
    np.testing.assert_allclose(found.confidence, 1 / (1 + np.exp(3 - 7 * margins)), rtol=1e-12)
    given = fit(votes, np.full(3, ABSTAIN), "weak_nlp", precision={"heuristic 1": 1.0}).precision
    np.testing.assert_allclose(given, [[0.8, 0.8], [1, 1]])


@pytest.mark.parametrize("model", sorted(MODELS))
def test_every_model_keeps_to_the_shapes_and_names_its_sources(model):
    votes, manual, _ = made_up(n=300, n_manual=60)
    found = supervise(votes, manual, model=model)
    assert found.weak.labels.shape == found.weak.confidence.shape == (300,)
    assert ((found.weak.labels == ABSTAIN) == (found.weak.confidence == 0)).all()
    assert (found.held_out.labels[manual == ABSTAIN] == ABSTAIN).all()
    again = supervise(votes, manual, model=model)
    np.testing.assert_array_equal(found.weak.confidence, again.weak.confidence)
    record = int(np.flatnonzero(votes.cast.any(axis=1))[0])
    known = {*votes.names, *(f"{name} (silent)" for name in votes.names), "share of labels"}
    assert {each.source for each in found.model.explain(record)} <= known


def test_what_cannot_be_used_is_refused_with_a_word_on_what_to_do():
    votes, manual, _ = made_up(n=50, n_manual=20)
    with pytest.raises(InputError, match="wants at least 5"):
        fit(votes, np.full(50, ABSTAIN), "bayes")
    with pytest.raises(InputError, match="no label model is called 'best'; there are bayes"):
        fit(votes, manual, "best")
    with pytest.raises(InputError, match=r"bayes.*'c'"):
        fit(votes, manual, "bayes", c=1)
    with pytest.raises(ShapeError, match="one for each of 50"):
        fit(votes, manual[:10], "bayes")
    with pytest.raises(InputError, match="below 3"):
        fit(votes, np.where(manual == ABSTAIN, ABSTAIN, 7), "majority")
    with pytest.raises(InputError, match="votes for label 4 of 3"):
        Votes.of([[4]], n_labels=3)
    with pytest.raises(InputError, match="has no column"):
        Votes.of([[1]], soft={"other": [[0.5, 0.5]]})
