"""``nearmost bench``: a file of vectors in; recall against speed out, of nearmost and of the libraries beside it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import CycloptsError, Parameter

from nearmost.cli.options import Json, K
from nearmost.cli.output import WIDTH, n_bytes, note, print_json
from nearmost.cli.steps import step

if TYPE_CHECKING:
    from nearmost.bench import Comparison, Curve

EXAMPLES = """\
Examples:
  nearmost bench vectors.npy
  nearmost bench vectors.npy --against hnswlib,faiss --metric euclidean -o measured
  nearmost bench vectors.npy --queries queries.npy -k 100 --mode batch --threads 2
  nearmost bench vectors.npy --against none --kind flat,partition
"""

RECALLS = (0.90, 0.95, 0.99)


def bench(
    vectors: Annotated[str, Parameter(name="VECTORS", help="A file of vectors (.npy .npz .parquet).")],
    /,
    *,
    against: Annotated[
        str,
        Parameter(
            metavar="LIBRARY,...",
            help="annoy, hnswlib, faiss, usearch, voyager, scann, svs, pynndescent, ngt, sklearn; "
            "installed: those of them that are; none: nearmost alone.",
        ),
    ] = "installed",
    metric: Annotated[
        Literal["cosine", "euclidean", "dot", "manhattan", "hamming"], Parameter(help="What near means.")
    ] = "cosine",
    k: K = 10,
    queries: Annotated[
        str | None, Parameter(metavar="FILE", help="A file of queries; else rows are held out, by the seed.")
    ] = None,
    n_queries: Annotated[int, Parameter(metavar="N", help="Rows to hold out as queries.")] = 1000,
    kind: Annotated[
        str, Parameter(metavar="KIND,...", help="Of nearmost's index: auto, or several to compare them.")
    ] = "auto",
    quality: Annotated[Literal["fast", "default", "best"], Parameter(help="Of nearmost's index.")] = "default",
    mode: Annotated[
        Literal["single", "batch", "both"], Parameter(help="Queries one at a time, all at once, or both.")
    ] = "both",
    threads: Annotated[int, Parameter(name="--threads", metavar="N", help="Threads that each library may use.")] = 1,
    rounds: Annotated[int, Parameter(metavar="N", help="Rounds in which the methods take turns.")] = 5,
    seconds_per_point: Annotated[
        float, Parameter(metavar="S", help="How long each setting of each method is timed, over all rounds.")
    ] = 1.0,
    limit: Annotated[int | None, Parameter(metavar="N", help="Take the first rows only.")] = None,
    seed: Annotated[int, Parameter(metavar="N", help="Of what is drawn at random.")] = 0,
    output: Annotated[
        str | None,
        Parameter(name=["-o", "--output"], metavar="DIR", help="A folder for results.json, recall-speed.png and .svg."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Measure recall against speed on your own vectors.

    Nearmost and other libraries that are installed build an index each, in
    processes of their own, and are asked the same queries in turns. Recall is
    the share of the true k nearest found. A long run: minutes to hours.
    """
    from nearmost.bench import PEERS, compare
    from nearmost.bench.curve import MODES
    from nearmost.readers import read_vectors

    if output is not None and Path(output).exists() and not Path(output).is_dir():
        raise CycloptsError(msg=f"{output} is a file; -o names a folder.")
    chosen = None if against == "installed" else [] if against == "none" else _listed(against)
    with step("reading"):
        rows = read_vectors(vectors, limit=limit)
        asked = None if queries is None else read_vectors(queries).rows
    with step("measuring") as progress:
        found = compare(
            rows,
            against=chosen,
            metric=metric,
            k=k,
            queries=asked,
            n_queries=n_queries,
            kinds=_listed(kind),
            quality=quality,
            modes=MODES if mode == "both" else [mode],
            n_threads=threads,
            seed=seed,
            rounds=rounds,
            seconds_per_point=seconds_per_point,
            progress=progress,
        )
    if as_json:
        print_json(found.plain())
    else:
        _print(found)
    for name, reason in found.left_out.items():
        package = PEERS[name].package if name in PEERS else None
        note(f"left out: {name}, {reason}" if package else f"failed: {name}, {reason}")
    if output is not None:
        _write(found, Path(output), Path(vectors).name)


def _listed(names: str) -> list[str]:
    return [name.strip() for name in names.split(",") if name.strip()]


def _write(found: Comparison, folder: Path, name: str) -> None:
    from nearmost.errors import MissingExtraError

    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.json").write_text(json.dumps(found.plain(), indent=1) + "\n", encoding="utf-8")
    written = ["results.json"]
    try:
        from nearmost import plots

        facts = found.facts
        figure = plots.recall_speed(found, title=f"{name}: {facts['n_rows']:,} x {facts['dim']}, {facts['metric']}")
        plots.save(figure, folder / "recall-speed.png", folder / "recall-speed.svg")
        written += ["recall-speed.png", "recall-speed.svg"]
    except MissingExtraError as error:
        note(f"no figure: {error}")
    note(f"{folder}: {', '.join(written)}")


def _print(found: Comparison) -> None:
    from rich.console import Console
    from rich.table import Table

    facts = found.facts
    threads = f"{facts['n_threads']} thread{'s' * (facts['n_threads'] > 1)}"
    print(
        f"{facts['n_rows']:,} x {facts['dim']}, {facts['metric']}, k={facts['k']}, {facts['n_queries']:,} queries "
        f"{facts['queries']}, {threads}, time of the {facts['clock']}"
    )
    console = Console(file=sys.stdout, highlight=False, width=None if sys.stdout.isatty() else max(WIDTH, 120))
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("queries/s at recall")
    for heading in ("build s", "file", *(f"{mode} {recall:.2f}" for mode in found.modes for recall in RECALLS)):
        table.add_column(heading, justify="right")
    for curve in _ordered(found):
        table.add_row(*_row(curve, found), style="bold" if curve.ours else None)
    ahead = [found.ahead(recall, mode) for mode in found.modes for recall in RECALLS]
    if any(ahead):
        told = [f"{ratio:.2f} x" if ratio else "-" for ratio in ahead]
        table.add_row("ours over the best other", "", "", *told, style="italic")
    console.print(table)
    _print_calibration(found)


def _print_calibration(found: Comparison) -> None:
    for curve in found.curves:
        told: dict[str, list[str]] = {}  # one at a time and all at once, a query finds nearly always the same
        for mode in found.modes:
            asked = sorted((point.setting["recall"], point.recall) for point in curve.points[mode] if curve.ours)
            told.setdefault(", ".join(f"{want:g}: {got:.3f}" for want, got in asked), []).append(mode)
        for pairs, modes in told.items():
            if "," in pairs:
                print(f"{curve.name}, {' and '.join(modes)}, recall asked and found: {pairs}")


def _ordered(found: Comparison) -> list[Curve]:
    from nearmost.bench.curve import by_speed

    return by_speed(found.curves, found.modes[-1]) if found.modes else []


def _row(curve: Curve, found: Comparison) -> list[str]:
    speeds: list[Any] = [curve.speed_at(recall, mode) for mode in found.modes for recall in RECALLS]
    told = ["-" if speed is None else f"{speed:,.0f}" for speed in speeds]
    return [curve.name, f"{curve.build_seconds:.2f}", n_bytes(curve.file_bytes), *told]
