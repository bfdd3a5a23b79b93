"""From unlabelled text to labels: projects, in which people, lists, functions and classifiers vote.

A project is a folder: project.toml, heuristics/, lookups/, project.db and vectors.nearmost.
"""

from nearmost.label.exchange.sheet import Answered
from nearmost.label.heuristics.catalogue import HeuristicInfo
from nearmost.label.heuristics.previewing import Preview
from nearmost.label.heuristics.running import RunReport
from nearmost.label.heuristics.terms import TermStatistics
from nearmost.label.isolation.limits import Limits
from nearmost.label.lookups.lists import Lookup, Term
from nearmost.label.manual.annotations import Annotation, Span
from nearmost.label.manual.tasks import ABSTAIN, Label, Task
from nearmost.label.project import Project
from nearmost.label.records.records import Imported, Record

__all__ = [
    "ABSTAIN",
    "Annotation",
    "Answered",
    "HeuristicInfo",
    "Imported",
    "Label",
    "Limits",
    "Lookup",
    "Preview",
    "Project",
    "Record",
    "RunReport",
    "Span",
    "Task",
    "Term",
    "TermStatistics",
]
