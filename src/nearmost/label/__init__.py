"""From unlabelled text to labels: projects, in which people, lists, functions and classifiers vote.

A project is a folder: project.toml, heuristics/, lookups/, project.db and vectors.nearmost.
"""

from nearmost.label.annotations import Annotation, Span
from nearmost.label.catalogue import HeuristicInfo
from nearmost.label.isolation.limits import Limits
from nearmost.label.lookups import Lookup, Term
from nearmost.label.previewing import Preview
from nearmost.label.project import Project
from nearmost.label.records import Imported, Record
from nearmost.label.running import RunReport
from nearmost.label.tasks import ABSTAIN, Label, Task
from nearmost.label.terms import TermStatistics

__all__ = [
    "ABSTAIN",
    "Annotation",
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
