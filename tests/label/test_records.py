"""Records come in whole from files and from memory, keep their ids, and are brought up to date by key."""

from __future__ import annotations

import json
import sqlite3
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nearmost
from nearmost.label import Imported, Project
from nearmost.label.store.settings import LabelSpec, Settings, TaskSpec

ROWS = [{"id": "a", "text": "one, two", "n": 1}, {"id": "b", "text": 'a "quoted" word', "n": None}]


def written(tmp_path, suffix):
    path = tmp_path / f"rows{suffix}"
    if suffix == ".csv":
        path.write_text('id,text,n\na,"one, two",1\nb,"a ""quoted"" word",\n')
    elif suffix == ".tsv":
        path.write_text('id\ttext\tn\na\tone, two\t1\nb\ta "quoted" word\t\n')
    elif suffix == ".json":
        path.write_text(json.dumps(ROWS))
    elif suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    else:
        pa = pytest.importorskip("pyarrow")
        pytest.importorskip("pyarrow.parquet").write_table(pa.Table.from_pylist(ROWS), path)
    return path


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".json", ".jsonl", ".parquet"])
def test_every_format_gives_the_same_records(tmp_path, suffix):
    with Project.create(tmp_path / "p") as project:
        assert project.add_records(written(tmp_path, suffix)) == Imported(2, 0, 0)
        assert [record.values for record in project.records()] == ROWS
        assert project.attributes == {"id": "text", "text": "text", "n": "integer"}
        assert project.add_records(written(tmp_path, suffix)) == Imported(0, 0, 2)


def test_a_data_frame_gives_the_same_records(tmp_path):
    pandas = pytest.importorskip("pandas")
    with Project.create(tmp_path / "p") as project:
        project.add_records(pandas.DataFrame({"id": [1, 2], "text": ["x", None], "score": [0.5, np.nan]}))
        assert project.record("2").values == {"id": 2, "text": None, "score": None}


def test_objects_may_have_different_attributes(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"id": 1, "a": "x"}\n{"id": 2, "b": [1, 2]}\n')
    with Project.create(tmp_path / "p") as project:
        project.add_records(path)
        assert project.record("2").values == {"id": 2, "b": "[1, 2]"}


def test_a_second_import_updates_by_composite_key_and_keeps_labels(tmp_path):
    with Project.create(tmp_path / "p", key=["paper", "page"]) as project:
        project.add_records([{"paper": "A/B", "page": n, "text": f"story {n}"} for n in range(3)])
        project.add_task("Topic", ["x", "y"])
        project.annotate("Topic", "A\\/B/1", "y")
        changed = [{"paper": "A/B", "page": 1, "text": "another"}, {"paper": "C", "page": 1, "text": "new"}]
        assert project.add_records(changed) == Imported(1, 1, 0)
        assert project.record(1).values["text"] == "another"
        assert project.manual("Topic").tolist() == [-1, 1, -1, -1]
        assert project.browse("another").ids == [1]
        assert project.browse("text:story").ids == [0, 2]
        with pytest.raises(nearmost.InputError, match="told apart by paper, page"):
            project.add_records(changed, key="page")


def test_records_without_a_key_are_numbered(tmp_path):
    with Project.create(tmp_path / "p") as project:
        project.add_records([{"text": "x"}, {"text": "y"}])
        project.add_records([{"text": "z"}])
        assert [record.key for record in project.records()] == ["0", "1", "2"]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"id": 1}, {"id": 1}], "key '1', and so has record 0"),
        ([{"id": 1}, {"text": "x"}], "record 1: has no 'id'"),
        ([{"id": 3, "n": "many"}], "attribute 'n' holds 'many', and its type is integer"),
        ([17], "wanted a mapping"),
        ([{"id": 5, " ": 1}], "an attribute is called ' '"),
        (17, "records are int"),
    ],
)
def test_what_cannot_be_used_is_told_and_nothing_is_kept(tmp_path, rows, message):
    with Project.create(tmp_path / "p", key="id") as project:
        project.add_records([{"id": 9, "n": 4}])
        with pytest.raises(nearmost.InputError, match=message):
            project.add_records(rows)
        assert project.n_records == 1


def test_types_are_the_narrowest_that_lose_nothing(tmp_path):
    rows = [
        {"id": n, "zip": f"0{n}", "whole": str(n), "share": f"{n}.5", "ok": "true", "desk": "ab"[n % 2], "none": None}
        for n in range(40)
    ]
    wanted = {
        "id": "integer", "zip": "text", "whole": "integer", "share": "float", "ok": "boolean", "desk": "category",
        "none": "text",
    }  # fmt: skip
    with Project.create(tmp_path / "p") as project:
        project.add_records(rows)
        assert project.attributes == wanted
        assert project.record(3).values["share"] == 3.5
        project.add_records([{"id": 40, "whole": 1.5}])
        assert project.attributes["whole"] == "float"
    with Project.create(tmp_path / "q") as project:
        project.add_records(rows, types={"desk": "text", "whole": "category"})
        assert project.attributes == {**wanted, "desk": "text", "whole": "category"}


def test_deleted_records_are_found_no_more_and_ids_stay(project):
    assert project.delete_records(["n1", 3]) == 2
    assert project.browse("").ids == [0, 2, 4, 5]
    assert project.n_records == 6
    project.undo()
    assert project.browse("").total == 6


def test_an_unknown_record_is_told(project):
    with pytest.raises(nearmost.UnknownKeyError, match="no record has the key 'n9'"):
        project.record("n9")
    with pytest.raises(nearmost.UnknownKeyError, match="ids go from 0 to 5"):
        project.record(6)


def test_threads_and_processes_write_at_once(project):
    def label(numbers):
        with Project.open(project.folder) as other:
            for number in numbers:
                other.annotate("Topic", number, "Sports", author=str(number))
                project.annotate("Topic", number, "Sports", author="shared")

    threads = [threading.Thread(target=label, args=([number, number + 3],)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert project.manual("Topic").tolist() == [1] * 6
    assert project.database.value("SELECT count(*) FROM annotation") == 12


def test_a_folder_that_is_no_project_is_told(tmp_path):
    with pytest.raises(nearmost.InputError, match=r"is no project: project.toml is missing"):
        Project.open(tmp_path)
    (tmp_path / "file").write_text("x")
    with pytest.raises(nearmost.InputError, match="is there already"):
        Project.create(tmp_path)
    made = Project.create(tmp_path / "p")
    made.close()
    made.close()
    with pytest.raises(nearmost.InputError, match="closed"):
        made.records()
    for content, error in ((b"not a database" * 100, "damaged"), (b"", "not of a nearmost project")):
        (tmp_path / "p" / "project.db").write_bytes(content)
        for beside in (tmp_path / "p").glob("project.db-*"):
            beside.unlink()
        with pytest.raises(nearmost.DamagedFileError, match=error):
            Project.open(tmp_path / "p")
    (tmp_path / "p" / "project.db").unlink()
    connection = sqlite3.connect(tmp_path / "p" / "project.db")
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(nearmost.NewerFormatError, match="has version 99"):
        Project.open(tmp_path / "p")


def test_a_project_of_an_earlier_version_is_brought_up_to_date(tmp_path):
    """Version 1 had no copies of learners; what it held stays."""
    with Project.create(tmp_path / "p") as made:
        made.add_records([{"text": "one"}])
    connection = sqlite3.connect(tmp_path / "p" / "project.db")
    connection.execute("ALTER TABLE run DROP COLUMN copies")
    connection.execute("PRAGMA user_version = 1")
    connection.commit()
    connection.close()
    for _ in range(2):
        with Project.open(tmp_path / "p") as opened:
            assert opened.database.value("SELECT count(copies) FROM run") == 0
            assert opened.database.value("PRAGMA user_version") == 2
            assert len(opened.records()) == 1


# project.toml

names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)


@given(
    name=names,
    key=st.none() | st.lists(names, max_size=2).map(tuple),
    attributes=st.dictionaries(names, st.sampled_from(["text", "integer", "category"]), max_size=3),
    labels=st.lists(names.filter(str.strip), min_size=1, max_size=3, unique=True),
    template=st.none() | st.text(st.characters(exclude_categories=["Cs"])),
)
def test_settings_come_back_as_they_were_written(tmp_path_factory, name, key, attributes, labels, template):
    task = TaskSpec("Topic", "class", None, tuple(LabelSpec(each, "#000000", "") for each in labels))
    settings = Settings(name, key, attributes, (task,), "minilm", template, None, 7)
    path = tmp_path_factory.mktemp("s") / "project.toml"
    settings.write(path)
    assert Settings.read(path) == (settings if settings.tasks[0].labels[0].colour else None)


def test_a_task_written_by_hand_into_the_settings_counts(project):
    path = project.folder / "project.toml"
    path.write_text(path.read_text() + '\n[[tasks]]\nname = "New"\nkind = "class"\nlabels = ["yes", "no"]\n')
    project.annotate("New", 0, "no")
    assert project.manual("New").tolist() == [1, -1, -1, -1, -1, -1]
    assert [label.hotkey for label in project.task("New").labels] == ["1", "2"]
    path.write_text("name = 3")
    with pytest.raises(nearmost.InputError, match=r"project.toml"):
        _ = project.tasks


def test_the_encoding_of_the_system_does_not_matter(tmp_path):
    with Project.create(tmp_path / "p", name="Überblick") as project:
        project.add_records([{"id": "ß", "text": "naïve \ud83d 日本"}])
        (tmp_path / "old.csv").write_bytes("id,text\n2,caf\u00e9\n".encode("cp1252"))
        with pytest.raises(nearmost.ReadError, match="encoding="):
            project.add_records(tmp_path / "old.csv")
        project.add_records(tmp_path / "old.csv", encoding="cp1252")
        assert project.record("2").values["text"] == "café"
    with Project.open(tmp_path / "p") as project:
        assert project.record("ß").values["text"] == "naïve ? 日本"
        assert project.browse("naive").total == 1
