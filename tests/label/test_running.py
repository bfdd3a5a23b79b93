"""Heuristics of a project: run, refused, previewed, found stale."""

from __future__ import annotations

import numpy as np
import pytest

from nearmost import InputError, UnknownKeyError
from nearmost.label import Project
from nearmost.label.isolation.limits import Limits
from nearmost.label.lookups import lists
from nearmost.label.lookups.lists import Lookup, Term
from nearmost.label.votes.folds import fold_of

SPORT = """
from knowledge import sports

def sport(record):
    for term in sports:
        if term.lower() in record["title"].text.lower():
            return "Sports"
"""
LOOKUP = {"kind": "lookup", "list": "sports", "label": "Sports", "attributes": ["title"]}


@pytest.fixture
def sports(project):
    lists.write(Lookup("sports", (Term("cup"), Term("striker"))), project.folder / "lookups")
    return project


def votes(project, task="Topic"):
    rows = project.vote_rows(task)
    labels = project.task(task).names
    return {
        (rows.names[heuristic], project.record(int(record)).key, labels[label])
        for heuristic, record, label in zip(rows.heuristic, rows.record, rows.label, strict=True)
    }


def info(project, name, task="Topic"):
    return next(each for each in project.heuristics(task) if each.name == name)


def test_a_function_and_a_lookup_list_say_the_same(sports):
    sports.add_heuristic("Topic", "sport", SPORT)
    sports.add_heuristic("Topic", "list", LOOKUP)
    reports = sports.run("Topic")
    assert [(each.heuristic, each.status, each.n_votes) for each in reports] == [
        ("sport", "done", 2),
        ("list", "done", 2),
    ]
    assert votes(sports) == {(name, key, "Sports") for name in ("sport", "list") for key in ("n0", "n4")}


def test_code_that_nobody_approved_is_not_run_and_not_on_import(sports):
    folder = sports.folder / "heuristics" / "Topic"
    folder.mkdir(parents=True)
    (folder / "pulled.py").write_text(SPORT)
    assert not info(sports, "pulled").approved
    (report,) = sports.run("Topic")
    assert (report.status, report.n_votes) == ("refused", 0)
    assert "approve" in report.error
    with pytest.raises(InputError, match="has not been approved"):
        sports.preview("Topic", "pulled")
    with pytest.raises(InputError, match="has not been approved"):
        sports.preview("Topic", "pulled", source=SPORT)
    with pytest.raises(InputError, match="has changed since it was read"):
        sports.approve("Topic", "pulled", source=SPORT + "\n")
    sports.approve("Topic", "pulled", source=SPORT)
    assert sports.run("Topic")[0].status == "done"
    (folder / "pulled.py").write_text(SPORT + "\n")
    assert sports.run("Topic")[0].status == "refused"
    assert len(votes(sports)) == 2


def test_earlier_votes_stay_when_a_run_fails_and_the_record_is_told(sports):
    sports.add_heuristic("Topic", "sport", SPORT)
    sports.run("Topic")
    before = votes(sports)
    broken = "def sport(record):\n    if record['id'] == 'n3':\n        return 'Sport'\n    return 'World'"
    assert info(sports, "sport").stale is False
    assert sports.add_heuristic("Topic", "sport", broken).stale
    (report,) = sports.run("Topic")
    assert (report.status, report.record, report.n_votes) == ("error", "n3", 0)
    assert "'Sport'; the task has World, Sports" in report.error
    assert votes(sports) == before
    assert info(sports, "sport").stale
    assert "record 'n3'" in info(sports, "sport").last_run.error


@pytest.mark.parametrize("kind", ["function", "lookup"])
def test_votes_are_stale_when_what_they_follow_from_has_changed(sports, kind):
    sports.add_heuristic("Topic", "h", SPORT if kind == "function" else LOOKUP)
    lists.write(Lookup("other", (Term("x"),)), sports.folder / "lookups")

    def stale():
        return info(sports, "h").stale

    assert not stale()
    sports.run("Topic", "h")
    assert not stale()
    lists.write(Lookup("other", (Term("y"),)), sports.folder / "lookups")
    sports.annotate("Topic", "n0", "Sports")
    assert not stale()
    lists.write(Lookup("sports", (Term("cup"), Term("striker"), Term("season"))), sports.folder / "lookups")
    assert stale()
    assert sports.run("Topic", stale_only=True)[0].status == "done"
    assert not stale()
    assert sports.run("Topic", stale_only=True) == []
    sports.add_records([{"id": "n9", "title": "Another cup"}])
    assert stale()
    sports.run()
    assert not stale()
    sports.add_labels("Topic", ["Weather"])
    assert stale()


READY = """
from knowledge import sports
TERMS = {term.lower() for term in sports}

def sport(record):
    return "Sports" if any(term in record["title"].lower() for term in TERMS) else None
"""


@pytest.mark.parametrize("what", [SPORT, READY, LOOKUP], ids=["list", "set made of it", "no code"])
def test_what_was_taken_from_a_record_does_not_judge_it(sports, what):
    """n0 gave "cup", which "extra" does not replace; n4 gave "striker", and so did n1; n5 gave nothing that is used."""
    lists.write(
        Lookup(
            "sports",
            (
                Term("cup", sources=("n0",)),
                Term("striker", sources=("n4", "n1")),
                Term("bank", excluded=True, sources=("n5",)),
                Term("chip"),
            ),
        ),
        sports.folder / "lookups",
    )
    sports.add_heuristic("Topic", "h", what)
    (report,) = sports.run("Topic")
    assert report.status == "done", report.error
    rows = sports.vote_rows("Topic")
    assert sorted(rows.record.tolist()) == [0, 2, 4]
    assert rows.held_out["h"].tolist() == [-1, -1, 1, -1, 1, -1]


def test_lists_that_were_typed_in_hold_nothing_out(sports):
    sports.add_heuristic("Topic", "h", SPORT)
    sports.run("Topic")
    assert sports.vote_rows("Topic").held_out == {}


def test_a_learner_votes_and_is_stale_after_another_label(sports):
    draw = np.random.default_rng(0)
    sports.set_vectors(draw.standard_normal((6, 4)), name="some")
    learner = """
class Nearest(LearningClassifier):
    @params_fit(embedding_name="any", train_test_split=0.5)
    def fit(self, embeddings, labels):
        self.labels, self.embeddings = list(labels), embeddings
        self.classes_ = sorted(set(labels))

    @params_inference(min_confidence=0.6)
    def predict_proba(self, embeddings):
        nearest = (embeddings @ self.embeddings.T).argmax(axis=1)
        return [[0.9 * (name == self.labels[row]) + 0.05 for name in self.classes_] for row in nearest]
"""
    sports.add_heuristic("Topic", "near", learner)
    (report,) = sports.run("Topic")
    assert "at least two labels" in report.error
    for key, label in (("n0", "Sports"), ("n1", "Business"), ("n4", "Sports")):
        sports.annotate("Topic", key, label)
    (report,) = sports.run("Topic")
    assert report.status == "done", report.error
    soft = sports.vote_rows("Topic").soft["near"]
    assert soft.shape == (6, 4)
    np.testing.assert_allclose(soft.sum(axis=1), 1, atol=1e-5)
    copies = sports.vote_rows("Topic").copies["near"]
    assert copies.shape == (5, 6, 4)
    np.testing.assert_allclose(copies.sum(axis=2), 1, atol=1e-5)
    for number in (0, 1, 4):  # each labelled record is judged by the copy without its fold
        np.testing.assert_allclose(copies[fold_of(6)[number], number], soft[number], atol=1e-3)
    assert not info(sports, "near").stale
    assert all(not each.error for each in sports.preview("Topic", "near", 3))
    sports.annotate("Topic", "n2", "Sci/Tech")
    assert info(sports, "near").stale
    sports.delete_records(["n3"])
    (report,) = sports.run("Topic")
    np.testing.assert_allclose(sports.vote_rows("Topic").soft["near"][3], 0.25)
    np.testing.assert_allclose(sports.vote_rows("Topic").copies["near"][:, 3], 0.25)
    sports.annotate("Topic", "n5", "Business")
    assert sports.supervise("Topic").model == "bayes"


def test_spans_and_several_labels(sports):
    second = """
def second(record):
    for word in record["title"]:
        if word.i == 1:
            yield "Sports", word.i, word.i + 1
"""
    sports.add_heuristic("Marks", "second", second)
    sports.add_heuristic("Marks", "list", {"kind": "lookup", "list": "sports", "label": "Money"})
    sports.add_heuristic("Tone", "both", 'def both(record): return ["good", "odd"] if record["year"] == 2003 else None')
    assert {each.status for each in sports.run()} == {"done"}
    rows = sports.vote_rows("Marks")
    titles = sports.texts("title")
    found = {titles[record][start:end] for record, start, end in zip(rows.record, rows.start, rows.end, strict=True)}
    assert found == {"final", "fall", "chip", "on", "out", "lifts", "Cup", "Striker"}
    assert votes(sports, "Tone") == {("both", "n0", "good"), ("both", "n0", "odd")}


def test_a_preview_keeps_nothing_and_tells_of_each_record(sports):
    code = "def lf(record):\n    return 'Sports' if 'Cup' in record['title'] else 1 / (record['year'] - 2004) and None"
    seen = sports.preview("Topic", "new", on=["n0", "n1", "n3"], source=code)
    assert [each.record.key for each in seen] == ["n0", "n1", "n3"]
    assert [each.votes for each in seen] == [(("Sports", 1.0, -1, -1),), (), ()]
    assert [each.error for each in seen] == [None, "ZeroDivisionError: division by zero", None]
    assert "line 2" in seen[1].traceback
    assert sports.heuristics("Topic") == []
    assert len(sports.preview("Topic", "new", 4, source=code)) == 4
    seen = sports.preview("Topic", "new", 2, source="def lf(")
    assert all("SyntaxError" in each.error for each in seen)
    seen = sports.preview("Topic", "new", on=["n0"], source='kind = "lookup"\nlist = "sports"\nlabel = "Sports"')
    assert seen[0].votes == (("Sports", 1.0, -1, -1),)


def test_a_preview_on_conflicts_shows_where_heuristics_differ(sports):
    sports.add_heuristic("Topic", "sport", SPORT)
    sports.add_heuristic("Topic", "world", "def world(record):\n    if 'season' in record['title']: return 'World'")
    sports.run()
    assert [each.record.key for each in sports.preview("Topic", "sport", on="conflicts")] == ["n4"]
    with pytest.raises(InputError, match="on is 'all'"):
        sports.preview("Topic", "sport", on="all")


def test_limits_and_progress_reach_the_run(sports):
    seen = []
    sports.add_heuristic("Topic", "sport", SPORT)
    sports.add_heuristic("Topic", "slow", "def slow(record):\n    while True: pass")
    reports = sports.run(limits=Limits(seconds_per_record=3), progress=lambda done, total: seen.append((done, total)))
    assert [each.status for each in reports] == ["done", "timeout"]
    assert reports[1].record == "n0"
    assert (6, 12) in seen
    assert seen[-1] == (12, 12)


def test_names_that_are_none_are_refused(sports):
    sports.add_heuristic("Topic", "sport", SPORT)
    with pytest.raises(UnknownKeyError, match="no heuristic 'x'; it has sport"):
        sports.run("Topic", "x")
    with pytest.raises(UnknownKeyError):
        sports.approve("Topic", "x")
    with pytest.raises(UnknownKeyError, match="no label 'Sport'"):
        sports.add_heuristic("Topic", "list", LOOKUP | {"label": "Sport"})
    with pytest.raises(UnknownKeyError, match="'headline'; there are"):
        sports.add_heuristic("Topic", "list", LOOKUP | {"attributes": ["headline"]})


def test_a_heuristic_whose_file_is_gone_keeps_its_votes_until_it_is_removed(sports):
    sports.add_heuristic("Topic", "sport", SPORT).path.unlink()
    (gone,) = sports.heuristics("Topic")
    assert (gone.path, gone.problem) == (None, "its file is gone")
    assert sports.run() == []
    sports.remove_heuristic("Topic", "sport")
    assert sports.heuristics("Topic") == []


def test_a_file_that_cannot_be_used_is_told_and_harms_no_other(sports):
    sports.add_heuristic("Topic", "sport", SPORT)
    (sports.folder / "heuristics" / "Topic" / "bad.toml").write_text("kind = 3")
    assert "kind is 3" in info(sports, "bad").problem
    assert [each.heuristic for each in sports.run()] == ["sport"]
    with pytest.raises(InputError, match="kind is 3"):
        sports.run("Topic", "bad")


def test_refinerys_own_project_runs_unchanged(refinery, tmp_path):
    """Its four functions hit 582, 490, 606 and 228 records; its votes are of lists that were shorter."""
    with Project.from_snapshot(refinery, tmp_path / "ag") as project:
        before = {each.name: each for each in project.heuristics("topic")}
        assert all(each.stale and not each.approved for each in before.values())
        assert {name: before[name].last_run.n_votes for name in before if name.startswith("lkp")} == {
            "lkp_business": 562, "lkp_sci_tech": 105, "lkp_sports": 88, "lkp_world": 431,
        }  # fmt: skip
        assert {each.status for each in project.run("topic")} == {"refused"}
        for name in before:
            project.approve("topic", name)
        reports = {each.heuristic: each for each in project.run("topic")}
        assert {each.status for each in reports.values()} == {"done"}
        assert {name: reports[name].n_votes for name in before if name.startswith("lkp")} == {
            "lkp_business": 606, "lkp_sci_tech": 228, "lkp_sports": 490, "lkp_world": 582,
        }  # fmt: skip
        assert reports["DistilbertLR"].n_votes > 2000
        assert not any(each.stale for each in project.heuristics("topic"))
