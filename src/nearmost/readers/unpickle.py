"""Pickles read as data: a stack machine of our own that imports nothing, calls nothing and makes no object of a class.

Python's pickle opcodes (described in the source of its module pickletools) build lists, dictionaries and strings, name
classes and functions by module, and ask for them to be called. Here the first are built; a name is a mark on paper, and
a call is written down, not made. Only NumPy's arrays, which are bytes with a shape, become what they stand for. A name
that no file of vectors needs ends the reading, so that nobody takes a trap for data.
"""

from __future__ import annotations

import struct
from typing import Any

from nearmost.errors import ReadError
from nearmost.readers.opcodes import STEPS
from nearmost.readers.stack import Machine, Made

STOP = 0x2E


def unpickled(data: bytes, name: str) -> Any:
    """The value that a pickle holds. Raises ReadError where it is damaged or asks for what no vectors need."""
    machine = Machine(data, name)
    try:
        return _run(machine)
    except ReadError:
        raise
    except (IndexError, ValueError, KeyError, TypeError, AttributeError, struct.error, OverflowError) as error:
        said = f"{type(error).__name__}: {error}"
        raise ReadError(
            f"{name}: is no pickle, or is damaged or cut short, at byte {machine.at} ({said:.80})"
        ) from error


def plain(value: Any) -> Any:
    """An array or a dictionary that the pickle wrote as an object, as itself."""
    if not isinstance(value, Made):
        return value
    if value.array is not None:
        return value.array
    if value.name.module == "collections":
        pairs = value.args[0] if value.args and isinstance(value.args[0], list) else []
        return {**dict(pairs), **value.items}
    return value


def _run(machine: Machine) -> Any:
    data, steps = machine.data, STEPS
    while True:
        code = data[machine.at]
        machine.at += 1
        if code == STOP:
            return machine.stack[-1]
        step = steps.get(code)
        if step is None:
            raise ReadError(f"{machine.name}: asks at byte {machine.at - 1} for opcode {code:#04x}, which is not read")
        step(machine)
