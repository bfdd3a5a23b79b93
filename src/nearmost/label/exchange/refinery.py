"""Projects of refinery: the snapshot zip that it exports, read into a project of ours. Code in it is never run."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import numpy as np

from nearmost.errors import InputError, NearmostError
from nearmost.label.exchange.archives import Archive
from nearmost.label.exchange.refinery_comments import add_comments
from nearmost.label.exchange.refinery_slices import add_slices, slice_name
from nearmost.label.exchange.tokens import tokens
from nearmost.label.lookups import lists
from nearmost.label.lookups.knowledge import variable
from nearmost.label.manual import annotations as by_hand
from nearmost.label.manual import tasks
from nearmost.label.manual.tasks import ABSTAIN, Task
from nearmost.label.records import records, vectors
from nearmost.label.store import journal
from nearmost.label.store.opened import Opened, n_rows
from nearmost.label.store.settings import Kind, Type
from nearmost.label.votes import runs, weak

NEEDED = ("project_details_data", "records_data", "attributes_data", "labeling_tasks_data", "labeling_task_labels_data")
TYPES: dict[str, Type] = {"INTEGER": "integer", "FLOAT": "float", "BOOLEAN": "boolean", "CATEGORY": "category"}
COLOURS = {
    "gray": "#808080", "slate": "#707c8c", "zinc": "#7a7a80", "neutral": "#7c7c7c", "stone": "#857c74",
    "red": "#d93a3a", "orange": "#e6761f", "amber": "#dd9a10", "yellow": "#cfae0c", "lime": "#77b31a",
    "green": "#2a9d55", "emerald": "#1c9f76", "teal": "#1a9a91", "cyan": "#1498b4", "sky": "#2290d0",
    "blue": "#3a73d9", "indigo": "#5a5fd0", "violet": "#7d58d6", "purple": "#9a4fd0", "fuchsia": "#bf40c4",
    "pink": "#d44a92", "rose": "#d93a5c",
}  # fmt: skip
"""refinery's names for colours, as ours."""
KINDS = {
    "LABELING_FUNCTION": "function",
    "ACTIVE_LEARNING": "learner",
    "ZERO_SHOT": "zeroshot",
    "PRE_COMPUTED": "import",
}
FINGERPRINT = "refinery"
"""Of runs that took place there: never what a heuristic's fingerprint is here, so it counts as stale."""


def document(archive: Archive) -> dict[str, Any]:
    """What a refinery snapshot holds: one JSON. Raises InputError where the archive is something else."""
    held = [member for member in archive if not member.startswith("__MACOSX/")]
    if len(held) != 1 or not held[0].endswith(".json"):
        listed = ", ".join(held[:4]) + (", ..." if len(held) > 4 else "") if held else "nothing"
        raise InputError(f"{archive.name}: holds {listed}; wanted a snapshot of a project, of nearmost or of refinery")
    found = archive.json(held[0])
    missing = [name for name in NEEDED if name not in found] if isinstance(found, dict) else list(NEEDED)
    if missing:
        raise InputError(f"{archive.name}: is no snapshot of refinery: {', '.join(missing)} missing")
    return dict(found)


def name_of(document: Mapping[str, Any]) -> str | None:
    """What a snapshot's project is called."""
    details = document["project_details_data"]
    return str(details["name"]) if isinstance(details, dict) and details.get("name") else None


def add_all(project: Opened, document: Mapping[str, Any], name: str) -> None:
    """Brings everything of a snapshot into a project that is new. Raises InputError for what cannot be used."""
    try:
        with project.database.writing():
            _Snapshot(project, document).add()
    except NearmostError:
        raise
    except (KeyError, TypeError, AttributeError, IndexError, ValueError, OverflowError, sqlite3.Error) as error:
        what = f"lacks {error}" if isinstance(error, KeyError) else f"is not built as refinery builds it ({error})"
        raise InputError(f"{name}: {what}; export the project from refinery again") from error


class _Snapshot:
    """A refinery snapshot on its way into a project; the ids in it are refinery's."""

    def __init__(self, project: Opened, document: Mapping[str, Any]) -> None:
        self.project = project
        self.document = document
        self.rows: dict[str, int] = {}
        """refinery's id of a record -> ours."""
        self.tasks: dict[str, Task] = {}
        self.labels: dict[str, tuple[str, str]] = {}
        """refinery's id of a label -> (its id of the task, name)."""
        self.attributes = {each["id"]: each["name"] for each in document["attributes_data"]}
        self.tokens: dict[str, list[int]] = defaultdict(list)
        self.targets = {number: f"attribute:{name}" for number, name in self.attributes.items()}
        """refinery's id of anything -> what a comment on it is on."""
        self.authors: dict[str, str] = {}
        """refinery's id of somebody -> what we call them."""

    def add(self) -> None:
        self.add_records()
        self.add_tasks()
        for each in self.document.get("record_label_association_tokens_data") or []:
            self.tokens[each["record_label_association_id"]].append(int(each["token_index"]))
        said: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
        for each in self.document.get("record_label_associations_data") or []:
            said[each["source_type"]].append(each)
        self.add_manual(said["MANUAL"])
        self.add_heuristics(said["INFORMATION_SOURCE"])
        self.add_weak(said["WEAK_SUPERVISION"])
        self.add_lookups()
        left = add_slices(self.project, self.document, self.rows, self.labels, self.tasks)
        left += self.add_vectors()
        self.targets |= {each["id"]: f"slice:{slice_name(each)}" for each in self.document.get("data_slice_data") or []}
        comments = self.document.get("comments") or []
        left += add_comments(self.project, comments, self.targets, self.rows, self.authors)
        what = {"records": len(self.rows), "left out": "; ".join(left) or None}
        journal.note(self.project, "import_refinery", what, author="import")

    def add_records(self) -> None:
        listed = sorted(self.document["attributes_data"], key=lambda each: each.get("relative_position") or 0)
        held = {name for each in self.document["records_data"] for name in each["data"]}
        types = {each["name"]: TYPES.get(each["data_type"], "text") for each in listed if each["name"] in held}
        key = tuple(each["name"] for each in listed if each.get("is_primary_key"))
        settings = replace(self.project.settings, key=key, attributes=types)
        self.project.save_settings(settings)
        given = [each["data"] for each in self.document["records_data"]]
        records.add_records(self.project, given, types=types, author="import")
        self.rows = {each["id"]: number for number, each in enumerate(self.document["records_data"])}
        keys = {each.id: each.key for each in records.records(self.project)}
        self.targets |= {each: f"record:{keys[number]}" for each, number in self.rows.items()}

    def add_tasks(self) -> None:
        labels: dict[str, list[dict[str, str]]] = defaultdict(list)
        for each in self.document["labeling_task_labels_data"]:
            self.labels[each["id"]] = (each["labeling_task_id"], each["name"])
            colour = COLOURS.get(str(each.get("color")), "")
            one = {"name": each["name"], "colour": colour, "hotkey": str(each.get("hotkey") or "")}
            labels[each["labeling_task_id"]].append(one)
        for each in self.document["labeling_tasks_data"]:
            kind: Kind = "span" if each["task_type"] == "INFORMATION_EXTRACTION" else "class"
            if labels[each["id"]]:
                name = "-".join(each["name"].replace("\\", "/").split("/"))
                about = self.attributes.get(each.get("attribute_id"))
                self.tasks[each["id"]] = tasks.add_task(
                    self.project, name, labels[each["id"]], kind=kind, attribute=about
                )
                self.targets[each["id"]] = f"task:{name}"
        for number, (about_id, name) in self.labels.items():
            if about_id in self.tasks:
                self.targets[number] = f"label:{self.tasks[about_id].name}/{name}"

    def place(self, association: Mapping[str, Any]) -> tuple[Task, int, str, tuple[int, int] | None] | None:
        """Task, record, label and the span in characters; None where one of them is not there any more."""
        task_id, label = self.labels.get(association["labeling_task_label_id"], ("", ""))
        about, record = self.tasks.get(task_id), self.rows.get(association["record_id"])
        if about is None or record is None:
            return None
        if about.kind != "span":
            return about, record, label, None
        numbers = self.tokens.get(association["id"])
        text = str(self.document["records_data"][record]["data"].get(about.attribute) or "")
        where = tokens(text)
        if not numbers or max(numbers) >= len(where):
            return None
        return about, record, label, (where[min(numbers)][0], where[max(numbers)][1])

    def add_manual(self, said: Sequence[Mapping[str, Any]]) -> None:
        people = list(dict.fromkeys(each.get("created_by") for each in said))
        self.authors = {
            str(each): "me" if len(people) == 1 else f"refinery-{number}" for number, each in enumerate(people, 1)
        }
        state: dict[str, dict[int, list[by_hand.Row]]] = defaultdict(lambda: defaultdict(list))
        for each in said:
            found = self.place(each)
            if found is None:
                continue
            about, record, label, span = found
            author = self.authors[str(each.get("created_by"))]
            start, stop = span or (None, None)
            gold = int(bool(each.get("is_gold_star")))
            made = str(each["created_at"]).replace(" ", "T") + "Z"
            state[about.name][record].append((author, about.label(label).id, start, stop, gold, made))
        for name, rows in state.items():
            by_hand.put(self.project, tasks.task(self.project, name), rows)

    def add_heuristics(self, said: Sequence[Mapping[str, Any]]) -> None:
        votes: dict[str, list[runs.Vote]] = defaultdict(list)
        for each in said:
            found = self.place(each)
            if found is not None:
                _, record, label, span = found
                confidence = 1.0 if each["confidence"] is None else float(each["confidence"])
                votes[each["source_id"]].append((record, label, confidence, *(span or (-1, -1))))
        finished: dict[str, Mapping[str, Any]] = {}
        for each in self.document.get("information_source_payloads_data") or []:
            last = finished.get(each["source_id"])
            if each["state"] == "FINISHED" and (last is None or last["iteration"] < each["iteration"]):
                finished[each["source_id"]] = each
        for each in sorted(self.document.get("information_sources_data") or [], key=lambda one: one["created_at"]):
            about = self.tasks.get(each["labeling_task_id"])
            if about is None:
                continue
            name = "".join(letter if letter.isalnum() or letter in "_-" else "_" for letter in each["name"])
            path = self.project.folder / "heuristics" / about.name / f"{name}.py"
            path.parent.mkdir(exist_ok=True)
            path.write_text(each.get("source_code") or "", encoding="utf-8")
            self.targets[each["id"]] = f"heuristic:{about.name}/{name}"
            kind = KINDS.get(each["type"], "function")
            runs.register(self.project, about.name, name, kind, str(path.relative_to(self.project.folder)))
            run = finished.get(each["id"])
            if run is not None or votes[each["id"]]:
                log, seconds = _log(run)
                runs.save_votes(
                    self.project, about.name, name, FINGERPRINT, votes[each["id"]],
                    log=log, seconds=seconds, started=None if run is None else str(run["created_at"]),
                )  # fmt: skip
            runs.enable(self.project, about.name, name, bool(each.get("is_selected")))

    def add_weak(self, said: Sequence[Mapping[str, Any]]) -> None:
        places: dict[str, list[tuple[int, str, tuple[int, int] | None, float]]] = defaultdict(list)
        for each in said:
            found = self.place(each)
            if found is not None:
                about, record, label, span = found
                places[about.name].append((record, label, span, float(each["confidence"])))
        for name, rows in places.items():
            about = tasks.task(self.project, name)
            labels = np.full(n_rows(self.project), ABSTAIN)
            confidence = np.zeros(len(labels))
            spans = None
            if about.kind == "span":
                spans = [weak.WeakSpan(record, *span, label, sure) for record, label, span, sure in rows if span]
            else:
                for record, label, _, sure in rows:
                    labels[record], confidence[record] = about.number(label), sure
            weak.save_weak(self.project, name, labels, confidence, model="refinery", spans=spans)

    def add_lookups(self) -> None:
        """The lists; a term that is the text of a span was taken from that record, as refinery does it."""
        taken: dict[tuple[str, str], list[str]] = defaultdict(list)
        for about in self.tasks.values():
            if about.kind == "span":
                for span in by_hand.manual_spans(self.project, about.name):
                    found = records.record(self.project, span.record)
                    text = str(found.values[about.attribute or ""])[span.start : span.end]
                    taken[variable(span.label), text].append(found.key)
        terms: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
        for each in self.document.get("terms_data") or []:
            terms[each["knowledge_base_id"]].append(each)
        for each in self.document.get("knowledge_bases_data") or []:
            name = "".join(letter if letter.isalnum() or letter in " _-" else "_" for letter in each["name"]).strip()
            held = {
                value: lists.Term(
                    value, bool(term["blacklisted"]), tuple(dict.fromkeys(taken[variable(name), value])),
                    remark=str(term.get("comment") or ""),
                )
                for term in terms[each["id"]]
                if (value := str(term["value"])).strip()
            }  # fmt: skip
            lists.write(lists.Lookup(name, tuple(held.values())), self.project.folder / "lookups")
            self.targets[each["id"]] = f"lookup:{name}"

    def add_vectors(self) -> list[str]:
        """What could not be taken along."""
        wanted = [each for each in self.document.get("embeddings_data") or [] if each["type"] == "ON_ATTRIBUTE"]
        rows: dict[str, dict[int, list[float]]] = defaultdict(dict)
        for each in self.document.get("embedding_tensors_data") or []:
            if each["record_id"] in self.rows:
                rows[each["embedding_id"]][self.rows[each["record_id"]]] = each["data"]
        whole = [each for each in wanted if len(rows[each["id"]]) == len(self.rows) > 0]
        if whole:
            held = rows[whole[0]["id"]]
            array = np.array([held[number] for number in range(len(held))], dtype=np.float32)
            vectors.set_vectors(self.project, array, name=whole[0]["name"])
        every = self.document.get("embeddings_data") or []
        return [f"embedding {each['name']}" for each in every if each not in whole[:1]]


def _log(run: Mapping[str, Any] | None) -> tuple[str, float]:
    """The log of a run, and how long it took."""
    if run is None:
        return "", 0.0
    started, finished = (datetime.fromisoformat(str(run[name])) for name in ("created_at", "finished_at"))
    return "\n".join(map(str, run.get("logs") or [])), (finished - started).total_seconds()
