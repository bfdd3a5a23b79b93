"""What a spec says beside a path: ``gensim:PATH?weights=sif&p=corpus``."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from nearmost.errors import EncoderError


def path_and_options(
    name: str, argument: str, known: Mapping[str, Sequence[str] | None]
) -> tuple[str, dict[str, str | None]]:
    """The path in an encoder's argument, and the value of each ``known`` option, None where it is not given.

    ``known`` has the values that an option may have, None for any. Raises EncoderError for whatever else is said.
    """
    path, _, rest = (argument, "", "") if os.path.exists(argument) else argument.partition("?")
    if not path:
        raise EncoderError(f"encoder '{name}:' names no file; write {name}:PATH")
    found: dict[str, str | None] = dict.fromkeys(known)
    for part in rest.split("&") if rest else ():
        option, _, value = part.partition("=")
        if option not in known:
            raise EncoderError(f"encoder '{name}:{argument}': there is no option {option!r}; known are {_shown(known)}")
        allowed = known[option]
        if not value or (allowed is not None and value not in allowed):
            wanted = "a value" if allowed is None else " or ".join(allowed)
            raise EncoderError(f"encoder '{name}:{argument}': {option} is {value!r}; wanted {wanted}")
        found[option] = value
    return path, found


def _shown(known: Mapping[str, Sequence[str] | None]) -> str:
    return ", ".join(f"{option}={'|'.join(values or ('...',))}" for option, values in known.items())
