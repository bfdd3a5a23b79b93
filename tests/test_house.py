"""The house keeps its own rules: floors, sizes, names, the public face, light imports, and Ctrl-C."""

from __future__ import annotations

import ast
import inspect
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import FunctionType

import pytest

import nearmost
from nearmost import _core

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "nearmost"
MODULES = sorted(SOURCE.rglob("*.py"))

FLOORS = [
    {"errors", "_core"},
    {
        "cleaning",
        "locks",
        "memory",
        "metrics",
        "strings",
        "values",
        "rows",
        "store",
        "allowed",
        "queries",
        "spelling",
        "safetensors",
        "projection",
        "projecting",
        "stacked",
    },
    {"kinds", "forest", "projected", "planned", "union"},
    {"encoders", "readers", "noise", "reports"},
    {
        "contents",
        "building",
        "searching",
        "index",
        "nearest",
        "analogy",
        "evaluate",
        "writers",
        "tfexample",
        "shards",
        "opening",
        "merging",
        "joining",
        "pairs",
    },
    {"stdlib_docs", "compat", "classify", "label", "finetuning"},
    {"pipeline"},
    {"bench"},
    {"plots"},
    {"server"},
    {"cli"},
]
"""Lowest first; a room imports only from the floors below it and from its own."""
LABEL_FLOORS = [
    {"store", "lookups"},
    {"manual"},
    {"records", "votes"},
    {"browsing", "isolation", "supervision"},
    {"heuristics", "exchange"},
    {"undoing", "project"},
]
"""The same inside the largest room."""
DOORS = {"__init__", "__main__"}  # they open onto every floor
HEAVY = (
    "torch pandas sklearn scipy fastapi onnxruntime tokenizers pyarrow cyclopts rich sentence_transformers "
    "transformers huggingface_hub onnx zstandard faiss matplotlib annoy hnswlib usearch voyager scann svs pynndescent "
    "ngtpy numba h5py gensim lmdb tensorflow uvicorn jinja2 starlette apache_beam dask distributed fsspec"
)


def name_of(path: Path) -> str:
    return ".".join(("nearmost", *path.relative_to(SOURCE).with_suffix("").parts)).removesuffix(".__init__")


NAMES = {name_of(path) for path in MODULES} | {"nearmost._core"}


def imported(path: Path) -> set[str]:
    """The modules of ours that a file imports anywhere, those for type checkers alone included."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            parts = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= (parts & NAMES) or {node.module}
    return {name for name in found if name.split(".")[0] == "nearmost"}


GRAPH = {name_of(path): imported(path) for path in MODULES}


def room_of(name: str) -> str:
    return name.split(".")[1] if "." in name else "__init__"


def floor_of(name: str) -> int:
    return next(number for number, rooms in enumerate(FLOORS) if room_of(name) in rooms)


# Floors


def test_every_room_has_a_floor():
    assert {room_of(name) for name in NAMES} == set().union(*FLOORS) | DOORS


@pytest.mark.parametrize("name", sorted(name for name in GRAPH if room_of(name) not in DOORS))
def test_a_room_imports_only_from_its_floor_and_those_below(name):
    for other in GRAPH[name]:
        assert room_of(other) not in DOORS, f"{name} imports {other}, a door"
        assert floor_of(other) <= floor_of(name), f"{name} imports {other} from a floor above"
    assert name not in GRAPH[name]


def test_the_largest_room_has_floors_of_its_own():
    inside = {name: name.split(".")[2] for name in NAMES if name.startswith("nearmost.label.")}
    assert set(inside.values()) == set().union(*LABEL_FLOORS)
    floor = {room: number for number, rooms in enumerate(LABEL_FLOORS) for room in rooms}
    for name, room in inside.items():
        for other in GRAPH[name] & inside.keys():
            assert floor[inside[other]] <= floor[room], f"{name} imports {other} from a floor above"
    pairs = {(room, inside[other]) for name, room in inside.items() for other in GRAPH[name] & inside.keys()}
    assert not {(one, two) for one, two in pairs if one < two and (two, one) in pairs}, "rooms that need each other"


def test_no_module_imports_itself_in_a_circle():
    left = {name: others - {name} for name, others in GRAPH.items()}
    while free := [name for name, others in left.items() if not others & left.keys()]:
        for name in free:
            del left[name]
    assert not left, f"a circle among {sorted(left)}"


def test_only_the_registry_opens_doors_by_name():
    """Imports that ast cannot see stay in the one place that is meant for them."""
    hidden = re.compile(r"import_module|__import__")
    assert {name_of(path) for path in MODULES if hidden.search(path.read_text())} <= {
        "nearmost.encoders.registry",
        "nearmost.bench.peers",  # so that a library is imported only where it is measured
        "nearmost.stdlib_docs",  # imports the modules that it documents
    }


# Sizes and names


def test_files_stay_short():
    tracked = [*MODULES, *(ROOT / "benchmarks").rglob("*.py"), *(ROOT / "core").iterdir()]
    long = {
        path.name: n
        for path in tracked
        if (n := len(path.read_text().splitlines())) > 300 + 50 * (path.suffix != ".py")
    }
    assert not long


def test_a_module_is_named_for_what_it_holds():
    vague = {"util", "utils", "helper", "helpers", "common", "manager", "base", "core", "misc"}
    assert not vague & {path.stem for path in [*MODULES, *(ROOT / "core").iterdir()]}
    assert not vague & {path.parent.name for path in MODULES}


def test_every_module_says_what_it_holds():
    assert [name_of(path) for path in MODULES if not ast.get_docstring(ast.parse(path.read_text()))] == []


def test_the_library_never_prints():
    printing = [
        name_of(path)
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("print", "breakpoint")
    ]
    assert {room_of(name) for name in printing} <= {"cli"}


def test_the_core_is_built_for_any_machine_and_to_the_last_bit():
    for path in [ROOT / "CMakeLists.txt", ROOT / "pyproject.toml", *ROOT.glob("Makefile")]:
        code = re.sub(r"#.*", "", path.read_text())
        assert not re.search(r"-march=|-mtune=native|-ffast-math|-Ofast|-funsafe", code), path
    assert "-ffp-contract=off" in (ROOT / "CMakeLists.txt").read_text()
    assert not [
        path for path in (ROOT / "core").iterdir() if re.search(r"\bpragma .*(fast|contract)", path.read_text())
    ]


def test_only_the_bindings_of_the_core_know_python_and_nothing_prints():
    for path in (ROOT / "core").iterdir():
        text = path.read_text()
        assert ("nanobind" in text) == (path.name in ("module.cpp", "bind.h")), path
        assert not re.search(r"\b(printf|std::c(out|err)|exit|abort)\b", text), path


# The public face


def test_no_test_measures_speed():
    """A busy machine is no defect: nothing here asks for seconds, of the clock or of the processor."""
    clocks = re.compile(r"\b(perf_counter|process_time|thread_time|getrusage|getloadavg|timeit)\b")
    found = {path for path in (ROOT / "tests").rglob("*.py") if clocks.search(path.read_text(encoding="utf-8"))}
    assert found <= {Path(__file__)}


def test_all_names_what_the_package_imports_and_no_more():
    tree = ast.parse((SOURCE / "__init__.py").read_text())
    typed = next(node for node in tree.body if isinstance(node, ast.If))  # what is opened only when it is asked for
    names = {
        alias.asname or alias.name
        for node in (*tree.body, *typed.body)
        if isinstance(node, ast.ImportFrom) and node.module != "typing"
        for alias in node.names
    }
    assert set(nearmost.__all__) == names
    assert nearmost.__all__ == sorted(names, key=lambda name: (not name.isupper(), name.islower(), name))


def public_things():
    """Dotted name -> thing, methods and properties included."""
    things = {name: getattr(nearmost, name) for name in nearmost.__all__ if callable(getattr(nearmost, name))}
    for name, thing in list(things.items()):
        for member in vars(thing) if inspect.isclass(thing) else ():
            value = inspect.getattr_static(thing, member)
            if not member.startswith("_") and isinstance(value, FunctionType | classmethod | property):
                things[f"{name}.{member}"] = getattr(thing, member)
    return things


@pytest.mark.parametrize("name", public_things())
def test_every_public_name_says_what_one_gets(name):
    assert inspect.getdoc(public_things()[name])


def test_every_error_stands_in_the_tree_that_is_drawn():
    tree = nearmost.errors.__doc__
    for name, error in vars(nearmost.errors).items():
        if inspect.isclass(error):
            assert re.search(rf"\b{name}\b", tree)
            assert issubclass(error, nearmost.NearmostError)
            assert name in nearmost.__all__


def test_type_checkers_find_the_types():
    assert (SOURCE / "py.typed").exists()


def test_the_stub_of_the_core_names_what_it_has_and_its_arguments():
    stub = ast.parse((SOURCE / "_core.pyi").read_text())
    functions = {node.name: node for node in stub.body if isinstance(node, ast.FunctionDef)}
    classes = {node.name for node in stub.body if isinstance(node, ast.ClassDef)}
    assert functions.keys() | classes == {name for name in vars(_core) if not name.startswith("_")}
    for name, node in functions.items():
        signature = getattr(_core, name).__doc__.splitlines()[0]
        assert re.findall(r"[(,] ?(\w+):", re.sub(r"\[.*?\]", "", signature)) == [a.arg for a in node.args.args], name


def test_importing_nearmost_is_light():
    say = f"import sys, nearmost; print(*set({HEAVY.split()}) & sys.modules.keys())"
    assert subprocess.run([sys.executable, "-c", say], capture_output=True, text=True, check=True).stdout.strip() == ""


# Long native work stops within a second

LONG = """
import signal, sys, time
import numpy as np
from nearmost import METRICS
from nearmost.kinds.flat import Flat
from nearmost.rows import Rows
signal.signal(signal.SIGINT, signal.default_int_handler)
metric, n_threads = METRICS[sys.argv[2]], int(sys.argv[3])
if sys.argv[1] == "pack":
    rows = np.zeros((6_000_000, 256), np.float32)  # pages that are only read take no memory
    work = lambda: Flat.pack(metric, Rows(rows, 256), n_threads=n_threads)
else:
    rows = np.random.default_rng(0).standard_normal((200_000, 64)).astype(np.float32)
    flat = Flat.pack(metric, Rows.of(rows, metric))
    queries = np.tile(rows, (4, 1)) if sys.argv[1] == "search" else rows[:800] * 1000  # so far that no bound helps
    work = lambda: flat.search(queries, 10, n_threads=n_threads)
print("ready", flush=True)
try:
    work()
    print("finished")
except KeyboardInterrupt:
    print("stopped")
"""


@pytest.mark.parametrize(
    ("work", "metric", "n_threads"),
    [
        ("search", "cosine", 1),
        ("search", "manhattan", 2),
        pytest.param("search far", "manhattan", 2),
        ("pack", "cosine", 1),
        ("pack", "cosine", 2),
        pytest.param("pack", "manhattan", 2),
    ],
)
def test_ctrl_c_stops_work_before_its_end(work, metric, n_threads, patience):
    arguments = [sys.executable, "-c", LONG, work, metric, str(n_threads)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout.readline() == "ready\n"
        time.sleep(0.4)
        child.send_signal(signal.SIGINT)
        word = child.communicate(timeout=patience)[0].strip()
    assert (word, child.returncode) == ("stopped", 0)
