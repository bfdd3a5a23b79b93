"""From a spec string to an encoder: the one registry.

A spec is ``NAME`` or ``NAME:ARGUMENT``. The names below are built in; a package adds its own with an
entry point in the group ``nearmost.encoders``, whose name is NAME and whose value is a callable
``(argument: str, state: Mapping[str, ndarray] | None) -> Encoder``::

    [project.entry-points."nearmost.encoders"]
    hashing = "my_package:load_hashing_encoder"
"""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from nearmost.encoders.protocol import Encoder, State
from nearmost.errors import EncoderError, InputError, MissingExtraError, UnknownEncoderError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "nearmost.encoders"

BUILT_IN = {"minilm": "minilm", "static": "minilm", "lsa": "lsa", "st": "st", "gensim": "", "onnx": "onnx", "tf": "tf"}
"""Name -> the extra that it needs, if any; the module of this package of the same name has ``load``."""

KNOWN_SPECS = (
    "minilm",
    "minilm:int8",
    "minilm:FOLDER",
    "static",
    "lsa",
    "lsa:DIM",
    "st:NAME_OR_PATH",
    "gensim:PATH",
    "onnx:PATH",
    "tf:PATH",
)


def load_encoder(spec: str | Encoder, *, state: State | None = None) -> Encoder:
    """The encoder of this spec; an encoder is given back as it is.

    ``state`` is what a fitted encoder's ``state()`` returned, where the spec names such a one. Raises
    UnknownEncoderError listing the known specs, MissingExtraError saying what to install.
    """
    if not isinstance(spec, str):
        if isinstance(spec, Encoder):
            return spec
        raise InputError(
            f"encoder is {type(spec).__name__}; it must be a spec such as 'minilm' or have spec, dim, encode"
        )
    name, _, argument = spec.partition(":")
    if name in BUILT_IN:
        return _load_built_in(name, argument, state)
    for load in _plug_ins(name):
        encoder = load(argument, state)
        if not isinstance(encoder, Encoder):
            raise EncoderError(
                f"the plug-in of {spec!r} made {type(encoder).__name__}, which lacks spec, dim or encode"
            )
        return encoder
    known = ", ".join([*KNOWN_SPECS, *sorted({point.name for point in _points()} - set(BUILT_IN))])
    raise UnknownEncoderError(f"no encoder answers to {spec!r}; known are {known}")


def _load_built_in(name: str, argument: str, state: State | None) -> Encoder:
    try:
        leaf = importlib.import_module(f"nearmost.encoders.{name}")
    except ImportError as error:
        if error.name is None or error.name.startswith("nearmost"):
            raise
        raise MissingExtraError(
            f"encoder {name!r} needs {error.name}, which is not installed: pip install 'nearmost[{BUILT_IN[name]}]'"
        ) from error
    encoder: Encoder = leaf.load(argument, state)
    return encoder


def _plug_ins(name: str) -> list[Callable[[str, State | None], Encoder]]:
    """The callables that other packages registered under this name; one that cannot be imported is warned of."""
    found = []
    for point in _points():
        if point.name != name:
            continue
        try:
            found.append(point.load())
        except Exception as error:  # whatever somebody else's module raises must not stop the others
            warnings.warn(f"encoder plug-in {point.name} = {point.value} is skipped: {error!r}", stacklevel=3)
    return found


def _points() -> Iterable[EntryPoint]:
    from importlib.metadata import entry_points  # costs an eighth of importing nearmost, and is seldom wanted

    return entry_points(group=GROUP)
