"""The walk of docs/from-text-to-search.md: 20,000 news items, 250 labels, weak labels, a head, a better search.

    .venv/bin/python benchmarks/from_text_to_search.py [FOLDER]

Runs the page's commands in FOLDER (else one among the kept vectors), printing them with their output as the page shows
it; draws docs/figures/story-*.png, and keeps the figures in benchmarks/results/from_text_to_search.json. The news are
those of the folder ag_news, see datasets.py. The 250 labels, benchmarks/results/news_labels.csv, were given by reading
title and beginning of each item, without a look at the topic that the data have for it. Items whose true topic is known
are AG News' own, 9,146; 4,500 of them, none of the 250, are kept from training to measure on.
"""

from __future__ import annotations

import csv
import json
import os
import random
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

import nearmost as nm
import results
from datasets import cache_folder, data_folder
from nearmost import plots
from nearmost.encoders import CachedEncoder

ROOT = Path(__file__).parents[1]
FIGURES = ROOT / "docs" / "figures"
LABELS = ROOT / "benchmarks" / "results" / "news_labels.csv"
TEXT = "{title}. {description}"
KEPT = 4500
TOPICS = ["World", "Sports", "Business", "Sci/Tech"]
LISTS = {
    "sports": ("Sports", "season,coach,quarterback,cup,championship,league,touchdown,inning,striker,playoff"),
    "business": ("Business", "shares,profit,quarter,earnings,stocks,prices,investors,bid,sales,dollar,economy,bank"),
    "world": ("World", "troops,minister,president,killed,election,rebels,peace,palestinian,iraq,nuclear,hostage"),
    "science": ("Sci/Tech", "software,internet,microsoft,computer,wireless,nasa,scientists,linux,google,browser,chip"),
}
FUNCTIONS = {
    "scores": """import re

def scores(record):
    "A result such as 3-2, and what comes over the wire of sports news."
    text = record["title"].text + " " + record["description"].text
    if "(Sports Network)" in text or re.search(r"\\b\\d{1,3}-\\d{1,3}\\b", text):
        return "Sports"
""",
    "ticker": """import re

def ticker(record):
    "A company with its ticker, or a link to a quote."
    if re.search(r"\\b[A-Z]{2,5}\\.[NO]\\b|\\((NYSE|Nasdaq|NASDAQ):|Quote, Profile", record["description"].text):
        return "Business"
""",
}


def prepare(folder: Path) -> dict[str, str]:
    """Writes the files that the walk begins with; the true topics by key."""
    items = []
    for part in ("train", "val", "test"):
        records = json.loads((data_folder() / "ag_news" / f"{part}.json").read_text(encoding="utf-8"))
        items += [(one, part == "test") for one in records]
    random.Random(0).shuffle(items)
    truth = {str(number): one["label"] for number, (one, known) in enumerate(items) if known}
    labelled = {row["id"] for row in csv.DictReader(LABELS.open(encoding="utf-8"))}
    free = [key for key in truth if key not in labelled]
    random.Random(1).shuffle(free)
    kept = set(free[:KEPT])
    with open(folder / "news.jsonl", "w", encoding="utf-8") as news, open(folder / "kept.jsonl", "w") as held:
        for number, (one, _) in enumerate(items):
            part = "kept" if str(number) in kept else "open"
            row = {"id": number, "title": one["Title"], "description": one["Description"], "part": part}
            news.write(json.dumps(row, ensure_ascii=False) + "\n")
            if part == "kept":
                held.write(json.dumps({**row, "label": one["label"]}, ensure_ascii=False) + "\n")
    shutil.copy(LABELS, folder / "labels.csv")
    for name, code in FUNCTIONS.items():
        (folder / f"{name}.py").write_text(code, encoding="utf-8")
    return truth


class Walk:
    """A folder in which commands are run and shown."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, *arguments: str) -> str:
        """What a command prints; shown with the command."""
        print("$", shlex.join(["nearmost", *arguments]), flush=True)
        environment = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
        done = subprocess.run(
            [sys.executable, "-m", "nearmost", *arguments],
            cwd=self.folder,
            env={**environment, "NEARMOST_STATE": str(self.folder / ".state")},
            capture_output=True,
            check=False,
        )
        if done.returncode:
            sys.exit(done.stderr.decode())
        print(done.stdout.decode(), end="", flush=True)
        return done.stdout.decode()

    def weak(self, name: str) -> list[dict[str, Any]]:
        """The weak labels as they are now."""
        with nm.Project.open(self.folder / "news") as project:
            return project.export(self.folder / name, task="Topic")


def walk(run: Walk, truth: dict[str, str]) -> dict[str, Any]:
    """All commands in their order; the figures."""
    run("index", "news.jsonl", "--text", TEXT, "--key", "id", "--cache", "vectors", "-o", "news.nearmost")
    run("label", "init", "news", "--key", "id", "--task", "Topic", "--labels", ",".join(TOPICS))
    run("label", "import", "news", "news.jsonl")
    run("label", "embed", "news", "--cache", "vectors")
    run("label", "queue", "news", "--by", "random", "-n", "250", "-o", "to-label.csv")
    asked = [row["id"] for row in csv.DictReader((run.folder / "to-label.csv").open(encoding="utf-8"))]
    assert asked == [row["id"] for row in csv.DictReader(LABELS.open(encoding="utf-8"))], "other records are drawn now"
    run("label", "annotate", "news", "Topic", "--from", "labels.csv")
    run("label", "supervise", "news")
    first = run.weak("first.jsonl")
    for name, (label, terms) in LISTS.items():
        run("label", "terms", "news", name, "--label", label, "--add", terms)
    for name in FUNCTIONS:
        run("label", "heuristics", "news", "--add", f"{name}.py")
    run("label", "run", "news")
    run("label", "stats", "news")
    run("label", "supervise", "news")
    run("label", "heuristics", "news", "--off", "ticker")
    run("label", "supervise", "news")
    run("label", "confusion", "news")
    found = run("label", "threshold", "news", "--precision", "0.95")
    line = found.split()[0]
    last = run.weak("last.jsonl")
    run("label", "export", "news", "labelled.jsonl", "--task", "Topic", "--query", f"part:open {line}")
    run("finetune", "labelled.jsonl", "--task", "Topic", "--text", TEXT, "--cache", "vectors", "-o", "news.head")
    run("refit", "news.nearmost", "--head", "news.head", "-o", "better.nearmost")
    measure = ("evaluate", "kept.jsonl", "--retrieval", "--text", TEXT, "--cache", "vectors", "--head")
    run(*measure, "news.head", "--report", "news.html")
    run("label", "export", "news", "by-hand.jsonl", "--task", "Topic", "--query", "part:open -label:none")
    run("finetune", "by-hand.jsonl", "--task", "Topic", "--text", TEXT, "--cache", "vectors", "-o", "by-hand.head")
    for key in ("gained", "lost"):
        look(run, key)
    return {"weak labels": {"labels alone": judged(first, truth), "with heuristics": judged(last, truth)}}


def look(run: Walk, which: str) -> None:
    """The search before and after, for a query that gained or lost most."""
    done = compared(run)[0][0].plain()[which]
    rows = [json.loads(line) for line in (run.folder / "kept.jsonl").read_text(encoding="utf-8").splitlines()]
    print(which, [(rows[one["row"]]["id"], one["text"][:60]) for one in done])


def judged(rows: list[dict[str, Any]], truth: dict[str, str]) -> dict[str, Any]:
    """Shares of weak labels that are true, of all that are known and not by hand, and from confidences on."""
    some = [row for row in rows if row["__Topic__MANUAL"] is None and str(row["id"]) in truth]
    right = np.array([row["__Topic__WEAK_SUPERVISION"] == truth[str(row["id"])] for row in some])
    sure = np.array([float(row["__Topic__WEAK_SUPERVISION__confidence"]) for row in some])
    return {
        "judged": len(some),
        "right": float(right.mean()),
        **{f"from {t}": [int((sure >= t).sum()), float(right[sure >= t].mean())] for t in (0.5, 0.7, 0.8, 0.9, 0.95)},
    }


def compared(run: Walk) -> tuple[list[nm.RetrievalComparison], dict[str, Any]]:
    """The kept items before and after: with the head from weak labels, and with that from 250 alone."""
    rows = [json.loads(line) for line in (run.folder / "kept.jsonl").read_text(encoding="utf-8").splitlines()]
    texts = [f"{row['title']}. {row['description']}" for row in rows]
    vectors = CachedEncoder(nm.load_encoder("minilm"), run.folder / "vectors").encode(texts)
    labels = [row["label"] for row in rows]
    ks = (1, 3, 10, 30, 100, 300, 1000)
    made = [
        nm.compare_retrieval(vectors, nm.Projection.load(run.folder / name).apply(vectors), labels, texts=texts, ks=ks)
        for name in ("news.head", "by-hand.head")
    ]
    figures = {
        name: {
            "before": made[0].figures[name][0],
            "250 labels": made[1].figures[name][1],
            "weak labels": made[0].figures[name][1],
        }
        for name in ("precision@10", "precision@100", "precision@1000", "r_precision")
    }
    return made, {"figures": figures, "vectors": vectors, "labels": labels}


def draw(run: Walk, truth: dict[str, str]) -> dict[str, Any]:
    """The pictures of the page."""
    made, found = compared(run)
    lines = {"head from weak labels": made[0], "head from the 250 labels alone": made[1]}
    plots.save(plots.precision_by_k(lines), FIGURES / "story-search.png")
    reports = {}
    for name, path in (("250 labels alone", "first.jsonl"), ("with heuristics", "last.jsonl")):
        rows = [json.loads(line) for line in (run.folder / path).read_text(encoding="utf-8").splitlines()]
        some = [row for row in rows if row["__Topic__MANUAL"] is None and str(row["id"]) in truth]
        sure = [float(row["__Topic__WEAK_SUPERVISION__confidence"]) for row in some]
        said = [row["__Topic__WEAK_SUPERVISION"] for row in some]
        reports[name] = nm.report([truth[str(row["id"])] for row in some], said, scores=sure)
    plots.save(plots.coverage(reports), FIGURES / "story-labels.png")
    some = np.sort(np.random.default_rng(0).permutation(KEPT)[:2000])
    labels = [found["labels"][row] for row in some]
    head = nm.Projection.load(run.folder / "news.head")
    for name, vectors in (("before", found["vectors"]), ("after", head.apply(found["vectors"]))):
        plots.save(plots.embedding_map(vectors[some], labels), FIGURES / f"story-map-{name}.png")
    return {"search": found["figures"], "precision@10 by rescore": reordered(found["vectors"], found["labels"], head)}


def reordered(vectors: Any, labels: list[str], head: nm.Projection) -> dict[str, float]:
    """Of the 10 nearest of 500 items, the share of their topic: raw, by the head, and found by it in raw order."""
    topics, asked = np.array(labels), np.random.default_rng(0).permutation(KEPT)[:500]
    before, after = nm.Index.build(vectors), nm.Index.build(vectors, projection=head, keep_full=True)
    found = {"before": before.search(vectors[asked], 10, leave_out=asked).ids}
    for n in (0, 50, 200):
        found[str(n)] = after.search(vectors[asked], 10, leave_out=asked, rescore=n).ids
    return {name: float((topics[ids] == topics[asked][:, None]).mean()) for name, ids in found.items()}


def main() -> None:
    """The walk, its figures, its pictures."""
    if not (data_folder() / "ag_news").exists():
        sys.exit(f"{data_folder() / 'ag_news'} is not there; set NEARMOST_DATA to the folder of real files")
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else cache_folder() / "from-text-to-search"
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("news", ".state"):
        shutil.rmtree(folder / name, ignore_errors=True)
    truth = prepare(folder)
    run = Walk(folder)
    document = walk(run, truth)
    results.write("from_text_to_search", {**document, **draw(run, truth)})


if __name__ == "__main__":
    main()
