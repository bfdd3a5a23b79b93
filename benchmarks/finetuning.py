"""Heads and losses on news: 8,140 items with weak labels to learn from, 9,146 hard ones with true labels to try.

    .venv/bin/python benchmarks/finetuning.py [quality] [cost] [scale] [hold-out]

quality: precision and more before and after, for every loss with the head ``skip`` and every head with the loss
``arcface``, on vectors of ``minilm`` and of ``lsa:128``, 500 fixed queries. cost: time and memory of the default.
scale: an index of 1.1 million rows refitted by a head, beside encoding their texts. hold-out: each topic left out
of training once. Vectors are made once and kept; figures go to benchmarks/results/finetuning.json.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import nearmost as nm
import results
from datasets import cache_folder, data_folder, many_headlines
from nearmost.finetuning.heads import HEADS
from nearmost.finetuning.losses import LOSSES

PARTS = ("train", "val", "test")
ENCODERS = ("minilm", "lsa:128")
SHOWN = ("precision@10", "precision@100", "precision@1000", "r_precision", "mrr")
FEW = 2000
"""Headlines that the speed of encoding is measured on."""


def news(part: str) -> tuple[list[str], list[str]]:
    """Texts and labels."""
    records = json.loads((data_folder() / "ag_news" / f"{part}.json").read_text(encoding="utf-8"))
    return [f"{one['Title']}. {one['Description']}" for one in records], [one["label"] for one in records]


def vectors(encoder: str) -> dict[str, NDArray[np.float32]]:
    """Of each part; lsa learns from train and val."""
    paths = {part: cache_folder() / f"ag-news-{encoder.replace(':', '-')}-{part}.npy" for part in PARTS}
    if not all(path.exists() for path in paths.values()):
        loaded = nm.load_encoder(encoder)
        if hasattr(loaded, "fit"):
            loaded = loaded.fit([*news("train")[0], *news("val")[0]])
        for part, path in paths.items():
            np.save(path, loaded.encode(news(part)[0]))
    return {part: np.load(path) for part, path in paths.items()}


def trained(rows: dict[str, Any], labels: dict[str, Any], **options: Any) -> tuple[nm.Projection, dict[str, float]]:
    """A head, and what it cost."""
    history: list[Any] = []
    wall, cpu = time.perf_counter(), time.process_time()
    made = nm.finetune(
        rows["train"], labels["train"], valid=(rows["val"], labels["val"]), watch=history.append, **options
    )
    cost = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu, "epochs": len(history) - 1}
    return made, cost


def compared(
    rows: dict[str, Any], labels: dict[str, Any], made: nm.Projection, **options: Any
) -> nm.RetrievalComparison:
    """Before beside after on the hard items; the probe learns from those that the head learnt from."""
    taught = (rows["train"], made.apply(rows["train"]), labels["train"])
    return nm.compare_retrieval(rows["test"], made.apply(rows["test"]), labels["test"], taught=taught, **options)


def quality() -> dict[str, Any]:
    """Every loss and every head, by encoder."""
    labels = {part: news(part)[1] for part in PARTS}
    found: dict[str, Any] = {}
    for encoder in ENCODERS:
        rows = vectors(encoder)
        print(f"\n{encoder}, {rows['train'].shape[1]} columns\n{'':<30}" + "".join(f"{name:>15}" for name in SHOWN))
        runs = [("skip", loss) for loss in LOSSES] + [(head, "arcface") for head in HEADS if head != "skip"]
        runs.sort(key=lambda run: run != ("skip", "arcface"))  # the default first
        for head, loss in runs:
            made, cost = trained(rows, labels, head=head, loss=loss)
            comparison = compared(rows, labels, made)
            before = {name: values[0] for name, values in comparison.figures.items() if name in SHOWN}
            after = {name: values[1] for name, values in comparison.figures.items() if name in SHOWN}
            if encoder not in found:
                found[encoder] = {"before": {**before, "probe": comparison.probe[0], "votes": comparison.votes[0]}}
                _say("before", found[encoder]["before"])
            after |= {"probe": comparison.probe[1], "votes": comparison.votes[1], **cost}
            found[encoder][f"{head} {loss}"] = after
            _say(f"{head} {loss}", after)
    return found


def _say(name: str, figures: dict[str, float]) -> None:
    spent = f", {figures['epochs']} epochs, {figures['cpu']:.1f} CPU s" if "cpu" in figures else ""
    shown = "".join(f"{figures[key]:>15.3f}" for key in SHOWN)
    print(f"{name:<30}{shown}   probe {figures['probe']:.3f}, vote {figures['votes']:.3f}{spent}", flush=True)


COST = """
import json, resource, sys, time
import numpy as np
import nearmost as nm
rows, labels, valid, known = (np.load(path) for path in sys.argv[1:])
began, wall = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
nm.finetune(rows, labels, valid=(valid, known))
ended = resource.getrusage(resource.RUSAGE_SELF)
cpu = ended.ru_utime + ended.ru_stime - began.ru_utime - began.ru_stime
print(json.dumps({"wall": time.perf_counter() - wall, "cpu": cpu, "peak_mb": ended.ru_maxrss / 1024}))
"""


def cost() -> dict[str, Any]:
    """Wall, processor and peak memory of training the default in a process of its own; before all else, since what
    this process holds when it starts another counts in that one's peak.
    """
    vectors("minilm")
    paths = []
    for part in ("train", "val"):
        path = cache_folder() / f"ag-news-labels-{part}.npy"
        np.save(path, np.array(news(part)[1]))
        paths += [str(cache_folder() / f"ag-news-minilm-{part}.npy"), str(path)]
    threads = {**os.environ, "OPENBLAS_NUM_THREADS": "2", "OMP_NUM_THREADS": "2"}
    done = subprocess.run([sys.executable, "-c", COST, *paths], env=threads, capture_output=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    print(f"\n8,140 x 384, default: {found['wall']:.1f} s, {found['cpu']:.1f} CPU s, peak {found['peak_mb']:.0f} MB")
    return found


def scale() -> dict[str, Any]:
    """Seconds of the processor: an index of 1.1 million rows refitted by a head, and encoding as many headlines.

    Some headlines are encoded before and some after, as other work on the machine makes both slower. Recall is that of
    the refitted index with recall=0.95 asked for, of 10, by 1,000 of its own rows, themselves left out.
    """
    from encoding import headlines

    what, rows = many_headlines(384)
    labels = {part: news(part)[1] for part in PARTS}
    made, _ = trained(vectors("minilm"), labels)
    n = len(rows)
    index = nm.Index.build(rows, quality="fast", kind="partition", store="f32", n_threads=2)
    own = np.sort(np.random.default_rng(0).choice(n, 1000, replace=False))
    queries = np.ascontiguousarray(rows[own])
    texts = headlines(FEW)
    encoder = nm.load_encoder("minilm")
    encoder.encode(texts[:50])
    print(f"\n{what}")
    found: dict[str, Any] = {"rows": n}
    spent = _Spent()
    encoder.encode(texts[::2], n_threads=2)
    before = spent.since()
    for quality in ("fast", "default"):
        spent.since()
        better = index.refit(made, quality=quality, store="f32", n_threads=2)
        found[f"refit {quality}"] = spent.since()
        near, exact = (better.search(queries, 10, recall=recall, leave_out=own).scores for recall in (0.95, 1.0))
        found[f"recall {quality}"] = float((near >= exact[:, -1:] - 1e-6).mean())
        found[f"kind {quality}"] = better.info()["kind"]
        del better
    spent.since()
    encoder.encode(texts[1::2], n_threads=2)
    after = spent.since()
    found["encode"] = {name: (before[name] + after[name]) * n / FEW for name in before}
    for quality in ("fast", "default"):
        ratio = {name: found["encode"][name] / found[f"refit {quality}"][name] for name in ("cpu", "wall")}
        found[f"ratio {quality}"] = ratio
        print(
            f"refit ({quality}) {found[f'refit {quality}']['cpu']:.0f} CPU s, recall {found[f'recall {quality}']:.3f}, "
            f"encoding {found['encode']['cpu']:,.0f}: {ratio['cpu']:.0f} times as long (wall {ratio['wall']:.0f})"
        )
    return found


class _Spent:
    def __init__(self) -> None:
        self.since()

    def since(self) -> dict[str, float]:
        """Seconds since the last call."""
        used = resource.getrusage(resource.RUSAGE_SELF)
        now = {"cpu": used.ru_utime + used.ru_stime, "wall": time.perf_counter()}
        before = getattr(self, "_now", now)
        self._now = now
        return {name: now[name] - before[name] for name in now}


def hold_out() -> dict[str, Any]:
    """R-precision of each topic: before, after, and after a training that has not seen it."""
    labels = {part: news(part)[1] for part in PARTS}
    rows = vectors("minilm")
    whole = compared(rows, labels, trained(rows, labels)[0]).plain()["classes"]
    found = {}
    print(f"\nR-precision of a topic{'':<8}before   after   not in training")
    for each in whole:
        topic = each["label"]
        some = {part: ["" if label == topic else label for label in labels[part]] for part in ("train", "val")}
        made = trained(rows, {**labels, **some})[0]
        comparison = compared(rows, labels, made, unseen=[topic])
        unseen = next(one for one in comparison.plain()["classes"] if one["label"] == topic)
        found[topic] = {"before": each["before"], "after": each["after"], "unseen": unseen["after"]}
        print(f"{topic:<30}{each['before']:.3f}   {each['after']:.3f}   {unseen['after']:.3f}")
        for warning in comparison.warnings:
            print(f"  {warning}")
    return found


WAYS = {"cost": cost, "quality": quality, "scale": scale, "hold-out": hold_out}


def main() -> None:
    if not (data_folder() / "ag_news").exists():
        sys.exit(f"{Path(data_folder(), 'ag_news')} is not there; set NEARMOST_DATA to the folder of real files")
    kept = results.read("finetuning") or {}
    for name in sys.argv[1:] or list(WAYS):
        kept[name] = WAYS[name]()
        results.write("finetuning", kept)


if __name__ == "__main__":
    main()
