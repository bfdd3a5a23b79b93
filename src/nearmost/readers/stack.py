"""The stack on which a pickle's values are put together, and what may be put there; see ``unpickle``."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nearmost.errors import ReadError

DTYPE = re.compile(r"([<>=|]?)([fiubUS])(\d{1,9})")
NUMPY = {"_reconstruct", "scalar", "_frombuffer", "ndarray", "dtype", "float32", "float64", "float16", "int64", "int32"}
PLAIN = {
    "object",
    "list",
    "dict",
    "float",
    "int",
    "str",
    "set",
    "tuple",
    "bytearray",
    "bytes",
    "bool",
    "NoneType",
    "hash",
}
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


class Machine:
    """The stack, the memo and the place in the bytes."""

    def __init__(self, data: bytes, name: str) -> None:
        self.data = data
        self.name = name
        self.at = 0
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}

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
            or (top == "gensim" and (name[:1].isupper() or name == "call_on_class_only"))
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
