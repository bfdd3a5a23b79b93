"""refinery's projects come over whole: records, labels, spans, votes, weak labels, lists, code, slices and vectors."""

from __future__ import annotations

import json
import zipfile

import numpy as np
import pytest

import nearmost
from nearmost.label import Project
from nearmost.label.exchange.tokens import tokens
from nearmost.label.lookups.lists import read
from nearmost.label.votes.weak import weak_rows


@pytest.fixture(scope="session")
def document(refinery):
    with zipfile.ZipFile(refinery) as archive:
        return json.loads(archive.read(archive.namelist()[0]))


@pytest.fixture(scope="session")
def imported(refinery, tmp_path_factory):
    with Project.from_snapshot(refinery, tmp_path_factory.mktemp("refinery") / "news") as made:
        yield made


def test_records_labels_and_tasks_are_those_of_refinery(imported, document):
    assert imported.name == "AG News"
    assert imported.attributes == {"running_id": "integer", "headline": "text"}
    assert [record.values for record in imported.records()] == [each["data"] for each in document["records_data"]]
    assert [(task.name, task.kind, task.attribute) for task in imported.tasks] == [
        ("topic", "class", None),
        ("indicators", "span", "headline"),
    ]
    labels = {each["id"]: each["name"] for each in document["labeling_task_labels_data"]}
    said = {
        each["record_id"]: labels[each["labeling_task_label_id"]]
        for each in document["record_label_associations_data"]
        if each["source_type"] == "MANUAL" and each["return_type"] == "RETURN" and each["is_valid_manual_label"]
    }
    names = imported.task("topic").names
    manual = imported.manual("topic")
    assert [names[label] if label >= 0 else None for label in manual] == [
        said.get(each["id"]) for each in document["records_data"]
    ]


def test_every_span_is_the_text_that_went_into_a_lookup_list(imported, document):
    lists = {each["id"]: each["name"] for each in document["knowledge_bases_data"]}
    terms = {(lists[each["knowledge_base_id"]], each["value"]) for each in document["terms_data"]}
    texts = imported.texts("headline")
    spans = imported.manual_spans("indicators")
    assert len(spans) == 111
    assert {(span.label, texts[span.record][span.start : span.end]) for span in spans} <= terms
    for name in lists.values():
        found = read(imported.folder / "lookups" / f"{name}.txt")
        assert set(found.values) == {value for owner, value in terms if owner == name}
        marked = {
            (texts[span.record][span.start : span.end], imported.record(span.record).key)
            for span in spans
            if span.label == name
        }
        assert {(term.value, source) for term in found.terms for source in term.sources} == marked


def test_votes_and_weak_labels_are_those_of_refinery_to_the_last_bit(imported, document):
    rows = {each["id"]: number for number, each in enumerate(document["records_data"])}
    labels = {each["id"]: each["name"] for each in document["labeling_task_labels_data"]}
    names = imported.task("topic").names
    sources = {each["id"]: each["name"] for each in document["information_sources_data"]}
    said = {"INFORMATION_SOURCE": set(), "WEAK_SUPERVISION": set()}
    for each in document["record_label_associations_data"]:
        if each["source_type"] in said:
            place = (rows[each["record_id"]], labels[each["labeling_task_label_id"]], each["confidence"])
            said[each["source_type"]].add((sources.get(each["source_id"]), *place))
    votes = imported.vote_rows("topic")
    columns = (votes.heuristic, votes.record, votes.label, votes.confidence)
    assert said["INFORMATION_SOURCE"] == {
        (votes.names[who], record, names[label], sure)
        for who, record, label, sure in zip(*(column.tolist() for column in columns), strict=True)
    }
    weak = weak_rows(imported, "topic")
    where = np.flatnonzero(weak.labels >= 0)
    assert said["WEAK_SUPERVISION"] == {(None, int(r), names[weak.labels[r]], float(weak.confidence[r])) for r in where}
    assert [name for name in votes.names if name not in imported.vote_rows("topic", enabled=True).names] == [
        "lkp_world"
    ]


def test_code_is_kept_and_vectors_are_searched(imported, document):
    for each in document["information_sources_data"]:
        assert (imported.folder / "heuristics" / "topic" / f"{each['name']}.py").read_text() == each["source_code"]
    rows = {each["record_id"]: each["data"] for each in document["embedding_tensors_data"]}
    vectors = np.array([rows[each["id"]] for each in document["records_data"]], dtype=np.float32)
    assert np.array_equal(imported.vectors(), vectors)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    order = np.argsort(-(unit @ unit[7]), kind="stable")
    assert [number for number, _ in imported.similar(7, n=10)] == [each for each in order.tolist() if each != 7][:10]


def test_slices_hold_the_records_that_they_held(imported, document):
    rows = {each["id"]: number for number, each in enumerate(document["records_data"])}
    members = {rows[each["record_id"]] for each in document["data_slice_record_association_data"]}
    assert set(imported.matching("slice:high_confidence").tolist()) == members
    assert imported.browse("slice:random_unlabeled", task="topic").total == 3000 - 123


def test_a_snapshot_of_ours_brings_all_of_it_back(imported, tmp_path):
    imported.snapshot(tmp_path / "all.zip")
    with Project.from_snapshot(tmp_path / "all.zip", tmp_path / "copy") as copy:
        assert copy.settings == imported.settings
        assert copy.records() == imported.records()
        assert np.array_equal(copy.manual("topic"), imported.manual("topic"))
        assert copy.manual_spans("indicators") == imported.manual_spans("indicators")
        ours, theirs = copy.vote_rows("topic"), imported.vote_rows("topic")
        assert np.array_equal(ours.confidence, theirs.confidence)
        assert np.array_equal(weak_rows(copy, "topic").confidence, weak_rows(imported, "topic").confidence)
        for line in ("slice:high_confidence", "conflict conf>.6", "hit:DistilbertLR oil"):
            assert copy.browse(line) == imported.browse(line)
        assert copy.similar(7) == imported.similar(7)
        assert [str(event) for event in copy.history()] == [str(event) for event in imported.history()]


def test_a_snapshot_that_lacks_something_is_told_and_leaves_nothing(document, tmp_path):
    for damage in ("labeling_tasks_data", "records_data"):
        with zipfile.ZipFile(tmp_path / "bad.zip", "w") as archive:
            archive.writestr("project.json", json.dumps({**document, damage: [{"id": 3}]}))
        with pytest.raises(nearmost.InputError, match="export the project from refinery again"):
            Project.from_snapshot(tmp_path / "bad.zip", tmp_path / "p")
        assert not (tmp_path / "p").exists()


def test_tokens_are_those_of_spacy_where_rules_decide():
    cases = {
        "It's 5p.m. in the U.S., isn't it?": "It|'s|5|p.m.|in|the|U.S.|,|is|n't|it|?",
        "Oil&lt;br&gt; rose #36;3.5 -- up 2%": "Oil&lt;br&gt|;|rose|#|36;3.5|--|up|2|%",
        "a  well-known man's (3-year) plan": "a| |well|-|known|man|'s|(|3|-|year|)|plan",
    }
    for text, wanted in cases.items():
        assert "|".join(text[start:stop] for start, stop in tokens(text)) == wanted


def test_weak_supervision_gives_refinerys_labels_and_confidences(refinery, tmp_path):
    """With the sigmoid that refinery had when the snapshot was written; the later one gives the same labels."""
    with Project.from_snapshot(refinery, tmp_path / "news") as project:
        stored = weak_rows(project, "topic")
        assert project.supervise("topic", model="weak_nlp", c=1, k=1).n_labelled == 2818
        again = weak_rows(project, "topic")
        assert np.array_equal(stored.labels, again.labels)
        assert np.abs(stored.confidence - again.confidence).max() <= 1e-12
        project.supervise("topic", model="weak_nlp")
        assert np.array_equal(stored.labels, weak_rows(project, "topic").labels)


def test_statistics_of_heuristics_are_those_of_refinery(imported, document):
    names = imported.task("topic").names
    labels = {each["id"]: each["name"] for each in document["labeling_task_labels_data"]}
    sources = {each["id"]: each["name"] for each in document["information_sources_data"]}
    counted = ("record_coverage", "total_hits", "source_overlaps", "source_conflicts")
    stored = {
        (sources[each["source_id"]], labels[each["labeling_task_label_id"]]): tuple(each[name] for name in counted)
        for each in document["information_source_statistics_data"]
    }
    found = {
        (each.heuristic, names[each.label]): (each.coverage, each.hits, each.overlaps, each.conflicts)
        for each in imported.stats("topic")
    }
    assert found == stored
    assert len(found) == 9
