"""Project: a folder in which unlabelled text becomes labelled. Its methods are the functions of this room."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from nearmost.errors import InputError
from nearmost.label import undoing
from nearmost.label.browsing import cards as _cards
from nearmost.label.browsing import querying, summary
from nearmost.label.browsing import slices as _slices
from nearmost.label.browsing.slices import Slice
from nearmost.label.exchange import archives, refinery
from nearmost.label.exchange import export as _export
from nearmost.label.exchange import predictions as _predictions
from nearmost.label.exchange import sheet as _sheet
from nearmost.label.exchange import snapshot as _snapshot
from nearmost.label.heuristics import catalogue as _catalogue
from nearmost.label.heuristics import previewing as _previewing
from nearmost.label.heuristics import running as _running
from nearmost.label.heuristics import terms as _terms
from nearmost.label.lookups.lists import Lookup
from nearmost.label.manual import annotations as _annotations
from nearmost.label.manual import comments as _comments
from nearmost.label.manual import tasks as _tasks
from nearmost.label.manual.tasks import Task
from nearmost.label.records import plane
from nearmost.label.records import records as _records
from nearmost.label.records import vectors as _vectors
from nearmost.label.store import database as _database
from nearmost.label.store import journal, opened
from nearmost.label.store import settings as _settings
from nearmost.label.store.database import Database
from nearmost.label.store.settings import Settings, Type
from nearmost.label.supervision import supervising as _supervising
from nearmost.label.votes import runs as _runs
from nearmost.label.votes import weak


class Project:
    """Records, tasks, labels by hand, heuristics and their votes, weak labels: all in one folder.

    Make one with ``Project.create`` or ``Project.open``. Any number of threads and processes may use it at once; one
    writes at a time. Below, a ``record`` is an id (its row in every array) or a key, and a ``task`` the name of one.
    """

    def __init__(self, folder: str | os.PathLike[str], *, new: bool = False) -> None:
        self._folder = Path(folder)
        self._read: tuple[tuple[int, int], Settings] | None = None
        self._database = Database(self._folder / _database.FILE, new=new)

    @classmethod
    def create(
        cls,
        folder: str | os.PathLike[str],
        *,
        name: str | None = None,
        key: str | Sequence[str] | None = None,
        seed: int = 0,
    ) -> Project:
        """A new project in a folder that is empty or not there yet.

        ``key`` names the attribute, or the several, that tell records apart; see ``add_records``.
        """
        path = Path(folder)
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise InputError(f"{path}: is there already; a new project wants an empty folder or a new one")
        wanted = None if key is None else (key,) if isinstance(key, str) else tuple(key)
        if wanted is not None and not all(wanted):
            raise InputError(f"key is {key!r}; it must name attributes that tell records apart")
        path.mkdir(parents=True, exist_ok=True)
        for part in ("heuristics", "lookups"):
            (path / part).mkdir()
        Settings(name or path.resolve().name, wanted, seed=seed).write(path / _settings.FILE)
        return cls(path, new=True)

    @classmethod
    def open(cls, folder: str | os.PathLike[str]) -> Project:
        """The project in this folder. Raises InputError where there is none."""
        path = Path(folder)
        for part in (_settings.FILE, _database.FILE):
            if not (path / part).is_file():
                raise InputError(f"{path}: is no project: {part} is missing; make one with nearmost label init {path}")
        return cls(path)

    @classmethod
    def from_snapshot(cls, path: str | os.PathLike[str], folder: str | os.PathLike[str]) -> Project:
        """The project in a snapshot, ours or refinery's, unpacked into a folder that is empty or not there yet.

        The code of its heuristics is put there, and not run before somebody has approved it. Raises InputError, leaving
        nothing behind, for zips that are hostile, damaged, or of another kind.
        """
        with archives.opened(path) as archive:
            document = None if _snapshot.is_ours(archive) else refinery.document(archive)
            there = Path(folder).exists()
            made = cls.create(folder, name=None if document is None else refinery.name_of(document))
            try:
                if document is None:
                    _snapshot.restore(made, archive)
                else:
                    refinery.add_all(made, document, archive.name)
            except BaseException:
                made.close()
                shutil.rmtree(folder)
                if there:
                    Path(folder).mkdir()
                raise
        return made

    @property
    def folder(self) -> Path:
        """Where it lies."""
        return self._folder

    @property
    def name(self) -> str:
        """What it is called."""
        return self.settings.name

    @property
    def settings(self) -> Settings:
        """What project.toml says, read again where the file has changed."""
        path = self._folder / _settings.FILE
        found = path.stat()
        stamp = (found.st_mtime_ns, found.st_size)
        if self._read is None or self._read[0] != stamp:
            self._read = stamp, Settings.read(path)
        return self._read[1]

    def save_settings(self, settings: Settings) -> None:
        """Writes project.toml."""
        settings.write(self._folder / _settings.FILE)
        self._read = None

    @property
    def database(self) -> Database:
        """Its tables, for the functions of this room."""
        return self._database

    @property
    def n_records(self) -> int:
        """Records, deleted ones too: the length of every array."""
        return opened.n_rows(self)

    @property
    def key(self) -> list[str] | None:
        """The attributes that tell records apart; empty where they are numbered, None before there are any."""
        return None if self.settings.key is None else list(self.settings.key)

    @property
    def attributes(self) -> dict[str, Type]:
        """Name to type of what records hold."""
        return dict(self.settings.attributes)

    @property
    def tasks(self) -> tuple[Task, ...]:
        """What is to be labelled, in order."""
        return _tasks.tasks(self)

    @property
    def lookups(self) -> dict[str, Lookup]:
        """The lookup lists, by name, as their files have them now."""
        return _catalogue.lookups_of(self)

    @property
    def slices(self) -> list[Slice]:
        """The saved slices, by name."""
        return _slices.slices(self)

    def close(self) -> None:
        """Lets go of the files. May be called twice."""
        self._database.close()

    def __enter__(self) -> Project:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Project {self.name!r} in {self._folder}>"

    info = summary.info

    # Records
    add_records = _records.add_records
    delete_records = _records.delete_records
    record = _records.record
    records = _records.records
    records_version = _records.version

    # Labels by hand
    task = _tasks.task
    add_task = _tasks.add_task
    add_labels = _tasks.add_labels
    annotate = _annotations.annotate
    annotate_span = _annotations.annotate_span
    annotate_from = _sheet.annotate_from
    write_sheet = _sheet.write_sheet
    annotations = _annotations.annotations_of
    manual = _annotations.manual
    manual_multi = _annotations.manual_multi
    manual_spans = _annotations.manual_spans
    history = journal.history
    undo = undoing.undo

    # Finding
    cards = _cards.cards
    browse = querying.browse
    matching = querying.matching
    save_slice = _slices.save_slice
    delete_slice = _slices.delete_slice
    comment = _comments.comment
    comments = _comments.comments

    # Vectors
    texts = _vectors.texts
    embed = _vectors.embed
    set_vectors = _vectors.set_vectors
    vectors = _vectors.vectors
    vectors_are_old = _vectors.vectors_are_old
    index = _vectors.index
    similar = _vectors.similar
    map_points = plane.map_points

    # Heuristics
    heuristics = _catalogue.heuristics_of
    source = _catalogue.source
    save_source = _catalogue.save_source
    add_heuristic = _catalogue.add_heuristic
    add_region = _catalogue.add_region
    remove_heuristic = _catalogue.remove_heuristic
    approve = _catalogue.approve
    enable = _catalogue.enable
    add_predictions = _predictions.add_predictions
    run = _running.run
    preview = _previewing.preview

    # Lookup lists
    lookup = _terms.lookup
    save_lookup = _terms.save_lookup
    remove_lookup = _terms.remove_lookup
    add_terms = _terms.add_terms
    harvest = _terms.harvest
    strike = _terms.strike
    term_statistics = _terms.term_statistics
    highlights = _terms.highlights

    # Votes and weak labels
    save_votes = _runs.save_votes
    vote_rows = _runs.vote_rows
    runs = _runs.runs
    save_weak = weak.save_weak
    weak_runs = weak.weak_runs
    weak = weak.weak_rows
    votes = _supervising.votes_of
    stats = _supervising.stats
    supervise = _supervising.supervise
    explain = _supervising.explain
    threshold = _supervising.threshold
    confusion = _supervising.confusion
    queue = _supervising.queue

    # Taking it elsewhere
    export = _export.export
    data_frame = _export.data_frame
    snapshot = _snapshot.snapshot
