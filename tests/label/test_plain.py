"""Heuristics without code that look at vectors: regions, and names of labels."""

from __future__ import annotations

import numpy as np
import pytest

from nearmost import InputError, UnknownKeyError

CORNERS = np.array([[1, 0, 0], [0.9, 0.1, 0], [0, 1, 0], [0.1, 0.9, 0], [0, 0, 1], [0.8, 0.3, 0]], np.float32)


@pytest.fixture
def placed(project):
    project.set_vectors(CORNERS, name="corners")
    return project


def voted(project):
    rows = project.vote_rows("Topic")
    return sorted(rows.record.tolist())


def test_a_ball_around_records_reaches_to_the_farthest_of_them_or_as_far_as_it_is_told(placed):
    info = placed.add_region("Topic", "sporty", "Sports", records=["n0", 5])
    assert (info.kind, info.approved) == ("region", True)
    assert placed.source("Topic", "sporty") == 'kind = "region"\nlabel = "Sports"\naround = ["n0", "n5"]\n'
    (report,) = placed.run()
    assert (report.status, report.n_votes) == ("done", 3)
    assert voted(placed) == [0, 1, 5]
    placed.add_region("Topic", "sporty", "Sports", records=["n0"], radius=0.02)
    placed.run()
    assert voted(placed) == [0, 1]


def test_a_record_does_not_judge_the_ball_that_was_drawn_around_it(placed):
    placed.add_region("Topic", "wide", "Sports", records=["n0", "n1", "n2"])
    placed.run()
    assert {0, 1, 2} <= set(voted(placed))
    held_out = placed.vote_rows("Topic").held_out["wide"]
    assert held_out[2] == -1
    assert (held_out == placed.task("Topic").number("Sports")).sum() >= 2


def test_a_lasso_on_the_map_takes_what_lies_within(placed):
    points = placed.map_points()
    x, y = points[4]
    placed.add_region("Topic", "far", "World", polygon=[(x - 0.1, y - 0.1), (x + 0.1, y - 0.1), (x, y + 0.2)])
    placed.run()
    assert voted(placed) == [4]
    (seen,) = placed.preview("Topic", "far", on=["n4"])
    assert seen.votes == (("World", 1.0, -1, -1),)


@pytest.mark.parametrize("wrong", [{}, {"records": ["n0"], "polygon": [(0, 0), (1, 0), (0, 1)]}])
def test_a_region_is_one_thing(placed, wrong):
    with pytest.raises(InputError, match="either around records or a polygon"):
        placed.add_region("Topic", "x", "Sports", **wrong)


def test_regions_of_what_is_not_there_are_refused(placed):
    with pytest.raises(UnknownKeyError):
        placed.add_region("Topic", "x", "Sports", records=["nobody"])
    with pytest.raises(UnknownKeyError):
        placed.add_region("Topic", "x", "Sport", records=["n0"])
    placed.add_heuristic("Topic", "x", {"kind": "region", "label": "Sports", "around": ["nobody"]})
    assert "nobody" in placed.run()[0].error


def test_names_of_labels_vote_by_the_projects_encoder(project):
    project.embed("lsa:4", template="{title} {body}")
    project.add_heuristic(
        "Topic",
        "names",
        {
            "kind": "zeroshot",
            "descriptions": {"Sports": "striker cup goal club", "Business": "bank markets shares oil"},
            "labels": ["Sports", "Business"],
            "min_confidence": 0.4,
        },
    )
    (report,) = project.run()
    assert report.status == "done", report.error
    records = project.vectors()
    with project.index() as index:
        names = index.encoder.encode(["World", "striker cup goal club", "bank markets shares oil", "Sci/Tech"])
    lengths = np.linalg.norm(records, axis=1)[:, None], np.maximum(np.linalg.norm(names, axis=1), 1e-30)
    cosines = (records / lengths[0]) @ (names.T / lengths[1])
    odds = np.exp((cosines - cosines.mean(axis=0)) / 0.05)
    shares = odds / odds.sum(axis=1, keepdims=True)
    best = shares.argmax(axis=1)
    expected = [record for record in range(6) if shares[record, best[record]] > 0.4 and best[record] in (1, 2)]
    rows = project.vote_rows("Topic")
    assert rows.record.tolist() == expected != []
    assert rows.label.tolist() == best[expected].tolist()
    np.testing.assert_allclose(rows.confidence, shares[expected, best[expected]], atol=1e-5)
    with pytest.raises(UnknownKeyError):
        project.add_heuristic("Topic", "wrong", {"kind": "zeroshot", "descriptions": {"Sport": "x"}})


def test_names_of_labels_want_an_encoder_and_whole_records(placed):
    placed.add_heuristic("Topic", "names", {"kind": "zeroshot"})
    placed.add_heuristic("Marks", "names", {"kind": "zeroshot"})
    first, second = placed.run()
    assert "made elsewhere" in first.error
    assert "is of spans" in second.error
