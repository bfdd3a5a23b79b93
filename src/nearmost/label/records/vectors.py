"""The vectors of a project: its records through an encoder, in an index file of ours."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from hashlib import blake2b

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nearmost.encoders import Encoder, Fitted, load_encoder
from nearmost.errors import InputError, ShapeError, UnknownKeyError
from nearmost.index import Index
from nearmost.label.records import records
from nearmost.label.store.opened import Opened, n_rows, record_id
from nearmost.label.store.settings import Settings
from nearmost.readers.selection import FIELD
from nearmost.values import Vectors

FILE = "vectors.nearmost"
AGAIN = "call project.embed() or nearmost label embed again"
Progress = Callable[[int, int], object]


def texts(project: Opened, attribute: str | None = None) -> list[str]:
    """What is read of each record: an attribute, a template such as "{Title}. {Description}", or the project's own.

    That is the template of its vectors; before there are any, all attributes of text with a full stop between.
    """
    template = attribute or project.settings.template or _template(project)
    if template in project.settings.attributes:
        template = f"{{{template}}}"
    names = FIELD.findall(template)
    unknown = [name for name in names if name not in project.settings.attributes]
    if unknown or not names:
        known = ", ".join(project.settings.attributes)
        what = unknown[0] if unknown else template
        raise UnknownKeyError(f"no attribute is called {what!r}; there are {known} (a template is like '{{Title}}')")
    rows = project.database.rows("SELECT data FROM record ORDER BY id")
    return [_filled(template, json.loads(data)) for (data,) in rows]


def embed(
    project: Opened,
    encoder: str | Encoder | None = None,
    *,
    template: str | None = None,
    refit: bool = False,
    n_threads: int = 0,
    progress: Progress | None = None,
) -> Index:
    """The index of all records, made by an encoder from their texts and kept as vectors.nearmost.

    Called again, it encodes only what is new or changed, with the encoder and template of the time before unless others
    are named. An encoder that learns from the texts (``lsa``) learns once; ``refit=True`` makes it learn again.
    """
    settings = project.settings
    if template is not None and template not in settings.attributes and not FIELD.search(template):
        raise InputError(
            f"template is {template!r}; it must name attributes in braces, as in '{{Title}}. {{Description}}'"
        )
    wanted = load_encoder(encoder or settings.encoder or "minilm")
    template = template or settings.template or _template(project)
    made = texts(project, template)
    if not made:
        raise InputError(
            "the project has no records yet; bring them in with project.add_records or nearmost label import"
        )
    digests = [blake2b(text.encode(), digest_size=8).digest() for text in made]
    before = None if refit or wanted.spec != settings.encoder else _found(project)
    known: dict[bytes, int] = {}
    if before is not None:
        wanted = before.encoder
        known = dict(
            project.database.rows("SELECT digest, record_id FROM embedded WHERE record_id < ?", (len(before),))
        )
    elif isinstance(wanted, Fitted):
        wanted = wanted.fit(made)
    rows = np.empty((len(made), wanted.dim), dtype=np.float32)
    if before is not None:
        kept = [row for row, digest in enumerate(digests) if digest in known]
        rows[kept] = before.vectors().rows[[known[digests[row]] for row in kept]]
        before.close()
    new = [row for row, digest in enumerate(digests) if digest not in known]
    if new:
        rows[new] = wanted.encode([made[row] for row in new], progress=progress, n_threads=n_threads)
    made_index = Index.build(Vectors.of(rows, _keys(project)), encoder=wanted, seed=settings.seed, n_threads=n_threads)
    _keep(
        project, made_index, replace(project.settings, encoder=wanted.spec, template=template, embedding=None), digests
    )
    return made_index


def set_vectors(project: Opened, rows: ArrayLike, *, name: str) -> Index:
    """The index of vectors that were made elsewhere, one a record, under a name that learners ask for them by."""
    array = np.asarray(rows, dtype=np.float32)
    if len(array) != n_rows(project):
        raise ShapeError(f"{len(array)} vectors were given for {n_rows(project)} records; there must be one each")
    made = Index.build(Vectors.of(array, _keys(project)), seed=project.settings.seed)
    _keep(project, made, replace(project.settings, encoder=None, template=None, embedding=name), [])
    return made


def index(project: Opened) -> Index:
    """The index of the records' vectors, mapped; row i is record i. Raises InputError before ``embed``."""
    found = _found(project)
    if found is None:
        raise InputError(
            "the project has no vectors yet; make them with project.embed(encoder) or nearmost label embed"
        )
    return found


def vectors(project: Opened) -> NDArray[np.float32]:
    """The vectors of all records, float32 (n_records, dim). Raises InputError where some have none yet."""
    with index(project) as found:
        rows = found.vectors().rows
    if len(rows) != n_rows(project):
        raise InputError(f"{n_rows(project) - len(rows):,} records have no vector yet; {AGAIN}")
    return rows


def vectors_are_old(project: Opened) -> bool:
    """Whether records were added or changed since the vectors were made."""
    made = project.database.value("SELECT value FROM meta WHERE name = 'vectors'")
    return made is not None and int(made) != records.version(project)


def similar(
    project: Opened,
    record: int | str | None = None,
    *,
    text: str | None = None,
    vector: ArrayLike | None = None,
    n: int = 100,
    allow: NDArray[np.int64] | None = None,
) -> list[tuple[int, float]]:
    """(record id, score) of the n records nearest to a record, a text or a vector; larger scores are nearer.

    ``allow`` holds the ids that may be found: those of ``matching``, say.
    """
    if sum(each is not None for each in (record, text, vector)) != 1:
        raise InputError("similar wants one of a record, text= and vector=")
    if n < 0:
        raise InputError(f"n is {n}; it must be 0 or more")
    gone = [number for (number,) in project.database.rows("SELECT id FROM record WHERE deleted")]
    with index(project) as found:
        n = min(n, len(found))
        if n < 1:
            return []
        within = None if allow is None else allow[allow < len(found)]
        deny = [number for number in gone if number < len(found)] or None
        if record is None:
            ids, scores = found.search(text if text is not None else np.asarray(vector), k=n, allow=within, deny=deny)
        else:
            own = record_id(project, record)
            if own >= len(found):
                raise InputError(f"record {own} has no vector yet; {AGAIN}")
            row = found.vector(found.keys[own])[None, :]
            both, scored = found.search(row, k=n, allow=within, deny=deny, leave_out=[own])
            ids, scores = both[0], scored[0]
        return [(int(number), float(score)) for number, score in zip(ids, scores, strict=True) if number >= 0]


def _found(project: Opened) -> Index | None:
    path = project.folder / FILE
    return Index.open(path) if path.exists() else None


def _keep(project: Opened, made: Index, settings: Settings, digests: list[bytes]) -> None:
    """Writes the index, what was read for each row, and which records they were."""
    made.save(project.folder / FILE)
    with project.database.writing() as connection:
        connection.execute("DELETE FROM embedded")
        connection.executemany("INSERT INTO embedded VALUES (?, ?)", enumerate(digests))
        connection.execute("INSERT OR REPLACE INTO meta VALUES ('vectors', ?)", (records.version(project),))
        project.save_settings(settings)


def _keys(project: Opened) -> list[str]:
    return [key for (key,) in project.database.rows("SELECT key FROM record ORDER BY id")]


def _template(project: Opened) -> str:
    key = project.settings.key or ()
    names = [name for name, kind in project.settings.attributes.items() if kind == "text" and name not in key]
    if not names:
        raise InputError("no attribute of the records is text; say which to read: template='{name}'")
    return ". ".join(f"{{{name}}}" for name in names)


def _filled(template: str, values: Mapping[str, object]) -> str:
    return FIELD.sub(lambda match: "" if values.get(match[1]) is None else str(values[match[1]]), template)
