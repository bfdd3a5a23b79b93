"""From unlabelled text to labels: projects, in which people, lists, functions and classifiers vote.

A project is a folder: project.toml, heuristics/, lookups/, project.db and vectors.nearmost.
"""

from nearmost.label.annotations import Annotation, Span
from nearmost.label.project import Project
from nearmost.label.records import Imported, Record
from nearmost.label.tasks import ABSTAIN, Label, Task

__all__ = ["ABSTAIN", "Annotation", "Imported", "Label", "Project", "Record", "Span", "Task"]
