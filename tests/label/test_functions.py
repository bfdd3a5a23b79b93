"""What a labelling function is given, and what it may give back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nearmost import InputError
from nearmost.label.isolation import functions, learning
from nearmost.label.isolation.text import Text
from nearmost.label.lookups import knowledge

HEADLINE = "Shell can't raise 40 dollars, says U.S."


def test_a_text_is_a_string_that_knows_its_words():
    text = Text(HEADLINE)
    assert text == HEADLINE
    assert type(text.text) is str
    assert "dollars" in text
    assert text.lower() == HEADLINE.lower()
    assert text[:5] == "Shell"
    assert len(text) == len(HEADLINE)
    words = [word.text for word in text]
    assert words == ["Shell", "can't", "raise", "40", "dollars", ",", "says", "U", ".", "S", "."]
    assert [word.text for word in text if word.is_digit or word.is_punct] == ["40", ",", ".", "."]


@given(st.text(max_size=60))
def test_words_lie_where_they_say(text):
    words = Text(text).tokens
    assert [text[word.start : word.end] for word in words] == [word.text for word in words]
    assert "".join(word.text for word in words) == "".join(text.split())


def spans(*votes):
    return list(functions.votes_of((vote for vote in votes), "span", Text(HEADLINE), 100))


def test_spans_are_told_in_characters_or_by_words_as_refinery_does():
    words = {word.text: word for word in Text(HEADLINE)}
    forty = words["40"]
    assert spans(("money", 18, 20)) == [("money", 1.0, 18, 20)]
    assert spans(("money", forty.i, forty.i + 1)) == [("money", 1.0, 18, 20)]
    assert spans(("money", forty.i, forty.i + 2, 0.5)) == [("money", 0.5, 18, 28)]
    assert spans(("money", forty.i - 1, forty.i)) == [("money", 1.0, 12, 17)]
    assert spans(None) == []
    assert list(functions.votes_of(("money", 0, 5), "span", Text(HEADLINE), 9)) == [("money", 1.0, 0, 5)]


@pytest.mark.parametrize("vote", [("x", 5, 5), ("x", -1, 3), ("x", 0, 99), ("x", "a", 3), ("x", 1), 3, (1, 0, 3)])
def test_spans_that_cannot_be_are_refused(vote):
    with pytest.raises(InputError):
        spans(vote)


def test_a_function_gives_one_label_or_several():
    def votes(given, kind):
        return [vote[:2] for vote in functions.votes_of(given, kind, None, 9)]

    assert votes(None, "class") == []
    assert votes("A", "class") == votes(("A", 1), "class") == [("A", 1.0)]
    assert votes(("A", 0.25), "multi") == [("A", 0.25)]
    assert votes(["A", "B"], "multi") == votes((each for each in "AB"), "multi") == [("A", 1.0), ("B", 1.0)]
    with pytest.raises(InputError, match="must give the name"):
        votes(["A", "B"], "class")
    with pytest.raises(InputError, match="must give the name"):
        votes(True, "class")


def test_missing_texts_are_empty_ones():
    record = functions.record_of({"title": None, "n": 3, "body": "x"}, ["title", "body", "notes"])
    assert record == {"title": "", "n": 3, "body": "x", "notes": ""}
    assert record["title"].text == ""


def test_the_function_is_the_one_of_the_files_name_or_lf_or_the_only_one():
    def found(code, name):
        namespace = {}
        exec(code, namespace)
        return functions.labelling_function(namespace, name).__name__

    assert found("def lf(r): pass\ndef sport(r): pass", "sport") == "sport"
    assert found("def lf(r): pass\ndef sport(r): pass", "other") == "lf"
    assert found("from re import match\ndef _own(r): pass\ndef keywords(r): pass", "other") == "keywords"


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("sports", "sports"),
        ("Sci/Tech words", "scitech_words"),
        (" A-b ", "ab"),
        ("2 kinds", "_2_kinds"),
        ("Écoles", "écoles"),
    ],
)
def test_a_list_is_imported_under_the_name_that_refinery_gives_it(name, wanted):
    assert knowledge.variable(name) == wanted
    assert getattr(knowledge.module({name: ("a", "b")}), wanted) == ["a", "b"]


def test_the_lists_that_code_uses_are_found_without_running_it():
    names = ["sports", "world", "Sci/Tech"]
    assert knowledge.imported("from knowledge import sports, scitech as s", names) == ["sports", "Sci/Tech"]
    assert knowledge.imported("x = 1", names) == []
    for code in (
        "import knowledge",
        "from knowledge import *",
        "from knowledge import sports\nimport knowledge",
        "knowledge (",
    ):
        assert knowledge.imported(code, names) == names


def test_a_learner_is_known_by_its_class_and_its_marks():
    namespace = {name: getattr(learning, name) for name in learning.NAMES}
    code = """
class ATLClassifier(LearningClassifier):
    def __init__(self):
        self.model = None

    @params_fit(embedding_name="headline-classification-distilbert-base-uncased", train_test_split=0.5)
    def fit(self, embeddings, labels):
        self.classes_ = sorted(set(labels))

    @params_inference(min_confidence=0.3, label_names=["sci_tech"])
    def predict_proba(self, embeddings):
        return [[1.0]] * len(embeddings)
"""
    assert learning.learner_class(namespace) is None
    exec(code, namespace)
    learner = learning.learner_class(namespace)
    assert learner.__name__ == "ATLClassifier"
    assert learning.inference_params(learner) == learning.InferenceParams(0.3, ("sci_tech",))
    made = learner()
    made.fit([[0.0]], ["sci_tech"])
    assert learning.classes_of(made, ["world"]) == ["sci_tech"]
    assert learning.classes_of(object(), ["world", "business"]) == ["business", "world"]
