"""What running code apart costs: labelling functions over 20,000 records, beside the same functions in a plain loop.

    python benchmarks/heuristics.py [--rounds 3]

Four functions look for the terms of refinery's four lists in title and description, as its tutorial writes them; the
records are AG News. ``apart`` is ``Project.run``: a process a function, votes checked and kept. ``loop`` calls the same
code on the same dictionaries in this process and keeps nothing. ``lists`` is the same lists as heuristics without code,
which look for whole words. Seconds of processor time, of all processes together, in turns.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import results
from nearmost.bench.machine import machine
from nearmost.label import Lookup, Project, Term

FOLDER = datasets.data_folder() / "ag_news"
N_RECORDS = 20_000
CODE = """
from knowledge import {name}

def {name}_lookup(record):
    for term in {name}:
        if term.lower() in record["Title"].text.lower() or term.lower() in record["Description"].text.lower():
            return "{name}"
"""


def records() -> list[dict[str, str]]:
    """Titles and descriptions of AG News."""
    parts = [json.loads((FOLDER / f"{part}.json").read_text()) for part in ("train", "val", "test")]
    found = [{"Title": row["Title"], "Description": row["Description"]} for part in parts for row in part]
    return found[:N_RECORDS]


def lists() -> dict[str, list[str]]:
    """refinery's lookup lists."""
    with zipfile.ZipFile(FOLDER / "refinery_snapshot.zip") as archive:
        document = json.loads(archive.read(archive.namelist()[0]))
    names = {each["id"]: each["name"] for each in document["knowledge_bases_data"]}
    found: dict[str, list[str]] = {name: [] for name in names.values()}
    for term in document["terms_data"]:
        found[names[term["knowledge_base_id"]]].append(term["value"])
    return found


def seconds(work: Callable[[], object]) -> tuple[float, float]:
    """Processor time of this process and of those that it started, and time on the wall."""

    def used() -> float:
        parts = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        return sum(part.ru_utime + part.ru_stime for part in parts)

    processor, wall = used(), time.monotonic()
    work()
    return used() - processor, time.monotonic() - wall


def in_a_loop(rows: list[dict[str, str]], terms: dict[str, list[str]]) -> int:
    """The same functions called here."""
    from nearmost.label.isolation import functions
    from nearmost.label.lookups import knowledge

    module = knowledge.module(terms)
    n_votes = 0
    for name in terms:
        code = CODE.format(name=name).replace(f"from knowledge import {name}\n", "")
        namespace: dict[str, Any] = {name: getattr(module, name)}
        exec(code, namespace)
        function = functions.labelling_function(namespace, f"{name}_lookup")
        n_votes += sum(function(functions.record_of(row, ())) is not None for row in rows)
    return n_votes


def measure(n_rounds: int) -> dict[str, Any]:
    """Best of the rounds."""
    rows, terms = records(), lists()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["NEARMOST_STATE"] = folder
        with Project.create(Path(folder, "news")) as project:
            project.add_records(rows)
            project.add_task("Topic", sorted(terms))
            for name, values in terms.items():
                project.save_lookup(Lookup(name, tuple(Term(value) for value in dict.fromkeys(values))))
                project.add_heuristic("Topic", f"{name}_lookup", CODE.format(name=name))
                settings = {"kind": "lookup", "list": name, "label": name, "attributes": ["Title", "Description"]}
                project.add_heuristic("Topic", f"{name}_list", settings)
            ways: dict[str, Callable[[], object]] = {
                "apart": lambda: project.run("Topic", [f"{name}_lookup" for name in terms]),
                "loop": lambda: in_a_loop(rows, terms),
                "lists": lambda: project.run("Topic", [f"{name}_list" for name in terms]),
            }
            taken: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
            for _ in range(n_rounds):
                for name, work in ways.items():
                    taken[name].append(seconds(work))
            votes = sum(
                run.n_votes for run in project.runs("Topic") if run.heuristic.endswith("_lookup") and run.current
            )
    assert votes == in_a_loop(rows, terms)
    best = {
        name: {"processor": min(p for p, _ in each), "wall": min(w for _, w in each)} for name, each in taken.items()
    }
    return {"machine": machine(), "n_records": len(rows), "n_functions": len(terms), "n_votes": votes, **best}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    found = measure(parser.parse_args().rounds)
    for name in ("apart", "loop", "lists"):
        times = found[name]
        print(f"{name:6} {times['processor']:6.2f} s of processor time, {times['wall']:6.2f} s on the wall")
    print(f"apart takes {found['apart']['processor'] / found['loop']['processor']:.2f} times the loop")
    results.write("heuristics", found)


if __name__ == "__main__":
    main()
