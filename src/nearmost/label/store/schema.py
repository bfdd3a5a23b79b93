"""The tables of project.db."""

from __future__ import annotations

VERSION = 2
STEPS = {1: "ALTER TABLE run ADD COLUMN copies BLOB"}
"""What makes of a version the next one."""

TABLES = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID;

CREATE TABLE attribute (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE record (
    id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, data TEXT NOT NULL,
    deleted INTEGER NOT NULL DEFAULT 0, created TEXT NOT NULL
);
CREATE INDEX record_deleted ON record (id) WHERE deleted;
-- numbers, categories and truth values, so that a filter on them need not read every record
CREATE TABLE cell (
    attribute_id INTEGER NOT NULL, value NOT NULL COLLATE NOCASE, record_id INTEGER NOT NULL,
    PRIMARY KEY (attribute_id, value, record_id)
) WITHOUT ROWID;
CREATE INDEX cell_of_record ON cell (record_id);

-- what was read of each record when its vector was made, as a digest
CREATE TABLE embedded (record_id INTEGER PRIMARY KEY, digest BLOB NOT NULL);

CREATE TABLE task (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE label (
    id INTEGER PRIMARY KEY, task_id INTEGER NOT NULL REFERENCES task ON DELETE CASCADE, name TEXT NOT NULL,
    UNIQUE (task_id, name)
);

-- what somebody said; label_id is null where a multi-label task was answered by: none of them
CREATE TABLE annotation (
    id INTEGER PRIMARY KEY, record_id INTEGER NOT NULL, task_id INTEGER NOT NULL REFERENCES task ON DELETE CASCADE,
    label_id INTEGER REFERENCES label ON DELETE CASCADE, start INTEGER, stop INTEGER,
    author TEXT NOT NULL, gold INTEGER NOT NULL DEFAULT 0, created TEXT NOT NULL
);
CREATE INDEX annotation_of_record ON annotation (task_id, record_id);
CREATE INDEX annotation_by_record ON annotation (record_id);
-- what counts: by one author, agreed among several, or starred
CREATE TABLE manual (
    task_id INTEGER NOT NULL REFERENCES task ON DELETE CASCADE, record_id INTEGER NOT NULL,
    label_id INTEGER NOT NULL REFERENCES label ON DELETE CASCADE,
    PRIMARY KEY (task_id, record_id, label_id)
) WITHOUT ROWID;
CREATE INDEX manual_by_label ON manual (label_id, record_id);
-- the records on which a task was answered, validly: with labels, spans, or none of them
CREATE TABLE judged (
    task_id INTEGER NOT NULL REFERENCES task ON DELETE CASCADE, record_id INTEGER NOT NULL,
    PRIMARY KEY (task_id, record_id)
) WITHOUT ROWID;

CREATE TABLE heuristic (
    id INTEGER PRIMARY KEY, task_id INTEGER NOT NULL REFERENCES task ON DELETE CASCADE, name TEXT NOT NULL,
    kind TEXT NOT NULL, path TEXT, enabled INTEGER NOT NULL DEFAULT 1, run_id INTEGER, UNIQUE (task_id, name)
);
-- votes are packed rows (columns.py): they are read and written whole
CREATE TABLE run (
    id INTEGER PRIMARY KEY, heuristic_id INTEGER NOT NULL REFERENCES heuristic ON DELETE CASCADE,
    fingerprint TEXT NOT NULL, started TEXT NOT NULL, seconds REAL, status TEXT NOT NULL, n_votes INTEGER NOT NULL,
    error TEXT, log TEXT, votes BLOB, soft BLOB, held_out BLOB, copies BLOB
);

CREATE TABLE weak_run (
    id INTEGER PRIMARY KEY, task_id INTEGER NOT NULL REFERENCES task ON DELETE CASCADE, model TEXT NOT NULL,
    options TEXT NOT NULL, runs TEXT NOT NULL, metrics TEXT NOT NULL, n_labelled INTEGER NOT NULL, labels BLOB,
    posteriors BLOB, created TEXT NOT NULL
);

CREATE TABLE slice (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, query TEXT NOT NULL, task TEXT, static INTEGER NOT NULL,
    created TEXT NOT NULL
);
CREATE TABLE slice_member (
    slice_id INTEGER NOT NULL REFERENCES slice ON DELETE CASCADE, record_id INTEGER NOT NULL,
    PRIMARY KEY (slice_id, record_id)
) WITHOUT ROWID;

CREATE TABLE comment (
    id INTEGER PRIMARY KEY, target TEXT NOT NULL, record_id INTEGER, author TEXT NOT NULL, body TEXT NOT NULL,
    created TEXT NOT NULL
);
CREATE INDEX comment_on_record ON comment (record_id) WHERE record_id IS NOT NULL;

-- every change, oldest first; before and after are what undo puts back
CREATE TABLE event (
    id INTEGER PRIMARY KEY, created TEXT NOT NULL, author TEXT NOT NULL, action TEXT NOT NULL, what TEXT NOT NULL,
    before TEXT, after TEXT, undone INTEGER NOT NULL DEFAULT 0
);
"""
