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

SKIPPED = {
    *("antigravity", "this"),  # open a browser, print
    *("readline", "rlcompleter", "turtle", "turtledemo", "idlelib"),  # touch the terminal, read the working folder
    *("distutils", "lib2to3"),  # may be replaced by setuptools; writes caches
    *("posix", "nt", "posixpath", "ntpath", "genericpath"),  # os and os.path under other names
    *("pydoc_data", "xxlimited", "xxlimited_35", "xxsubtype", "test", "tests", "idle_test"),  # no library
}
LONGEST_SIGNATURE = 100
LONGEST_PROSE = 500
FEWEST_WORDS = 3
REST = ("", "*", "/", "*args", "**kwargs")
MOST_MEMBERS = 100
"""What a larger module, such as os, is for says little about any one thing in it."""
MODULE = "module "
"""What the signature of a module begins with."""
MOST_REPEATS = 4
"""A paragraph that more objects than this share says nothing about any of them: it is kept once."""
BOILERPLATE = re.compile(
    r"Alias for field number|Initialize self\b|Helper for pickle|Return self\S+value|Deprecated AST node|"
    r"list of weak references|partial\(func|int\(\[x\]\)|str\(object=|An enumeration\.|Create and return a new object|"
    r"The most base type|Abstract base class for generic types|See PEP \d+\.?$|This (?:method|function) is deprecated"
)
SENTENCE_END = re.compile(r"\.\s+(?=[A-Z])")
RESULT = re.compile(r"\s*(?:[-=]-?>\s*(?P<result>.*?))?\s*(?:(?:--+|:)\s+(?P<prose>.*))?")
"""What follows a call in a docstring of C: ``-> value``, ``-- what it does``, both or nothing."""


@dataclass(frozen=True, slots=True)
class _Place:
    """One name under which an object can be reached."""

    key: str
    found: Any
    owner: str
    """The class it is a member of, "" for what a module holds."""
    rank: tuple[object, ...]
    """Smallest first: how good a name it is."""

    @classmethod
    def of(cls, key: str, found: Any, module_name: str, owner: str = "", inherited: bool = False) -> _Place:
        name = key.rpartition(".")[2]
        renamed = getattr(found, "__name__", name) != name
        foreign = getattr(found, "__module__", None) not in (module_name, None)
        return cls(key, found, owner, (inherited, key.count("."), renamed, foreign, len(key), key))


def gather_docstrings(progress: Callable[[int, int], object] | None = None) -> Corpus:
    """A Corpus of the modules, classes, functions, methods and properties of the standard library.

    The key is the qualified name (``shutil.copytree``, ``str.join``). The text is what its module is for, the first
    paragraph of its docstring and, on the next line, the name with its arguments: in this order, and without
    defaults, a sentence encoder finds it best (docs/semantic-search.md has the figures). An object that is found
    under several names stands under its shortest public one, an inherited method under the class that defines it.
    Keys are in sorted order, and equal on every run of one Python. ``progress(done, total)`` counts modules.

    Imports most of the library (a few seconds), and leaves output, environment and working folder as they were.
    """
    best: dict[int, _Place] = {}
    names = sorted(name for name in sys.stdlib_module_names if _is_public(name))
    for done, name in enumerate(names):
        if progress is not None:
            progress(done, len(names))
        with _undisturbed():
            for module_name, module in _modules(name):
                for place in _places(module_name, module):
                    known = best.get(_identity(place.found))
                    if known is None or place.rank < known.rank:
                        best[_identity(place.found)] = place
    with _undisturbed():
        ranked = sorted(best.values(), key=lambda place: place.rank)
        documents = {place.key: document for place in ranked if (document := _document(place)) is not None}
    repeats = Counter(prose for _, prose in documents.values())
    homes: dict[str, str] = {}
    for key, (_, prose) in documents.items():
        homes.setdefault(prose, key)
    kept = sorted(key for key, (_, prose) in documents.items() if repeats[prose] <= MOST_REPEATS or homes[prose] == key)
    if progress is not None:
        progress(len(names), len(names))
    homes_of = {key: _module_of(key, documents) for key in kept}
    members = Counter(homes_of.values())
    purposes = {
        module: f"{SENTENCE_END.split(documents[module][1])[0].rstrip('.')}. "
        for module in homes_of.values()
        if module and members[module] <= MOST_MEMBERS
    }
    texts = [purposes.get(homes_of[key], "") + "\n".join(reversed(documents[key])) for key in kept]
    return Corpus.of(texts, kept)


def _module_of(key: str, documents: dict[str, tuple[str, str]]) -> str:
    """The nearest module around this name that has a document, or "" where there is none."""
    module = key.rpartition(".")[0]
    while module and not documents.get(module, ("", ""))[0].startswith(MODULE):
        module = module.rpartition(".")[0]
    return module


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


def _places(module_name: str, module: ModuleType) -> Iterator[_Place]:
    """The module itself, then everything public in it."""
    yield _Place.of(module_name, module, module_name)
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
        yield _Place.of(prefix + name, found, module_name)
        if inspect.isclass(found):
            yield from _members(prefix + name, found, module_name)


def _is_at_home(found: Any, module_name: str) -> bool:
    """Whether an object belongs to a module that does not say what it exports."""
    home = getattr(found, "__module__", None)
    if not isinstance(home, str):
        return False
    if module_name == "builtins":  # where shells and notebooks leave things of theirs
        return home in ("builtins", "io", "_io")
    return home in (module_name, "_" + module_name) or home.startswith(f"{module_name}.")


def _members(key: str, owner: type, module_name: str) -> Iterator[_Place]:
    """What a class defines, and what it inherits: that is for bases that have no public name."""
    shown = key.rpartition(".")[2]
    for base in owner.__mro__:
        inherited = base is not owner or shown != owner.__name__  # or owner is an alias
        for name, found in sorted(vars(base).items()):
            if name.startswith("_"):
                continue
            if isinstance(found, classmethod | staticmethod):
                found = found.__func__
            if not inspect.isclass(found):
                yield _Place.of(f"{key}.{name}", found, module_name, shown, inherited)
            elif found.__qualname__ == f"{owner.__qualname__}.{name}":
                yield _Place.of(f"{key}.{name}", found, module_name, shown)
                yield from _members(f"{key}.{name}", found, module_name)


def _document(place: _Place) -> tuple[str, str] | None:
    """(signature, prose); None where the docstring is missing, is that of the object's type, or says nothing."""
    found = place.found
    doc = getattr(found, "__doc__", None)
    if not isinstance(doc, str) or (found is not type and doc == type(found).__doc__):
        return None
    name = place.key.rpartition(".")[2]
    written, prose = _split(inspect.cleandoc(doc), name)
    if len(prose.split()) < FEWEST_WORDS or BOILERPLATE.match(prose):
        return None
    if inspect.ismodule(found):
        return MODULE + place.key, prose
    signature = place.key
    if inspect.isroutine(found) or inspect.isclass(found) or hasattr(found, "__wrapped__"):
        arguments = _arguments(found, bool(place.owner))
        signature += written if arguments is None else arguments
    return signature, prose


def _split(doc: str, name: str) -> tuple[str, str]:
    """(arguments as a C docstring writes them, or "", first paragraph of prose on one line)."""
    arguments = ""
    results: list[str] = []
    call = re.compile(rf"(?:\w+\.)*{re.escape(name)}(\([^()]*(?:\([^()]*\)[^()]*)*\))")
    while match := call.match(doc):
        line, _, rest = doc[match.end() :].partition("\n")
        after = RESULT.fullmatch(line)
        if after is None:  # a sentence that begins like a call
            break
        arguments = arguments or " ".join(match[1].split())
        results += [
            found for found in (after["result"], after["prose"]) if found and len(found.split()) >= FEWEST_WORDS
        ]
        doc = rest.lstrip("\n") if after["prose"] is None else rest
        if results and not call.match(doc.lstrip()):
            break
    paragraph = " ".join(re.split(r"\n\s*\n", doc, maxsplit=1)[0].split())
    prose = "; ".join(results) + (". " if results and paragraph[:1].isupper() else " ") + paragraph
    prose = prose.strip()
    if len(prose) > LONGEST_PROSE:
        prose = prose[:LONGEST_PROSE].rpartition(" ")[0] + " ..."
    return _shortened(
        [name for name in re.sub(r"=[^,]*", "", arguments[1:-1]).split(", ") if name not in REST]
    ) if arguments else "", prose


def _arguments(found: Any, is_member: bool) -> str | None:
    """``(src, dst, symlinks, ...)``: names alone, without self and what takes the rest; None if unknown."""
    try:
        parameters = list(inspect.signature(found).parameters.values())
    except Exception:
        return None
    if is_member and parameters and parameters[0].name in ("self", "cls", "mcls", "metacls", "type"):
        parameters = parameters[1:]
    rest = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return _shortened([each.name for each in parameters if each.kind not in rest and not each.name.startswith("_")])


def _shortened(arguments: list[str]) -> str:
    """The arguments in brackets, as many as fit."""
    kept: list[str] = []
    for argument in arguments:
        if len(", ".join([*kept, argument])) > LONGEST_SIGNATURE:
            return f"({', '.join([*kept, '...'])})"
        kept.append(argument)
    return f"({', '.join(kept)})"


def _identity(found: Any) -> int:
    """What two names of one object have in common; a bound method is the function behind it."""
    return id(getattr(found, "__func__", found))
