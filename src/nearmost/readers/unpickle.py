"""Pickles read as data: a stack machine of our own that imports nothing, calls nothing and makes no object of a class.

Python's pickle opcodes (described in the source of its module pickletools) build lists, dictionaries and strings, name
classes and functions by module, and ask for them to be called. Here the first are built; a name is a mark on paper, and
a call is written down, not made. Only NumPy's arrays, which are bytes with a shape, become what they stand for. A name
that no file of vectors needs ends the reading, so that nobody takes a trap for data.
"""

from __future__ import annotations

import codecs
import re
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nearmost.errors import ReadError

DTYPE = re.compile(r"([<>=|]?)([fiubUS])(\d{1,9})")
NUMPY = {"_reconstruct", "scalar", "_frombuffer", "ndarray", "dtype", "float32", "float64", "float16", "int64", "int32"}
PLAIN = {"object", "list", "dict", "float", "int", "str", "set", "tuple", "bytearray", "bytes", "bool", "NoneType"}
NAMES = {"collections": {"OrderedDict", "defaultdict"}, "_codecs": {"encode"}, "copyreg": {"_reconstructor"}}
NAMES |= {"copy_reg": NAMES["copyreg"], "builtins": PLAIN, "__builtin__": PLAIN}


@dataclass(frozen=True, slots=True)
class Name:
    """A class or function that the pickle speaks of."""

    module: str
    name: str


@dataclass(slots=True, eq=False)
class Made:
    """An object that the pickle asks for: what to call, with what, and what to put into it."""

    name: Name
    args: tuple[Any, ...]
    state: Any = None
    items: dict[Any, Any] = field(default_factory=dict)
    array: NDArray[Any] | list[Any] | None = None


def unpickled(data: bytes, name: str) -> Any:
    """The value that a pickle holds. Raises ReadError where it is damaged or asks for what no vectors need."""
    machine = _Machine(data, name)
    try:
        return machine.run()
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


class _Machine:
    """The stack, the memo and the place in the bytes."""

    def __init__(self, data: bytes, name: str) -> None:
        self.data = data
        self.name = name
        self.at = 0
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}

    def run(self) -> Any:
        data, steps = self.data, STEPS
        while True:
            code = data[self.at]
            self.at += 1
            if code == 0x2E:  # STOP
                return self.stack[-1]
            step = steps.get(code)
            if step is None:
                raise ReadError(
                    f"{self.name}: asks at byte {self.at - 1} for opcode {code:#04x}, which is not read here"
                )
            step(self)

    def take(self, n: int) -> bytes:
        """The next n bytes."""
        start = self.at
        if not 0 <= n <= len(self.data) - start:
            raise ValueError(f"{n} bytes are wanted and {len(self.data) - start} are left")
        self.at = start + n
        return self.data[start : self.at]

    def sized(self, width: int) -> bytes:
        """Bytes behind their length, which is a little-endian number of this width."""
        return self.take(int.from_bytes(self.take(width), "little"))

    def line(self) -> bytes:
        end = self.data.index(b"\n", self.at)
        found = self.data[self.at : end]
        self.at = end + 1
        return found

    def since_mark(self) -> list[Any]:
        start = self.marks.pop()
        found = self.stack[start:]
        del self.stack[start:]
        return found

    def floats(self) -> None:
        """A float, and the floats that follow it at once, as those of a list do."""
        end = self.at - 1
        while end < len(self.data) and self.data[end] == 0x47 and end + 9 <= len(self.data):
            end += 9
        n = (end - self.at + 1) // 9
        if n == 0:
            raise ValueError("a float is cut short")
        table = np.frombuffer(self.data, np.uint8, n * 9, self.at - 1).reshape(n, 9)
        self.stack += np.ascontiguousarray(table[:, 1:]).view(">f8")[:, 0].tolist()
        self.at = end

    def named(self, module: str, name: str) -> Name:
        top = module.partition(".")[0]
        known = (
            (top == "numpy" and (name in NUMPY or module.startswith("numpy.random")))
            or (top == "gensim" and name[:1].isupper())
            or name in NAMES.get(module, ())
        )
        if not known:
            raise ReadError(
                f"{self.name}: this pickle asks for {module}.{name}, which no vectors need; it is not read. Save the "
                "vectors as arrays: np.savez(path, vectors=rows, keys=keys)"
            )
        return Name(module, name)

    def call(self, function: Any, args: Any) -> Any:
        """What stands for the call: an array, bytes, or a note of it."""
        if not isinstance(function, Name) or not isinstance(args, tuple):
            raise ValueError("something that is no function is called")
        if function == Name("_codecs", "encode"):
            return args[0].encode("latin-1")  # how protocol 2 writes bytes
        if function.name == "_reconstructor":
            return Made(args[0], args)
        if function.module.startswith("numpy") and function.name == "scalar":
            return _array(args[0], (), args[1]).item()
        made = Made(function, args)
        if function.module.startswith("numpy") and function.name == "_frombuffer":
            made.array = _array(args[1], args[2], args[0], fortran=args[3] == "F")
        return made

    def build(self) -> None:
        state = self.stack.pop()
        made = self.stack[-1]
        if not isinstance(made, Made):
            raise ValueError("something that is no object is given a state")
        made.state = state
        if made.name.module.startswith("numpy") and made.name.name == "_reconstruct":
            _, shape, dtype, fortran, raw = state
            made.array = _array(dtype, shape, raw, fortran=bool(fortran))

    def store(self, items: list[Any]) -> None:
        """Pairs into the dictionary on the stack."""
        into = self.stack[-1]
        held = into.items if isinstance(into, Made) else into
        if not isinstance(held, dict) or len(items) % 2:
            raise ValueError("pairs are put into something that is no dictionary")
        for key, value in zip(items[::2], items[1::2], strict=True):
            if not isinstance(key, str | int | float | bytes | None):
                raise ValueError(f"a key is a {type(key).__name__}")
            held[key] = value

    def extend(self, items: list[Any]) -> None:
        into = self.stack[-1]
        if not isinstance(into, list):
            raise ValueError("values are put into something that is no list")
        into += items


def _array(dtype: Any, shape: Any, raw: Any, *, fortran: bool = False) -> Any:
    """The array of NumPy's pickled state, after a look at every part of it."""
    if isinstance(shape, int):
        shape = (shape,)
    if not isinstance(shape, tuple) or len(shape) > 8 or any(type(n) is not int or not 0 <= n < 1 << 40 for n in shape):
        raise ValueError("an array has no good shape")
    kind = dtype.args[0] if isinstance(dtype, Made) and dtype.name.name == "dtype" and dtype.args else dtype
    if isinstance(kind, str) and kind.startswith("O") and isinstance(raw, list):
        if len(shape) != 1 or len(raw) != shape[0]:
            raise ValueError("an array of objects is not one list")
        return raw
    found = DTYPE.fullmatch(kind) if isinstance(kind, str) else None
    if found is None or not isinstance(raw, bytes | str):
        raise ValueError(f"an array holds {kind!r:.20}; wanted numbers or strings")
    state = dtype.state if isinstance(dtype, Made) else None
    order = state[1] if isinstance(state, tuple) and len(state) > 1 and state[1] in ("<", ">") else found[1] or "="
    data = raw.encode("latin-1") if isinstance(raw, str) else raw
    array = np.frombuffer(data, dtype=np.dtype(f"{order.replace('|', '=')}{found[2]}{found[3]}"))
    return array.reshape(shape, order="F" if fortran else "C")


Step = Callable[[_Machine], None]


def _steps() -> dict[int, Step]:
    """What each opcode does, by its byte."""

    def push(value: Callable[[_Machine], Any]) -> Step:
        return lambda m: m.stack.append(value(m))

    def put(where: Callable[[_Machine], int]) -> Step:
        return lambda m: m.memo.__setitem__(where(m), m.stack[-1])

    def get(where: Callable[[_Machine], int]) -> Step:
        return lambda m: m.stack.append(m.memo[where(m)])

    def number(width: int) -> Callable[[_Machine], int]:
        return lambda m: int.from_bytes(m.take(width), "little")

    def tuple_of(n: int) -> Step:
        def step(m: _Machine) -> None:
            if len(m.stack) < n:
                raise ValueError("a tuple wants more than there is")
            m.stack[-n:] = [tuple(m.stack[-n:])]

        return step

    def text(n_bytes: int) -> Step:
        return push(lambda m: m.sized(n_bytes).decode("utf-8", "surrogatepass"))

    def old_text(n_bytes: int) -> Step:
        return push(lambda m: m.sized(n_bytes))

    def call(m: _Machine) -> None:
        args = m.stack.pop()
        m.stack.append(m.call(m.stack.pop(), args))

    def call_with_names(m: _Machine) -> None:
        m.stack.pop()
        call(m)

    def object_of(m: _Machine) -> None:
        function, *args = m.since_mark()
        m.stack.append(m.call(function, tuple(args)))

    def instance(m: _Machine) -> None:
        named = m.named(m.line().decode(), m.line().decode())
        m.stack.append(m.call(named, tuple(m.since_mark())))

    def stack_name(m: _Machine) -> None:
        name, module = m.stack.pop(), m.stack.pop()
        if not isinstance(name, str) or not isinstance(module, str):
            raise ValueError("a name is no string")
        m.stack.append(m.named(module, name))

    def dictionary(m: _Machine) -> None:
        items = m.since_mark()
        m.stack.append({})
        m.store(items)

    def whole_number(line: bytes) -> Any:
        return {b"00": False, b"01": True}.get(line) if line in (b"00", b"01") else int(line.removesuffix(b"L"))

    def one_pair(m: _Machine) -> None:
        value, key = m.stack.pop(), m.stack.pop()
        m.store([key, value])

    def protocol(m: _Machine) -> None:
        if m.take(1)[0] > 5:
            raise ValueError("its protocol is newer than 5")

    def skip(n: int) -> Step:
        def step(m: _Machine) -> None:
            m.take(n)

        return step

    def pop(m: _Machine) -> None:
        m.stack.pop()

    def pop_mark(m: _Machine) -> None:
        m.since_mark()

    signed = push(lambda m: int.from_bytes(m.take(4), "little", signed=True))
    steps: dict[bytes, Step] = {
        b"\x80": protocol,
        b"\x95": skip(8),
        b"(": lambda m: m.marks.append(len(m.stack)),
        b"0": pop,
        b"1": pop_mark,
        b"2": lambda m: m.stack.append(m.stack[-1]),
        b"N": push(lambda m: None),
        b"\x88": push(lambda m: True),
        b"\x89": push(lambda m: False),
        b")": push(lambda m: ()),
        b"]": push(lambda m: []),
        b"}": push(lambda m: {}),
        b"\x8f": push(lambda m: []),
        b"K": push(number(1)),
        b"M": push(number(2)),
        b"J": signed,
        b"\x8a": push(lambda m: int.from_bytes(m.sized(1), "little", signed=True)),
        b"\x8b": push(lambda m: int.from_bytes(m.sized(4), "little", signed=True)),
        b"I": push(lambda m: whole_number(m.line())),
        b"L": push(lambda m: whole_number(m.line())),
        b"G": lambda m: m.floats(),
        b"F": push(lambda m: float(m.line())),
        b"X": text(4),
        b"\x8c": text(1),
        b"\x8d": text(8),
        b"V": push(lambda m: m.line().decode("raw-unicode-escape")),
        b"U": old_text(1),
        b"T": old_text(4),
        b"S": push(lambda m: codecs.escape_decode(m.line()[1:-1])[0]),
        b"C": old_text(1),
        b"B": old_text(4),
        b"\x8e": old_text(8),
        b"\x96": old_text(8),
        b"a": lambda m: m.extend([m.stack.pop()]),
        b"e": lambda m: m.extend(m.since_mark()),
        b"\x90": lambda m: m.extend(m.since_mark()),
        b"\x91": lambda m: m.stack.append(m.since_mark()),
        b"s": one_pair,
        b"u": lambda m: m.store(m.since_mark()),
        b"t": lambda m: m.stack.append(tuple(m.since_mark())),
        b"\x85": tuple_of(1),
        b"\x86": tuple_of(2),
        b"\x87": tuple_of(3),
        b"l": lambda m: m.stack.append(m.since_mark()),
        b"d": dictionary,
        b"p": put(lambda m: int(m.line())),
        b"q": put(number(1)),
        b"r": put(number(4)),
        b"\x94": put(lambda m: len(m.memo)),
        b"g": get(lambda m: int(m.line())),
        b"h": get(number(1)),
        b"j": get(number(4)),
        b"c": push(lambda m: m.named(m.line().decode(), m.line().decode())),
        b"\x93": stack_name,
        b"i": instance,
        b"o": object_of,
        b"R": call,
        b"\x81": call,
        b"\x92": call_with_names,
        b"b": lambda m: m.build(),
    }
    return {code[0]: step for code, step in steps.items()}


STEPS = _steps()
