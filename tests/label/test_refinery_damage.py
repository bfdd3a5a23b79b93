"""A small snapshot of refinery, whole and with anything at all in any place: it is imported or refused, never worse."""

from __future__ import annotations

import copy
import json
import zipfile

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import nearmost
from nearmost.label import Project, Span

SMALL = {
    "project_details_data": {"id": "p", "name": "Small", "tokenizer": "en_core_web_sm"},
    "records_data": [
        {"id": "r1", "data": {"n": 1, "text": "It's a goal, they say."}, "category": "SCALE"},
        {"id": "r2", "data": {"n": 2, "text": "Oil prices rise"}, "category": "SCALE"},
    ],
    "attributes_data": [
        {"id": "a2", "name": "text", "data_type": "TEXT", "is_primary_key": False, "relative_position": 2},
        {"id": "a1", "name": "n", "data_type": "INTEGER", "is_primary_key": True, "relative_position": 1},
    ],
    "labeling_tasks_data": [
        {"id": "t1", "attribute_id": "None", "name": "topic", "task_type": "MULTICLASS_CLASSIFICATION"},
        {"id": "t2", "attribute_id": "a2", "name": "a/b", "task_type": "INFORMATION_EXTRACTION"},
    ],
    "labeling_task_labels_data": [
        {"id": "l1", "labeling_task_id": "t1", "name": "sports", "color": "red", "hotkey": "q"},
        {"id": "l2", "labeling_task_id": "t1", "name": "business", "color": "unheard of", "hotkey": None},
        {"id": "l3", "labeling_task_id": "t2", "name": "sports", "color": "sky", "hotkey": "a"},
    ],
    "information_sources_data": [
        {"id": "s1", "name": "my rule", "type": "LABELING_FUNCTION", "source_code": "def f(record):\n    return None\n",
         "is_selected": True, "created_at": "2022-07-05 12:10:52.26", "labeling_task_id": "t1"},
    ],
    "information_source_payloads_data": [
        {"source_id": "s1", "iteration": 1, "state": "FINISHED", "created_at": "2022-07-05 12:00:00",
         "finished_at": "2022-07-05 12:00:30", "logs": ["done"]},
    ],
    "record_label_associations_data": [
        {"id": "1", "source_id": "None", "record_id": "r1", "labeling_task_label_id": "l1", "source_type": "MANUAL",
         "confidence": None, "is_gold_star": None, "created_by": "u1", "created_at": "2022-07-05 12:43:01"},
        {"id": "2", "source_id": "None", "record_id": "r1", "labeling_task_label_id": "l2", "source_type": "MANUAL",
         "confidence": None, "is_gold_star": True, "created_by": "u2", "created_at": "2022-07-05 12:43:02"},
        {"id": "3", "source_id": "None", "record_id": "r1", "labeling_task_label_id": "l3", "source_type": "MANUAL",
         "confidence": None, "is_gold_star": None, "created_by": "u1", "created_at": "2022-07-05 12:43:03"},
        {"id": "4", "source_id": "s1", "record_id": "r2", "labeling_task_label_id": "l2", "confidence": 1,
         "source_type": "INFORMATION_SOURCE", "is_gold_star": None, "created_by": "u1", "created_at": "x"},
        {"id": "5", "source_id": "None", "record_id": "r2", "labeling_task_label_id": "l2", "confidence": 0.75,
         "source_type": "WEAK_SUPERVISION", "is_gold_star": None, "created_by": "u1", "created_at": "x"},
    ],
    "record_label_association_tokens_data": [
        {"record_label_association_id": "3", "token_index": 2, "is_beginning_token": True},
        {"record_label_association_id": "3", "token_index": 3, "is_beginning_token": False},
    ],
    "knowledge_bases_data": [{"id": "k1", "name": "sports", "description": None}],
    "terms_data": [
        {"knowledge_base_id": "k1", "value": "a goal", "comment": None, "blacklisted": False},
        {"knowledge_base_id": "k1", "value": "\\'];import os#", "comment": "nasty", "blacklisted": True},
    ],
    "embeddings_data": [{"id": "e1", "name": "text-classification-x", "type": "ON_ATTRIBUTE"}],
    "embedding_tensors_data": [
        {"embedding_id": "e1", "record_id": "r2", "data": [0.0, 1.0]},
        {"embedding_id": "e1", "record_id": "r1", "data": [1.0, 0.5]},
    ],
    "data_slice_data": [
        {"id": "d1", "name": "fixed", "static": True, "filter_raw": {}},
        {"id": "d2", "name": "open", "static": False, "filter_raw": {"LABELING_TASKS_t1": {"groupElements": [
            {"taskId": "t1", "manualLabels": [{"id": "NO_LABEL", "active": True}],
             "confidence": {"active": True, "lower": 50, "upper": 100}}]}}},
        {"id": "d3", "name": "odd", "static": False, "filter_raw": {"ATTRIBUTES": {"groupElements": [
            {"name": "text", "active": True, "operator": "BETWEEN", "searchValue": "1"}]}}},
    ],
    "data_slice_record_association_data": [{"data_slice_id": "d1", "record_id": "r2"}],
    "comments": [
        {"xfkey": xfkey, "xftype": kind, "comment": f"on {xfkey}", "created_by": "u2", "is_private": False,
         "is_markdown": False, "order_key": 1, "created_at": f"2022-08-0{day} 10:00:00.5"}
        for day, (xfkey, kind) in enumerate(
            [("r2", "RECORD"), ("t2", "LABELING_TASK"), ("l1", "LABEL"), ("a2", "ATTRIBUTE"), ("d1", "DATA_SLICE"),
             ("s1", "HEURISTIC"), ("k1", "KNOWLEDGE_BASE"), ("e1", "EMBEDDING")], 1)
    ],
}  # fmt: skip


def imported(document, folder):
    with zipfile.ZipFile(folder / "small.zip", "w") as archive:
        archive.writestr("project_export.json", json.dumps(document))
    return Project.from_snapshot(folder / "small.zip", folder / "small")


def test_a_small_snapshot_comes_over_whole(tmp_path):
    with imported(SMALL, tmp_path) as project:
        assert [task.name for task in project.tasks] == ["topic", "a-b"]
        assert project.key == ["n"]
        assert project.manual("topic").tolist() == [1, -1]  # two authors differ, and the second is starred
        assert {each.author for each in project.annotations("1", "topic")} == {"refinery-1", "refinery-2"}
        assert project.manual_spans("a-b") == [Span(0, 5, 11, "sports")]
        goal, nasty = project.lookup("sports").terms
        assert (goal.value, goal.sources) == ("a goal", ("1",))
        assert (nasty.value, nasty.excluded, nasty.remark) == ("\\'];import os#", True, "nasty")
        assert [(each.name, each.approved, each.stale) for each in project.heuristics("topic")] == [
            ("my_rule", False, True)
        ]
        assert project.runs("topic")[0].seconds == 30
        assert project.browse("slice:open").ids == [1]
        assert project.browse("slice:fixed").ids == [1]
        assert project.vectors().tolist() == [[1.0, 0.5], [0.0, 1.0]]
        assert [label.hotkey for label in project.task("topic").labels] == ["q", ""]
        assert "slice odd" in str(project.history(1)[0])
        assert [(each.target, each.body, each.author) for each in project.comments()] == [
            (target, f"on {xfkey}", "refinery-2")
            for target, xfkey in (
                ("record:2", "r2"), ("task:a-b", "t2"), ("label:topic/sports", "l1"), ("attribute:text", "a2"),
                ("slice:fixed", "d1"), ("heuristic:topic/my_rule", "s1"), ("lookup:sports", "k1"),
            )
        ]  # fmt: skip
        assert project.comments("record:2")[0].created == "2022-08-01T10:00:00.5Z"
        assert "1 comment on what is not here" in str(project.history(1)[0])


def places(value, path=()):
    """Where something stands in the document."""
    yield path
    if isinstance(value, dict | list):
        for name, each in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(each, (*path, name))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just("../x") | st.just(10**30),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=3,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
@given(place=st.sampled_from([*places(SMALL)][1:]), value=json_values, drop=st.booleans())
def test_a_damaged_snapshot_is_imported_or_refused(tmp_path_factory, place, value, drop):
    document = copy.deepcopy(SMALL)
    *way, last = place
    around = document
    for name in way:
        around = around[name]
    if drop:
        del around[last]
    else:
        around[last] = value
    folder = tmp_path_factory.mktemp("damage")
    try:
        with imported(document, folder) as project:
            project.export()
            project.browse("goal", order="-conf")
    except (nearmost.InputError, nearmost.UnknownKeyError):
        assert {path.name for path in folder.iterdir()} <= {"small.zip", "small"}
    outside = {path.name for path in folder.iterdir()} - {"small.zip", "small"}
    assert not outside


def test_a_snapshot_of_two_projects_is_told(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("a.json", json.dumps(SMALL))
        archive.writestr("b.json", json.dumps(SMALL))
    with pytest.raises(nearmost.InputError, match=r"holds a\.json, b\.json"):
        Project.from_snapshot(tmp_path / "x.zip", tmp_path / "p")
