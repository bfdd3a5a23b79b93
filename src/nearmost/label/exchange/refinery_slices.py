"""Slices of refinery: the static ones as the records they hold, the others as lines of our query where there is one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from nearmost.label.browsing import slices
from nearmost.label.manual.tasks import Task
from nearmost.label.store.opened import Opened


def slice_name(each: Mapping[str, Any]) -> str:
    """What a slice of refinery's is called here."""
    return str(each["name"].replace('"', "'"))


def add_slices(
    project: Opened,
    document: Mapping[str, Any],
    rows: Mapping[str, int],
    labels: Mapping[str, tuple[str, str]],
    tasks: Mapping[str, Task],
) -> list[str]:
    """What could not be taken along."""
    members: dict[str, list[int]] = defaultdict(list)
    for each in document.get("data_slice_record_association_data") or []:
        if each["record_id"] in rows:
            members[each["data_slice_id"]].append(rows[each["record_id"]])
    left = []
    for each in document.get("data_slice_data") or []:
        name = slice_name(each)
        if each.get("static"):
            slices.save_members(project, name, members[each["id"]])
            continue
        found = _line(each.get("filter_raw") or {}, labels, tasks)
        if found is None:
            left.append(f"slice {name}, whose filter is of a kind that is not known here")
        else:
            slices.save_slice(project, name, found[0], task=found[1], author="import")
    return left


def _line(
    raw: Mapping[str, Any], labels: Mapping[str, tuple[str, str]], tasks: Mapping[str, Task]
) -> tuple[str, str | None] | None:
    """Our query for refinery's filter, and the task it is about; None where some of it has no counterpart."""
    parts: list[str] = []
    about: set[str] = set()
    for group, content in raw.items():
        for element in content.get("groupElements", []) if isinstance(content, Mapping) else []:
            if group == "ATTRIBUTES":
                if element.get("active"):
                    one = _attribute(element)
                    if one is None:
                        return None
                    parts.append(one)
            elif group.startswith("LABELING_TASKS_"):
                said = _about_task(element, labels)
                if said is None:
                    return None
                if said:
                    about.add(element["taskId"])
                    parts += said
            elif any(user.get("active") for user in element.get("users", [])):
                return None
    if len(about) > 1 or not about <= set(tasks):
        return None
    return " ".join(parts), tasks[about.pop()].name if about else None


def _attribute(element: Mapping[str, Any]) -> str | None:
    if element.get("operator") != "CONTAINS" or '"' in str(element.get("searchValue")):
        return None
    minus = "-" if element.get("negate") else ""
    named = "" if element["name"] == "Any Attribute" else f'"{element["name"]}":'
    return f'{minus}{named}"{element["searchValue"]}"'


def _about_task(element: Mapping[str, Any], labels: Mapping[str, tuple[str, str]]) -> list[str] | None:
    parts = []
    for side, word in (("manualLabels", "label"), ("weakSupervisionLabels", "weak")):
        on = [each for each in element.get(side, []) if each.get("active")]
        if any(each.get("negate") for each in on):
            return None
        names = ["none" if each["id"] == "NO_LABEL" else f'"{labels[each["id"]][1]}"' for each in on]
        parts += [f"{word}:{','.join(names)}"] if names else []
    confidence = element.get("confidence") or {}
    if confidence.get("active"):
        if confidence.get("negate"):
            return None
        parts.append(f"conf:{confidence['lower'] / 100}..{confidence['upper'] / 100}")
    if (element.get("isWithDifferentResults") or {}).get("active"):
        parts.append("conflict")
    on = [each for each in element.get("informationSources", []) if each.get("active")]
    if any(each.get("negate") for each in on):
        return None
    return parts + ([f"hit:{','.join(each['name'] for each in on)}"] if on else [])
