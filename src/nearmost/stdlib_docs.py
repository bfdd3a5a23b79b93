"""The docstrings of Python's own standard library: several thousand real documents that every machine has."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import inspect
import io
import os
import pkgutil
import re
import sys
import sysconfig
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from nearmost.values import Corpus

SKIPPED = frozenset(
    "antigravity this "  # open a browser, print
    "readline rlcompleter turtle turtledemo idlelib "  # change the terminal, read settings from the working folder
    "distutils lib2to3 "  # may be replaced by setuptools; writes caches
    "posix nt posixpath ntpath genericpath "  # os and os.path under other names
    "pydoc_data xxlimited xxlimited_35 xxsubtype test tests idle_test".split()  # no library
)
LONGEST_SIGNATURE = 100
LONGEST_PROSE = 500
FEWEST_WORDS = 3
MOST_REPEATS = 4
"""A paragraph that more objects than this share says nothing about any of them: it is kept once."""
BOILERPLATE = re.compile(
    r"Alias for field number|Initialize self\b|Helper for pickle|Return self\S+value|Private method|"
    r"list of weak references|partial\(func|int\(\[x\]\)|str\(object=|An enumeration\.|Create and return a new object|"
    r"The most base type|Abstract base class for generic types|See PEP \d+\.?$|This (method|function) is deprecated"
)


@dataclass(frozen=True, slots=True)
class _Document:
    key: str
    found: Any
    signature: str
    prose: str
    rank: tuple[object, ...]
    """Smallest first: how good a home the key is."""


def gather_docstrings(progress: Callable[[int, int], object] | None = None) -> Corpus:
    """A Corpus of the modules, classes, functions, methods and properties of the standard library.

    The key is the qualified name (``shutil.copytree``, ``str.join``), the text the signature and, on the
    next line, the first paragraph of the docstring. An object that is found under several names stands under
    its shortest public one, inherited methods under the class that defines them. Keys are in sorted order,
    and equal on every run of one Python. ``progress(done, total)`` counts top-level modules.

    Imports most of the library (a few seconds), and leaves output, environment and working folder as they were.
    """
    best: dict[object, _Document] = {}
    names = sorted(name for name in sys.stdlib_module_names if _is_public(name))
    with _undisturbed():
        for done, name in enumerate(names):
            if progress is not None:
                progress(done, len(names))
            for module_name, module in _modules(name):
                for document in _documents(module_name, module):
                    known = best.get(_identity(document.found))
                    if known is None or document.rank < known.rank:
                        best[_identity(document.found)] = document
    documents = sorted({document.key: document for document in best.values()}.values(), key=lambda one: one.key)
    repeats = Counter(document.prose for document in documents)
    homes: dict[str, str] = {}
    for document in sorted(documents, key=lambda one: one.rank):
        homes.setdefault(document.prose, document.key)
    kept = [one for one in documents if repeats[one.prose] <= MOST_REPEATS or homes[one.prose] == one.key]
    if progress is not None:
        progress(len(names), len(names))
    return Corpus.of([f"{one.signature}\n{one.prose}" for one in kept], [one.key for one in kept])


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """What is imported inside may neither print nor warn, nor leave another folder or environment behind."""
    folder, environment = os.getcwd(), dict(os.environ)
    try:
        with (
            warnings.catch_warnings(),
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        if os.getcwd() != folder:
            os.chdir(folder)
        if dict(os.environ) != environment:
            os.environ.clear()
            os.environ.update(environment)


def _is_public(name: str) -> bool:
    return not name.startswith("_") and name not in SKIPPED


def _modules(name: str) -> Iterator[tuple[str, ModuleType]]:
    """(name, module) of a module and all public ones below it, each only if it is the standard library's own."""
    module = _imported(name)
    if module is None:
        return
    yield name, module
    if name == "os":
        yield "os.path", os.path
    if name == "encodings":  # a hundred tables
        return
    for below in sorted(info.name for info in pkgutil.iter_modules(getattr(module, "__path__", ()))):
        if _is_public(below):
            yield from _modules(f"{name}.{below}")


def _imported(name: str) -> ModuleType | None:
    """The module; None where it is not for this machine, or a file of that name stands before the real one."""
    try:
        spec = importlib.util.find_spec(name)
        if spec is None or not _is_own(spec.origin):
            return None
        module = importlib.import_module(name)
    except KeyboardInterrupt:
        raise
    except BaseException:  # SystemExit among them: no module may end the program
        return None
    return module


def _is_own(origin: str | None) -> bool:
    if origin in ("built-in", "frozen"):
        return True
    homes = {os.path.dirname(os.__file__), sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")}
    found = os.path.realpath(origin or "")
    inside = any(found.startswith(os.path.realpath(home) + os.sep) for home in homes)
    return inside and "site-packages" not in found and "dist-packages" not in found


def _documents(module_name: str, module: ModuleType) -> Iterator[_Document]:
    """The module's own document, then those of everything public in it."""
    yield from _document(module_name, module, f"module {module_name}", module_name)
    prefix = "" if module_name == "builtins" else f"{module_name}."
    declared = getattr(module, "__all__", None)
    for name in sorted(set(declared if declared is not None else dir(module))):
        if name.startswith("_"):
            continue
        try:
            found = getattr(module, name)
        except Exception:
            continue
        if inspect.ismodule(found) or (declared is None and not _is_at_home(found, module_name)):
            continue
        yield from _document(prefix + name, found, name, module_name)
        if inspect.isclass(found):
            yield from _members(prefix + name, found, module_name)


def _is_at_home(found: Any, module_name: str) -> bool:
    """Whether an object belongs to a module that does not say what it exports."""
    home = getattr(found, "__module__", None)
    if not isinstance(home, str):
        return False
    return home in (module_name, "_" + module_name) or home.startswith(f"{module_name}.")


def _members(key: str, owner: type, module_name: str) -> Iterator[_Document]:
    """The documents of what a class itself defines."""
    for name, found in sorted(vars(owner).items()):
        if name.startswith("_"):
            continue
        if isinstance(found, classmethod | staticmethod):
            found = found.__func__
        if inspect.isclass(found):
            if found.__qualname__ == f"{owner.__qualname__}.{name}":
                yield from _document(f"{key}.{name}", found, f"{owner.__name__}.{name}", module_name)
                yield from _members(f"{key}.{name}", found, module_name)
        else:
            yield from _document(f"{key}.{name}", found, f"{owner.__name__}.{name}", module_name)


def _document(key: str, found: Any, shown: str, module_name: str) -> Iterator[_Document]:
    """One document, or none where the docstring is missing, inherited from the type, or says nothing."""
    doc = getattr(found, "__doc__", None)
    if not isinstance(doc, str) or (doc == type(found).__doc__ and found is not type):
        return
    name = key.rpartition(".")[2]
    written, prose = _split(inspect.cleandoc(doc), name)
    if len(prose.split()) < FEWEST_WORDS or BOILERPLATE.match(prose):
        return
    signature = shown
    if callable(found) or inspect.isroutine(found):
        arguments = _arguments(found, is_member="." in shown)
        signature += written if arguments is None else arguments
    own_name = getattr(found, "__name__", name)
    foreign = getattr(found, "__module__", None) not in (module_name, None)
    rank = (key.count("."), own_name != name, foreign, len(key), key)
    yield _Document(key, found, signature, prose, rank)


def _split(doc: str, name: str) -> tuple[str, str]:
    """(arguments as a C docstring writes them, or "", first paragraph of prose on one line)."""
    arguments = ""
    call = re.compile(rf"(?:\w+\.)*{re.escape(name)}(\([^()]*(?:\([^()]*\)[^()]*)*\))")
    while match := call.match(doc):
        arguments = arguments or " ".join(match[1].split())
        line, _, rest = doc[match.end() :].partition("\n")
        said = re.match(r"\s*(?:[-=]-?>\s*[^-]*?)?\s*(?:--+|:)\s+(.*)", line)
        if said is None and line.strip() and not re.match(r"\s*[-=]-?>", line):
            return "", " ".join(re.split(r"\n\s*\n", doc, maxsplit=1)[0].split())  # a sentence that begins like a call
        doc = (f"{said[1]}\n{rest}" if said else rest).strip()
    prose = " ".join(re.split(r"\n\s*\n", doc, maxsplit=1)[0].split())
    if len(prose) > LONGEST_PROSE:
        prose = prose[:LONGEST_PROSE].rpartition(" ")[0] + " ..."
    return _shortened(arguments[1:-1].split(", ")) if arguments else "", prose


def _arguments(found: Any, is_member: bool) -> str | None:
    """``(src, dst, symlinks=False, ...)``: names and plain defaults, without self and without types; None if unknown."""
    try:
        parameters = list(inspect.signature(found).parameters.values())
    except Exception:
        return None
    if is_member and parameters and parameters[0].name in ("self", "cls", "mcls", "metacls", "type"):
        parameters = parameters[1:]
    kinds = [parameter.kind for parameter in parameters]
    if kinds == [inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD]:
        return "(...)"
    return _shortened([_argument(parameter) for parameter in parameters if not parameter.name.startswith("_")])


def _argument(parameter: inspect.Parameter) -> str:
    stars = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}.get(parameter.kind, "")
    if parameter.default is inspect.Parameter.empty:
        return stars + parameter.name
    default = parameter.default
    if isinstance(default, type) or inspect.isroutine(default):
        return f"{parameter.name}={default.__name__}"
    simple = default is None or isinstance(default, bool | int | float | str | bytes | tuple)
    written = repr(default) if simple else "..."
    return f"{parameter.name}={written if len(written) <= 20 and '<' not in written else '...'}"


def _shortened(arguments: list[str]) -> str:
    """The arguments in brackets, as many as fit."""
    kept: list[str] = []
    for argument in arguments:
        if len(", ".join([*kept, argument])) > LONGEST_SIGNATURE:
            return f"({', '.join([*kept, '...'])})"
        kept.append(argument)
    return f"({', '.join(kept)})"


def _identity(found: Any) -> object:
    """What two names of one object have in common; a bound method is the function behind it."""
    return id(getattr(found, "__func__", found))
