"""What each opcode of Python's pickles does to the stack."""

from __future__ import annotations

import codecs
from collections.abc import Callable
from typing import Any

from nearmost.readers.stack import Machine

Step = Callable[[Machine], None]


def _steps() -> dict[int, Step]:
    """What each opcode does, by its byte."""

    def push(value: Callable[[Machine], Any]) -> Step:
        return lambda m: m.stack.append(value(m))

    def put(where: Callable[[Machine], int]) -> Step:
        return lambda m: m.memo.__setitem__(where(m), m.stack[-1])

    def get(where: Callable[[Machine], int]) -> Step:
        return lambda m: m.stack.append(m.memo[where(m)])

    def number(width: int) -> Callable[[Machine], int]:
        return lambda m: int.from_bytes(m.take(width), "little")

    def tuple_of(n: int) -> Step:
        def step(m: Machine) -> None:
            if len(m.stack) < n:
                raise ValueError("a tuple wants more than there is")
            m.stack[-n:] = [tuple(m.stack[-n:])]

        return step

    def text(n_bytes: int) -> Step:
        return push(lambda m: m.sized(n_bytes).decode("utf-8", "surrogatepass"))

    def old_text(n_bytes: int) -> Step:
        return push(lambda m: m.sized(n_bytes))

    def call(m: Machine) -> None:
        args = m.stack.pop()
        m.stack.append(m.call(m.stack.pop(), args))

    def call_with_names(m: Machine) -> None:
        m.stack.pop()
        call(m)

    def object_of(m: Machine) -> None:
        function, *args = m.since_mark()
        m.stack.append(m.call(function, tuple(args)))

    def instance(m: Machine) -> None:
        named = m.named(m.line().decode(), m.line().decode())
        m.stack.append(m.call(named, tuple(m.since_mark())))

    def stack_name(m: Machine) -> None:
        name, module = m.stack.pop(), m.stack.pop()
        if not isinstance(name, str) or not isinstance(module, str):
            raise ValueError("a name is no string")
        m.stack.append(m.named(module, name))

    def dictionary(m: Machine) -> None:
        items = m.since_mark()
        m.stack.append({})
        m.store(items)

    def whole_number(line: bytes) -> Any:
        return {b"00": False, b"01": True}.get(line) if line in (b"00", b"01") else int(line.removesuffix(b"L"))

    def one_pair(m: Machine) -> None:
        value, key = m.stack.pop(), m.stack.pop()
        m.store([key, value])

    def protocol(m: Machine) -> None:
        if m.take(1)[0] > 5:
            raise ValueError("its protocol is newer than 5")

    def skip(n: int) -> Step:
        def step(m: Machine) -> None:
            m.take(n)

        return step

    def pop(m: Machine) -> None:
        m.stack.pop()

    def pop_mark(m: Machine) -> None:
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
