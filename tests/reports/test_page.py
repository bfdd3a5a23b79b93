"""The HTML page of a report: whole by itself, safe with any text, and its cells lead to the rows that they count."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections import Counter
from html.parser import HTMLParser
from importlib import import_module

import numpy as np
import pytest

import nearmost as nm
from nearmost.reports.confusion import block, matrix
from nearmost.reports.outcomes import outcomes_of

HOSTILE = [
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '"><svg onload=alert(1)>',
    "<!-- & -->",
    "\u2028' \x00 \\u003c",
]


class Parsed(HTMLParser):
    """Elements with their attributes, and what stands in script and style."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.contents: list[tuple[str, dict[str, str | None], str]] = []
        self.words = ""
        self.inside = False
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        self.inside = tag in ("script", "style")

    def handle_endtag(self, tag):
        self.inside = False

    def handle_data(self, data):
        if self.inside:
            self.contents.append((*self.elements[-1], data))
        self.words += data

    @property
    def data(self):
        return json.loads(next(text for _, given, text in self.contents if given.get("id") == "data"))


@pytest.fixture(scope="module")
def many():
    """A report on 968 classes, with scores, abstentions, several truths and texts."""
    generator = np.random.default_rng(1)
    labels = np.array([f"occupation {one:03}" for one in range(968)])
    codes = generator.integers(0, 968, 6000)
    near = np.minimum(codes + generator.integers(1, 4, 6000), 967)
    predicted = labels[np.where(generator.random(6000) < 0.7, codes, near)].astype(object)
    scores = generator.random(6000)
    predicted[scores < 0.1] = None
    truth = [[labels[code]] for code in codes]
    truth[3] = ["occupation 000", "occupation 001"]
    return nm.report(truth, predicted, scores, texts=[f"text {row}" for row in range(6000)], samples=50)


def test_a_page_needs_nothing_else(many):
    page = Parsed(many.html())
    for tag, given in page.elements:
        assert tag not in ("link", "img", "iframe", "object", "embed", "base", "form")
        assert not given.keys() & {"src", "href", "style", "srcset", "action"}, (tag, given)
        assert not [name for name in given if name.startswith("on")]
    style = "".join(text for tag, _, text in page.contents if tag == "style")
    assert "url(" not in style
    assert "@import" not in style


def test_the_policy_allows_the_pages_own_script_and_style_and_nothing_else(many):
    page = Parsed(many.html())
    policy = next(given["content"] for tag, given in page.elements if given.get("http-equiv"))
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    kept = [(tag, text) for tag, given, text in page.contents if given.get("type") != "application/json"]
    assert sorted(tag for tag, _ in kept) == ["script", "style"]
    for tag, text in kept:
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy


def test_texts_and_labels_can_put_no_markup_into_the_page():
    truth = [*HOSTILE, *HOSTILE]
    predicted = [*HOSTILE[1:], HOSTILE[0], *HOSTILE]
    plain = nm.report([f"label {one}" for one in map(truth.index, truth)], ["label 0"] * 10, texts=["text"] * 10)
    hostile = nm.report(truth, predicted, texts=truth)
    page = Parsed(hostile.html(title=HOSTILE[0]))
    kinds = {tag for tag, _ in Parsed(plain.html()).elements}
    assert {tag for tag, _ in page.elements} == kinds
    assert Counter(tag for tag, _ in page.elements)["script"] == 2
    assert sorted(page.data["text"]) == sorted(truth)
    assert list(page.data["labels"].values()) == sorted(HOSTILE)
    for text in HOSTILE[:4]:
        assert text in page.words


def test_every_cell_counts_the_rows_that_it_leads_to(many):
    page = Parsed(many.html())
    data = page.data
    drawn = set(data["block"])
    rows = list(zip(data["truth"], data["predicted"], strict=True))
    found = re.findall(r'<button type="button" data-t="(\d+)" data-p="(\w+)">([\d,]+)</button>', many.html())
    assert len(found) > 200
    for truth, predicted, count in found:
        if predicted == "other":
            wanted = sum(t == int(truth) and p >= 0 and p not in drawn for t, p in rows)
        else:
            wanted = rows.count((int(truth), -1 if predicted == "none" else int(predicted)))
        assert int(count.replace(",", "")) == wanted
    assert data["all"] == 6000
    assert sorted(data["rows"]) == list(range(6000))
    assert all(data["text"][at] == f"text {row}" for at, row in enumerate(data["rows"]))
    assert data["truths"][data["rows"].index(3)] == "occupation 000; occupation 001"


def test_a_page_of_968_classes_is_small_and_names_them_all(many):
    page = many.html()
    assert len(page) < 1_500_000
    assert set(re.findall(r"occupation \d{3}", page)) == set(many.labels)


def test_the_rows_that_are_left_out_of_a_large_page_are_right_ones(monkeypatch):
    monkeypatch.setattr("nearmost.reports.page.MOST_TEXTS", 5)
    data = Parsed(nm.report(["a", "b"] * 5, ["a", "a"] * 3 + ["a", "b"] * 2, samples=0).html()).data
    assert (data["rows"][:3], data["all"], data["text"]) == ([1, 3, 5], 10, None)


def test_where_even_the_wrong_rows_are_too_many_every_pair_keeps_its_first_ones(monkeypatch):
    monkeypatch.setattr("nearmost.reports.page.MOST_TEXTS", 7)
    monkeypatch.setattr("nearmost.reports.page.AT_HAND", 0)
    truth = ["a"] * 8 + ["b"] * 8 + ["c", "c"]
    predicted = ["b"] * 8 + ["a"] * 8 + ["a", "c"]
    data = Parsed(nm.report(truth, predicted, samples=0).html()).data
    assert (data["rows"], data["all"]) == ([0, 1, 2, 8, 9, 10, 16], 18)
    monkeypatch.setattr("nearmost.reports.page.AT_HAND", 5)
    monkeypatch.setattr("nearmost.reports.page.MOST_PAIRS", 1)
    data = Parsed(nm.report(truth, predicted, samples=0).html()).data
    assert data["rows"] == [0, 1, 2, 3, 4, 8, 16]  # of the pair that is listed five, of the others one


def test_the_number_of_confused_pairs_is_not_that_of_those_listed(monkeypatch):
    labels = [f"class {one:02}" for one in range(40)]
    page = nm.report(labels, [labels[-1], *labels[:-1]], samples=0)
    assert "of 40 pairs" not in page.html()
    monkeypatch.setattr("nearmost.reports.page.MOST_PAIRS", 5)
    monkeypatch.setattr(import_module("nearmost.reports.report"), "MOST_PAIRS", 7)
    assert "The first 5 of 40 pairs." in page.html()


def test_texts_are_told_by_their_place_also_where_they_carry_an_index():
    class Series(dict):
        """As one of pandas: a list to go through, whose brackets want its index."""

        def __iter__(self):
            return iter(self.values())

    texts = Series({1: "first", 0: "second"})
    data = Parsed(nm.report(["a", "b"], ["a", "a"], texts=texts, samples=0).html()).data
    assert dict(zip(data["rows"], data["text"], strict=True)) == {0: "first", 1: "second"}


def test_the_drawn_classes_are_those_that_are_confused_and_stand_together():
    labels = [f"class {one:02}" for one in range(60)]
    confused = [("class 05", "class 50"), ("class 10", "class 33"), ("class 50", "class 41")]
    truth = labels * 2 + [one for one, _ in confused for _ in range(4)]
    predicted = labels * 2 + [other for _, other in confused for _ in range(4)]
    outcomes = outcomes_of(truth, predicted)
    drawn = [labels[code] for code in block(outcomes, most=5)]
    assert set(drawn) == {"class 05", "class 50", "class 41", "class 10", "class 33"}
    assert abs(drawn.index("class 50") - drawn.index("class 05")) == 1
    assert abs(drawn.index("class 10") - drawn.index("class 33")) == 1
    assert len(block(outcomes_of(labels, labels), most=30)) == 30
    assert block(outcomes, most=60).tolist() == list(range(60))


def test_the_matrix_is_that_of_scikit_learn(many):
    metrics = pytest.importorskip("sklearn.metrics")
    outcomes = many.outcomes
    classes = block(outcomes, most=20)
    counts = matrix(outcomes, classes)
    whole = metrics.confusion_matrix(outcomes.truth, outcomes.predicted, labels=np.arange(-1, len(outcomes.labels)))
    np.testing.assert_array_equal(counts[:, :20], whole[1:, 1:][np.ix_(classes, classes)])
    np.testing.assert_array_equal(counts[:, 21], whole[classes + 1, 0])
    np.testing.assert_array_equal(counts.sum(axis=1), whole[classes + 1].sum(axis=1))


@pytest.mark.parametrize("scores", [None, [0.5], [7.0]])
def test_a_page_can_be_made_of_the_smallest_report(scores):
    page = nm.report(["only"], ["only"], scores).html("One row")
    assert "<title>One row</title>" in page
    assert ("Reliability" in page) == (scores == [0.5])
    assert ("Precision against coverage" in page) == (scores is not None)
    assert "nan" not in page.lower().replace("nannies", "")
    nm.report(["a", "b"], [None, None], [0.0, 0.0]).html()
