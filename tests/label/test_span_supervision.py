"""Weak spans of a project: what its heuristics mark, merged and kept."""

from __future__ import annotations

from nearmost.label.votes import runs
from nearmost.label.votes.weak import weak_spans


def test_marks_of_heuristics_become_weak_spans(project):
    for name in ("list", "rival"):
        runs.register(project, "Marks", name, "function")
    project.save_votes("Marks", "list", "a", [(0, "Sports", 1.0, 0, 9), (3, "Sports", 1.0, 0, 7)])
    project.save_votes("Marks", "rival", "a", [(0, "Money", 1.0, 4, 9), (1, "Money", 1.0, 0, 7)])
    project.annotate_span("Marks", 0, 0, 9, "Sports")
    run = project.supervise("Marks")
    assert run.model == "weak_nlp"
    found = [(s.record, s.start, s.end, s.label) for s in weak_spans(project, "Marks")]
    assert found == [(0, 0, 9, "Sports"), (3, 0, 7, "Sports")]  # the rival was wrong where somebody looked
