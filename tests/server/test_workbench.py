"""What the scripts of the pages ask for is answered from the project, and what they send changes it."""

from __future__ import annotations

import csv
import io
import zipfile
from typing import Any

import numpy as np
import pytest

from nearmost.label import Project

pytest.importorskip("sklearn", reason="the encoder lsa needs scikit-learn")


def test_records_are_found_by_a_line_with_all_that_is_known_of_them(client: Any, project: Project) -> None:
    project.annotate("Topic", 3, "Business")
    found = client.get("/api/records", params={"query": "coach", "task": "Topic"}).json()
    assert found["total"] == len(project.matching("coach", "Topic")) > 0
    assert all("coach" in card["values"]["headline"].lower() for card in found["records"])
    one = client.get("/api/records/3", params={"task": "Topic"}).json()
    assert [mark["label"] for mark in one["manual"]] == [1]
    assert one["judged"]
    some = client.get("/api/records", params={"task": "Topic", "ids": "5,2,7"}).json()
    assert [card["id"] for card in some["records"]] == [5, 2, 7]
    page = client.get("/api/records", params={"task": "Topic", "offset": 88, "limit": 50}).json()
    assert (page["total"], len(page["records"])) == (90, 2)


def test_a_bad_line_says_what_is_wrong(client: Any) -> None:
    answer = client.get("/api/records", params={"query": 'open "quote', "task": "Topic"})
    assert answer.status_code == 400
    assert "quote" in answer.json()["error"]
    assert client.get("/api/records/12345").status_code == 404
    assert client.get("/browse", params={"task": "nonsense"}).status_code == 404


def test_labels_are_given_taken_and_undone(client: Any, project: Project) -> None:
    for label, number in (("Sports", 0), ("World", 2), (None, -1)):
        card = client.post("/api/annotate", json={"task": "Topic", "record": 8, "label": label}).json()
        assert [mark["label"] for mark in card["manual"]] == [number] * (number >= 0)
        assert project.manual("Topic")[8] == number
    assert "undone" in client.post("/api/undo").json()
    assert project.manual("Topic")[8] == 2
    client.post("/api/annotate/many", json={"task": "Topic", "records": [1, 2, 3], "label": "World"})
    assert project.manual("Topic")[[1, 2, 3]].tolist() == [2, 2, 2]
    refused = client.post("/api/annotate", json={"task": "Topic", "record": 8, "label": "Weather"})
    assert refused.status_code in (400, 404)
    assert "Weather" in refused.json()["error"]


def test_a_marked_span_goes_into_a_list(client: Any, project: Project) -> None:
    headline = project.record(0).values["headline"]
    start = headline.index("coach")
    body = {"task": "Words", "record": 0, "start": start, "end": start + 5, "label": "Sports", "lookup": "people"}
    card = client.post("/api/annotate/span", json=body).json()
    assert card["text"] == "coach"
    assert [(mark["start"], mark["end"]) for mark in card["manual"]] == [(start, start + 5)]
    assert {name: each.values for name, each in project.lookups.items()} == {"Sports": ("coach",), "people": ("coach",)}
    terms = client.get("/api/lookups/people", params={"task": "Topic"}).json()["terms"]
    assert terms[0]["term"] == "coach"
    client.post("/api/lookups/strike", json={"lookup": "people", "term": "coach"})
    assert project.lookups["people"].terms[0].excluded


def test_slices_and_comments_are_kept(client: Any, project: Project) -> None:
    client.post("/api/slices", json={"name": "coaches", "query": "coach", "task": "Topic"})
    assert "coaches" in client.get("/browse").text
    found = client.get("/api/records", params={"query": "slice:coaches", "task": "Topic"}).json()
    assert found["total"] == len(project.matching("coach", "Topic"))
    client.post("/api/slices/delete", json={"name": "coaches"})
    assert project.slices == []
    client.post("/api/comments", json={"record": 4, "body": "odd"})
    assert client.get("/api/records/4").json()["comments"] == [{"author": "me", "body": "odd"}]


def test_the_map_has_a_point_and_two_labels_for_every_record(client: Any, project: Project) -> None:
    project.embed("lsa:8")
    project.annotate("Topic", 5, "World")
    points = np.frombuffer(client.get("/api/map/points").content, "<f4").reshape(-1, 2)
    assert points.shape == (90, 2)
    assert np.isfinite(points).all()
    labels = np.frombuffer(client.get("/api/map/labels", params={"task": "Topic"}).content, "<i2").reshape(-1, 2)
    assert labels[5].tolist() == [2, -1]
    assert (labels[:5] == -1).all()
    near = client.get("/api/similar/5", params={"task": "Topic", "n": 3}).json()["records"]
    assert 5 not in [card["id"] for card in near]
    assert near[0]["score"] >= near[-1]["score"]


def test_the_map_knows_two_hundred_labels_and_tasks_of_every_kind(client: Any, project: Project) -> None:
    def labels(task: str) -> list[list[int]]:
        found = client.get("/api/map/labels", params={"task": task})
        assert found.status_code == 200
        return np.frombuffer(found.content, "<i2").reshape(-1, 2).tolist()

    project.add_task("Many", [f"label {number}" for number in range(200)])
    project.annotate("Many", 3, "label 199")
    assert labels("Many")[3] == [199, -1]
    project.add_task("Tags", ["a", "b", "c"], kind="multi")
    project.annotate("Tags", 4, ["c", "b"])
    yes = np.zeros((90, 3), dtype=bool)
    yes[5, 1:] = True
    project.save_weak("Tags", yes, np.where(yes, [0.0, 0.9, 0.6], 0.0), model="majority")
    assert labels("Tags")[4:6] == [[1, -1], [-1, 1]]
    project.annotate_span("Words", 6, 0, 3, "World")
    assert labels("Words")[6] == [2, -1]


def test_the_overview_counts_labels_of_tasks_of_every_kind(client: Any, project: Project) -> None:
    project.add_task("Tags", ["a", "b", "c"], kind="multi")
    project.annotate("Tags", 4, ["c", "b"])
    project.annotate("Tags", 5, [])
    yes = np.zeros((90, 3), dtype=bool)
    yes[5, 1:] = True
    project.save_weak("Tags", yes, np.where(yes, [0.0, 0.9, 0.6], 0.0), model="majority")
    found = client.get("/api/overview", params={"task": "Tags"}).json()
    assert (found["n_manual"], found["manual"], found["n_weak"], found["weak"]) == (2, [0, 1, 1], 1, [0, 1, 1])
    assert [sum(each) for each in found["bins"]] == [0, 1, 1]
    project.annotate_span("Words", 6, 0, 3, "World")
    found = client.get("/api/overview", params={"task": "Words"}).json()
    assert (found["n_manual"], found["manual"], found["n_weak"]) == (1, [0, 0, 1], 0)


def test_a_threshold_that_cannot_be_is_told_as_none(client: Any, project: Project) -> None:
    project.embed("lsa:8")
    names = project.task("Topic").names
    for record in range(4):
        project.annotate("Topic", record, names[record % 3])
    project.supervise("Topic", model="majority")
    found = client.get("/api/threshold", params={"task": "Topic", "precision": 1.0})
    assert found.status_code == 200
    assert found.json()["confidence"] is None


def test_the_page_of_the_export_shows_the_first_records(client: Any, project: Project) -> None:
    project.delete_records([0, 1])
    page = client.get("/export").text
    assert page.count("<tr>") == 4  # a heading and three
    assert all(project.record(number).values["headline"] in page for number in (2, 3, 4))


def test_a_map_is_made_anew_when_the_vectors_are(project: Project) -> None:
    project.embed("lsa:8")
    before = project.map_points()
    before[:] = 0  # what a caller does with it is the caller's
    assert np.abs(project.map_points()).sum() > 0
    project.embed("lsa:4")
    assert np.array_equal(project.map_points(), project.map_points())
    one = project.map_points()
    project.set_vectors(np.random.default_rng(0).standard_normal((90, 5)), name="by chance")
    assert not np.array_equal(project.map_points(), one)


def test_the_export_is_a_file_with_refinerys_columns(client: Any, project: Project) -> None:
    project.annotate("Topic", 0, "Sports")
    answer = client.get("/export/file", params={"format": "csv"})
    table = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8"))))
    assert len(table) == 90
    assert table[0]["__Topic__MANUAL"] == "Sports"
    assert "attachment" in answer.headers["content-disposition"]
    with zipfile.ZipFile(io.BytesIO(client.get("/export/snapshot").content)) as archive:
        assert archive.testzip() is None


def test_functions_are_written_tried_and_run_from_the_page(client: Any, project: Project) -> None:
    client.post("/api/heuristics/new", json={"task": "Topic", "name": "coaches"})
    source = 'def coaches(record):\n    if "coach" in record["headline"].text.lower():\n        return "Sports"\n'
    shown = client.post("/api/heuristics/preview", json={"task": "Topic", "name": "coaches", "source": source}).json()
    assert len(shown["records"]) == 10
    assert all(each["error"] is None for each in shown["records"])
    assert [bool(each["votes"]) for each in shown["records"]] == [
        "coach" in each["values"]["headline"].lower() for each in shown["records"]
    ]
    client.post("/api/heuristics/save", json={"task": "Topic", "name": "coaches", "source": source})
    job = client.post("/api/run", json={"task": "Topic"}).json()["job"]
    assert '"state": "done"' in client.get(f"/api/jobs/{job}").text
    found = client.get("/api/heuristics", params={"task": "Topic"}).json()
    assert found["heuristics"][0]["run"]["n_votes"] == len(project.matching("headline:coach", "Topic"))
    assert found["statistics"][0]["coverage"] == found["heuristics"][0]["run"]["n_votes"]
    broken = "def coaches(record):\n    return 1 / 0\n"
    shown = client.post("/api/heuristics/preview", json={"task": "Topic", "name": "coaches", "source": broken}).json()
    assert "ZeroDivisionError" in shown["records"][0]["error"]
    assert client.get("/api/heuristics/source", params={"task": "Topic", "name": "coaches"}).json()["source"] == source


def test_a_new_function_is_right_as_it_stands_and_replaces_none(client: Any, project: Project) -> None:
    project.add_task("Odd", ['a "b" {c}', "d"])
    for task in ("Odd", "Words"):
        client.post("/api/heuristics/new", json={"task": task, "name": "fresh"})
        source = client.get("/api/heuristics/source", params={"task": task, "name": "fresh"}).json()["source"]
        body = {"task": task, "name": "fresh", "source": source.replace('"word"', '"the"')}
        shown = client.post("/api/heuristics/preview", json=body).json()["records"]
        assert [each["error"] for each in shown] == [None] * 10
        assert any(each["votes"] for each in shown)
        again = client.post("/api/heuristics/new", json={"task": task, "name": "fresh"})
        assert again.status_code == 400
        assert "already" in again.json()["error"]
    project.embed("lsa:8")
    region = {"task": "Odd", "name": "fresh", "label": "d", "polygon": [[0, 0], [1, 0], [1, 1]]}
    assert client.post("/api/map/region", json=region).status_code == 400


def test_a_list_is_made_on_the_page_and_votes(client: Any, project: Project) -> None:
    for task, label in (("Topic", "Sports"), ("Words", "World")):
        made = client.post("/api/lookups/new", json={"task": task, "name": f"{label}_words", "label": label})
        assert made.status_code == 200
        client.post("/api/lookups/add", json={"lookup": f"{label}_words", "term": "coach"})
        assert project.run(task)[0].n_votes == len(project.matching("headline:coach"))
    again = client.post("/api/lookups/new", json={"task": "Topic", "name": "Sports_words", "label": "World"})
    assert again.status_code == 400
    strange = client.post("/api/lookups/new", json={"task": "Topic", "name": "other", "label": "Weather"})
    assert strange.status_code == 404
    assert "other" not in project.lookups


def test_supervision_runs_as_a_job_and_the_overview_shows_it(client: Any, project: Project) -> None:
    project.embed("lsa:8")
    names = project.task("Topic").names
    for record in range(45):
        project.annotate("Topic", record, names[record % 3])
    job = client.post("/api/supervise", json={"task": "Topic", "model": "bayes"}).json()["job"]
    assert '"state": "done"' in client.get(f"/api/jobs/{job}").text
    standing = client.get("/api/overview", params={"task": "Topic"}).json()
    assert standing["manual"] == [15, 15, 15]
    assert sum(standing["weak"]) == sum(map(sum, standing["bins"])) > 0
    confusion = client.get("/api/confusion", params={"task": "Topic"}).json()
    assert np.array(confusion["counts"]).sum() == sum(len(cell["records"]) for cell in confusion["cells"]) > 0
    found = client.get("/api/threshold", params={"task": "Topic", "precision": 0.8}).json()
    assert 0 <= found["confidence"] <= 1
    queue = client.get("/api/queue", params={"task": "Topic", "by": "uncertain", "n": 5}).json()["records"]
    assert len(queue) == 5
    assert all(not card["manual"] for card in queue)
