"""``nearmost label`` does what the library does, and says what it did."""

from __future__ import annotations

import json

import pytest

from nearmost.cli import main
from nearmost.label import Project


@pytest.fixture
def folder(tmp_path, capsys):
    (tmp_path / "rows.csv").write_text("id,title,year\n1,Cup final goes on,2003\n2,Oil rises,2004\n3,Oil falls,2005\n")
    where = str(tmp_path / "news")
    assert main(["label", "init", where, "--task", "Topic", "--labels", "World,Sports"]) == 0
    assert main(["label", "import", where, str(tmp_path / "rows.csv")]) == 0
    assert "3 new, 0 brought up to date, 0 as they were" in capsys.readouterr().out
    return where


def run(capsys, *arguments):
    status = main(["label", *arguments])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def test_a_record_is_labelled_found_and_taken_back(folder, capsys):
    assert run(capsys, "annotate", folder, "Topic", "1", "Sports") == (
        0, "annotate record 1, task Topic, label Sports\n", "",
    )  # fmt: skip
    status, out, _ = run(capsys, "browse", folder, "label:none oil", "--order", "-year", "--json")
    found = json.loads(out)
    assert (status, found["total"], [each["key"] for each in found["records"]]) == (0, 2, ["3", "2"])
    assert run(capsys, "browse", folder, "label:Sports", "--save", "done")[1].splitlines() == [
        "key  label   text", "1    Sports  Cup final goes on", "1 of 1 records",
    ]  # fmt: skip
    assert "1 by hand" in run(capsys, "info", folder)[1]
    run(capsys, "undo", folder)
    assert run(capsys, "undo", folder)[1] == "undone: annotate record 1, task Topic, label Sports\n"
    with Project.open(folder) as project:
        assert (project.manual("Topic") == -1).all()


def test_what_was_done_said_and_saved_is_shown(folder, capsys):
    run(capsys, "browse", folder, "oil", "--save", "oils", "--static")
    run(capsys, "comment", folder, "record:2", "crude or olive?", "--author", "ada")
    assert json.loads(run(capsys, "comment", folder, "--json")[1])[0]["body"] == "crude or olive?"
    assert run(capsys, "comment", folder, "record:2")[1].splitlines()[1].endswith("crude or olive?")
    assert json.loads(run(capsys, "slices", folder, "--json")[1]) == [
        {"slice": "oils", "records": 2, "static": True, "line": "oil"}
    ]
    assert run(capsys, "slices", folder, "--delete", "oils")[1].split() == ["slice", "records", "static", "line"]
    events = json.loads(run(capsys, "history", folder, "--json")[1])
    assert [each["action"] for each in events][:3] == ["delete_slice", "comment", "save_slice"]
    assert "ada" in run(capsys, "history", folder, "-n", "2")[1].splitlines()[2]


def test_spans_and_several_labels_are_told_on_the_command_line_too(folder, capsys):
    run(capsys, "task", folder, "Marks", "Thing", "--kind", "span", "--attribute", "title")
    run(capsys, "task", folder, "Tone", "good,bad", "--kind", "multi")
    run(capsys, "task", folder, "Tone", "odd")
    assert run(capsys, "annotate", folder, "Marks", "2", "Thing", "--span", "0:3")[0] == 0
    assert run(capsys, "annotate", folder, "Tone", "2", "good,odd")[0] == 0
    with Project.open(folder) as project:
        assert [(span.start, span.end) for span in project.manual_spans("Marks")] == [(0, 3)]
        assert project.manual_multi("Tone")[0].tolist()[1] == [True, False, True]
    assert (
        "wanted two numbers of characters" in run(capsys, "annotate", folder, "Marks", "2", "Thing", "--span", "x")[2]
    )


def test_a_project_goes_into_a_zip_and_out_again(folder, tmp_path, capsys):
    pytest.importorskip("sklearn")
    assert run(capsys, "embed", folder, "--encoder", "lsa:2")[1] == "3 records, 2 dimensions, encoder lsa:2\n"
    zipped, again, table = (str(tmp_path / name) for name in ("news.zip", "again", "out.csv"))
    assert run(capsys, "snapshot", folder, zipped)[0] == 0
    facts = json.loads(run(capsys, "import", again, zipped, "--json")[1])
    assert (facts["n_records"], facts["vectors"]) == (3, "3 x 2 by lsa:2")
    assert run(capsys, "similar", again, "2", "-n", "1")[1].split()[2] == "3"
    assert "3 records, 6 columns" in run(capsys, "export", again, table)[1]


def test_code_runs_after_it_was_approved_and_lists_show_their_terms(folder, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("NEARMOST_STATE", str(tmp_path / "state"))
    (tmp_path / "oil.py").write_text(
        "from knowledge import oils\n\ndef oil(record):\n    if oils[0] in record['title']:\n        return 'World'\n"
    )
    assert "Oil   yes" in run(capsys, "terms", folder, "oils", "--add", "Oil,gas")[1]
    assert run(capsys, "terms", folder)[1].splitlines()[1].split() == ["oils", "2", "0"]
    run(capsys, "annotate", folder, "Topic", "2", "World")
    run(capsys, "terms", folder, "oils", "--strike", "gas")
    shown = json.loads(run(capsys, "terms", folder, "oils", "--json")[1])
    assert [(one["term"], one["used"], one["records"], one["judged"]) for one in shown] == [
        ("Oil", "yes", 2, 1), ("gas", "no", 0, 0),
    ]  # fmt: skip
    run(capsys, "heuristics", folder, "--add", str(tmp_path / "oil.py"))
    path = tmp_path / "news" / "heuristics" / "Topic" / "oil.py"
    path.write_text(path.read_text() + "# changed\n")
    assert run(capsys, "run", folder)[0] == 1
    assert "# changed" in run(capsys, "approve", folder, "Topic", "oil")[1]
    status, out, _ = run(capsys, "run", folder, "--json")
    assert (status, json.loads(out)[0]["n_votes"]) == (0, 2)
    assert json.loads(run(capsys, "browse", folder, "hit:oil", "--json")[1])["total"] == 2
    shown = json.loads(run(capsys, "preview", folder, "oil", "-n", "3", "--json")[1])
    assert sorted((one["key"], [vote[0] for vote in one["votes"]]) for one in shown) == [
        ("1", []), ("2", ["World"]), ("3", ["World"]),
    ]  # fmt: skip
    assert run(capsys, "preview", folder, "oil", "-n", "3")[1].count("World") == 2
    assert "no" in run(capsys, "heuristics", folder, "--off", "oil")[1].splitlines()[1].split()
    assert run(capsys, "run", folder, "--stale")[1].splitlines() == ["task  heuristic  status  votes  seconds  error"]


def test_votes_become_labels_with_a_threshold(tmp_path, capsys):
    pytest.importorskip("sklearn")
    where = str(tmp_path / "p")
    words = {"Sports": ["cup", "goal", "team"], "World": ["vote", "border", "storm"]}
    rows = [
        {"id": str(n), "text": f"the {words[label][n % 3]} of {n}", "label": label}
        for n, label in enumerate(["Sports", "World"] * 40)
    ]
    with Project.create(where) as project:
        project.add_records(rows)
        project.add_task("Topic", list(words))
        for row in rows[:30]:
            project.annotate("Topic", row["id"], row["label"])
        project.add_terms("sports", ["cup", "goal", "storm"])
        project.add_heuristic("Topic", "sports", {"kind": "lookup", "list": "sports", "label": "Sports"})
        project.add_terms("world", ["vote", "border", "storm"])
        project.add_heuristic("Topic", "world", {"kind": "lookup", "list": "world", "label": "World"})
    run(capsys, "embed", where, "--encoder", "lsa:4")
    assert run(capsys, "run", where)[0] == 0
    found = json.loads(run(capsys, "stats", where, "--json")[1])
    assert [(each["heuristic"], each["label"], each["judged"]) for each in found] == [
        ("sports", "Sports", 15), ("world", "World", 15),
    ]  # fmt: skip
    assert found[1]["right"] == 15
    assert "sports     Sports" in run(capsys, "stats", where)[1]
    assert json.loads(run(capsys, "supervise", where, "--json")[1])["n_labelled"] == 80
    assert "80 by bayes" in run(capsys, "supervise", where)[1]
    picked = json.loads(run(capsys, "threshold", where, "--precision", "0.8", "--json")[1])
    assert picked["kept"] > 60
    assert "keeps" in run(capsys, "threshold", where, "--precision", "0.8", "--label", "World")[1]
    assert run(capsys, "explain", where, "3")[1].splitlines()[0].split() == ["weight", "label", "source"]
    cells = json.loads(run(capsys, "confusion", where, "--json")[1])
    assert sum(map(sum, cells["counts"])) == 30
    assert sum(len(cell["keys"]) for cell in cells["cells"]) == 30
    assert run(capsys, "confusion", where)[1].splitlines()[0].split() == ["Sports", "World"]
    for by in ("uncertain", "conflict", "random", "outlier", "diverse"):
        queued = json.loads(run(capsys, "queue", where, "--by", by, "-n", "5", "--json")[1])
        assert {int(each["key"]) for each in queued} <= set(range(30, 80))
    assert len(run(capsys, "queue", where, "--by", "similar", "--like", "3", "-n", "4")[1].splitlines()) == 5
    assert "by majority" in run(capsys, "supervise", where, "--model", "majority")[1]
    for chosen, sources in (("all", {"vectors", "words"}), ("words", {"words"}), ("none", set())):
        run(capsys, "supervise", where, "--learner", chosen)
        told = run(capsys, "explain", where, "3")[1]
        assert {name for name in ("vectors", "words") if f"learner: {name}" in told} == sources


def test_a_sheet_is_written_filled_in_and_taken_back_and_a_list_votes(folder, tmp_path, capsys):
    sheet, filled = tmp_path / "sheet.csv", tmp_path / "filled.csv"
    assert (
        "column label to be filled in" in run(capsys, "queue", folder, "--by", "random", "-n", "2", "-o", str(sheet))[1]
    )
    lines = sheet.read_text().splitlines()
    assert lines[0].endswith(",label")
    filled.write_text("\n".join([lines[0], *(f"{line}Sports" for line in lines[1:])]))
    status, out, _ = run(capsys, "annotate", folder, "Topic", "--from", str(filled))
    assert (status, out) == (0, "labels of Topic: 2 new, 0 changed, 0 as they were, 0 empty\n")
    again = json.loads(run(capsys, "annotate", folder, "Topic", "--from", str(filled), "--json")[1])
    assert again == {"n_new": 0, "n_changed": 0, "n_same": 2, "n_empty": 0}
    with Project.open(folder) as project:
        hit = project.record(int((project.manual("Topic") >= 0).argmax())).values
    word = next(str(value).split()[0] for value in hit.values() if isinstance(value, str) and " " in value)
    _, _, err = run(capsys, "terms", folder, "balls", "--add", word)
    assert "say which with --label" in err
    for _ in range(2):
        rows = json.loads(run(capsys, "terms", folder, "balls", "--label", "Sports", "--json")[1])
        assert rows[0]["right"] == rows[0]["judged"] > 0
    assert run(capsys, "terms", folder, "balls", "--label", "World")[0] == 2
    assert [row["kind"] for row in json.loads(run(capsys, "heuristics", folder, "--json")[1])] == ["lookup"]


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["browse", "{}", "foo:bar"], 1, "it may ask for label, weak"),
        (["browse", "nowhere"], 1, "is no project"),
        (["annotate", "{}", "Topic", "9", "Sports"], 1, "no record has the key '9'"),
        (["annotate", "{}", "Topic", "9"], 2, "KEY and its LABEL, or --from FILE"),
        (["annotate", "{}", "Topic", "1", "--from", "x.csv"], 2, "takes the place of KEY"),
        (["annotate", "{}", "Topic", "--from", "none.csv"], 1, "none.csv"),
        (["terms", "{}", "--label", "Sports"], 2, "go with a LIST"),
        (["embed", "{}", "--encoder", "lsa:4", "--cache", "x"], 1, "do not learn from the texts"),
        (["similar", "{}", "1"], 1, "has no vectors yet"),
        (["similar", "{}"], 2, "KEY, or --text"),
        (["init", "x", "--task", "T"], 2, "go together"),
        (["init", "{}"], 1, "is there already"),
        (["init", "x", "--task", "T"], 2, "See nearmost label init --help"),
        (["import", "{}", "x.zip"], 1, "a project of its own"),
        (["snapshot", "{}", "x.txt"], 1, "a snapshot is a .zip"),
        (["snapshot", "{}", "nowhere/x.zip"], 1, "nowhere/x.zip: there is no folder nowhere"),
        (["export", "{}", "nowhere/x.csv"], 1, "nowhere/x.csv: there is no folder nowhere"),
        (["browse", "{}", "-n", "-3"], 1, "-3 records"),
        (["queue", "{}", "-n", "-3"], 1, "n is -3"),
        (["history", "{}", "-n", "-3"], 1, "n is -3"),
        (["task", "{}", "Topic", "World"], 1, "has a label 'World' already"),
        (["annotate", "{}", "Topic", "1,2", "Sports"], 1, "keys are like '1'"),
        (["terms", "{}", "x", "--add", "y", "--label", "Nope"], 1, "no label 'Nope'"),
        (["browse", "{}", "--static"], 2, "goes with --save"),
        (["brows", "{}"], 2, 'Did you mean "browse"'),
    ],
)
def test_what_is_wrong_is_told_on_one_line(folder, capsys, arguments, status, message):
    found, out, err = run(capsys, *(each.format(folder) for each in arguments))
    assert (found, out) == (status, "")
    assert message in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    "arguments", [["--task", "T", "--labels", "A,A"], ["--key", ""], ["--task", "", "--labels", "A"]]
)
def test_a_project_that_could_not_be_made_as_asked_for_is_not_there(tmp_path, capsys, arguments):
    assert run(capsys, "init", str(tmp_path / "new"), *arguments)[0] == 1
    assert not (tmp_path / "new").exists()
    (tmp_path / "empty").mkdir()
    assert run(capsys, "init", str(tmp_path / "empty"), *arguments)[0] == 1
    assert list((tmp_path / "empty").iterdir()) == []


def test_labels_are_shown_beside_the_records_of_the_task_that_the_line_names(folder, capsys):
    run(capsys, "task", folder, "Tags", "a,b", "--kind", "multi")
    run(capsys, "annotate", folder, "Tags", "2", "b,a")
    out = run(capsys, "browse", folder, "task:Tags oil")[1].splitlines()
    assert out == ["key  label  text", "2    a, b   Oil rises", "3           Oil falls", "2 of 2 records"]
    found = json.loads(run(capsys, "browse", folder, "task:Tags oil", "--json")[1])["records"]
    assert [each["labels"] for each in found] == [{"manual": ["a", "b"], "weak": []}, {"manual": [], "weak": []}]


def test_letters_that_join_others_are_shown(tmp_path, capsys):
    family, persian = "\N{WOMAN}\N{ZERO WIDTH JOINER}\N{GIRL}", "می\N{ZERO WIDTH NON-JOINER}روم"
    (tmp_path / "rows.csv").write_text(f"id,paper,title\n1,x,{family} {persian}\n2,x,a\u202eb\n", encoding="utf-8")
    where = str(tmp_path / "news")
    run(capsys, "init", where, "--key", "paper,id")
    run(capsys, "import", where, str(tmp_path / "rows.csv"))
    out = run(capsys, "browse", where)[1]
    assert out.splitlines()[1] == f"x/1  {family} {persian}"  # and not what is part of the key
    assert "\u202e" not in out


def test_a_table_without_rows_keeps_its_heading(folder, tmp_path, capsys):
    run(capsys, "export", folder, str(tmp_path / "none.csv"), "--query", "key:none")
    heading = (tmp_path / "none.csv").read_text(encoding="utf-8").splitlines()
    assert heading == ["id,title,year,__Topic__MANUAL,__Topic__WEAK_SUPERVISION,__Topic__WEAK_SUPERVISION__confidence"]


def test_what_another_model_says_is_taken_as_votes(folder, tmp_path, capsys):
    (tmp_path / "model.v2.csv").write_text("id,label,confidence\n1,Sports,0.9\n2,World,0.6\n")
    out = run(capsys, "heuristics", folder, "--predictions", str(tmp_path / "model.v2.csv"), "--json")[1]
    assert [(row["name"], row["kind"], row["n_votes"]) for row in json.loads(out)] == [("model", "import", 2)]


def test_help_names_every_verb(capsys):
    assert main(["label", "--help"]) == 0
    out = capsys.readouterr().out
    assert all(word in out for word in ("init", "import", "browse", "annotate", "export", "Examples:"))
