"""Makes docs/benchmarks.md of the results that are kept; measures nothing.

python benchmarks/page.py
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import results
from nearmost.bench import Comparison
from nearmost.bench.curve import MODES, by_speed

RECALLS = (0.90, 0.95, 0.99)
NAMES = ("words", "phrases", "headlines", "images")
HEAD = """# Benchmarks

Measured, not quoted: every figure on this page comes from `make bench`, which anybody can run again; on vectors of your
own, `nearmost bench` does the same ([measuring.md](measuring.md)).

How it is measured: every method builds and searches in a process of its own, limited to one core. The queries are held
out from the rows (those of the images are by other writers). Recall is recall@10 against exact search, by score, so
that of rows that score alike any will do. Each library climbs its settings from the least effort up; then all methods
take turns, every setting once a round, and the median of the rounds counts. The clock is the process's own time on the
processor. Queries per second at a recall are read off each method's own curve, between the two points around it; "-"
means that it never got there. File is what the library saves. `benchmarks/` has the programs and the results as JSON,
and [`nearmost.bench.peers`](../src/nearmost/bench/peers/__init__.py) every setting that was tried.
"""


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([f"| {' | '.join(head)} |", "|---" * len(head) + "|", *lines]) + "\n"


def number(value: float | None, form: str = ",.0f") -> str:
    """The number, or "-" where there is none."""
    return "-" if value is None else format(value, form)


def speed(name: str) -> str:
    """The table and the picture of one data set."""
    plain = results.read(f"speed-{name}")
    if plain is None:
        return ""
    found = Comparison.of(plain)
    rows = []
    for curve in by_speed(found.curves, "single"):
        speeds = [number(curve.speed_at(recall, mode)) for mode in MODES for recall in RECALLS]
        bold = f"**{curve.name}**" if curve.ours else curve.name
        rows.append([bold, *speeds, number(curve.build_seconds, ".1f"), number(curve.file_bytes / 1e6, ".1f")])
    ratios = [found.ahead(recall, mode) for mode in MODES for recall in RECALLS]
    rows.append(
        ["ours over the best other", *("none other" if ratio is None else f"{ratio:.2f} x" for ratio in ratios), "", ""]
    )
    head = ["", *(f"{mode} {recall:.2f}" for mode in MODES for recall in RECALLS), "build s", "file MB"]
    facts = found.facts
    left = "".join(f"\nLeft out: {method}, {reason}.\n" for method, reason in found.left_out.items())
    return (
        f"## {name.capitalize()}\n\n{facts['title']}; {facts['n_queries']:,} queries, {facts['rounds']} rounds. "
        "Queries per second at recall 0.90, 0.95 and 0.99, one at a time and all at once.\n\n"
        f"![recall against queries per second](figures/benchmarks/speed-{name}.svg)\n\n"
        f"{table(head, rows)}{left}\n{asked_and_found(found)}"
    )


def asked_and_found(found: Comparison) -> str:
    """What ``recall=`` was asked for and what was found."""
    ours = next(curve for curve in found.curves if curve.ours)
    points = sorted((point.setting["recall"], point.recall) for point in ours.points["single"])
    if len(points) < 2:
        return ""
    told = ", ".join(f"{asked:g}: {got:.3f}" for asked, got in points)
    return f"`recall=` asked for, and found on these queries: {told}.\n"


def building() -> str:
    """Build times, file sizes and opening."""
    rows = []
    for name in NAMES:
        found = results.read(f"building-{name}")
        if found is None:
            continue
        theirs = found["methods"].get("hnswlib", {})
        for method, told in found["methods"].items():
            times = [number(told.get(f"build_{threads}"), ".2f") for threads in (1, 2)]
            over = [_times(told.get(f"build_{threads}"), theirs.get(f"build_{threads}")) for threads in (1, 2)]
            opened = told.get("open_ms", {}).get("median")
            size = told["file_bytes"] / 1e6 if "file_bytes" in told else None
            rows.append([name, method, *times, *over, number(size, ".1f"), number(opened, ".1f")])
    if not rows:
        return ""
    head = [
        "data", "method", "build s, 1 thread", "2 threads", "hnswlib's time over it, 1", "2", "file MB",
        "open + first query ms",
    ]  # fmt: skip
    return (
        "## Building, size and opening\n\nEach build in a fresh process; one thread by the time of the processor, two "
        "by the wall. Opening is from the call that opens the file to the first answer, in a fresh process, the file "
        f"in the page cache.\n\n{table(head, rows)}"
    )


def _times(own: float | None, other: float | None) -> str:
    return "-" if own is None or other is None or own == 0 else f"{other / own:.1f} x"


def filters() -> str:
    """Searching among some of the rows."""
    rows = []
    for name in NAMES:
        found = results.read(f"filters-{name}")
        for share, ways in {} if found is None else found["shares"].items():
            for way, told in ways.items():
                if isinstance(told, dict):
                    row = [name, f"{100 * float(share):g} %", way, f"{told['recall']:.3f}"]
                    rows.append([*row, f"{100 * told['queries with k answers']:.0f} %", *map(number, _modes(told))])
    if not rows:
        return ""
    head = ["data", "allowed", "way", "recall", "queries with k answers", "single queries/s", "batch queries/s"]
    return (
        "## Only some of the rows\n\n`filtered` is `search(allow=mask)` at `recall=0.95`; `post-filter` searches for "
        "more and drops what may not be found, until k are left; `scan` looks at all allowed rows. One thread.\n\n"
        f"{table(head, rows)}"
    )


def _modes(told: dict[str, Any]) -> list[float]:
    return [told[mode] for mode in MODES]


def growth() -> str:
    """How it grows with the rows."""
    found = results.read("growth")
    if found is None:
        return ""
    rows = []
    for each in found["sizes"]:
        asked = each["search"]["0.95"]
        rows.append(
            [
                f"{each['n_rows']:,} x {each['dim']}",
                each["kind"],
                *(number(each[f"build_{threads}"], ".2f") for threads in (1, 2)),
                number(each["peak_1"] / 1e6),
                number(each["peak_1"] / each["raw_bytes"], ".2f"),
                number((each["peak_1"] - each["peak_before"]) / each["raw_bytes"], ".2f"),
                number(each["file_bytes"] / each["raw_bytes"], ".2f"),
                number(asked["found"], ".3f"),
                *map(number, _modes(asked)),
            ]
        )
    head = [
        "rows", "kind", "build s, 1 thread", "2 threads", "peak MB", "peak / rows",
        "the same less Python", "file / rows", "found at 0.95",
        "single queries/s", "batch queries/s",
    ]  # fmt: skip
    return (
        "## Growth\n\nHeadlines, encoder `lsa`, 384 columns, and projected to 64 at random. Each size in a fresh "
        "process that maps the rows from a file; the peak is all of its memory, mapped rows and Python "
        f"(about {found['sizes'][0]['peak_before'] / 1e6:.0f} MB) included; the picture leaves out the latter.\n\n"
        f"![build time, memory and query time against rows](figures/benchmarks/growth.svg)\n\n{table(head, rows)}"
        f"{found.get('note', '')}"
    )


def machine() -> str:
    """What it was measured on, and with."""
    plain = next((found for name in NAMES if (found := results.read(f"speed-{name}"))), None)
    if plain is None:
        return ""
    facts = plain["facts"]
    told = "; ".join(f"{name} {value}" for name, value in facts["machine"].items())
    versions = ", ".join(f"{name} {version}" for name, version in facts["versions"].items() if name != "ours")
    return f"## The machine\n\nA virtual machine: {told}. {versions}.\n"


AGAIN = """## To run it again

```sh
pip install -e '.[bench,lsa]'
make bench                # hours; AGAINST=hnswlib,scann measures beside these only
make bench QUICK=1        # minutes: a part of the data and of the libraries, written to build/bench/
python benchmarks/standard.py words --against hnswlib,scann
```

`NEARMOST_DATA` names the folder of the data, `NEARMOST_BENCH_CACHE` one for vectors that take long to make. Where the
data is missing, random numbers of the same shape take its place, and the titles say so.
"""


def main() -> None:
    parts = [HEAD, *map(speed, NAMES), building(), filters(), growth(), machine(), AGAIN]
    results.PAGE.parent.mkdir(parents=True, exist_ok=True)
    results.PAGE.write_text("\n".join(part for part in parts if part), encoding="utf-8")


if __name__ == "__main__":
    main()
